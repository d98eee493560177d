/* SPDX-License-Identifier: MIT */
/* Reading, writing and positioning. */
#include "kern/fs/vfs.h"
#include "kern/lib/errno.h"
#include "kern/mm/user.h"
#include "kern/proc/process.h"
#include "kern/sys/syscalls.h"

#define IOV_MAX 1024

static long file_read(struct file *file, void *buf, size_t n, u64 *pos)
{
	if ((file->flags & O_ACCMODE) == O_WRONLY || (file->flags & O_PATH))
		return -EBADF;
	if ((file->inode->mode & S_IFMT) == S_IFDIR)
		return -EISDIR;
	return file->ops->read ? file->ops->read(file, buf, MIN(n, IO_MAX), pos) : -EINVAL;
}

static u64 size_now(struct file *file)
{
	if (file->ops->size)
		return file->ops->size(file);
	inode_refresh(file->inode);
	return file->inode->size;
}

static long file_write(struct file *file, const void *buf, size_t n, u64 *pos)
{
	long done, rc = 0;

	if ((file->flags & O_ACCMODE) == O_RDONLY || (file->flags & O_PATH))
		return -EBADF;
	if ((file->flags & O_APPEND) && file->ops->seekable)
		*pos = size_now(file);
	n = MIN(n, IO_MAX);
	if ((file->inode->mode & S_IFMT) == S_IFREG && limit_file_size(*pos, &n))
		return -EFBIG;
	if (!file->ops->write)
		return -EINVAL;
	done = file->ops->write(file, buf, n, pos);
	if (done > 0 && file->flags & O_DSYNC)
		rc = file_sync(file, (file->flags & O_SYNC) == O_DSYNC);
	return rc ? rc : done;
}

/* The file stays referenced while the operation may sleep: another thread could close it. */
long sys_read(int fd, void *buf, size_t n)
{
	struct file *file = fd_file(fd);
	long rc;

	if (!file)
		return -EBADF;
	file_get(file);
	rc = file_read(file, buf, n, &file->pos);
	file_put(file);
	return rc;
}

long sys_write(int fd, const void *buf, size_t n)
{
	struct file *file = fd_file(fd);
	long rc;

	if (!file)
		return -EBADF;
	file_get(file);
	rc = file_write(file, buf, n, &file->pos);
	file_put(file);
	return rc;
}

struct iovec {
	void *base;
	size_t len;
};

typedef long (*transfer_t)(struct file *file, void *buf, size_t n, u64 *pos);

static long write_part(struct file *file, void *buf, size_t n, u64 *pos)
{
	return file_write(file, buf, n, pos);
}

static long transfer_vector(struct file *file, const struct iovec *vector, int count, transfer_t transfer)
{
	struct iovec part;
	long done = 0, rc = 0;
	int i;

	for (i = 0; i < count; i++) {
		rc = get_user(part, &vector[i]);
		if (!rc && (long)part.len < 0)
			rc = -EINVAL;
		part.len = MIN(part.len, IO_MAX - (size_t)done);
		if (!rc && part.len)
			rc = transfer(file, part.base, part.len, &file->pos);
		if (rc < 0)
			break;
		done += rc;
		if ((size_t)rc < part.len)
			break;
	}
	return done ? done : rc;
}

/* The bytes of the whole vector, at most IO_MAX, to *total. */
static long vector_total(const struct iovec *vector, int count, size_t *total)
{
	struct iovec part;

	*total = 0;
	for (int i = 0; i < count; i++) {
		if (get_user(part, &vector[i]))
			return -EFAULT;
		*total += MIN(part.len, IO_MAX - *total);
	}
	return 0;
}

/* What others write must not come between the parts of a vector (POSIX, writev: as one write). */
static long write_vector(struct file *file, const struct iovec *vector, int count)
{
	const struct file_ops *ops = file->ops;
	size_t total;
	long rc;

	if (!ops->write_begin || (file->flags & O_ACCMODE) == O_RDONLY)
		return transfer_vector(file, vector, count, write_part);
	rc = vector_total(vector, count, &total);
	if (!rc)
		rc = ops->write_begin(file, total);
	if (rc)
		return rc;
	rc = transfer_vector(file, vector, count, write_part);
	if (ops->write_end)
		ops->write_end(file);
	return rc;
}

static long read_or_write_vector(int fd, const struct iovec *vector, int count, bool writing)
{
	struct file *file = fd_file(fd);
	long rc;

	if (!file)
		return -EBADF;
	if (count < 0 || count > IOV_MAX)
		return -EINVAL;
	file_get(file);
	if (file->ops->vector)
		rc = file->ops->vector(file, vector, count, writing);
	else
		rc = writing ? write_vector(file, vector, count)
			     : transfer_vector(file, vector, count, file_read);
	file_put(file);
	return rc;
}

