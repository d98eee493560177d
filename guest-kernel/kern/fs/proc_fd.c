/* SPDX-License-Identifier: MIT */
/*
 * /proc/<pid>/fd: a link for each open file. Following one leads to the file's inode, even if that has no name any
 * more; opening it opens the inode again, as Linux does. A file does not know its name, so the text of a link
 * names only directories and devices.
 */
#include "kern/fs/devfs.h"
#include "kern/fs/procfs.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/kmalloc.h"
#include "kern/proc/process.h"

/* Above the numbers of all other inodes of /proc; the lower half is the descriptor. */
#define LINK_INO(pid, fd) ((u64)(0x80000000U | (u32)(pid)) << 32 | (u32)(fd))

static struct inode *new_inode(int pid, u64 ino, u32 mode, const struct inode_ops *ops)
{
	struct inode *inode = inode_alloc(&procfs, mode);

	if (!inode)
		return NULL;
	inode->ino = ino;
	inode->ops = ops;
	inode->private = (void *)(ulong)pid;
	return inode;
}

static int pid_of(const struct inode *inode)
{
	return (ulong)inode->private;
}

static struct file *file_of(int pid, int fd)
{
	struct process *p = process_find(pid);

	return p ? files_get(&p->files, fd) : NULL;
}

static int link_readlink(struct inode *link, char *buf, size_t size)
{
	struct file *file = file_of(pid_of(link), (int)link->ino);
	struct inode *inode = file ? file->inode : NULL;
	u32 type = inode ? inode->mode & S_IFMT : 0;
	char text[48];
	int n;

	if (!inode)
		return -ENOENT;
	if (type == S_IFDIR)
		return path_of_dir(inode, buf, size);
	if (devfs_name(inode->mode, inode->rdev))
		n = snprintf(text, sizeof(text), "/dev/%s", devfs_name(inode->mode, inode->rdev));
	else
		n = snprintf(text, sizeof(text), "%s:[%llu]", type == S_IFIFO ? "pipe" : "file",
			     (unsigned long long)inode->ino);
	n = MIN((size_t)n, size);
	memcpy(buf, text, n);
	return n;
}

static struct inode *link_target(struct inode *link)
{
	struct file *file = file_of(pid_of(link), (int)link->ino);

	return file ? inode_get(file->inode) : NULL;
}

static void release(struct inode *inode)
{
	kfree(inode);
}

static const struct inode_ops link_ops = {
    .readlink = link_readlink,
    .target = link_target,
    .release = release,
};

static int dir_lookup(struct inode *dir, const char *name, size_t len, struct inode **out)
{
	const char *end = name;
	u64 fd = parse_number(&end, 10);

	if (end != name + len || fd >= FD_MAX || !file_of(pid_of(dir), fd))
		return -ENOENT;
	*out = new_inode(pid_of(dir), LINK_INO(pid_of(dir), fd), S_IFLNK | 0700, &link_ops);
	return *out ? 0 : -ENOMEM;
}

static struct inode *dir_parent(struct inode *dir)
{
	return procfs_process_dir(pid_of(dir));
}

static void dir_readdir(struct inode *dir, u64 *pos, dir_emit_t emit, void *ctx)
{
	struct process *p = process_find(pid_of(dir));
	char name[12];
	u32 fd;

	for (fd = *pos - 2; p && fd < p->files.room; fd++) {
		if (!files_get(&p->files, fd))
			continue;
		snprintf(name, sizeof(name), "%u", fd);
		if (!emit(ctx, name, strlen(name), LINK_INO(p->pid, fd), S_IFLNK))
			return;
		*pos = fd + 3;
	}
}

static const struct inode_ops dir_ops = {
    .lookup = dir_lookup,
    .parent = dir_parent,
    .readdir = dir_readdir,
    .release = release,
};

struct inode *procfs_fd_dir(int pid, u64 ino)
{
	return new_inode(pid, ino, S_IFDIR | 0500, &dir_ops);
}
