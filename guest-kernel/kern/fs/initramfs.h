/* SPDX-License-Identifier: MIT */
/* The initial root file system: cpio archives in "newc" form, one after the other; each may be packed by gzip. */
#ifndef KERN_FS_INITRAMFS_H
#define KERN_FS_INITRAMFS_H

#include "kern/fs/vfs.h"

/* Fills the root with what the archives list. Contents are used in place. Returns the number of entries; a damaged
 * module is unpacked up to the damage, with a line in the log. */
int initramfs_unpack(struct inode *root, const void *module, size_t size);

#endif
