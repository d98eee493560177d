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
};

/* page_info.count: references in the low bits, flags above. */
#define PGC_ALLOCATED (1u << 31) /* owned: this itself holds one reference */
#define PGC_HEAP      (1u << 30) /* a hypervisor page shared with a guest: not in the owner's list and total */
#define PGC_IO        (1u << 29) /* not RAM: never counted, mapped by privileged domains only */
#define PGC_COUNT     0x03ffffffu
#define PGC_COUNT_MAX (PGC_COUNT - 2) /* the last two are for the state of a partial table (mm/partial.c) */

/*
 * page_info.type: count in bits 0-31, type in bits 56-59, flags. A count of 32 bits cannot overflow, since
 * every holder of a type holds a reference too and those stop at PGC_COUNT.
 */
#define PGT_COUNT      0xffffffffull
#define PGT_SHIFT      56
#define PGT_TYPE_MASK  (0xfull << PGT_SHIFT)
#define PGT_PINNED     (1ull << 60) /* the guest's pin holds one use and one reference */
#define PGT_VALIDATED  (1ull << 61) /* promotion is complete */
#define PGT_CARRIER    (1ull << 62) /* pv32: the L2 that carries the hypervisor's slots; a type of its own */
#define PGT_PARTIAL    (1ull << 63) /* a table stopped on its way to validity or back (mm/partial.c) */
#define PGT_DOOMED     (1ull << 54) /* a partial table, an entry of which was refused: it can only go down */
#define PGT_HELD_SHIFT 32 /* of a partial table, bits 32-41: entries below this one hold what they name */
#define PGT_HELD_MASK  (0x3ffull << PGT_HELD_SHIFT)
#define PGT_TAG_SHIFT  42 /* of a valid table, bits 42-53: its owner, in the same read (domain.pt_tag) */
#define PGT_TAG_MASK   (0xfffull << PGT_TAG_SHIFT)
#define PGT_FREE       (1ull << 55) /* first frame of a free block; its order in the low bits */
#define PGT_KEY        (PGT_TYPE_MASK | PGT_CARRIER)

struct page_info {
	uint32_t count;
	union {
		uint32_t stamp; /* flush clock when the type count last fell to zero, or when it was freed
				   (mm/tlb.c) */
		int32_t linear; /* of a table in use: > 0 entries to tables of its own level, < 0 such entries
				   to it */
		uint32_t used;  /* of a page of the small-object heap: objects in use (mm/heap.c) */
	};
	uint64_t type;
	union {
		struct domain *owner;
		void *objects; /* of a page of the small-object heap: its free objects */
	};
	uint32_t next, prev; /* owner's list or free list, by mfn; 0 ends (frame 0 is never listed) */
};

extern struct page_info *frame_table;
extern mfn_t max_mfn; /* one past the highest RAM frame */

/* All RAM is reachable here: physical address + DIRECTMAP (docs/memory-layout.md). */
#ifdef HOST_TEST
extern uint64_t host_directmap;
#define DIRECTMAP host_directmap
#else
#define DIRECTMAP 0xffff830000000000ull
#endif
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

/* ---- allocation: mm/frame.c (buddy allocator), mm/frame_domain.c, mm/heap.c ---- */

/* Give RAM [start, end) to the allocator (boot; later the modules' frames). */
void buddy_add(mfn_t start, mfn_t end);
/* 2^order contiguous frames that no domain owns and no TLB remembers, contents undefined; 0 when none.
 * @addr_bits limits the machine address width (0: no limit). */
mfn_t buddy_alloc(unsigned order, unsigned addr_bits);
void buddy_free(mfn_t mfn, unsigned order);
/* Frames [start, end) as they came from buddy_alloc, unused since. */
void buddy_return(mfn_t start, mfn_t end);
uint64_t frames_free(void), frames_total(void);
#define MAX_ORDER 18 /* 1 GiB */
/* The order of the smallest block that holds @bytes; more than MAX_ORDER: none does. */
static inline unsigned block_order(uint64_t bytes)
{
	return bytes <= PAGE_SIZE ? 0 : 64 - PAGE_SHIFT - __builtin_clzll(bytes - 1);
}

/* 2^order contiguous hypervisor pages, zeroed; NULL when none. The second form: below 4 GiB. */
void *heap_alloc_pages(unsigned order);
void *heap_alloc_pages_low(unsigned order);
void heap_free_pages(void *p, unsigned order);
/* Small hypervisor objects, zeroed, 16-byte aligned (mm/heap.c). */
void *heap_alloc(size_t size);
void heap_free(void *p);

/* The same for what is held on @d's account, whichever domain asks: NULL also if that would be over d->mm.heap_quota, or
 * if what is free is claimed. Freed by the same functions. */
void *heap_alloc_pages_for(struct domain *d, unsigned order);
void *heap_alloc_pages_low_for(struct domain *d, unsigned order);
mfn_t heap_alloc_frames_for(struct domain *d, unsigned order); /* contents undefined; 0: none */
void *heap_alloc_for(struct domain *d, size_t size);
/* How much of the account @size bytes take. */
size_t heap_size(size_t size);
/* Add to the account, unless that exceeds the quota or claims; take off it (mm/charge.c). */
bool domain_charge(struct domain *d, size_t bytes);
void domain_uncharge(struct domain *d, size_t bytes);
/* For the auditor: what this heap page, or the block that begins here, holds for which domain. */
void heap_each_charge(const struct page_info *pg, void (*held)(struct domain *d, size_t bytes));

