/* SPDX-License-Identifier: MIT */
/*
 * Block devices: what is read and written in sectors, at any place. A driver registers a disk and takes requests for it;
 * the layer finds the disk's partitions (mbr.h) and gives all of them names below /dev (file.c). Contents are kept by the
 * buffer cache (cache.h), which the files of /dev and the file systems use.
 *
 * Several requests are in flight at a time, and end in any order. An operation that must come after another is started when
 * that one has ended; only what ended before a flush was started is on the disk when the flush ends.
 * Locking: the kernel lock. Requests may be started, and end, in interrupts.
 */
#ifndef KERN_BLOCK_BLOCK_H
#define KERN_BLOCK_BLOCK_H

#include "kern/lib/list.h"

#define SECTOR_SHIFT 9
#define SECTOR_SIZE  (1u << SECTOR_SHIFT)

#define BLOCK_NAME_MAX 12u
#define BLOCK_PIECES   32u /* the most that the layer puts into one request: 128 KiB */
#define BLOCK_PARTS    15u /* partitions of a disk that have a minor number */

struct block_device;

enum block_op {
	BLOCK_READ,
	BLOCK_WRITE,
	BLOCK_FLUSH,   /* without sectors: what has been written survives a power cut */
	BLOCK_DISCARD, /* without pieces: the contents are needed no more */
};

/* Memory in the linear map, within one page frame; whole logical blocks of the device. */
struct block_piece {
	void *at;
	u32 len;
};

/* The starter keeps it, the pieces and their memory in place until done() is called. */
struct block_request {
	enum block_op op;
	u64 sector, sectors; /* on the device that it was started for; the layer makes it the disk's */
	const struct block_piece *pieces;
	u32 count; /* of pieces, as many bytes as sectors have */
	int rc;    /* 0 or -errno, when done() is called */
	void (*done)(struct block_request *r);

	struct block_device *disk; /* the layer's */
	struct list list; /* the layer's until submit() has taken it, then the driver's, until block_done() */
};

/* What the buffer cache knows of a device (cache.c). */
struct device_cache {
	struct list buffers, dirty; /* all; those that are changed and not being written, the oldest first */
	u64 write_until;            /* what was changed up to this time is being written back */
	u32 writing[2];             /* transfers, by the epoch in which they began */
	u32 alone;                  /* pages that are to be written by themselves, or are being */
	u8 epoch;                   /* 0 or 1: changed by buffer_sync() */
	bool syncing, pushing;
	int error; /* of writing back, not reported yet */
};

struct block_device {
	/* The driver's, before block_add(). */
	char name[BLOCK_NAME_MAX];
	u32 rdev;
	u64 sectors;
	u32 block_size, physical_size; /* bytes: logical and physical block; 512 to 4096 */
	u32 max_pieces;                /* of a request, at least 1 */
	bool readonly, discards;
	u32 discard_most; /* sectors of one discard; 0: any */
	bool flushes;     /* false: what is written needs no flush, and BLOCK_FLUSH is never submitted */
	/* Starts the request, which ends by block_done(), never within the call. False: no room now; it comes again
	 * after the next block_done(). */
	bool (*submit)(struct block_device *disk, struct block_request *r);
	/* Nobody has it any more after block_remove(): memory may be freed. NULL: it stays. */
	void (*release)(struct block_device *disk);
	void *driver;

	/* The layer's. */
	struct list list;           /* in block_devices */
	struct block_device *whole; /* of a partition: its disk. NULL: this is a disk */
	u64 first;                  /* of a partition: its first sector on the disk */
	u32 users;                  /* who has it from block_get(), and 1 until it is removed */
	bool gone;                  /* every request ends with -EIO */
	struct list waiting;        /* of a disk: requests that submit() had no room for */
	struct block_scan *scan;    /* of a disk: its partitions are being looked for */
	struct device_cache cache;
};

static inline struct block_device *block_disk(const struct block_device *d)
{
	return d->whole ? d->whole : (struct block_device *)d;
}

extern struct list block_devices; /* in the order in which they came */

/* ---- For drivers ---- */

/* Registers a disk, names it below /dev, and begins to look for partitions. Does not sleep. -errno: no name or memory. */
int block_add(struct block_device *disk);
/* The request has ended: 0 or -errno. With the kernel lock, as in an interrupt. */
void block_done(struct block_request *r, int rc);
/* The device works no more: all that it has not done ends with -EIO, now and later. The driver has ended (by block_done()) the
 * requests that it had, or will. The names disappear. */
void block_remove(struct block_device *disk);
/* The disk has another size now. */
void block_resized(struct block_device *disk, u64 sectors);

/* ---- For users ---- */

/* Counted; NULL: there is none. */
struct block_device *block_get(u32 rdev);
struct block_device *block_get_named(const char *name); /* without /dev/ */
void block_put(struct block_device *d);

/* Starts a request. What is out of the device's range, or cannot be, ends with an error; done() may be called before this
 * returns. */
void block_start(struct block_device *d, struct block_request *r);
/* The same for any number of pieces, and sleeps until all is done, whatever signals come: 0, or the first -errno. */
int block_io(struct block_device *d, enum block_op op, u64 sector, const struct block_piece *pieces,
	     u32 count);
int block_flush(struct block_device *d);
void block_sync_all(void); /* buffer_sync() of all devices */
int block_discard(struct block_device *d, u64 sector, u64 sectors);

/* Sleeps until the partitions of all disks that have been added so far are known, or one has not answered for 30 seconds. */
void block_settle(void);
/* Reads the partition table again. -EBUSY: a partition is in use. */
int block_rescan(struct block_device *disk);

#endif
