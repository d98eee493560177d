/* SPDX-License-Identifier: MIT */
/* The table of character devices. /dev is a file system in memory with one node for each. */
#include "kern/fs/devfs.h"
#include "kern/fs/ramfs.h"
#include "machine.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"

#define MAX_DEVICES 32

static struct {
	const char *name;
	u32 rdev;
	const struct file_ops *ops;
} devices[MAX_DEVICES];
static u32 device_count;
static struct inode *root;

void devfs_init(void)
{
	root = ramfs_create_root(&ramfs_devtmpfs);
	if (!root)
		panic("no memory for /dev");
	root->ops->symlink(root, "fd", 2, "/proc/self/fd");
	root->ops->symlink(root, "stdin", 5, "/proc/self/fd/0");
	root->ops->symlink(root, "stdout", 6, "/proc/self/fd/1");
	root->ops->symlink(root, "stderr", 6, "/proc/self/fd/2");
}

struct inode *devfs_root(void)
{
	return inode_get(root);
}

const struct file_ops *devfs_ops(u32 rdev)
{
	u32 i;

	for (i = 0; i < device_count; i++) {
		if (devices[i].rdev == rdev)
			return devices[i].ops;
	}
	return NULL;
}

const char *devfs_name(u32 rdev)
{
	u32 i;

	for (i = 0; i < device_count; i++) {
		if (devices[i].rdev == rdev)
			return devices[i].name;
	}
	return NULL;
}

/* The directory for name; the rest of the name is the node itself. */
static struct inode *directory_for(const char **name)
{
	struct inode *dir = inode_get(root), *next;
	const char *slash;

	while ((slash = strchr(*name, '/'))) {
		size_t len = slash - *name;
		int rc = dir->ops->lookup(dir, *name, len, &next);

		if (rc)
			rc = dir->ops->create(dir, *name, len, S_IFDIR | 0755, 0, &next);
		inode_put(dir);
		if (rc)
			return NULL;
		dir = next;
		*name = slash + 1;
	}
	return dir;
}

int devfs_add(const char *name, u32 rdev, u32 mode, const struct file_ops *ops)
{
	const char *full_name = name;
	struct inode *dir = directory_for(&name), *node;
	int rc;

	if (!dir)
		return -ENOMEM;
	if (devfs_ops(rdev))
		panic("/dev/%s has the number of another device", name);
	rc = device_count == MAX_DEVICES
		 ? -ENOSPC
		 : dir->ops->create(dir, name, strlen(name), S_IFCHR | mode, rdev, &node);
	inode_put(dir);
	if (rc)
		return rc;
	inode_put(node);
	devices[device_count].name = full_name;
	devices[device_count].rdev = rdev;
	devices[device_count++].ops = ops;
	return 0;
}
