/* SPDX-License-Identifier: MIT */
/* The file system in memory: root (filled from the initramfs), /dev and every tmpfs are instances of it. */
#ifndef KERN_FS_RAMFS_H
#define KERN_FS_RAMFS_H

#include "kern/fs/vfs.h"

extern struct fs_stat ramfs_root, ramfs_devtmpfs;

struct inode *ramfs_create_root(struct fs_stat *fs); /* an empty instance; a counted reference */
struct inode *ramfs_create_tmpfs(void);              /* the same, with a description of its own */
void ramfs_remove_all(struct inode *root);           /* every name in it: unmounting */
/* The contents of an empty regular file: bytes that stay where they are until they are written. */
void ramfs_set_image(struct inode *inode, const void *image, size_t size);
/* A file without a name, of zeros, open for reading and writing: memory to share. */
struct file *ramfs_anonymous_file(size_t size);
void ramfs_reap(
    void); /* frees large files whose last user is gone: call where other tasks may run meanwhile */
ulong ramfs_frame_count(void); /* frames that files own */

#endif
