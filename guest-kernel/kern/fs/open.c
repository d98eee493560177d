/* SPDX-License-Identifier: MIT */
/* Opening and creating files; paths from user memory. */
#include "kern/fs/vfs.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/kmalloc.h"
#include "kern/mm/user.h"
#include "kern/proc/process.h"
#include "kern/sys/syscalls.h"

int path_arg_get(struct path_arg *arg, int dirfd, const char *user_path)
{
	char *text;
	long n;

	arg->at = NULL;
	arg->text = NULL;
	if (dirfd != AT_FDCWD) {
		struct file *file = fd_file(dirfd);

		arg->at = file ? inode_get(file->inode) : NULL;
	}
	arg->text = text = kmalloc(PATH_MAX);
	n = text ? strncpy_from_user(text, user_path, PATH_MAX) : -ENOMEM;
	if (n >= 0)
		n = dirfd != AT_FDCWD && !arg->at && *text != '/' ? -EBADF : 0;
	if (n)
		path_arg_put(arg);
	return n;
}

void path_arg_put(struct path_arg *arg)
{
	inode_put(arg->at);
	kfree(arg->text);
}

int user_path_lookup(int dirfd, const char *user_path, unsigned flags, struct inode **out)
{
	struct path_arg path;
	int rc = path_arg_get(&path, dirfd, user_path);

	if (rc)
		return rc;
	rc = path_lookup(path.at, path.text, flags, out);
	path_arg_put(&path);
	return rc;
}

/* Makes the file `name` in dir; if that is a link to nothing, *link is this link, and no file is made. */
static int create(struct inode *dir, const char *name, size_t len, u32 mode, struct inode **out,
		  struct inode **link)
{
	*link = NULL;
	if (!len || name[len])
		return -EISDIR;
	if (!dir->ops->lookup(dir, name, len, link)) {
		if (((*link)->mode & S_IFMT) == S_IFLNK)
			return 0;
		inode_put(*link);
		*link = NULL;
		return -EEXIST;
	}
	if (!dir->ops->create)
		return -EROFS;
	return dir->ops->create(dir, name, len, S_IFREG | (mode & 07777 & ~current->process->files.umask), 0,
				out);
}

static int read_link(struct inode *link, char **target)
{
	int n = -ENOMEM;

	if (!*target)
		*target = kmalloc(PATH_MAX);
	if (*target)
		n = link->ops->readlink(link, *target, PATH_MAX - 1);
	inode_put(link);
	if (n < 0)
		return n;
	(*target)[n] = 0;
	return 0;
}

/* Finds or creates the file, also where a link points. With O_EXCL it must not exist yet. */
static int open_or_create(struct inode *at, const char *path, u32 flags, u32 mode, struct inode **out)
{
	struct inode *dir, *from = NULL, *link;
	char *target = NULL;
	const char *name;
	size_t len;
	int links = 0, rc;

	do {
		rc = path_lookup(at, path, flags & (O_EXCL | O_NOFOLLOW) ? 0 : WALK_FOLLOW, out);
		if (rc != -ENOENT)
			break;
		rc = path_parent(at, path, &dir, &name, &len);
		if (rc)
			break;
		inode_put(from);
		at = from = dir;
		rc = create(dir, name, len, mode, out, &link);
		if (rc || !link)
			goto out;
		rc = read_link(link, &target);
		path = target;
	} while (!rc && ++links <= MAX_LINKS);
	if (!rc && links > MAX_LINKS) {
		rc = -ELOOP;
	} else if (!rc && (flags & O_EXCL)) {
		inode_put(*out);
		rc = -EEXIST;
	}
out:
	inode_put(from);
	kfree(target);
	return rc;
}

static int check_open(struct inode *inode, u32 flags)
{
	u32 type = inode->mode & S_IFMT;
	bool writes = (flags & O_ACCMODE) != O_RDONLY;

	if (type == S_IFLNK && !(flags & O_PATH))
		return -ELOOP;
	if ((flags & O_DIRECTORY) && type != S_IFDIR)
		return -ENOTDIR;
	if (type == S_IFDIR && (writes || (flags & O_CREAT)))
		return -EISDIR;
	if (writes && inode->fs->readonly && type != S_IFCHR && type != S_IFBLK && type != S_IFIFO)
		return -EROFS;
	if (writes && inode->running)
		return -ETXTBSY;
	if (type == S_IFREG && (flags & O_TRUNC) && writes && inode->ops->truncate)
		return inode->ops->truncate(inode, 0);
	return 0;
}

int file_open(struct inode *at, const char *path, u32 flags, u32 mode, struct file **out)
{
	struct inode *inode;
	struct file *file;
	int rc = 0;

	if (flags & O_CREAT)
		rc = open_or_create(at, path, flags, mode, &inode);
	if (!(flags & O_CREAT) || (rc == -EEXIST && !(flags & O_EXCL))) /* or another task has just made it */
		rc = path_lookup(at, path, flags & O_NOFOLLOW ? 0 : WALK_FOLLOW, &inode);
	if (rc)
		return rc;
	rc = check_open(inode, flags);
	if (!rc) {
		file = file_open_inode(inode, flags);
		rc = IS_ERR(file) ? PTR_ERR(file) : 0;
		*out = file;
	}
	inode_put(inode);
	return rc;
}

long sys_openat(int dirfd, const char *user_path, int flags, u32 mode)
{
	struct path_arg path;
	struct file *file;
	int rc = path_arg_get(&path, dirfd, user_path);

	if (rc)
		return rc;
	rc = file_open(path.at, path.text, flags, mode, &file);
	path_arg_put(&path);
	return rc ? rc : fd_install(file, 0, flags & O_CLOEXEC);
}

long sys_open(const char *path, int flags, u32 mode)
{
	return sys_openat(AT_FDCWD, path, flags, mode);
}

long sys_creat(const char *path, u32 mode)
{
	return sys_openat(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
