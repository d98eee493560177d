/* SPDX-License-Identifier: MIT */
/* Address spaces: page-table bits, the hypervisor's own mappings, roots of vCPUs, TLB flushes. */
#pragma once

#include "lib/types.h"

struct domain;
struct vcpu;

#define PTE_P            0x001ull
#define PTE_RW           0x002ull
#define PTE_U            0x004ull
#define PTE_PWT          0x008ull
#define PTE_PCD          0x010ull
#define PTE_A            0x020ull
#define PTE_D            0x040ull
#define PTE_PS           0x080ull
#define PTE_G            0x100ull
#define PTE_NX           (1ull << 63)
#define PTE_ADDR         0x000ffffffffff000ull
#define PTE_GUEST_KERNEL (1ull << 52) /* soft bit: pv64 entry that the guest gave without U */

static inline mfn_t pte_mfn(uint64_t pte)
{
	return (pte & PTE_ADDR) >> PAGE_SHIFT;
}
static inline uint64_t make_pte(mfn_t mfn, uint64_t flags)
{
	return (mfn << PAGE_SHIFT) | flags;
}

/* Root-table slots (index of a 512 GiB part) that are the hypervisor's in every address space. */
#define SLOT_FIRST  256
#define SLOT_M2P    256 /* 0xffff800000000000: M2P, read-only and user for pv64 guests */
#define SLOT_WINDOW 260 /* 0xffff820000000000: descriptor windows of the domain (GDT, LDT pages per vCPU) */
#define SLOT_IMAGE  261 /* 0xffff828000000000: the hypervisor's image is linked here */
#define SLOT_DIRECT 262 /* 0xffff830000000000: direct map, to slot 271 */
#define SLOT_LAST   271
#define WINDOW_BASE 0xffff820000000000ull
/* vCPU n's window: 16 pages of GDT then 16 pages of LDT. */
#define GDT_WINDOW(n) (WINDOW_BASE + (uint64_t)(n)*32 * PAGE_SIZE)
#define LDT_WINDOW(n) (GDT_WINDOW(n) + 16 * PAGE_SIZE)
#define COMPAT_M2P_VA 0xf5800000ull /* where a pv32 guest sees its M2P */

extern uint64_t *idle_root; /* L4 with the hypervisor's slots alone; idle CPUs run on it */

void mm_init(void); /* boot: allocators, frame table, M2P, direct map, idle_root */
/* Copy the hypervisor's slots (256..271) and @d's window into the root table @l4. */
void root_install_slots(uint64_t *l4, struct domain *d);
/* Map device memory [pa, pa+len) uncached in the direct map's slots; returns its address. Boot only. */
void *map_mmio(paddr_t pa, size_t len);

/* Load the CR3 that @v needs now (kernel or user); idle: idle_root. Skips an equal value. */
void vcpu_load_cr3(struct vcpu *v);
/* MMUEXT_NEW_BASEPTR / NEW_USER_BASEPTR for @v: takes type references, drops the old. */
int vcpu_set_root(struct vcpu *v, mfn_t root);
int vcpu_set_user_root(struct vcpu *v, mfn_t root); /* 0: none */
void vcpu_drop_roots(struct vcpu *v);

/* TLB (mm/tlb.c). CPU bitmaps. The caller may hold locks: waiting answers others' requests. */
void tlb_flush_local(void);
void tlb_flush_page_local(gva_t va);
void tlb_flush_cpus(uint32_t cpus);
void tlb_flush_page_cpus(uint32_t cpus, gva_t va);

/* The leaf entry that maps @va in the current guest's tables: its value copied to *pte, and the machine
 * address of the entry to *where (may be NULL). false: not present at some level. Works for both kinds. */
bool guest_walk(struct vcpu *v, gva_t va, uint64_t *pte, paddr_t *where);

/* Emulated store to a live L1 (writable page tables): called by emul/ with the decoded store. */
int ptwr_write(struct vcpu *v, gva_t va, uint64_t old, uint64_t new, unsigned bytes, bool cmpxchg,
	       uint64_t *seen);
/* Free all of a dying domain's frames; -ERESTART to be called again. */
int mm_relinquish(struct domain *d);
