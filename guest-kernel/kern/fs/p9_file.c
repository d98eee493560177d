/* SPDX-License-Identifier: MIT */
/* Contents of files of a 9P file system: read and written at the server; for mappings, read beforehand. */
#include "kern/fs/p9.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/kmalloc.h"
#include "kern/mm/page.h"
#include "kern/mm/user.h"

#define KEEP_FREE 128 /* contents for mappings leave this many frames to programs */

static int p9_open(struct inode *inode, struct file *file)
{
	struct p9_node *n = p9_node(inode);

	if (n->opened) {
		file->private = n->opened;
		n->opened = NULL;
		return 0;
	}
	file->private = p9_open_fid(p9_of(inode), n->fid, file->flags & O_ACCMODE);
	return IS_ERR(file->private) ? PTR_ERR(file->private) : 0;
}

static void p9_close(struct file *file)
{
	p9_fid_drop(p9_of(file->inode), file->private);
}

/* Asks for up to n bytes; *data is where in the answer they are, to be given back by p9_end(). Fewer: the end. */
static long ask_data(struct p9 *p9, const struct p9_fid *fid, u64 pos, size_t n, struct p9_call **c,
		     const u8 **data)
{
	u32 wanted = MIN(n, (size_t)P9_DATA(p9)), got;

	*c = p9_ask(p9, P9_READ, "dqd", fid->number, pos, wanted);
	if (IS_ERR(*c))
		return PTR_ERR(*c);
	if (!p9_get(&(*c)->in, "d", &got) || got > wanted || got > (*c)->in.size - (*c)->in.at) {
		p9_end(*c);
		return -EIO;
	}
	*data = (*c)->in.bytes + (*c)->in.at;
	return got;
}

static long p9_read(struct file *file, void *buf, size_t n, u64 *pos)
{
	struct p9 *p9 = p9_of(file->inode);
	struct p9_call *c;
	const u8 *data;
	size_t done = 0;
	long got = 1;

	while (done < n && got > 0) {
		got = ask_data(p9, file->private, *pos + done, n - done, &c, &data);
		if (got < 0)
			break;
		if (copy_to_user((char *)buf + done, data, got))
			got = -EFAULT;
		else
			done += got;
		p9_end(c);
	}
	*pos += done;
	return done ? (long)done : got;
}

/* Copies n bytes, which stand at pos of the file, into those frames that there are. */
static void fill_pages(const u32 *frames, ulong count, u64 pos, const u8 *data, size_t n)
{
	for (size_t done = 0, part; done < n; done += part) {
		u64 index = (pos + done) >> PAGE_SHIFT, offset = (pos + done) & ~PAGE_MASK;

		part = MIN(n - done, (size_t)(PAGE_SIZE - offset));
		if (index < count)
			memcpy((char *)pfn_to_virt(frames[index]) + offset, data + done, part);
	}
}

/* Writes what one message holds. How much it was, or -errno. */
static long write_some(struct file *file, const void *buf, size_t n, u64 pos)
{
	struct p9 *p9 = p9_of(file->inode);
	struct p9_call *c = p9_new(p9, P9_WRITE);
	const struct p9_node *node = p9_node(file->inode);
	u32 len = MIN(n, (size_t)P9_DATA(p9)), got;
	u8 *data;
	int rc;

	if (IS_ERR(c))
		return PTR_ERR(c);
	p9_put(&c->out, "dqd", ((struct p9_fid *)file->private)->number, pos, len);
	data = c->out.bytes + c->out.at;
	if (copy_from_user(data, buf, len)) {
		p9_end(c);
		return -EFAULT;
	}
	c->out.at += len;
	rc = p9_run(c);
	if (rc)
		return rc;
	if (!p9_get(&c->in, "d", &got) || got > len)
		rc = -EIO;
	else
		fill_pages(node->frames, node->frame_count, pos, data,
			   got); /* mappings show what was written */
	p9_end(c);
	return rc ? rc : (long)got;
}

