/* SPDX-License-Identifier: MIT */
/* The table of devices. /dev is a file system in memory with one node for each. */
#include "kern/fs/devfs.h"
#include "kern/fs/ramfs.h"
#include "machine.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"

#define MAX_DEVICES 192 /* 30 of the kernel, and disks with their partitions */

static struct device {
	const char *name;
	u32 type, rdev;             /* S_IFCHR or S_IFBLK; number */
	const struct file_ops *ops; /* NULL: this row is unused */
} devices[MAX_DEVICES];
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

static struct device *find(u32 mode, u32 rdev)
{
	for (struct device *d = devices; d < devices + MAX_DEVICES; d++)
		if (d->ops && d->type == (mode & S_IFMT) && d->rdev == rdev)
			return d;
	return NULL;
}

const struct file_ops *devfs_ops(u32 mode, u32 rdev)
{
	const struct device *d = find(mode, rdev);

	return d ? d->ops : NULL;
}

const char *devfs_name(u32 mode, u32 rdev)
{
	const struct device *d = find(mode, rdev);

	return d ? d->name : NULL;
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

static struct device *unused_row(void)
{
	for (struct device *d = devices; d < devices + MAX_DEVICES; d++)
		if (!d->ops)
			return d;
	return NULL;
}

static int add(const char *name, u32 rdev, u32 mode, const struct file_ops *ops)
{
	const char *full_name = name;
	struct inode *dir = directory_for(&name), *node;
	struct device *row = unused_row();
	int rc;

	if (!dir)
		return -ENOMEM;
	rc = row ? dir->ops->create(dir, name, strlen(name), mode, rdev, &node) : -ENOSPC;
	inode_put(dir);
	if (rc)
		return rc;
	inode_put(node);
	*row = (struct device){full_name, mode & S_IFMT, rdev, ops};
	return 0;
}

int devfs_add(const char *name, u32 rdev, u32 mode, const struct file_ops *ops)
{
	if (find(S_IFCHR, rdev))
		panic("/dev/%s has the number of another device", name);
	return add(name, rdev, S_IFCHR | mode, ops);
}

int devfs_add_block(const char *name, u32 rdev, const struct file_ops *ops)
{
	return find(S_IFBLK, rdev) ? -EEXIST : add(name, rdev, S_IFBLK | 0660, ops);
}

void devfs_remove_block(const char *name, u32 rdev)
{
	struct device *d = find(S_IFBLK, rdev);

	if (d)
		d->ops = NULL;
	(void)root->ops->unlink(root, name, strlen(name), false);
}
