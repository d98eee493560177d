/* SPDX-License-Identifier: MIT */
/* What files are: the stat family, access, attributes, and statfs. */
#include "kern/fs/vfs.h"
#include "kern/fs/ramfs.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/page.h"
#include "kern/mm/user.h"
#include "kern/proc/process.h"
#include "kern/sys/syscalls.h"
#include "kern/time/clock.h"
#include "x86/linux_abi.h"

#define AT_SYMLINK_NOFOLLOW 0x100
#define AT_EMPTY_PATH       0x1000
#define BLOCK               512
#define STATX_BASIC         0x7ff
#define UTIME_NOW           0x3fffffff
#define UTIME_OMIT          0x3ffffffe

/* Finds what a path, or with an empty path the descriptor itself, names. */
static int find_at(int dirfd, const char *user_path, int flags, struct inode **out)
{
	struct file *file;
	char first;

	if ((flags & AT_EMPTY_PATH) && (!user_path || (!get_user(first, user_path) && !first))) {
		file = fd_file(dirfd);
		if (!file && dirfd != AT_FDCWD)
			return -EBADF;
		*out = inode_get(file ? file->inode : current->process->files.cwd);
		inode_refresh(*out);
		return 0;
	}
	return user_path_lookup(dirfd, user_path, flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW, out);
}

static u32 nsec_of(s64 time, u64 *sec)
{
	u32 nsec;

	*sec = div64(time, NSEC_PER_SEC, &nsec);
	return nsec;
}

static u64 blocks_of(const struct inode *inode)
{
	return inode->sectors ? inode->sectors : (u64)inode->frames * (PAGE_SIZE / BLOCK);
}

/* A file system without a device is its own; the address of its description identifies it. */
static u32 device_of(const struct inode *inode)
{
	return inode->fs->dev ? inode->fs->dev : (ulong)inode->fs & 0xffff;
}

static int fill_stat(const struct inode *inode, struct abi_stat *user)
{
	struct abi_stat st = {
	    .dev = device_of(inode),
	    .ino = inode->ino,
	    .mode = inode->mode,
	    .nlink = inode->nlink,
	    .uid = inode->uid,
	    .gid = inode->gid,
	    .rdev = inode->rdev,
	    .size = inode->size,
	    .blksize = PAGE_SIZE,
	    .blocks = blocks_of(inode),
	};
	u64 sec;

	st.atime_nsec = nsec_of(inode->atime, &sec);
	st.atime = sec;
	st.mtime_nsec = nsec_of(inode->mtime, &sec);
	st.mtime = sec;
	st.ctime_nsec = nsec_of(inode->ctime, &sec);
	st.ctime = sec;
	return copy_to_user(user, &st, sizeof(st));
}

long sys_fstatat(int dirfd, const char *path, struct abi_stat *user, int flags)
{
	struct inode *inode;
	long rc = find_at(dirfd, path, flags, &inode);

	if (rc)
		return rc;
	rc = fill_stat(inode, user);
	inode_put(inode);
	return rc;
}

long sys_stat(const char *path, struct abi_stat *user)
{
	return sys_fstatat(AT_FDCWD, path, user, 0);
}

long sys_lstat(const char *path, struct abi_stat *user)
{
	return sys_fstatat(AT_FDCWD, path, user, AT_SYMLINK_NOFOLLOW);
}

long sys_fstat(int fd, struct abi_stat *user)
{
	return fd < 0 ? -EBADF : sys_fstatat(fd, NULL, user, AT_EMPTY_PATH);
}

struct statx_time {
	s64 sec;
	u32 nsec;
	s32 pad;
};

struct statx {
	u32 mask, blksize;
	u64 attributes;
	u32 nlink, uid, gid;
	u16 mode, pad;
	u64 ino, size, blocks, attributes_mask;
	struct statx_time atime, btime, ctime, mtime;
	u32 rdev_major, rdev_minor, dev_major, dev_minor;
	u64 unused[14];
};

static struct statx_time statx_time(s64 time)
{
	struct statx_time t = {0};
	u64 sec;

	t.nsec = nsec_of(time, &sec);
	t.sec = sec;
	return t;
}

