/* SPDX-License-Identifier: MIT */
/* Shared by ramfs.c (names) and ramfs_file.c (contents). */
#ifndef KERN_FS_RAMFS_INTERNAL_H
#define KERN_FS_RAMFS_INTERNAL_H

#include "kern/fs/ramfs.h"

#define RAM_FILE_MAX (4ULL << 40) /* three levels of nodes, see ramfs_file.c */

#define RAM_STEP (4ULL << 20) /* this much of a file is freed at a time */

/* inode.private of a regular file. */
struct ram_file {
	const u8 *image;
	size_t image_size;
	u32 top; /* frame number of the only own page, or of the highest node; 0: none */
	u32 height;
	struct inode *next; /* to be freed: see ramfs_reap() */
};

extern const struct file_ops ramfs_file_ops;

long ramfs_peek(struct inode *inode, u64 pos, void *buf, size_t size);
ulong ramfs_page(struct inode *inode, ulong index, bool for_write);
int ramfs_truncate(struct inode *inode, u64 size); /* lets other tasks run */
int ramfs_truncate_now(struct inode *inode, u64 size);
bool ramfs_truncate_some(struct inode *inode,
			 u64 size); /* a step towards it; false: one step is left at most */

#endif
