/* SPDX-License-Identifier: MIT */
/*
 * The buffer cache. A buffer is one page of a block device, byte PAGE_SIZE * page on, in a page frame of its own. Whoever has
 * a reference may read and change the contents in place; a change is told by buffer_dirty(), and reaches the disk by
 * buffer_sync(), or by itself after some seconds. Behind the device's last sector a page's contents are zeros, and lost.
 *
 * The cache takes memory as long as there is plenty, and gives the pages that nobody uses, the oldest first, to whoever finds
 * none. A partition and its disk are different devices, and know nothing of each other's buffers.
 * Locking: the kernel lock; only what says so sleeps.
 */
#ifndef KERN_BLOCK_CACHE_H
#define KERN_BLOCK_CACHE_H

#include "kern/block/block.h"
#include "machine.h"

struct buffer {
	void *data; /* PAGE_SIZE bytes, in the linear map */
	struct block_device *device;
	u64 page;

	/* The cache's. */
	u32 refs;
	u8 state;
	int rc;                /* of the last transfer */
	u64 dirtied;           /* when it was changed: clock_monotonic() */
	struct buffer *hashed; /* the next with the same hash */
	struct list list;      /* the device's dirty ones, or those that may be given back */
	struct list of_device;
};

void cache_init(void);

/* The buffer with the contents of the disk, counted; reads them if needed. Sleeps. ERR_PTR: -EIO, -ENOMEM. */
struct buffer *buffer_read(struct block_device *d, u64 page);
/* The same for a page whose contents the caller will write as a whole, and then call buffer_dirty(), before anybody else sees
 * them: what is not in memory yet is not read, and undefined. Sleeps. */
struct buffer *buffer_fresh(struct block_device *d, u64 page);
/* The contents have been changed (after the change). Does not sleep. */
void buffer_dirty(struct buffer *b);
void buffer_put(struct buffer *b);

/* Starts to read n pages from this one on, those that are not in memory; nobody waits for them, nobody hears of errors. */
void buffer_read_ahead(struct block_device *d, u64 page, u32 n);
/* Writes all that was dirty when it was called, then flushes the disk. The first error since the last call. Sleeps. */
int buffer_sync(struct block_device *d);
/* Gives back the pages of the device that nobody uses and that are on the disk. */
void buffer_forget(struct block_device *d);

/* Page frames that the cache has. */
ulong cache_frames(void);

#endif