long sys_statx(int dirfd, const char *path, int flags, u32 mask, void *user)
{
	struct inode *inode;
	long rc = find_at(dirfd, path, flags, &inode);
	struct statx st;

	if (rc)
		return rc;
	st = (struct statx){
	    .mask = STATX_BASIC,
	    .blksize = PAGE_SIZE,
	    .nlink = inode->nlink,
	    .uid = inode->uid,
	    .gid = inode->gid,
	    .mode = inode->mode,
	    .ino = inode->ino,
	    .size = inode->size,
	    .blocks = blocks_of(inode),
	    .atime = statx_time(inode->atime),
	    .ctime = statx_time(inode->ctime),
	    .mtime = statx_time(inode->mtime),
	    .rdev_major = inode->rdev >> 8,
	    .rdev_minor = inode->rdev & 0xff,
	    .dev_major = device_of(inode) >> 8,
	    .dev_minor = device_of(inode) & 0xff,
	};
	inode_put(inode);
	return copy_to_user(user, &st, sizeof(st));
}

/* There is one user, root; a file without any execute bit is not executable for root either. */
long sys_faccessat(int dirfd, const char *path, int mode, int flags)
{
	struct inode *inode;
	long rc = find_at(dirfd, path, flags, &inode);

	if (rc)
		return rc;
	if ((mode & 1) && (inode->mode & S_IFMT) == S_IFREG && !(inode->mode & 0111))
		rc = -EACCES;
	if ((mode & 2) && inode->fs->readonly && (inode->mode & S_IFMT) != S_IFIFO)
		rc = -EROFS;
	inode_put(inode);
	return rc;
}

/* The old call has no flags argument: its fourth register is garbage. */
long sys_faccessat_old(int dirfd, const char *path, int mode)
{
	return sys_faccessat(dirfd, path, mode, 0);
}

long sys_access(const char *path, int mode)
{
	return sys_faccessat(AT_FDCWD, path, mode, 0);
}

/* Gives back the inode, which may be an ERR_PTR: then this is the result. */
static long set_mode(struct inode *inode, u32 mode)
{
	struct inode to;
	long rc;

	if (IS_ERR(inode))
		return PTR_ERR(inode);
	to = *inode;
	to.mode = (inode->mode & S_IFMT) | (mode & 07777);
	rc = inode_change(inode, &to);
	inode_put(inode);
	return rc;
}

static struct inode *inode_at(int dirfd, const char *path, int flags)
{
	struct inode *inode;
	int rc = find_at(dirfd, path, flags, &inode);

	return rc ? ERR_PTR(rc) : inode;
}

static struct inode *inode_of_file(int fd)
{
	struct file *file = fd_file(fd);

	return file ? inode_get(file->inode) : ERR_PTR(-EBADF);
}

long sys_fchmodat(int dirfd, const char *path, u32 mode)
{
	return set_mode(inode_at(dirfd, path, 0), mode);
}

long sys_chmod(const char *path, u32 mode)
{
	return sys_fchmodat(AT_FDCWD, path, mode);
}

long sys_fchmod(int fd, u32 mode)
{
	return set_mode(inode_of_file(fd), mode);
}

/* As set_mode(). */
static long set_owner(struct inode *inode, u32 uid, u32 gid)
{
	struct inode to;
	long rc;

	if (IS_ERR(inode))
		return PTR_ERR(inode);
	to = *inode;
	if (uid != ~0U)
		to.uid = uid;
	if (gid != ~0U)
		to.gid = gid;
	rc = inode_change(inode, &to);
	inode_put(inode);
	return rc;
}

long sys_fchownat(int dirfd, const char *path, u32 uid, u32 gid, int flags)
{
	return set_owner(inode_at(dirfd, path, flags), uid, gid);
}

long sys_chown(const char *path, u32 uid, u32 gid)
{
	return sys_fchownat(AT_FDCWD, path, uid, gid, 0);
}

long sys_lchown(const char *path, u32 uid, u32 gid)
{
	return sys_fchownat(AT_FDCWD, path, uid, gid, AT_SYMLINK_NOFOLLOW);
}

long sys_fchown(int fd, u32 uid, u32 gid)
{
	return set_owner(inode_of_file(fd), uid, gid);
}

/* What no time here can be becomes the nearest one. */
static int set_time(s64 *time, s64 sec, u32 nsec)
{
	const s64 most = INT64_MAX / NSEC_PER_SEC - 1;

	if (nsec == UTIME_NOW)
		*time = clock_realtime();
	else if (nsec != UTIME_OMIT && nsec >= NSEC_PER_SEC)
		return -EINVAL;
	else if (nsec != UTIME_OMIT)
		*time = MIN(MAX(sec, -most), most) * NSEC_PER_SEC + nsec;
	return 0;
}

