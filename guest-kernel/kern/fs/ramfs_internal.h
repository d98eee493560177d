/* SPDX-License-Identifier: MIT */
/* Shared by ramfs.c (names) and ramfs_file.c (contents). */
#ifndef KERN_FS_RAMFS_INTERNAL_H
#define KERN_FS_RAMFS_INTERNAL_H

#include "kern/fs/ramfs.h"

#define RAM_FILE_MAX (1ULL << 30)

/* inode.private of a regular file. */
struct ram_file {
	const u8 *image;
	size_t image_size;
	u32 *frames; /* frame number of each page, 0: none of our own */
	ulong room;
};

extern const struct file_ops ramfs_file_ops;

long ramfs_peek(struct inode *inode, u64 pos, void *buf, size_t size);
ulong ramfs_page(struct inode *inode, ulong index, bool for_write);
int ramfs_truncate(struct inode *inode, u64 size);

#endif