/* 2^order frames for @d, zeroed, each with PGC_ALLOCATED; NULL when none, @d is dying or would be over
 * d->mm.max_pages. @addr_bits as above (32 for a pv32 root), and what @d's kind can reach. The caller sets the M2P. */
struct page_info *domain_alloc_pages(struct domain *d, unsigned order, unsigned addr_bits);
/*
 * The same in parts, for what must not take long: 2^order frames are counted and taken, up to @beyond over the limit
 * since they will be traded for as many (0: none); the caller clears them; they become @d's (false: it is dying), or are
 * given back as they came.
 */
mfn_t domain_take_frames(struct domain *d, unsigned order, unsigned addr_bits, uint64_t beyond);
bool domain_own_frames(struct domain *d, mfn_t mfn, uint64_t n);
void domain_return_frames(struct domain *d, mfn_t mfn, uint64_t n);
/* The owner gives a frame up: drop PGC_ALLOCATED's reference, if still there. false: it was not. */
bool page_disown(struct page_info *pg);
/* The last reference is gone (only page_put calls this). */
void frame_release(struct page_info *pg) __cold;
/* The first frame of @d's list, moved to its end; 0 if it has none. */
mfn_t owned_rotate(struct domain *d);
/* Keep frames free for @d, which will grow to @pages: XENMEM_claim_pages. 0 or -errno. */
int domain_claim_pages(struct domain *d, uint64_t pages);
/* Are @pages frames free beyond all claims? */
bool claims_leave(uint64_t pages);
/* Let guest @d see and map hypervisor page @p (shared_info, grant frames): owner d, PGC_HEAP. Allocated by
 * heap_alloc_pages_for(d, 0), except the M2P, which is never freed: the page stays on the account to its end. */
void share_heap_page(void *p, struct domain *d, bool readonly);
/* End of sharing: the page is freed, now or when the last mapping of it goes. */
void unshare_heap_page(void *p);

/* ---- references and types (mm/page.c) ---- */

/* Take a reference to a frame that @d owns; false if it is not an allocated frame of @d. */
static inline bool page_get(struct page_info *pg, struct domain *d);
/* Drop one; the last frees the frame. */
static inline void page_put(struct page_info *pg);
/* Take a use of @type, promoting (validating) the frame first if need be. -EINVAL: other type in use or
 * validation refused. The caller holds a reference and, for PGT_L2..L4, has begun with pt_begin (mm/pt.h); for
 * these alone -ERESTART: stopped, to be called again. */
int page_get_type(struct page_info *pg, enum page_type type);
/* Drop one. PGT_L1..L4: as above; -ERESTART: it is put, but the table is taken apart in part only. */
int page_put_type(struct page_info *pg);
/* Both in one. */
int page_get_and_type(struct page_info *pg, struct domain *d, enum page_type type);
int page_put_and_type(struct page_info *pg);
static inline enum page_type page_type_of(const struct page_info *pg)
{
	return (pg->type & PGT_TYPE_MASK) >> PGT_SHIFT;
}
/* The frame as the guest named it: NULL if there is no such RAM or @d does not own it; a reference is taken.
 */
struct page_info *page_get_mfn(mfn_t mfn, struct domain *d);
/* Not RAM, or a hole in it: device memory, or nothing. */
static inline bool mfn_is_io(mfn_t m)
{
	return !mfn_valid(m) || (frame_table[m].count & PGC_IO);
}
/* MMUEXT_PIN_Ln_TABLE, UNPIN_TABLE: 0 or -errno. They take owner->pt_lock. -ERESTART: to be called again;
 * Unpinning may return PT_LEFT, done (mm/mm.h). */
int page_pin(struct page_info *pg, enum page_type level);
int page_unpin(struct page_info *pg);

static inline void page_put(struct page_info *pg)
{
	if (unlikely(!(__atomic_sub_fetch(&pg->count, 1, __ATOMIC_ACQ_REL) & PGC_COUNT)))
		frame_release(pg);
}

static inline bool page_get(struct page_info *pg, struct domain *d)
{
	uint32_t count = __atomic_load_n(&pg->count, __ATOMIC_RELAXED);

	do {
		/* None: free, or not a domain's. All: one more might overflow into the flags. */
		if (unlikely(!(count & PGC_COUNT) || (count & PGC_COUNT) >= PGC_COUNT_MAX || pg->owner != d))
			return false;
	} while (unlikely(!__atomic_compare_exchange_n(&pg->count, &count, count + 1, false, __ATOMIC_ACQ_REL,
						       __ATOMIC_RELAXED)));
	/* It may have changed hands before we had our reference; now it cannot. */
	if (likely(pg->owner == d))
		return true;
	page_put(pg);
	return false;
}

/* ---- M2P (mm/m2p.c) ---- */

#define INVALID_PFN (~(pfn_t)0)
void m2p_set(mfn_t mfn, pfn_t pfn); /* both the 64-bit and the compat table */
pfn_t m2p_get(mfn_t mfn);
/* Enter what @d says of a frame, if it owns it: as soon as a domain owns a frame, another vCPU may give it away, and
 * then the new owner says what it is. False: @d does not own it. */
bool m2p_set_of(struct domain *d, mfn_t mfn, pfn_t pfn);