static long p9_write(struct file *file, const void *buf, size_t n, u64 *pos)
{
	struct inode *inode = file->inode;
	size_t done = 0;
	long got = 1;

	while (done < n && got > 0) {
		got = write_some(file, (const char *)buf + done, n - done, *pos + done);
		done += MAX(got, 0L);
	}
	*pos += done;
	inode->size = MAX(inode->size, *pos);
	return done ? (long)done : got;
}

const struct file_ops p9_file_ops = {
    .open = p9_open,
    .release = p9_close,
    .read = p9_read,
    .write = p9_write,
    .seekable = true,
};

static void put_pages(u32 *frames, ulong first, ulong end)
{
	for (ulong i = first; i < end; i++)
		if (frames[i])
			page_put(frames[i]);
}

void p9_forget_pages(struct inode *inode, ulong first)
{
	struct p9_node *n = p9_node(inode);

	if (first < n->frame_count) {
		put_pages(n->frames, first, n->frame_count);
		n->frame_count = first;
	}
	if (first)
		return;
	kfree(n->frames);
	n->frames = NULL;
}

/* Reads the file into new frames. Where the server ends it earlier, zeros remain. */
static int read_pages(struct p9 *p9, const struct p9_fid *fid, u32 *frames, ulong count)
{
	u64 pos = 0, size = (u64)count << PAGE_SHIFT;
	struct p9_call *c;
	const u8 *data;
	long got = 1;

	for (ulong i = 0; i < count; i++, kernel_breathe()) {
		frames[i] = page_free_count() > KEEP_FREE ? page_alloc_zeroed() : 0;
		if (!frames[i])
			return -ENOMEM;
	}
	for (; pos < size && got > 0; pos += got) {
		got = ask_data(p9, fid, pos, MIN(size - pos, (u64)P9_MESSAGE), &c, &data);
		if (got < 0)
			return got;
		fill_pages(frames, count, pos, data, got);
		p9_end(c);
	}
	return 0;
}

/* Others may do the same meanwhile: the last one's frames stay, and those that are mapped have references of their own. */
int p9_prepare(struct inode *inode)
{
	struct p9_node *n = p9_node(inode);
	struct p9_fid *fid;
	s64 mtime;
	u64 size;
	ulong count;
	u32 *frames;
	int rc;

	inode->ops->refresh(inode);
	mtime = inode->mtime;
	size = inode->size;
	if (n->frames && n->filled_mtime == mtime && n->filled_size == size)
		return 0;
	count = (size + PAGE_SIZE - 1) >> PAGE_SHIFT;
	if (size >> PAGE_SHIFT > page_free_count())
		return -ENOMEM;
	fid = p9_open_fid(p9_of(inode), n->fid, O_RDONLY);
	if (IS_ERR(fid))
		return PTR_ERR(fid);
	frames = kzalloc((count + 1) * sizeof(*frames));
	rc = frames ? read_pages(p9_of(inode), fid, frames, count) : -ENOMEM;
	p9_fid_drop(p9_of(inode), fid);
	if (rc) {
		if (frames)
			put_pages(frames, 0, count);
		kfree(frames);
		return rc;
	}
	p9_forget_pages(inode, 0);
	n->frames = frames;
	n->frame_count = count;
	n->filled_mtime = mtime;
	n->filled_size = size;
	return 0;
}

long p9_peek(struct inode *inode, u64 pos, void *buf, size_t size)
{
	const struct p9_node *n = p9_node(inode);
	u64 end = MIN(inode->size, (u64)n->frame_count << PAGE_SHIFT);
	size_t done = 0, part;

	size = pos < end ? MIN((u64)size, end - pos) : 0;
	for (; done < size; done += part) {
		ulong offset = (pos + done) & ~PAGE_MASK;

		part = MIN(size - done, PAGE_SIZE - offset);
		memcpy((char *)buf + done,
		       (char *)pfn_to_virt(n->frames[(pos + done) >> PAGE_SHIFT]) + offset, part);
	}
	return done;
}

ulong p9_page(struct inode *inode, ulong index, bool for_write)
{
	const struct p9_node *n = p9_node(inode);

	if (index >= n->frame_count)
		return 0;
	page_get(n->frames[index]);
	return n->frames[index];
}
