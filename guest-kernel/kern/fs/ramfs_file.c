/* SPDX-License-Identifier: MIT */
/*
 * Contents of regular files in memory.
 *
 * A file has up to two layers. The image: bytes inside the initrd, used in place. Above it frames of our own,
 * which appear when a page is written, or mapped where the image's bytes do not fill an aligned frame. A page
 * that has neither reads as zeros. This is also the page cache: mappings share these frames.
 */
#include "kern/fs/ramfs_internal.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/kmalloc.h"
#include "kern/mm/page.h"
#include "kern/mm/user.h"

#define KEEP_FREE 128 /* writing leaves so many frames to programs */

static ulong owned;

ulong ramfs_frame_count(void)
{
	return owned;
}

static bool make_room(struct ram_file *rf, ulong index)
{
	ulong room = rf->room ? rf->room : 4;
	u32 *bigger;

	if (index < rf->room)
		return true;
	while (room <= index)
		room *= 2;
	bigger = kzalloc(room * sizeof(*bigger));
	if (!bigger)
		return false;
	memcpy(bigger, rf->frames, rf->room * sizeof(*bigger));
	kfree(rf->frames);
	rf->frames = bigger;
	rf->room = room;
	return true;
}

/* What the image has of page index: the start, and in *n how many bytes. */
static const u8 *image_part(const struct ram_file *rf, ulong index, size_t *n)
{
	ulong at = index << PAGE_SHIFT;

	*n = at < rf->image_size ? MIN(rf->image_size - at, PAGE_SIZE) : 0;
	return rf->image + at;
}

static pfn_t own_frame(struct ram_file *rf, ulong index)
{
	const u8 *from;
	size_t n;
	pfn_t pfn;

	if (index < rf->room && rf->frames[index])
		return rf->frames[index];
	if (!make_room(rf, index))
		return 0;
	pfn = page_alloc(0);
	if (!pfn)
		return 0;
	from = image_part(rf, index, &n);
	memcpy(pfn_to_virt(pfn), from, n);
	memset((char *)pfn_to_virt(pfn) + n, 0, PAGE_SIZE - n);
	rf->frames[index] = pfn;
	owned++;
	return pfn;
}

ulong ramfs_page(struct inode *inode, ulong index, bool for_write)
{
	struct ram_file *rf = inode->private;
	bool own = index < rf->room && rf->frames[index];
	const u8 *from;
	size_t n;
	pfn_t pfn;

	from = image_part(rf, index, &n);
	if (!own && !for_write && n == PAGE_SIZE && !((ulong)from & ~PAGE_MASK))
		pfn = virt_to_pfn(from);
	else
		pfn = own_frame(rf, index);
	if (pfn)
		page_get(pfn);
	return pfn;
}

/* Where the bytes of a page are; NULL: they are zeros. *n: how many bytes from `offset` on lie there. */
static const u8 *bytes_at(const struct ram_file *rf, u64 pos, size_t *n)
{
	ulong index = pos >> PAGE_SHIFT, offset = pos & ~PAGE_MASK;
	const u8 *from;
	size_t part;

	*n = MIN(*n, PAGE_SIZE - offset);
	if (index < rf->room && rf->frames[index])
		return (u8 *)pfn_to_virt(rf->frames[index]) + offset;
	from = image_part(rf, index, &part);
	if (offset >= part)
		return NULL;
	*n = MIN(*n, part - offset);
	return from + offset;
}

long ramfs_peek(struct inode *inode, u64 pos, void *buf, size_t size)
{
	size_t done = 0, n;

	if (pos >= inode->size)
		return 0;
	size = MIN((u64)size, inode->size - pos);
	for (; done < size; done += n) {
		const u8 *from;

		n = size - done;
		from = bytes_at(inode->private, pos + done, &n);
		if (from)
			memcpy((char *)buf + done, from, n);
		else
			memset((char *)buf + done, 0, n);
	}
	return done;
}

static long ramfs_read(struct file *file, void *buf, size_t size, u64 *pos)
{
	struct inode *inode = file->inode;
	size_t done = 0, n;

	if (*pos >= inode->size)
		return 0;
	size = MIN((u64)size, inode->size - *pos);
	for (; done < size; done += n) {
		const u8 *from;

		n = size - done;
		from = bytes_at(inode->private, *pos + done, &n);
		if (from ? copy_to_user((char *)buf + done, from, n) : clear_user((char *)buf + done, n))
			return -EFAULT;
	}
	*pos += done;
	return done;
}

static long ramfs_write(struct file *file, const void *buf, size_t size, u64 *pos)
{
	struct inode *inode = file->inode;
	struct ram_file *rf = inode->private;
	size_t done = 0;
	long rc = 0;

	if (*pos + size > RAM_FILE_MAX)
		return -EFBIG;
	while (done < size) {
		ulong offset = (*pos + done) & ~PAGE_MASK;
		size_t n = MIN(size - done, PAGE_SIZE - offset);
		ulong index = (*pos + done) >> PAGE_SHIFT;
		bool full = page_free_count() < KEEP_FREE && !(index < rf->room && rf->frames[index]);
		pfn_t pfn = full ? 0 : own_frame(rf, index);

		rc = pfn ? copy_from_user((char *)pfn_to_virt(pfn) + offset, (char *)buf + done, n) : -ENOSPC;
		if (rc)
			break;
		done += n;
	}
	if (!done)
		return rc;
	*pos += done;
	inode->size = MAX(inode->size, *pos);
	inode_touch(inode);
	return done;
}

int ramfs_truncate(struct inode *inode, u64 size)
{
	struct ram_file *rf = inode->private;
	ulong i, tail = size & ~PAGE_MASK;

	if (size > RAM_FILE_MAX)
		return -EFBIG;
	for (i = (size + PAGE_SIZE - 1) >> PAGE_SHIFT; i < rf->room; i++) {
		if (rf->frames[i]) {
			page_put(rf->frames[i]);
			rf->frames[i] = 0;
			owned--;
		}
	}
	i = size >> PAGE_SHIFT;
	if (tail && size < inode->size && i < rf->room && rf->frames[i])
		memset((char *)pfn_to_virt(rf->frames[i]) + tail, 0, PAGE_SIZE - tail);
	rf->image_size = MIN((u64)rf->image_size, size);
	inode->size = size;
	inode_touch(inode);
	return 0;
}

void ramfs_set_image(struct inode *inode, const void *image, size_t size)
{
	struct ram_file *rf = inode->private;

	rf->image = image;
	rf->image_size = size;
	inode->size = size;
}

const struct file_ops ramfs_file_ops = {
    .read = ramfs_read,
    .write = ramfs_write,
    .seekable = true,
};
