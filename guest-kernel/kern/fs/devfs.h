/* SPDX-License-Identifier: MIT */
/* Devices, and the file system on /dev that names them. */
#ifndef KERN_FS_DEVFS_H
#define KERN_FS_DEVFS_H

#include "kern/fs/vfs.h"

#define DEV_TTY     MKDEV(5, 0)
#define DEV_CONSOLE MKDEV(5, 1)
#define DEV_MISC    10 /* major number of devices that have none of their own in Linux */

void devfs_init(void);
/* Names a device ("xen/privcmd" makes /dev/xen too) and finds its operations by number from then on. The caller keeps
 * the name in place. */
int devfs_add(const char *name, u32 rdev, u32 mode, const struct file_ops *ops);
/* The same for a block device; -EEXIST: there is one with this name or number. Its name is one without a folder. */
int devfs_add_block(const char *name, u32 rdev, const struct file_ops *ops);
void devfs_remove_block(const char *name, u32 rdev);
/* By the type in mode, and number. NULL: no such device. */
const struct file_ops *devfs_ops(u32 mode, u32 rdev);
const char *devfs_name(u32 mode, u32 rdev); /* below /dev, as it was given */
struct inode *devfs_root(void);             /* counted */

#endif
