/* SPDX-License-Identifier: MIT */
/* Inodes: allocation and reference counting. */
#include "kern/fs/vfs.h"
#include "kern/mm/kmalloc.h"
#include "kern/time/clock.h"

struct inode *inode_alloc(struct fs_stat *fs, u32 mode)
{
	static u64 last_ino = 1;
	struct inode *inode = kzalloc(sizeof(*inode));

	if (!inode)
		return NULL;
	inode->refs = 1;
	inode->nlink = 1;
	inode->mode = mode;
	inode->ino = ++last_ino;
	inode->fs = fs;
	inode->atime = inode->mtime = inode->ctime = clock_realtime();
	return inode;
}

struct inode *inode_get(struct inode *inode)
{
	inode->refs++;
	return inode;
}

void inode_put(struct inode *inode)
{
	if (inode && --inode->refs == 0)
		inode->ops->release(inode);
}

void inode_touch(struct inode *inode)
{
	inode->mtime = inode->ctime = clock_realtime();
}

void inode_refresh(struct inode *inode)
{
	if (inode->ops->refresh)
		inode->ops->refresh(inode);
}

int inode_prepare(struct inode *inode)
{
	return inode->ops->prepare ? inode->ops->prepare(inode) : 0;
}

int inode_change(struct inode *inode, struct inode *to)
{
	int rc;

	to->ctime = clock_realtime();
	rc = inode->ops->change ? inode->ops->change(inode, to) : 0;
	if (rc)
		return rc;
	inode->mode = to->mode;
	inode->uid = to->uid;
	inode->gid = to->gid;
	inode->atime = to->atime;
	inode->mtime = to->mtime;
	inode->ctime = to->ctime;
	return 0;
}
