/* SPDX-License-Identifier: MIT */
/* Mounted file systems. */
#ifndef KERN_FS_MOUNT_H
#define KERN_FS_MOUNT_H

#include "kern/fs/vfs.h"

struct mount {
	struct list list;
	struct inode *root, *point; /* point: NULL for the root file system */
	const char *type;
	char *path, *source;
};

extern struct list mounts;

/* Makes `root` appear at `path`. Takes the reference on root; -errno puts it. */
int mount_at(const char *path, const char *source, const char *type, struct inode *root);

/* The root file system, whose reference is taken over. */
void mount_make_root(const char *source, struct inode *root);
/* The same in place of the one in memory, which is freed. What is mounted already moves to the same paths. */
void mount_switch_root(const char *source, struct inode *root);

#endif
