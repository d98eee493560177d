/* SPDX-License-Identifier: MIT */
/*
 * Contents of regular files in memory.
 *
 * A file has up to two layers. The image: bytes inside the initrd, used in place. Above it the file's own frames,
 * which appear when a page is written, or mapped where the image's bytes do not fill an aligned frame. A page
 * with neither reads as zeros. This is also the page cache: mappings share these frames.
 *
 * The file's own frames hang in a tree, as high as the last page needs: a node is a frame with the numbers of
 * NODE_SLOTS others. So a hole of any length costs nothing.
 */
#include "kern/fs/ramfs_internal.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/kmalloc.h"
#include "kern/mm/page.h"
#include "kern/mm/user.h"

#define NODE_BITS  (PAGE_SHIFT - 2)
#define NODE_SLOTS (1UL << NODE_BITS)
#define KEEP_FREE  128 /* writing leaves this many frames to programs */

static ulong owned;

ulong ramfs_frame_count(void)
{
	return owned;
}

/* Where the frame number of page index stands; NULL: the path to it does not exist, or there is no memory for it. */
static u32 *slot(struct ram_file *rf, ulong index, bool make)
{
	u32 *at = &rf->top, level, node;

	for (; index >> (rf->height * NODE_BITS); rf->height++) {
		node = make ? page_alloc_zeroed() : 0;
		if (!node)
			return NULL;
		*(u32 *)pfn_to_virt(node) = rf->top;
		rf->top = node;
	}
	for (level = rf->height; level--; at += index >> (level * NODE_BITS) & (NODE_SLOTS - 1)) {
		if (!*at && make)
			*at = page_alloc_zeroed();
		if (!*at)
			return NULL;
		at = pfn_to_virt(*at);
	}
	return at;
}

/* The file's own frame for page index, or 0. */
static pfn_t frame_at(const struct ram_file *rf, ulong index)
{
	const u32 *at = slot((struct ram_file *)rf, index, false);

	return at ? *at : 0;
}

/* Gives back the frames of pages from `first` on below *at, which stands `level` nodes above them; how many. */
static ulong cut(u32 *at, u32 level, ulong first)
{
	ulong count = !level && !first, i, span;

	if (!*at || (!level && first))
		return 0;
	if (level) {
		span = 1UL << ((level - 1) * NODE_BITS);
		for (i = first / span; i < NODE_SLOTS; i++)
			count +=
			    cut((u32 *)pfn_to_virt(*at) + i, level - 1, i == first / span ? first % span : 0);
	}
	if (!first) {
		page_put(*at);
		*at = 0;
	}
	return count;
}

static ulong pages_in(u64 size)
{
	return (size + PAGE_SIZE - 1) >> PAGE_SHIFT;
}

/* Drops the file's own frames from page `first` on; how many. */
static ulong drop_frames(struct inode *inode, ulong first)
{
	struct ram_file *rf = inode->private;
	ulong n = cut(&rf->top, rf->height, first);

	if (!rf->top)
		rf->height = 0;
	owned -= n;
	inode->fs->used -= n;
	return n;
}

/* What the image has of page index: the start, and in *n how many bytes. */
static const u8 *image_part(const struct ram_file *rf, ulong index, size_t *n)
{
	ulong at = index << PAGE_SHIFT;

	*n = at < rf->image_size ? MIN(rf->image_size - at, PAGE_SIZE) : 0;
	return rf->image + at;
}

static pfn_t own_frame(struct inode *inode, ulong index)
{
	struct ram_file *rf = inode->private;
	pfn_t pfn = frame_at(rf, index);
	const u8 *from;
	size_t n;
	u32 *at;

	if (pfn)
		return pfn;
	if (inode->fs->limit && inode->fs->used >= inode->fs->limit)
		return 0;
	at = slot(rf, index, true);
	pfn = at ? page_alloc(0) : 0;
	if (!pfn)
		return 0;
	from = image_part(rf, index, &n);
	memcpy(pfn_to_virt(pfn), from, n);
	memset((char *)pfn_to_virt(pfn) + n, 0, PAGE_SIZE - n);
	*at = pfn;
	owned++;
	inode->fs->used++;
	inode->frames += !n; /* the image's pages are counted already */
	return pfn;
}

