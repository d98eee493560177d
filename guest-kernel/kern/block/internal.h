/* SPDX-License-Identifier: MIT */
/* What the files of the block layer need from each other. */
#ifndef KERN_BLOCK_INTERNAL_H
#define KERN_BLOCK_INTERNAL_H

#include "kern/block/block.h"
#include "kern/fs/vfs.h"

/* block.c: a disk or partition appears below /dev, and disappears; nobody has it, and no page of it is in memory. */
int block_name(struct block_device *d);
void block_unname(struct block_device *d);
void block_free(struct block_device *d);

/* partitions.c: begin to look for a disk's partitions, if there is memory for that; they disappear. */
void block_scan(struct block_device *disk);
void block_forget_parts(struct block_device *disk);

/* cache.c: a new device; one that nobody has: ends by block_free(), perhaps later. transfer.c: what is to be written to a device
 * that is gone is lost. */
void cache_attach(struct block_device *d);
void cache_drop(struct block_device *d);
void cache_lose(struct block_device *d);

/* file.c: reading and writing the files of /dev. */
extern const struct file_ops block_file_ops;

#endif
