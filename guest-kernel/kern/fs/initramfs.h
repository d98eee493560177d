/* SPDX-License-Identifier: MIT */
/* The initial root file system: an uncompressed cpio archive in "newc" form. */
#ifndef KERN_FS_INITRAMFS_H
#define KERN_FS_INITRAMFS_H

#include "kern/fs/vfs.h"

/* Fills the root with what the archive lists. Contents are used in place. Returns the number of entries. */
int initramfs_unpack(struct inode *root, const void *archive, size_t size);

#endif