ulong ramfs_page(struct inode *inode, ulong index, bool for_write)
{
	struct ram_file *rf = inode->private;
	bool own = frame_at(rf, index);
	const u8 *from;
	size_t n;
	pfn_t pfn;

	from = image_part(rf, index, &n);
	if (!own && !for_write && n == PAGE_SIZE && !((ulong)from & ~PAGE_MASK))
		pfn = virt_to_pfn(from);
	else
		pfn = own_frame(inode, index);
	if (pfn)
		page_get(pfn);
	return pfn;
}

/* Where the bytes of a page are; NULL: they are zeros. *n: how many bytes from `offset` on lie there. */
static const u8 *bytes_at(const struct ram_file *rf, u64 pos, size_t *n)
{
	ulong index = pos >> PAGE_SHIFT, offset = pos & ~PAGE_MASK;
	pfn_t own = frame_at(rf, index);
	const u8 *from;
	size_t part;

	*n = MIN(*n, PAGE_SIZE - offset);
	if (own)
		return (u8 *)pfn_to_virt(own) + offset;
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
	for (; done < size; done += n, kernel_breathe()) {
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
	size_t done = 0;
	long rc = 0;

	if (*pos > RAM_FILE_MAX || size > RAM_FILE_MAX - *pos)
		return -EFBIG;
	while (done < size) {
		ulong offset = (*pos + done) & ~PAGE_MASK;
		size_t n = MIN(size - done, PAGE_SIZE - offset);
		ulong index = (*pos + done) >> PAGE_SHIFT;
		bool full = page_free_count() < KEEP_FREE && !frame_at(inode->private, index);
		pfn_t pfn = full ? 0 : own_frame(inode, index);

		rc = pfn ? copy_from_user((char *)pfn_to_virt(pfn) + offset, (char *)buf + done, n) : -ENOSPC;
		if (rc)
			break;
		done += n;
		kernel_breathe();
	}
	if (!done)
		return rc;
	*pos += done;
	inode->size = MAX(inode->size, *pos);
	inode_touch(inode);
	return done;
}

int ramfs_truncate_now(struct inode *inode, u64 size)
{
	struct ram_file *rf = inode->private;
	ulong tail = size & ~PAGE_MASK, first = pages_in(size), image = pages_in(rf->image_size);
	pfn_t last;

	if (size > RAM_FILE_MAX)
		return -EFBIG;
	inode->frames -= drop_frames(inode, MAX(first, image));
	if (first < image) {
		inode->frames -= image - first;
		drop_frames(inode, first);
	}
	last = tail && size < inode->size ? frame_at(rf, size >> PAGE_SHIFT) : 0;
	if (last)
		memset((char *)pfn_to_virt(last) + tail, 0, PAGE_SIZE - tail);
	rf->image_size = MIN((u64)rf->image_size, size);
	inode->size = size;
	inode_touch(inode);
	return 0;
}

/* The end of the file's last own page, or of its place if only a node is there. */
static u64 own_end(const struct ram_file *rf)
{
	ulong index = 0, i;
	u32 at = rf->top, level;

	for (level = rf->height; level && at; level--) {
		const u32 *slots = pfn_to_virt(at);

		for (i = NODE_SLOTS - 1; i && !slots[i]; i--)
			;
		index = index << NODE_BITS | i;
		at = slots[i];
	}
	return rf->top ? ((u64)index << (level * NODE_BITS) << PAGE_SHIFT) + PAGE_SIZE : 0;
}

bool ramfs_truncate_some(struct inode *inode, u64 size)
{
	u64 end = MIN(own_end(inode->private), inode->size);

	if (end <= size || end - size <= RAM_STEP)
		return false;
	ramfs_truncate_now(inode, end - RAM_STEP);
	return true;
}

int ramfs_truncate(struct inode *inode, u64 size)
{
	while (ramfs_truncate_some(inode, size))
		kernel_breathe();
	return ramfs_truncate_now(inode, size);
}

void ramfs_set_image(struct inode *inode, const void *image, size_t size)
{
	struct ram_file *rf = inode->private;

	rf->image = image;
	rf->image_size = size;
	inode->size = size;
	inode->frames = pages_in(size);
}

const struct file_ops ramfs_file_ops = {
    .read = ramfs_read,
    .write = ramfs_write,
    .seekable = true,
};
