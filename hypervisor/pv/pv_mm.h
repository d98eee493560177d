/* SPDX-License-Identifier: MIT */
/* The memory rules of the two PV kinds: members of their paging_rules (see guest/paging.h for the contract of
 * each), in pv64_mm.c and pv32_mm.c, the same functions in the same order. */
#pragma once

#include "guest/kind.h"
#include "mm/mm.h"

/* paging_rules.allowed: what the guest may set. G is accepted, and dropped (mm/pt.h). */
#define PV_SOFT_BITS   (0xe00ull | 0x7ffull << 52) /* available to software: 9-11, 52-62 */
#define PV_TABLE_BITS  (PTE_ADDR | PTE_P | PTE_RW | PTE_U | PTE_A | PTE_D | PTE_NX | PV_SOFT_BITS)
#define PV_L1_BITS     (PV_TABLE_BITS | PTE_G)
#define PV_PAE_L3_BITS (PTE_ADDR | PTE_P | PTE_RW | PTE_U | PTE_A | PTE_D | 0xe00ull)
#define PV64_PTE_ALLOWED                                                   \
	{                                                                  \
		0, PV_L1_BITS, PV_TABLE_BITS, PV_TABLE_BITS, PV_TABLE_BITS \
	}
#define PV32_PTE_ALLOWED                                        \
	{                                                       \
		0, PV_L1_BITS, PV_TABLE_BITS, PV_PAE_L3_BITS, 0 \
	}

/* paging_rules.added. pv64: kernel and applications run in ring 3, so every page must be a user page; a soft bit
 * marks those that the guest meant for its kernel. pv32: a PAE root's entries have no rights of their own; in
 * the real four-level tree they must not take any away. */
#define PV64_PTE_ADDED                                                   \
	{                                                                \
		0, PTE_U | PTE_GUEST_KERNEL, PTE_U, PTE_U, PTE_U | PTE_A \
	}
#define PV32_PTE_ADDED                     \
	{                                  \
		0, 0, 0, PTE_U | PTE_RW, 0 \
	}

#define PV64_LOW_END    0x0000800000000000ull /* end of the lower canonical half */
#define PV64_HIGH_START 0xffff880000000000ull /* root slot 272 */
#define PV32_LOW_END    COMPAT_M2P_VA
#define PV32_HIGH_START (~0ull)

enum slot_rule pv64_slot_rule(int level, unsigned slot, bool carrier);
int pv64_root_promote(struct domain *d, mfn_t root);
int pv64_l2_promote(struct domain *d, mfn_t l2, bool carrier);
uint64_t pv64_make_cr3(struct vcpu *v, mfn_t root, bool user);
mfn_t pv64_cr3_to_mfn(uint64_t guest_cr3);
uint64_t pv64_mfn_to_cr3(mfn_t mfn);

enum slot_rule pv32_slot_rule(int level, unsigned slot, bool carrier);
int pv32_root_promote(struct domain *d, mfn_t root);
int pv32_l2_promote(struct domain *d, mfn_t l2, bool carrier);
uint64_t pv32_make_cr3(struct vcpu *v, mfn_t root, bool user);
mfn_t pv32_cr3_to_mfn(uint64_t guest_cr3);
uint64_t pv32_mfn_to_cr3(mfn_t mfn);
/* vCPU's own L4 above a guest's PAE root. After d->mm.window_l3 is set; -ENOMEM. */
int pv32_kind_root_alloc(struct vcpu *v);
void pv32_kind_root_free(struct vcpu *v);
void pv32_audit(struct vcpu *v, const struct audit_report *to); /* that page and the root agree */
