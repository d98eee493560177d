/* SPDX-License-Identifier: MIT */
/*
 * Page frames: a buddy allocator over all frames that the machine gave, and a reference count for each frame.
 *
 * A frame is free again when its last reference is dropped. References of a user page: one for each page-table
 * entry that maps it and one for the file it belongs to. Frame 0 is never handed out: it means "none".
 */
#ifndef KERN_MM_PAGE_H
#define KERN_MM_PAGE_H

#include "machine.h"

#define PAGE_MAX_ORDER 12 /* 16 MiB: an unpacked initramfs */

#define KERNEL_FRAMES 32 /* when fewer are left, programs get none, and are ended until there are more */

#define PAGE_LOW (4 * KERNEL_FRAMES) /* when fewer are left, page_reclaim() is asked for more */

enum page_kind {
	PAGE_RESERVED, /* kernel image, initrd, holes: only referenced, never allocated or freed */
	PAGE_FREE,     /* first frame of a free block */
	PAGE_INSIDE,   /* inside of a block */
	PAGE_USED,
	PAGE_SLAB, /* kmalloc carves it */
};

struct page {
	u32 next, prev; /* frame numbers: the free list of the order, or kmalloc's list of the size */
	union {
		u32 refs; /* PAGE_USED, PAGE_RESERVED */
		struct {
			u16 first_free, used; /* PAGE_SLAB */
		};
	};
	u8 kind;
	u8 order; /* of the block; in a PAGE_SLAB the size class */
	u16 unused;
};

extern struct page *pages; /* indexed by frame number */

void page_init(void);
pfn_t page_alloc(
    unsigned order); /* 2^order frames in a row with one reference, contents undefined; 0: none left */
pfn_t page_alloc_zeroed(void);
pfn_t page_alloc_run(
    ulong n); /* n frames in a row, each with a reference of its own; 0: none left, or too many */
void page_free(pfn_t pfn); /* a whole block that page_alloc gave */
void page_get(pfn_t pfn);
void page_put(pfn_t pfn); /* drops a reference of a single frame */
/* Frees a frame that is kept only because there was room; false: there is none. Set by the buffer cache, which says how many
 * it could free so. */
extern bool (*page_reclaim)(void);
extern ulong page_reclaimable;
ulong page_free_count(void);   /* with those */
ulong page_unused_count(void); /* without */
ulong page_total_count(void);

#endif
