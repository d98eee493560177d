/* SPDX-License-Identifier: MIT */
/*
 * Raw images: a file, or a block device, whose byte n is the disk's byte n. See image.h.
 *
 * An image that its guest writes is that guest's alone, and the guest has a cache of its own. So its data goes past Dom0's
 * (O_DIRECT), by a second descriptor. Where that cannot be, it goes through the cache: there is no such descriptor (tmpfs), or
 * the disk below takes larger pieces than this one (EINVAL). Small writes do as well, since each would have to wait for the disk, and
 * from the cache many are written at a time. The kernel keeps both ways in step as long as nothing is written while
 * something else is under way, which execute.c sees to. Images that are only read may be many guests', and stay in the cache.
 */
#define _GNU_SOURCE /* fallocate, O_DIRECT */
#include "image.h"
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define BLOCK_DISCARD 0x1277 /* BLKDISCARD */
#define SMALL_WRITE   16384  /* bytes; below it a write goes through the cache */
#define PUNCH_HOLE    (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)

struct raw {
	struct image image;
	int fd;
	int direct; /* past the cache; -1: not here */
	bool device;
};

static struct raw *raw_of(struct image *image)
{
	return (struct raw *)image;
}

/* After EINVAL nothing is known of how far it came, and it is done again from the beginning. */
static int raw_read(struct image *image, uint64_t sector, void *to, size_t bytes)
{
	const struct raw *r = raw_of(image);
	int rc = r->direct < 0 ? -EINVAL : image_pread(r->direct, to, bytes, sector << SECTOR_SHIFT);

	return rc == -EINVAL ? image_pread(r->fd, to, bytes, sector << SECTOR_SHIFT) : rc;
}

static int raw_write(struct image *image, uint64_t sector, const void *from, size_t bytes)
{
	const struct raw *r = raw_of(image);
	bool cached = r->direct < 0 || bytes < SMALL_WRITE;
	int rc = cached ? -EINVAL : image_pwrite(r->direct, from, bytes, sector << SECTOR_SHIFT);

	return rc == -EINVAL ? image_pwrite(r->fd, from, bytes, sector << SECTOR_SHIFT) : rc;
}

/* Of the file, whichever descriptor its data went through. */
static int raw_flush(struct image *image)
{
	return fdatasync(raw_of(image)->fd) < 0 ? -errno : 0;
}

static int raw_discard(struct image *image, uint64_t sector, uint64_t sectors)
{
	uint64_t range[2] = {sector << SECTOR_SHIFT, sectors << SECTOR_SHIFT};
	struct raw *r = raw_of(image);
	int rc = r->device ? ioctl(r->fd, BLOCK_DISCARD, range)
			   : fallocate(r->fd, PUNCH_HOLE, (off_t)range[0], (off_t)range[1]);

	if (!rc)
		return 0;
	return errno == ENOSYS || errno == ENOTTY || errno == EINVAL ? -EOPNOTSUPP : -errno;
}

static int raw_look(struct image *image)
{
	int64_t bytes = image_file_size(raw_of(image)->fd);

	if (bytes < 0)
		return (int)bytes;
	image->sectors = (uint64_t)bytes >> SECTOR_SHIFT;
	return 0;
}

static void raw_close(struct image *image)
{
	struct raw *r = raw_of(image);

	if (r->direct >= 0)
		close(r->direct);
	close(r->fd);
	free(r);
}

static const struct image_ops ops = {
    .read = raw_read,
    .write = raw_write,
    .flush = raw_flush,
    .discard = raw_discard,
    .look = raw_look,
    .close = raw_close,
};

/* Does a discard do anything? A hole behind the end of a file changes nothing. Of a device Linux says it in a file, since any
 * range that one could try it with has data. */
static bool can_discard(const struct raw *r, const struct stat *st)
{
	char path[80], *text;
	size_t len;
	bool can;

	if (!r->device)
		return !fallocate(r->fd, PUNCH_HOLE, (off_t)((r->image.sectors + 8) << SECTOR_SHIFT), 4096);
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/queue/discard_max_bytes", major(st->st_rdev),
		 minor(st->st_rdev));
	text = file_read_quiet(path, 64, &len);
	can = text && strtoull(text, NULL, 10);
	free(text);
	return can;
}

/* The same file, whatever is at its path by now. It needs no lock: that of the other descriptor lasts until all threads of this
 * process are out of their system calls. */
static int open_direct(int fd)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDWR | O_DIRECT | O_CLOEXEC | O_NOCTTY);
}

static int raw_open(const char *path, bool readonly, const char *user, struct image **image, char *why,
		    size_t size)
{
	struct raw *r = calloc(1, sizeof(*r));
	struct stat st;
	int rc;

	if (!r) {
		snprintf(why, size, "%s: out of memory", path);
		return -ENOMEM;
	}
	*r = (struct raw){.image = {.ops = &ops, .readonly = readonly, .parallel = true}, .direct = -1};
	r->fd = image_file(path, readonly, user, why, size);
	if (r->fd < 0) {
		rc = r->fd;
		free(r);
		return rc;
	}
	if (!readonly)
		r->direct = open_direct(r->fd);
	r->device = !fstat(r->fd, &st) && S_ISBLK(st.st_mode);
	rc = raw_look(&r->image);
	r->image.discards = can_discard(r, &st);
	if (!rc) {
		*image = &r->image;
		return 0;
	}
	snprintf(why, size, "%s: cannot tell its size: %s", path, strerror(-rc));
	raw_close(&r->image);
	return rc;
}

const struct image_format raw_format = {.name = "raw", .open = raw_open};
