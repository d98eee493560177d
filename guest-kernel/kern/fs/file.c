/* SPDX-License-Identifier: MIT */
/* Open files and the table of file descriptors. */
#include "kern/fs/devfs.h"
#include "kern/fs/locks.h"
#include "kern/fs/pipe.h"
#include "kern/fs/vfs.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/kmalloc.h"
#include "kern/proc/process.h"
#include "kern/sys/syscalls.h"

#define F_DUPFD         0
#define F_GETFD         1
#define F_SETFD         2
#define F_GETFL         3
#define F_SETFL         4
#define F_DUPFD_CLOEXEC 1030
#define SETTABLE        (O_APPEND | O_NONBLOCK)

static bool writes(const struct file *file)
{
	return (file->flags & O_ACCMODE) != O_RDONLY && !(file->flags & O_PATH);
}

/* Gives back what file_alloc() took. */
static void file_free(struct file *file)
{
	file->inode->writers -= writes(file);
	locks_drop(file->inode, file);
	inode_put(file->inode);
	kfree(file);
}

/* Takes its own reference on inode. */
struct file *file_alloc(struct inode *inode, const struct file_ops *ops, u32 flags)
{
	struct file *file = kzalloc(sizeof(*file));

	if (!file)
		return NULL;
	file->refs = 1;
	file->flags = flags & ~(O_CREAT | O_EXCL | O_TRUNC | O_CLOEXEC);
	file->inode = inode_get(inode);
	file->ops = ops;
	inode->writers += writes(file);
	return file;
}

static const struct file_ops nothing = {0}; /* directories and O_PATH files */

static const struct file_ops *ops_for(const struct inode *inode, u32 flags)
{
	if (flags & O_PATH)
		return &nothing;
	switch (inode->mode & S_IFMT) {
	case S_IFREG:
		return inode->fops;
	case S_IFDIR:
		return inode->fops ? inode->fops : &nothing;
	case S_IFCHR:
	case S_IFBLK:
		return devfs_ops(inode->mode, inode->rdev);
	case S_IFIFO:
		return &fifo_ops;
	}
	return NULL;
}

struct file *file_open_inode(struct inode *inode, u32 flags)
{
	const struct file_ops *ops = ops_for(inode, flags);
	struct file *file;
	int rc;

	if (!ops)
		return ERR_PTR(-ENXIO);
	file = file_alloc(inode, ops, flags);
	if (!file)
		return ERR_PTR(-ENOMEM);
	rc = ops->open ? ops->open(inode, file) : 0;
	if (rc) {
		file_free(file);
		return ERR_PTR(rc);
	}
	return file;
}

struct file *file_get(struct file *file)
{
	file->refs++;
	return file;
}

void file_put(struct file *file)
{
	if (--file->refs)
		return;
	if (file->ops->release)
		file->ops->release(file);
	file_free(file);
}

struct file *files_get(const struct files *files, int fd)
{
	return (u32)fd < files->room ? files->fd[fd].file : NULL;
}

struct file *fd_file(int fd)
{
	return files_get(&current->process->files, fd);
}

static bool make_room(struct files *files, u32 fd)
{
	u32 room = files->room ? files->room : 16;
	struct fd *bigger;

	if (fd < files->room)
		return true;
	while (room <= fd)
		room *= 2;
	bigger = kzalloc(room * sizeof(*bigger));
	if (!bigger)
		return false;
	memcpy(bigger, files->fd, files->room * sizeof(*bigger));
	kfree(files->fd);
	files->fd = bigger;
	files->room = room;
	return true;
}

int fd_install(struct file *file, int lowest, bool cloexec)
{
	struct files *files = &current->process->files;
	int fd = lowest, rc = -EMFILE;

	while (files_get(files, fd))
		fd++;
	if (fd < (int)limit(LIMIT_NOFILE))
		rc = make_room(files, fd) ? fd : -ENOMEM;
	if (rc < 0)
		file_put(file);
	else
		files->fd[fd] = (struct fd){file, cloexec};
	return rc;
}

static void slot_close(struct files *files, struct fd *slot)
{
	struct file *file = slot->file;

	slot->file = NULL;
	locks_drop(file->inode, container_of(files, struct process, files));
	file_put(file);
}

int fd_close(struct files *files, int fd)
{
	if (!files_get(files, fd))
		return -EBADF;
	slot_close(files, &files->fd[fd]);
	return 0;
}

int files_copy(struct files *to, const struct files *from)
{
	struct fd *slot, *end;

	*to = (struct files){0};
	if (from->room && !make_room(to, from->room - 1))
		return -ENOMEM;
	memcpy(to->fd, from->fd, from->room * sizeof(*to->fd));
	for (slot = to->fd, end = slot + to->room; slot < end; slot++) {
		if (slot->file)
			file_get(slot->file);
	}
	to->umask = from->umask;
	to->cwd = inode_get(from->cwd);
	to->root = inode_get(from->root);
	return 0;
}

void files_close_all(struct files *files)
{
	struct fd *slot, *end;

	for (slot = files->fd, end = slot + files->room; slot < end; slot++) {
		if (slot->file)
			slot_close(files, slot);
	}
	kfree(files->fd);
	inode_put(files->cwd);
	inode_put(files->root);
	*files = (struct files){0};
}

void files_close_on_exec(struct files *files)
{
	u32 fd;

	for (fd = 0; fd < files->room; fd++) {
		if (files->fd[fd].cloexec)
			fd_close(files, fd);
	}
}

long sys_close(int fd)
{
	return fd_close(&current->process->files, fd);
}

long sys_close_range(u32 first, u32 last, u32 flags)
{
	u32 fd;

	if (flags || first > last)
		return -EINVAL;
	for (fd = first; fd <= last && fd < current->process->files.room; fd++)
		fd_close(&current->process->files, fd);
	return 0;
}

long sys_dup(int fd)
{
	struct file *file = fd_file(fd);

	return file ? fd_install(file_get(file), 0, false) : -EBADF;
}

long sys_dup3(int from, int to, int flags)
{
	struct file *file = fd_file(from);

	if (!file || (unsigned)to >= limit(LIMIT_NOFILE))
		return -EBADF;
	if (from == to)
		return -EINVAL;
	file_get(file);
	fd_close(&current->process->files, to);
	return fd_install(file, to, flags & O_CLOEXEC);
}

long sys_dup2(int from, int to)
{
	if (from == to)
		return fd_file(from) ? to : -EBADF;
	return sys_dup3(from, to, 0);
}

long sys_fcntl(int fd, int command, ulong arg)
{
	struct files *files = &current->process->files;
	struct file *file = fd_file(fd);

	if (!file)
		return -EBADF;
	switch (command) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		if (arg >= limit(LIMIT_NOFILE))
			return -EINVAL;
		return fd_install(file_get(file), arg, command == F_DUPFD_CLOEXEC);
	case F_GETFD:
		return files->fd[fd].cloexec;
	case F_SETFD:
		files->fd[fd].cloexec = arg & 1;
		return 0;
	case F_GETFL:
		return file->flags | (sizeof(long) == 4 ? O_LARGEFILE : 0);
	case F_SETFL:
		file->flags = (file->flags & ~SETTABLE) | (arg & SETTABLE);
		return 0;
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
	case F_GETLK64:
	case F_SETLK64:
	case F_SETLKW64:
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		return file_lock(fd, command, arg);
	}
	return -EINVAL;
}
