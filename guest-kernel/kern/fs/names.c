/* SPDX-License-Identifier: MIT */
/* The system calls that make, remove and list names, and the current directory. */
#include "kern/fs/vfs.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/kmalloc.h"
#include "kern/mm/user.h"
#include "kern/proc/process.h"
#include "kern/sys/syscalls.h"

#define AT_REMOVEDIR      0x200
#define AT_SYMLINK_FOLLOW 0x400
#define RENAME_NOREPLACE  1
#define LISTING_MAX       32768 /* bytes at a time, even if the caller offers more room */

/* A name that is about to be made or removed: its path copied from the user, its directory found. */
struct name_arg {
	struct path_arg path;
	struct inode *dir;
	const char *name;
	size_t len;
};

static int name_arg_get(struct name_arg *n, int dirfd, const char *user_path)
{
	int rc = path_arg_get(&n->path, dirfd, user_path);

	if (rc)
		return rc;
	rc = path_parent(n->path.at, n->path.text, &n->dir, &n->name, &n->len);
	if (rc)
		path_arg_put(&n->path);
	return rc;
}

static void name_arg_put(struct name_arg *n)
{
	inode_put(n->dir);
	path_arg_put(&n->path);
}

static bool is_dots(const struct name_arg *n)
{
	return n->name[0] == '.' && (n->len == 1 || (n->len == 2 && n->name[1] == '.'));
}

/* May this name be made? */
static int check_new(const struct name_arg *n)
{
	struct inode *there;

	if (!n->len || is_dots(n))
		return -EEXIST;
	if (!n->dir->ops->lookup(n->dir, n->name, n->len, &there)) {
		inode_put(there);
		return -EEXIST;
	}
	return n->len > NAME_MAX ? -ENAMETOOLONG : 0;
}

static long make_node(int dirfd, const char *path, u32 mode, u32 rdev)
{
	struct name_arg n;
	struct inode *inode;
	int rc = name_arg_get(&n, dirfd, path);

	if (rc)
		return rc;
	rc = check_new(&n);
	if (!rc)
		rc = n.dir->ops->create ? n.dir->ops->create(n.dir, n.name, n.len, mode, rdev, &inode)
					: -EPERM;
	if (!rc)
		inode_put(inode);
	name_arg_put(&n);
	return rc;
}

long sys_mkdirat(int dirfd, const char *path, u32 mode)
{
	return make_node(dirfd, path, S_IFDIR | (mode & 07777 & ~current->process->files.umask), 0);
}

long sys_mkdir(const char *path, u32 mode)
{
	return sys_mkdirat(AT_FDCWD, path, mode);
}

long sys_mknodat(int dirfd, const char *path, u32 mode, u32 rdev)
{
	u32 type = mode & S_IFMT ? mode & S_IFMT : S_IFREG;

	if (type == S_IFDIR || type == S_IFLNK)
		return -EINVAL;
	return make_node(dirfd, path, type | (mode & 07777 & ~current->process->files.umask), rdev);
}

long sys_mknod(const char *path, u32 mode, u32 rdev)
{
	return sys_mknodat(AT_FDCWD, path, mode, rdev);
}

long sys_unlinkat(int dirfd, const char *path, int flags)
{
	struct name_arg n;
	int rc = name_arg_get(&n, dirfd, path);

	if (rc)
		return rc;
	if (!n.len || is_dots(&n))
		rc = flags & AT_REMOVEDIR ? -EINVAL : -EISDIR;
	else
		rc = n.dir->ops->unlink ? n.dir->ops->unlink(n.dir, n.name, n.len, flags & AT_REMOVEDIR)
					: -EPERM;
	name_arg_put(&n);
	return rc;
}

long sys_unlink(const char *path)
{
	return sys_unlinkat(AT_FDCWD, path, 0);
}

long sys_rmdir(const char *path)
{
	return sys_unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

long sys_linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
	struct inode *inode;
	struct name_arg n;
	int rc = user_path_lookup(from_fd, from, flags & AT_SYMLINK_FOLLOW ? WALK_FOLLOW : 0, &inode);

	if (rc)
		return rc;
	rc = name_arg_get(&n, to_fd, to);
	if (!rc) {
		rc = check_new(&n);
		if (!rc && (inode->mode & S_IFMT) == S_IFDIR)
			rc = -EPERM;
		if (!rc && n.dir->fs != inode->fs)
			rc = -EXDEV;
		if (!rc)
			rc = n.dir->ops->link ? n.dir->ops->link(n.dir, n.name, n.len, inode) : -EPERM;
		name_arg_put(&n);
	}
	inode_put(inode);
	return rc;
}

