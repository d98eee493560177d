/* SPDX-License-Identifier: MIT */
/*
 * The frame table: one page_info per machine frame. The rules (the isolation proof) stand at the top of
 * mm/page.c; the short form:
 *   - a frame has one owner (a domain) or none (free, or the hypervisor's own);
 *   - a frame stays allocated while its reference count is not zero;
 *   - a frame has at most one type at a time, with a count of the uses that need that type;
 *   - the type may change only when the count is zero.
 */
#pragma once

#include "lib/types.h"

struct domain;

enum page_type {
	PGT_NONE = 0,
	PGT_L1, /* validated page tables; the value is the level */
	PGT_L2,
	PGT_L3,
	PGT_L4,
	PGT_SEGDESC,  /* in use as a GDT or LDT page: every descriptor audited */
	PGT_WRITABLE, /* mapped writable by a guest */
	PGT_SHARED,   /* reserved for later */
};

/* page_info.count: references in the low bits, flags above. */
#define PGC_ALLOCATED (1u << 31) /* owned: this itself holds one reference */
#define PGC_HEAP      (1u << 30) /* a hypervisor page (xen heap) that may be shared with a guest */
#define PGC_COUNT     0x03ffffffu

/* page_info.type: count in bits 0-31, type in bits 56-59, flags. */
#define PGT_COUNT     0xffffffffull
#define PGT_SHIFT     56
#define PGT_TYPE_MASK (0xfull << PGT_SHIFT)
#define PGT_PINNED    (1ull << 60)
#define PGT_VALIDATED (1ull << 61)
#define PGT_PAE_XEN   (1ull << 62) /* pv32: the L2 that carries the hypervisor's slots */

struct page_info {
	uint32_t count;
	uint32_t stamp; /* flush clock when the type count last fell to zero (mm/tlb.c) */
	uint64_t type;
	struct domain *owner;
	uint32_t next, prev; /* owner's list or free list, by mfn; 0 ends (frame 0 is never listed) */
};

extern struct page_info *frame_table;
extern mfn_t max_mfn; /* one past the highest RAM frame */

/* Everything in [0, max_mfn) is reachable here: physical address + DIRECTMAP (docs/memory-layout.md). */
#define DIRECTMAP 0xffff830000000000ull
static inline void *mfn_to_virt(mfn_t m)
{
	return (void *)(DIRECTMAP + (m << PAGE_SHIFT));
}
static inline void *paddr_to_virt(paddr_t p)
{
	return (void *)(DIRECTMAP + p);
}
static inline mfn_t virt_to_mfn(const void *p)
{
	return ((uint64_t)p - DIRECTMAP) >> PAGE_SHIFT;
}
static inline bool mfn_valid(mfn_t m)
{
	return m < max_mfn;
}
static inline struct page_info *mfn_to_page(mfn_t m)
{
	return &frame_table[m];
}
static inline mfn_t page_to_mfn(const struct page_info *pg)
{
	return pg - frame_table;
}

/* ---- allocation (mm/frame.c: buddy allocator) ---- */

/* 2^order contiguous hypervisor pages, zeroed; NULL when none. Below 4 GiB first if @low. */
void *heap_alloc_pages(unsigned order);
void heap_free_pages(void *p, unsigned order);
/* Small hypervisor objects, zeroed, 16-byte aligned (mm/heap.c). */
void *heap_alloc(size_t size);
void heap_free(void *p);
/* 2^order frames for @d, zeroed, each with PGC_ALLOCATED; NULL when none or over d->max_pages.
 * @addr_bits limits the machine address width (32 for a pv32 root; 0: no limit). */
struct page_info *domain_alloc_pages(struct domain *d, unsigned order, unsigned addr_bits);
uint64_t frames_free(void), frames_total(void);
/* Let guest @d see and map hypervisor page @p (shared_info, grant frames): owner d, PGC_HEAP. */
void share_heap_page(void *p, struct domain *d, bool readonly);
void unshare_heap_page(void *p);

/* ---- references and types (mm/page.c) ---- */

/* Take a reference to a frame that @d owns; false if it is not an allocated frame of @d. */
bool page_get(struct page_info *pg, struct domain *d);
void page_put(struct page_info *pg); /* the last one frees the frame */
/* Take a use of @type, promoting (validating) the frame first if need be. -EINVAL: other type in use or
 * validation refused; -ERESTART: other work is pending. The caller holds a reference and, for
 * PGT_L1..L4, owner->pt_lock. */
int page_get_type(struct page_info *pg, enum page_type type);
void page_put_type(struct page_info *pg);
/* Both in one. */
int page_get_and_type(struct page_info *pg, struct domain *d, enum page_type type);
void page_put_and_type(struct page_info *pg);
static inline enum page_type page_type_of(const struct page_info *pg)
{
	return (pg->type & PGT_TYPE_MASK) >> PGT_SHIFT;
}

/* ---- M2P (mm/m2p.c) ---- */
void m2p_set(mfn_t mfn, pfn_t pfn); /* both the 64-bit and the compat table */
pfn_t m2p_get(mfn_t mfn);
