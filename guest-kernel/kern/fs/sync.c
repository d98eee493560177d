/* SPDX-License-Identifier: MIT */
/* What was written reaches the disk: sync, fsync and their kin. Most files live in memory, or at a server that has them. */
#include "kern/block/block.h"
#include "kern/fs/mount.h"
#include "kern/lib/errno.h"
#include "kern/sys/syscalls.h"

int file_sync(struct file *file, bool data_only)
{
	return file->ops->sync ? file->ops->sync(file, data_only) : 0;
}

static long sync_fd(int fd, bool data_only)
{
	struct file *file = fd_file(fd);
	long rc;

	if (!file || file->flags & O_PATH)
		return -EBADF;
	file_get(file);
	rc = file_sync(file, data_only);
	file_put(file);
	return rc;
}

long sys_fsync(int fd)
{
	return sync_fd(fd, false);
}

long sys_fdatasync(int fd)
{
	return sync_fd(fd, true);
}

static int sync_fs(const struct inode *inode)
{
	return inode->fs->sync ? inode->fs->sync(inode->fs) : 0;
}

long sys_syncfs(int fd)
{
	struct file *file = fd_file(fd);
	long rc;

	if (!file || file->flags & O_PATH)
		return -EBADF;
	file_get(file);
	rc = sync_fs(file->inode);
	file_put(file);
	return rc;
}

static struct inode *mounted(u32 number)
{
	struct mount *m;

	if (!number--)
		return mount_root();
	list_for_each (m, &mounts, list)
		if (!number--)
			return m->root;
	return NULL;
}

/* File systems first: what they write now is for the disks. Others may come and go while one is written. */
long sys_sync(void)
{
	struct inode *root;

	for (u32 i = 0; (root = mounted(i)); i++) {
		inode_get(root);
		sync_fs(root);
		inode_put(root);
	}
	block_sync_all();
	return 0;
}
