/* SPDX-License-Identifier: MIT */
/* Mounted file systems. */
#ifndef KERN_FS_MOUNT_H
#define KERN_FS_MOUNT_H

#include "kern/fs/vfs.h"

struct mount {
	struct list list;
	struct inode *root, *point;
	const char *type;
	char *path, *source;
};

extern struct list mounts;

/* Makes `root` appear at `path`. Takes the reference on root; -errno puts it. */
int mount_at(const char *path, const char *source, const char *type, struct inode *root);

#endif