static long set_times(int dirfd, const char *path, int flags, const struct timespec64 t[2])
{
	struct inode *inode, to;
	long rc = find_at(dirfd, path, path ? flags : AT_EMPTY_PATH, &inode);

	if (rc)
		return rc;
	to = *inode;
	rc = set_time(&to.atime, t[0].sec, (u32)t[0].nsec);
	if (!rc)
		rc = set_time(&to.mtime, t[1].sec, (u32)t[1].nsec);
	if (!rc)
		rc = inode_change(inode, &to);
	inode_put(inode);
	return rc;
}

long sys_utimensat_time64(int dirfd, const char *path, const struct timespec64 *times, int flags)
{
	struct timespec64 t[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};

	if (times && copy_from_user(t, times, sizeof(t)))
		return -EFAULT;
	return set_times(dirfd, path, flags, t);
}

long sys_utimensat(int dirfd, const char *path, const struct timespec *times, int flags)
{
	struct timespec64 t[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
	struct timespec user[2];
	int i;

	if (times && copy_from_user(user, times, sizeof(user)))
		return -EFAULT;
	for (i = 0; times && i < 2; i++)
		t[i] = (struct timespec64){user[i].sec, user[i].nsec};
	return set_times(dirfd, path, flags, t);
}

/* struct statfs for the word size, as Linux's generic one; statfs64 of i386 has wider counters. */
struct statfs {
	ulong type, bsize, blocks, bfree, bavail, files, ffree;
	u32 fsid[2];
	ulong namelen, frsize, flags, spare[4];
};

struct statfs64 {
	u32 type, bsize;
	u64 blocks, bfree, bavail, files, ffree;
	u32 fsid[2];
	u32 namelen, frsize, flags, spare[4];
};

#define ST_RDONLY 1

/* One without a device counts page frames. */
static int space_of(const struct inode *inode, struct fs_space *s)
{
	const struct fs_stat *fs = inode->fs;

	*s = (struct fs_space){.block_size = PAGE_SIZE};
	if (fs->space)
		return fs->space(inode, s);
	s->all = !fs->counts_memory ? 0 : fs->limit ? fs->limit : page_total_count();
	s->left = fs->counts_memory ? page_free_count() : 0;
	if (fs->limit) /* a remount may have set it below what is used */
		s->left = fs->used < fs->limit ? MIN(s->left, (u64)fs->limit - fs->used) : 0;
	return 0;
}

/* Either structure. */
#define FILL_STATFS(st, fs, s)                               \
	do {                                                 \
		(st) = (__typeof__(st)){                     \
		    .type = (fs)->magic,                     \
		    .bsize = (s).block_size,                 \
		    .frsize = (s).block_size,                \
		    .namelen = NAME_MAX,                     \
		    .blocks = (s).all,                       \
		    .bfree = (s).left,                       \
		    .bavail = (s).left - (s).reserved,       \
		    .files = (s).files,                      \
		    .ffree = (s).files_left,                 \
		    .flags = (fs)->readonly ? ST_RDONLY : 0, \
		};                                           \
	} while (0)

/* Gives back the inode, which may be an ERR_PTR: then this is the result. */
static long give_statfs(struct inode *inode, void *user, bool is_64)
{
	struct fs_space space;
	struct statfs st;
	struct statfs64 st64;
	long rc;

	if (IS_ERR(inode))
		return PTR_ERR(inode);
	rc = space_of(inode, &space);
	if (!rc && is_64) {
		FILL_STATFS(st64, inode->fs, space);
		rc = copy_to_user(user, &st64, sizeof(st64));
	} else if (!rc) {
		FILL_STATFS(st, inode->fs, space);
		rc = copy_to_user(user, &st, sizeof(st));
	}
	inode_put(inode);
	return rc;
}

long sys_statfs(const char *path, void *user)
{
	return give_statfs(inode_at(AT_FDCWD, path, 0), user, false);
}

long sys_fstatfs(int fd, void *user)
{
	return give_statfs(inode_of_file(fd), user, false);
}

long sys_statfs64(const char *path, size_t size, void *user)
{
	return size == sizeof(struct statfs64) ? give_statfs(inode_at(AT_FDCWD, path, 0), user, true)
					       : -EINVAL;
}

long sys_fstatfs64(int fd, size_t size, void *user)
{
	return size == sizeof(struct statfs64) ? give_statfs(inode_of_file(fd), user, true) : -EINVAL;
}
