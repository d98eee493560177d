/* SPDX-License-Identifier: MIT */
/*
 * Partition tables of the PC: four entries in the disk's first sector (MBR), and a chain of further tables in an extended
 * partition, each with a logical partition and the place of the next. Whatever the disk says, reading ends, and no partition
 * reaches beyond the disk. Only sectors are passed in, so that nothing here waits.
 */
#ifndef KERN_BLOCK_MBR_H
#define KERN_BLOCK_MBR_H

#include "kern/block/block.h"

struct mbr_scan {
	u64 size;     /* of the disk; all numbers are in its logical blocks */
	u64 sector;   /* the table to be read next */
	u64 extended; /* first block of the extended partition; 0: not there yet */
	u32 tables;   /* of the chain, read so far */
	u32 count;    /* logical ones have the numbers from 5 on; those without blocks are not there */
	struct {
		u64 first, blocks;
	} part[BLOCK_PARTS]; /* partition N is [N - 1] */
};

/* Takes the block scan->sector (0 at first) as it is on the disk. True: one more is to be read, the new scan->sector. */
bool mbr_take(struct mbr_scan *scan, const u8 *table);

#endif
