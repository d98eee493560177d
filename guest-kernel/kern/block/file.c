/* SPDX-License-Identifier: MIT */
/* The files of block devices below /dev: bytes at any place, through the buffer cache; and what tools ask of a disk. */
#include "kern/block/cache_internal.h"
#include "kern/lib/errno.h"
#include "kern/mm/kmalloc.h"
#include "kern/mm/user.h"

/* Whole ones of Linux's <linux/fs.h>; the sizes in two of the numbers are those of a word. */
#define BLKROGET     0x125e
#define BLKRRPART    0x125f
#define BLKGETSIZE   0x1260
#define BLKFLSBUF    0x1261
#define BLKRAGET     0x1263
#define BLKSSZGET    0x1268
#define BLKBSZGET    (0x80001270 | (u32)sizeof(ulong) << 16)
#define BLKGETSIZE64 (0x80001272 | (u32)sizeof(ulong) << 16)
#define BLKDISCARD   0x1277
#define BLKPBSZGET   0x127b

#define AHEAD_MAX 64u /* pages */

struct block_file {
	struct block_device *device;
	u64 next, started; /* the page after the last one read; reading ahead has come up to this one */
	u32 window;        /* so many pages are read ahead: more, the longer pages are read in a row */
};

static struct block_device *device_of(const struct file *file)
{
	return ((struct block_file *)file->private)->device;
}

static u64 block_size(struct file *file)
{
	return device_of(file)->sectors << SECTOR_SHIFT;
}

static int block_open(struct inode *inode, struct file *file)
{
	struct block_file *f = kzalloc(sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->device = block_get(inode->rdev);
	file->private = f;
	if (f->device)
		return 0;
	kfree(f);
	return -ENXIO;
}

/* The same sectors may be read by another name next, the whole disk's or a partition's, which has buffers of its own. */
static void block_release(struct file *file)
{
	struct block_device *d = device_of(file);

	if ((file->flags & O_ACCMODE) != O_RDONLY)
		buffer_sync(d);
	buffer_forget(d);
	block_put(d);
	kfree(file->private);
}

/* Before page is read, the last one wanted being known: starts to read what will be wanted next, in large requests. */
static void read_ahead(struct block_file *f, u64 page, u64 last)
{
	u64 want, from;

	if (page != f->next && page + 1 != f->next) {
		f->window = 0;
		f->started = page;
	} else if (page == f->started || page == f->next) {
		f->window = MIN(f->window * 2 + 8, AHEAD_MAX);
	}
	f->next = page + 1;
	from = MAX(f->started, page);
	want = MIN(last + 1 + f->window, page + 1 + AHEAD_MAX);
	if (want <= from || (page < f->started && want - from < BLOCK_PIECES))
		return;
	buffer_read_ahead(f->device, from, want - from);
	f->started = want;
}

static long read_page(struct block_file *f, u64 pos, void *buf, u32 n, u64 last)
{
	struct buffer *b;
	long rc;

	read_ahead(f, pos >> PAGE_SHIFT, last);
	b = buffer_read(f->device, pos >> PAGE_SHIFT);
	if (IS_ERR(b))
		return PTR_ERR(b);
	rc = copy_to_user(buf, (char *)b->data + (pos & ~PAGE_MASK), n);
	buffer_put(b);
	return rc;
}

static long write_page(struct block_file *f, u64 pos, const void *buf, u32 n, u64 last)
{
	struct buffer *b = n == PAGE_SIZE ? buffer_fresh(f->device, pos >> PAGE_SHIFT)
					  : buffer_read(f->device, pos >> PAGE_SHIFT);
	long rc;

	if (IS_ERR(b))
		return PTR_ERR(b);
	rc = copy_from_user((char *)b->data + (pos & ~PAGE_MASK), buf, n);
	if (!rc || b->state & BUFFER_VALID) /* part of it may have been changed */
		buffer_dirty(b);
	buffer_put(b);
	return rc;
}

/* Page by page, up to the end of the device; how many bytes. */
static long transfer(struct file *file, void *buf, size_t n, u64 *pos, bool write)
{
	u64 size = block_size(file), end = *pos < size ? *pos + MIN((u64)n, size - *pos) : *pos;
	size_t done = 0;
	long rc = 0;

	while (*pos < end && !rc) {
		u32 part = MIN(end - *pos, PAGE_SIZE - (*pos & ~PAGE_MASK));
		char *at = (char *)buf + done;

		rc = write ? write_page(file->private, *pos, at, part, 0)
			   : read_page(file->private, *pos, at, part, (end - 1) >> PAGE_SHIFT);
		if (rc)
			break;
		*pos += part;
		done += part;
		kernel_breathe();
	}
	return done ? (long)done : rc;
}

static long block_read(struct file *file, void *buf, size_t n, u64 *pos)
{
	return transfer(file, buf, n, pos, false);
}

static long block_write(struct file *file, const void *buf, size_t n, u64 *pos)
{
	const struct block_device *d = device_of(file);

	if (d->readonly || block_disk(d)->readonly)
		return -EPERM;
	if (n && *pos >= block_size(file))
		return -ENOSPC;
	return transfer(file, (void *)buf, n, pos, true);
}

static int block_sync(struct file *file, bool data_only)
{
	return buffer_sync(device_of(file));
}

/* First byte and number of bytes. */
static long discard(struct file *file, const u64 *user)
{
	struct block_device *d = device_of(file);
	u64 range[2], size = block_size(file);
	long rc = copy_from_user(range, user, sizeof(range));

	if (rc)
		return rc;
	if ((file->flags & O_ACCMODE) == O_RDONLY)
		return -EBADF;
	if ((range[0] | range[1]) & (block_disk(d)->block_size - 1) || !range[1] || range[0] >= size ||
	    range[1] > size - range[0])
		return -EINVAL;
	rc = buffer_sync(d);
	buffer_forget(d);
	return rc ? rc : block_discard(d, range[0] >> SECTOR_SHIFT, range[1] >> SECTOR_SHIFT);
}

static long ask(struct file *file, unsigned command, void *user)
{
	struct block_device *d = device_of(file), *disk = block_disk(d);

	switch (command) {
	case BLKGETSIZE64:
		return put_user(block_size(file), (u64 *)user);
	case BLKGETSIZE:
		return put_user((ulong)d->sectors, (ulong *)user);
	case BLKSSZGET:
		return put_user((int)disk->block_size, (int *)user);
	case BLKPBSZGET:
		return put_user(disk->physical_size, (u32 *)user);
	case BLKBSZGET:
		return put_user((int)PAGE_SIZE, (int *)user);
	case BLKRAGET:
		return put_user((ulong)AHEAD_MAX * PAGE_SECTORS, (ulong *)user);
	case BLKROGET:
		return put_user((int)(d->readonly || disk->readonly), (int *)user);
	}
	return -ENOTTY;
}

static long block_ioctl(struct file *file, unsigned command, ulong arg)
{
	struct block_device *d = device_of(file);
	long rc;

	switch (command) {
	case BLKFLSBUF:
		rc = buffer_sync(d);
		buffer_forget(d);
		return rc;
	case BLKRRPART:
		return block_rescan(d);
	case BLKDISCARD:
		return discard(file, (const u64 *)arg);
	}
	return ask(file, command, (void *)arg);
}

const struct file_ops block_file_ops = {
    .open = block_open,
    .release = block_release,
    .read = block_read,
    .write = block_write,
    .ioctl = block_ioctl,
    .sync = block_sync,
    .size = block_size,
    .seekable = true,
};
