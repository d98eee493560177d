/* SPDX-License-Identifier: MIT */
/* Address spaces: the hypervisor's own mappings, roots of vCPUs, TLB flushes. */
#pragma once

#include "lib/types.h"
#include "mm/pte.h"

struct domain;
struct vcpu;

/* Root-table slots (index of a 512 GiB part) that are the hypervisor's in every address space. */
#define SLOT_FIRST  256
#define SLOT_M2P    256 /* 0xffff800000000000: M2P, read-only and user for pv64 guests */
#define SLOT_WINDOW 260 /* 0xffff820000000000: descriptor windows of the domain (GDT, LDT pages per vCPU) */
#define SLOT_IMAGE  261 /* 0xffff828000000000: the hypervisor's image is linked here */
#define SLOT_DIRECT 262 /* 0xffff830000000000: direct map, to slot 271 */
#define SLOT_LAST   271
#define M2P_VA      0xffff800000000000ull
#define WINDOW_BASE 0xffff820000000000ull
/* vCPU n's window: 16 pages of GDT then 16 pages of LDT. */
#define GDT_WINDOW(n) (WINDOW_BASE + (uint64_t)(n)*32 * PAGE_SIZE)
#define LDT_WINDOW(n) (GDT_WINDOW(n) + 16 * PAGE_SIZE)
/* Where a pv32 guest sees its M2P. It has entries for the frames of machine addresses of COMPAT_M2P_ADDR_BITS
 * bits: what such a guest owns must lie below. */
#define COMPAT_M2P_VA        0xf5800000ull
#define COMPAT_M2P_END       0xffe00000ull
#define COMPAT_M2P_ADDR_BITS 37
_Static_assert((1ull << (COMPAT_M2P_ADDR_BITS - PAGE_SHIFT)) * 4 <= COMPAT_M2P_END - COMPAT_M2P_VA,
	       "the last such frame has an entry");

extern uint64_t *idle_root; /* L4 with the hypervisor's slots alone; idle CPUs run on it */

void mm_init(void); /* boot: allocators, frame table, M2P, direct map, idle_root */
/* Copy the hypervisor's slots (256..271) and @d's window into the root table @l4. */
void root_install_slots(uint64_t *l4, struct domain *d);
/* Map device memory [pa, pa+len) uncached in the direct map's slots; returns its address. Boot only. */
void *map_mmio(paddr_t pa, size_t len);
/* Domains may never map this device page (local APIC, I/O APIC). Boot only. */
void mmio_hide(paddr_t pa);
/* May privileged domains map device frame @mfn? */
bool mmio_allowed(mfn_t mfn);
/* Boot modules that were read: RAM [start, end) joins the allocator. */
void boot_release(paddr_t start, paddr_t end);

/* Device memory that is found while the machine runs, a page at a time: window @n shows @mfn from now on, uncached. In
 * the image's slot, so every address space has it. */
#define MMIO_WINDOW  0xffff82c000000000ull
#define MMIO_WINDOWS 256
void *mmio_window(unsigned n, mfn_t mfn);

/* Load the CR3 that @v needs now (kernel or user); idle: idle_root. Skips an equal value of the same vCPU.
 * Called at every vCPU switch, before the old vCPU may run elsewhere, and when user_mode changes. */
void vcpu_load_cr3(struct vcpu *v);
/* MMUEXT_NEW_BASEPTR / NEW_USER_BASEPTR for @v (current, or not running): takes type references, drops the
 * old ones. 0; PT_LEFT: done; -ERESTART: stopped before anything was changed; another -errno. */
int vcpu_set_root(struct vcpu *v, mfn_t root);
int vcpu_set_user_root(struct vcpu *v, mfn_t root); /* 0: none */
#define PT_LEFT 1 /* page tables not needed any more wait to be taken apart by pt_settle */
void vcpu_drop_roots(struct vcpu *v); /* of a domain that ends: @v never runs again */

/* Take apart the table that the last change of @d's page tables left. A hypercall that may have left one does this
 * before it returns. 0; -ERESTART: other work waits, call again. The caller holds no lock. */
int pt_settle_left(struct domain *d) __cold;
#define pt_settle(d) (likely(!__atomic_load_n(&(d)->mm.pt_left, __ATOMIC_ACQUIRE)) ? 0 : pt_settle_left(d))

/* TLB (mm/tlb.c). The caller may hold locks: waiting answers others' requests. */
void tlb_flush_local(void);
void tlb_flush_page_local(gva_t va);
void tlb_flush_cpus(cpuset_t cpus);
void tlb_flush_page_cpus(cpuset_t cpus, gva_t va);
extern uint64_t tlb_clock;
static inline uint32_t tlb_stamp_now(void)
{
	return __atomic_load_n(&tlb_clock, __ATOMIC_ACQUIRE);
}
/* Those of @cpus that hold guest translations and were not flushed since @stamp. */
cpuset_t tlb_stale_cpus(cpuset_t cpus, uint32_t stamp);
/* Load CR3, which forgets all guest translations: no guest page is ever global. */
void tlb_load_cr3(uint64_t cr3);

/* Emulated store to a live L1 (writable page tables): called by emul/ with the decoded store of 1, 2, 4 or 8 bytes
 * of @value, at @va aligned to them. 0; -EINVAL: not such a store, or the entry is refused: deliver the fault. */
int ptwr_write(struct vcpu *v, gva_t va, uint64_t value, unsigned bytes);
/* A store whose value depends on what is there. @compute gets that and returns the new value;
 * false: nothing is stored. It runs once, under the domain's pt_lock, and touches no guest memory. */
struct ptwr_change {
	unsigned bytes;
	bool (*compute)(struct ptwr_change *c, uint64_t old, uint64_t *value);
};
int ptwr_modify(struct vcpu *v, gva_t va, struct ptwr_change *c);
/* Free all of a dying domain's frames; -ERESTART to be called again. */
int mm_relinquish(struct domain *d);
