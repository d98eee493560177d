/* SPDX-License-Identifier: MIT */
/* What the two halves of the buffer cache need from each other. */
#ifndef KERN_BLOCK_CACHE_INTERNAL_H
#define KERN_BLOCK_CACHE_INTERNAL_H

#include "kern/block/cache.h"
#include "kern/block/internal.h"
#include "kern/proc/wait.h"

#define PAGE_SECTORS (u32)(PAGE_SIZE >> SECTOR_SHIFT)

enum {
	BUFFER_VALID = 1,
	BUFFER_BUSY = 2, /* somebody makes the contents: a transfer, or with BUFFER_FRESH a task */
	BUFFER_FRESH = 4,
	BUFFER_DIRTY = 8, /* to be written */
	BUFFER_WRITING = 16,
	BUFFER_ALONE = 32, /* a transfer of several pages failed: this one is to be written by itself */
};

extern struct wait_queue cache_changed; /* something was read, written or given back */
extern ulong cache_dirty;               /* buffers to be written */

/* cache.c. A device's pages; the buffer, if it is in memory; the same, made if it is not (not yet valid) and counted, or NULL:
 * no memory now; out of its list; and into the one that its state says, or away. */
u64 cache_pages(const struct block_device *d);
struct buffer *cache_find(const struct block_device *d, u64 page);
struct buffer *cache_get_now(struct block_device *d, u64 page);
void cache_unlist(struct buffer *b);
void cache_place(struct buffer *b);

/* transfer.c. Starts to read or write buffers of pages in a row; false: no memory. */
bool cache_transfer(enum block_op op, struct buffer *const *b, u32 n);
/* Starts to write what is dirty. Whether something is being written, and cache_changed will be woken. */
bool cache_write_all(void);
void cache_transfers_init(void);

#endif