long sys_readv(int fd, const void *vector, int count)
{
	return read_or_write_vector(fd, vector, count, false);
}

long sys_writev(int fd, const void *vector, int count)
{
	return read_or_write_vector(fd, vector, count, true);
}

static long read_at(int fd, void *buf, size_t n, u64 pos)
{
	struct file *file = fd_file(fd);
	long rc;

	if (!file)
		return -EBADF;
	if ((s64)pos < 0)
		return -EINVAL;
	file_get(file);
	rc = file->ops->seekable ? file_read(file, buf, n, &pos) : -ESPIPE;
	file_put(file);
	return rc;
}

static long write_at(int fd, const void *buf, size_t n, u64 pos)
{
	struct file *file = fd_file(fd);
	long rc;

	if (!file)
		return -EBADF;
	if ((s64)pos < 0)
		return -EINVAL;
	file_get(file);
	rc = file->ops->seekable ? file_write(file, buf, n, &pos) : -ESPIPE;
	file_put(file);
	return rc;
}

long sys_pread64(int fd, void *buf, size_t n, ulong pos)
{
	return read_at(fd, buf, n, pos);
}

long sys_pwrite64(int fd, const void *buf, size_t n, ulong pos)
{
	return write_at(fd, buf, n, pos);
}

/* In 32 bit a 64-bit argument takes two registers, low half first. */
long sys_pread64_pair(int fd, void *buf, size_t n, u32 low, u32 high)
{
	return read_at(fd, buf, n, (u64)high << 32 | low);
}

long sys_pwrite64_pair(int fd, const void *buf, size_t n, u32 low, u32 high)
{
	return write_at(fd, buf, n, (u64)high << 32 | low);
}

static s64 seek(int fd, s64 offset, int whence)
{
	struct file *file = fd_file(fd);
	bool dir;

	if (!file)
		return -EBADF;
	dir = (file->inode->mode & S_IFMT) == S_IFDIR;
	if (!file->ops->seekable && !dir)
		return -ESPIPE;
	if (whence == SEEK_CUR) {
		offset += file->pos;
	} else if (whence == SEEK_END) {
		file_get(file);
		offset += size_now(file);
		file_put(file);
	} else if (whence != SEEK_SET)
		return -EINVAL;
	if (offset < 0)
		return -EINVAL;
	return file->pos = offset;
}

long sys_lseek(int fd, long offset, int whence)
{
	s64 pos = seek(fd, offset, whence);

	return (long)pos == pos ? (long)pos : -EOVERFLOW;
}

long sys_llseek(int fd, u32 high, u32 low, s64 *result, int whence)
{
	s64 pos = seek(fd, (s64)((u64)high << 32 | low), whence);

	return pos < 0 ? (long)pos : put_user(pos, result);
}

static long truncate_inode(struct inode *inode, s64 size)
{
	size_t one = 1;

	if (size < 0)
		return -EINVAL;
	if ((inode->mode & S_IFMT) == S_IFDIR)
		return -EISDIR;
	if (inode->running)
		return -ETXTBSY;
	if (size > (s64)inode->size && limit_file_size(size - 1, &one))
		return -EFBIG;
	return inode->ops->truncate && (inode->mode & S_IFMT) == S_IFREG ? inode->ops->truncate(inode, size)
									 : -EINVAL;
}

static long truncate_file(int fd, s64 size)
{
	struct file *file = fd_file(fd);
	long rc;

	if (!file)
		return -EBADF;
	file_get(file);
	rc = (file->flags & O_ACCMODE) == O_RDONLY ? -EINVAL : truncate_inode(file->inode, size);
	file_put(file);
	return rc;
}

static long truncate_path(const char *path, s64 size)
{
	struct inode *inode;
	long rc = user_path_lookup(AT_FDCWD, path, WALK_FOLLOW, &inode);

	if (rc)
		return rc;
	rc = truncate_inode(inode, size);
	inode_put(inode);
	return rc;
}

long sys_ftruncate(int fd, long size)
{
	return truncate_file(fd, size);
}

long sys_truncate(const char *path, long size)
{
	return truncate_path(path, size);
}

long sys_ftruncate64(int fd, u32 low, u32 high)
{
	return truncate_file(fd, (s64)((u64)high << 32 | low));
}

long sys_truncate64(const char *path, u32 low, u32 high)
{
	return truncate_path(path, (s64)((u64)high << 32 | low));
}

long sys_ioctl(int fd, u32 command, ulong arg)
{
	struct file *file = fd_file(fd);
	long rc;

	if (!file)
		return -EBADF;
	if (!file->ops->ioctl)
		return -ENOTTY;
	file_get(file);
	rc = file->ops->ioctl(file, command, arg);
	file_put(file);
	return rc;
}
