/* SPDX-License-Identifier: MIT */
/*
 * Opening images: the format's name, and the lock on each file.
 *
 * The lock is one of the open file (F_OFD_SETLK), which both Dom0s have: it ends when the last descriptor is closed
 * and the last system call on it is done. So a worker that takes over from a killed one, and has the lock, knows that nothing
 * of the old one will be written any more. Such a lock does not tell who has it. So the holder leaves its name in a file of
 * <run>/blkd; only what stands there while the lock is held means something. A block device that is written is opened
 * with O_EXCL as well: Linux then refuses it while it is mounted or part of something else.
 */
#include "image.h"
#include "err.h"
#include "files.h"
#include "record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef F_OFD_SETLK
#define F_OFD_SETLK 37
#endif
#define BLOCK_GET_SIZE \
	0x80081272u /* BLKGETSIZE64 as Linux defines it for 64 bit; its size field is that of size_t */
#define BLOCK_GET_SIZE_32 0x80041272u

static const struct image_format *const formats[] = {&raw_format, &qcow2_format};

/* ---- An empty drive: no sectors, so that every request is past its end ---- */

static int nothing(struct image *image)
{
	return 0;
}

static void close_nothing(struct image *image)
{
}

static const struct image_ops empty_ops = {.flush = nothing, .close = close_nothing};
static struct image empty = {.ops = &empty_ops, .readonly = true};

int image_open(const char *path, const char *format, bool readonly, const char *user, struct image **image,
	       char *why, size_t size)
{
	if (!*path) {
		*image = &empty;
		return 0;
	}
	for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++)
		if (!strcmp(formats[i]->name, format))
			return formats[i]->open(path, readonly, user, image, why, size);
	snprintf(why, size, "%s: the format \"%s\" is not known; known are raw and qcow2", path, format);
	return -EINVAL;
}

static void holder_path(const struct stat *st, char *out, size_t size)
{
	bool device = S_ISBLK(st->st_mode);

	snprintf(out, size, "%s/blkd/%s%llx-%llx", run_dir, device ? "b" : "",
		 (unsigned long long)(device ? st->st_rdev : st->st_dev),
		 (unsigned long long)(device ? 0 : st->st_ino));
}

static char holder[128];

const char *image_holder(void)
{
	return holder;
}

static int locked_by(const struct stat *st, const char *path, char *why, size_t size)
{
	char note[256], *name;
	size_t length;

	holder_path(st, note, sizeof(note));
	name = file_read_quiet(note, 256, &length);
	snprintf(holder, sizeof(holder), "%s", name ? name : "");
	snprintf(why, size, "%s: %s uses it; a file is for one that writes, or for several that only read",
		 path, name ? name : "another program");
	free(name);
	return -EBUSY;
}

static int lock_file(int fd, const struct stat *st, const char *path, bool readonly, const char *user,
		     char *why, size_t size)
{
	struct flock lock = {.l_type = readonly ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET};
	char note[256];
	int rc;

	if (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
		rc = errno;
		if (rc == EAGAIN || rc == EACCES)
			return locked_by(st, path, why, size);
		snprintf(why, size, "%s: cannot lock it: %s", path, strerror(rc));
		return -rc;
	}
	holder_path(st, note, sizeof(note));
	rc = file_write(note, user);
	if (rc)
		warn("%s: cannot write it, so nobody will know who has %s: %s", note, path, strerror(-rc));
	return 0;
}

static int open_file(const char *path, bool readonly, struct stat *st)
{
	int flags = (readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, fd;

	/* O_NONBLOCK: a FIFO must not hold us. O_EXCL means something for block devices only, and there are other kinds. */
	if (!stat(path, st) && S_ISBLK(st->st_mode) && !readonly)
		flags |= O_EXCL;
	fd = open(path, flags);
	if (fd < 0)
		return -errno;
	if (fstat(fd, st) < 0 || (!S_ISREG(st->st_mode) && !S_ISBLK(st->st_mode))) {
		close(fd);
		return -EINVAL;
	}
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	return fd;
}

int image_file(const char *path, bool readonly, const char *user, char *why, size_t size)
{
	struct stat st = {0};
	int fd = open_file(path, readonly, &st), rc;

	if (fd == -EBUSY) /* a block device that is mounted, or ours */
		return locked_by(&st, path, why, size);
	if (fd == -EINVAL || fd == -EISDIR)
		snprintf(why, size, "%s: neither a file nor a block device", path);
	else if (fd == -EROFS || fd == -EACCES || fd == -EPERM)
		snprintf(why, size,
			 "%s: cannot be written here (%s); make it read-only for the guest: access=ro", path,
			 strerror(-fd));
	else if (fd < 0)
		snprintf(why, size, "%s: cannot open: %s", path, strerror(-fd));
	if (fd < 0)
		return fd;
	rc = lock_file(fd, &st, path, readonly, user, why, size);
	if (!rc)
		return fd;
	close(fd);
	return rc;
}

int64_t image_file_size(int fd)
{
	unsigned request = sizeof(size_t) == 8 ? BLOCK_GET_SIZE : BLOCK_GET_SIZE_32;
	uint64_t bytes;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISBLK(st.st_mode))
		return st.st_size;
	return ioctl(fd, (int)request, &bytes) < 0 ? -errno : (int64_t)bytes;
}

int image_pread(int fd, void *to, size_t bytes, uint64_t offset)
{
	while (bytes) {
		ssize_t got = pread(fd, to, bytes, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -EIO;
		to = (char *)to + got;
		bytes -= got;
		offset += got;
	}
	return 0;
}

int image_pwrite(int fd, const void *from, size_t bytes, uint64_t offset)
{
	while (bytes) {
		ssize_t done = pwrite(fd, from, bytes, (off_t)offset);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done < 0 ? -errno : -ENOSPC;
		from = (const char *)from + done;
		bytes -= done;
		offset += done;
	}
	return 0;
}
