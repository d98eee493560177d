/* SPDX-License-Identifier: MIT */
/* The memory rules of the two PV kinds: members of their guest_ops (see dom/guest_ops.h for the contract of
 * each), in pv64_mm.c and pv32_mm.c, the same functions in the same order. */
#pragma once

#include "dom/guest_ops.h"
#include "mm/mm.h"

/* guest_ops.allowed, by level 1..4: what the guest may set besides the frame number. */
#define PV64_PTE_ALLOWED                                                   \
	{                                                                  \
		0, PV_L1_BITS, PV_TABLE_BITS, PV_TABLE_BITS, PV_TABLE_BITS \
	}
#define PV32_PTE_ALLOWED                                        \
	{                                                       \
		0, PV_L1_BITS, PV_TABLE_BITS, PV_PAE_L3_BITS, 0 \
	}

#define PV_SOFT_BITS   (0xe00ull | 0x7ffull << 52) /* available to software: 9-11, 52-62 */
#define PV_TABLE_BITS  (PTE_P | PTE_RW | PTE_U | PTE_A | PTE_D | PTE_NX | PV_SOFT_BITS)
#define PV_L1_BITS     (PV_TABLE_BITS | PTE_G)
#define PV_PAE_L3_BITS (PTE_P | PTE_RW | PTE_U | PTE_A | PTE_D | 0xe00ull)

uint64_t pv64_pte_in(int level, uint64_t pte);
enum slot_rule pv64_slot_rule(int level, unsigned slot, bool carrier);
int pv64_root_promote(struct domain *d, mfn_t root);
int pv64_l2_promote(struct domain *d, mfn_t l2, bool carrier);
uint64_t pv64_make_cr3(struct vcpu *v, mfn_t root);
mfn_t pv64_cr3_to_mfn(uint64_t guest_cr3);
uint64_t pv64_mfn_to_cr3(mfn_t mfn);
bool pv64_range_ok(gva_t va, uint64_t len);

uint64_t pv32_pte_in(int level, uint64_t pte);
enum slot_rule pv32_slot_rule(int level, unsigned slot, bool carrier);
int pv32_root_promote(struct domain *d, mfn_t root);
int pv32_l2_promote(struct domain *d, mfn_t l2, bool carrier);
uint64_t pv32_make_cr3(struct vcpu *v, mfn_t root);
mfn_t pv32_cr3_to_mfn(uint64_t guest_cr3);
uint64_t pv32_mfn_to_cr3(mfn_t mfn);
bool pv32_range_ok(gva_t va, uint64_t len);
/* vCPU's own L4 above a guest's PAE root. After d->window_l3 is set; -ENOMEM. */
int pv32_kind_root_alloc(struct vcpu *v);
void pv32_kind_root_free(struct vcpu *v);