long sys_link(const char *from, const char *to)
{
	return sys_linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

long sys_symlinkat(const char *user_target, int dirfd, const char *path)
{
	char *target = kmalloc(PATH_MAX);
	struct name_arg n;
	long rc = target ? strncpy_from_user(target, user_target, PATH_MAX) : -ENOMEM;

	if (rc >= 0)
		rc = name_arg_get(&n, dirfd, path);
	if (!rc) {
		rc = check_new(&n);
		if (!rc)
			rc = n.dir->ops->symlink ? n.dir->ops->symlink(n.dir, n.name, n.len, target) : -EPERM;
		name_arg_put(&n);
	}
	kfree(target);
	return rc;
}

long sys_symlink(const char *target, const char *path)
{
	return sys_symlinkat(target, AT_FDCWD, path);
}

static int rename_names(struct name_arg *from, struct name_arg *to, u32 flags)
{
	int rc;

	if (!from->len || !to->len || is_dots(from) || is_dots(to))
		return -EBUSY;
	if (from->dir->fs != to->dir->fs)
		return -EXDEV;
	if (!from->dir->ops->rename)
		return -EPERM;
	if (flags & RENAME_NOREPLACE) {
		rc = check_new(to);
		if (rc)
			return rc;
	}
	return from->dir->ops->rename(from->dir, from->name, from->len, to->dir, to->name, to->len);
}

long sys_renameat2(int from_fd, const char *from, int to_fd, const char *to, u32 flags)
{
	struct name_arg f, t;
	int rc;

	if (flags & ~RENAME_NOREPLACE)
		return -EINVAL;
	rc = name_arg_get(&f, from_fd, from);
	if (rc)
		return rc;
	rc = name_arg_get(&t, to_fd, to);
	if (!rc) {
		rc = rename_names(&f, &t, flags);
		name_arg_put(&t);
	}
	name_arg_put(&f);
	return rc;
}

long sys_renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	return sys_renameat2(from_fd, from, to_fd, to, 0);
}

long sys_rename(const char *from, const char *to)
{
	return sys_renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

long sys_readlinkat(int dirfd, const char *path, char *user, size_t size)
{
	struct inode *inode;
	char *target;
	long rc = user_path_lookup(dirfd, path, 0, &inode);

	if (rc)
		return rc;
	target = kmalloc(PATH_MAX);
	if (!target)
		rc = -ENOMEM;
	else if ((inode->mode & S_IFMT) != S_IFLNK)
		rc = -EINVAL;
	else
		rc = inode->ops->readlink(inode, target, MIN(size, (size_t)PATH_MAX));
	if (rc > 0 && copy_to_user(user, target, rc))
		rc = -EFAULT;
	kfree(target);
	inode_put(inode);
	return rc;
}

long sys_readlink(const char *path, char *user, size_t size)
{
	return sys_readlinkat(AT_FDCWD, path, user, size);
}

/* Puts the directory in one of the process's places. */
static long go_to(const char *path, struct inode **place)
{
	struct inode *dir;
	int rc = user_path_lookup(AT_FDCWD, path, WALK_FOLLOW | WALK_DIR, &dir);

	if (rc)
		return rc;
	inode_put(*place);
	*place = dir;
	return 0;
}

long sys_chdir(const char *path)
{
	return go_to(path, &current->process->files.cwd);
}

/* Paths begin there from now on; the current directory stays, as with Linux. */
long sys_chroot(const char *path)
{
	return go_to(path, &current->process->files.root);
}

long sys_fchdir(int fd)
{
	struct file *file = fd_file(fd);

	if (!file)
		return -EBADF;
	if ((file->inode->mode & S_IFMT) != S_IFDIR)
		return -ENOTDIR;
	inode_get(file->inode);
	inode_put(current->process->files.cwd);
	current->process->files.cwd = file->inode;
	return 0;
}

long sys_getcwd(char *user, size_t size)
{
	char *path = kmalloc(PATH_MAX);
	long n = path ? path_of_dir(current->process->files.cwd, path, PATH_MAX) : -ENOMEM;

	n += n > 0; /* the end of the text */
	if (n > 0 && (size_t)n > size)
		n = -ERANGE;
	else if (n > 0 && copy_to_user(user, path, n))
		n = -EFAULT;
	kfree(path);
	return n;
}

long sys_umask(u32 mask)
{
	u32 old = current->process->files.umask;

	current->process->files.umask = mask & 0777;
	return old;
}

struct dirent64 {
	u64 ino;
	s64 off;
	u16 reclen;
	u8 type;
	char name[];
} __attribute__((packed));

struct dirent_writer {
	char *user;
	size_t size, used;
	u64 count;
	int rc;
};

static bool write_dirent(void *ctx, const char *name, size_t len, u64 ino, u32 mode)
{
	struct dirent_writer *w = ctx;
	size_t reclen = ROUND_UP(sizeof(struct dirent64) + len + 1, 8UL);
	struct dirent64 d = {.ino = ino, .off = ++w->count, .reclen = reclen, .type = (mode & S_IFMT) >> 12};
	struct dirent64 *user = (struct dirent64 *)(w->user + w->used);

	if (w->size - w->used < reclen) {
		w->rc = -EINVAL; /* only returned if nothing fitted */
		return false;
	}
	if (copy_to_user(user, &d, sizeof(d)) || copy_to_user(user->name, name, len) ||
	    put_user((char)0, user->name + len)) {
		w->rc = -EFAULT;
		return false;
	}
	w->used += reclen;
	return true;
}

long sys_getdents64(int fd, void *user, size_t size)
{
	struct dirent_writer w = {.user = user, .size = MIN(size, (size_t)LISTING_MAX)};
	struct file *file = fd_file(fd);
	struct inode *dir, *parent;

	if (!file)
		return -EBADF;
	dir = file->inode;
	if ((dir->mode & S_IFMT) != S_IFDIR)
		return -ENOTDIR;
	w.count = file->pos;
	file_get(file);
	if (file->pos == 0 && write_dirent(&w, ".", 1, dir->ino, S_IFDIR))
		file->pos = 1;
	if (file->pos == 1) {
		parent = dir->covers ? inode_get(dir->covers) : dir->ops->parent(dir);
		if (write_dirent(&w, "..", 2, parent->ino, S_IFDIR))
			file->pos = 2;
		inode_put(parent);
	}
	if (file->pos >= 2)
		dir->ops->readdir(dir, &file->pos, write_dirent, &w);
	file_put(file);
	return w.used ? (long)w.used : w.rc;
}
