/* SPDX-License-Identifier: MIT */
/* Contents of regular files: read and written in the buffer cache; for mappings, read beforehand. */
#include "kern/fs/ext2.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/user.h"

#define STEP  ((size_t)1 << 20) /* the most that is done before others have their turn */
#define AHEAD 32u               /* pages that are read before they are asked for */

/* The bytes from pos on that lie in one block: where, and *n how many at most. NULL: a hole, with all those bytes zeros. */
static u8 *bytes_at(struct inode *inode, u64 pos, size_t *n, struct buffer **held)
{
	struct ext2 *fs = ext2_of(inode);
	u32 offset = pos & (fs->block_size - 1), block;
	bool made;
	u8 *data;
	int rc = ext2_map(inode, pos >> fs->block_bits, false, &block, &made);

	*n = MIN(*n, (size_t)(fs->block_size - offset));
	if (rc)
		return ERR_PTR(rc);
	if (!block)
		return NULL;
	data = ext2_block(fs, block, held);
	return IS_ERR(data) ? data : data + offset;
}

/* Starts to read the blocks of n bytes, as far as they are in a row on the disk: most are. */
static void read_ahead(struct inode *inode, u64 pos, u64 n)
{
	struct ext2 *fs = ext2_of(inode);
	u64 index = pos >> fs->block_bits, last, page, end;
	u32 first, block, count = 0;
	bool made;

	n = MIN(n, (u64)AHEAD << PAGE_SHIFT);
	end = MIN(pos + n, inode->size);
	last = (end - 1) >> fs->block_bits;
	if (ext2_map(inode, index, false, &first, &made) || !first)
		return;
	while (index + ++count <= last)
		if (ext2_map(inode, index + count, false, &block, &made) || block != first + count)
			break;
	page = (u64)first << fs->block_bits >> PAGE_SHIFT;
	end = (((u64)first + count) << fs->block_bits) - 1;
	buffer_read_ahead(fs->device, page, (end >> PAGE_SHIFT) - page + 1);
}

static long read_some(struct inode *inode, void *buf, size_t size, u64 pos)
{
	struct buffer *held;
	size_t done = 0, n;
	u8 *data;
	int rc;

	for (; done < size; done += n, kernel_breathe()) {
		if (!(done & ((AHEAD << PAGE_SHIFT) - 1)))
			read_ahead(inode, pos + done, size - done + PAGE_SIZE);
		n = size - done;
		data = bytes_at(inode, pos + done, &n, &held);
		if (IS_ERR(data))
			return done ? (long)done : PTR_ERR(data);
		rc = data ? copy_to_user((char *)buf + done, data, n) : clear_user((char *)buf + done, n);
		if (data)
			buffer_put(held);
		if (rc)
			return done ? (long)done : rc;
	}
	return done;
}

static long ext2_read(struct file *file, void *buf, size_t size, u64 *pos)
{
	struct inode *inode = file->inode;
	size_t done = 0;
	long n;

	do {
		ext2_lock(ext2_of(inode));
		n = MIN(size - done, STEP);
		n = *pos < inode->size ? MIN((u64)n, inode->size - *pos) : 0;
		n = n ? read_some(inode, (char *)buf + done, n, *pos) : 0;
		if (n > 0) {
			done += n;
			*pos += n;
			ext2_accessed(inode);
		}
		ext2_unlock(ext2_of(inode));
	} while (n > 0 && done < size);
	return done ? (long)done : n;
}

/* Writes within one block. How many bytes, or -errno. */
static long write_block(struct inode *inode, const void *buf, size_t size, u64 pos)
{
	struct ext2 *fs = ext2_of(inode);
	u32 offset = pos & (fs->block_size - 1), block;
	size_t n = MIN(size, (size_t)(fs->block_size - offset));
	struct buffer *held;
	bool made;
	u8 *data;
	int rc = ext2_map(inode, pos >> fs->block_bits, true, &block, &made);

	if (rc)
		return rc;
	data = ext2_block(fs, block, &held);
	if (IS_ERR(data))
		return PTR_ERR(data);
	rc = copy_from_user(data + offset, buf, n);
	if (!rc)
		prepared_write(&ext2_node(inode)->prepared, pos, data + offset, n); /* mappings show it */
	buffer_dirty(held);
	buffer_put(held);
	return rc ? rc : (long)n;
}

static long write_some(struct inode *inode, const void *buf, size_t size, u64 pos)
{
	size_t done = 0;
	long n = 1;
	int rc;

	while (done < size && n > 0) {
		n = write_block(inode, (const char *)buf + done, size - done, pos + done);
		done += MAX(n, 0L);
		kernel_breathe();
	}
	if (done) {
		inode->size = MAX(inode->size, pos + done);
		inode_touch(inode);
	}
	rc = n < 0 ? ext2_cut(inode) : ext2_inode_store(inode); /* nothing is left behind the end */
	return done ? (long)done : n < 0 ? n : rc;
}

static long ext2_write(struct file *file, const void *buf, size_t size, u64 *pos)
{
	struct inode *inode = file->inode;
	struct ext2 *fs = ext2_of(inode);
	size_t done = 0, part;
	long n;

	do {
		n = ext2_begin(fs);
		if (n)
			break;
		if (file->flags & O_APPEND)
			*pos = inode->size;
		part = MIN(size - done, STEP);
		if (*pos >= ext2_size_max(fs))
			n = part ? -EFBIG : 0;
		else
			n = write_some(inode, (const char *)buf + done,
				       MIN((u64)part, ext2_size_max(fs) - *pos), *pos);
		if (n > 0) {
			done += n;
			*pos += n;
		}
		ext2_unlock(fs);
	} while (n > 0 && done < size);
	return done ? (long)done : n;
}

static int ext2_sync(struct file *file, bool data_only)
{
	struct ext2 *fs = ext2_of(file->inode);

	ext2_lock(fs);
	return ext2_end(fs, fs->fs.readonly ? 0 : ext2_commit(fs));
}

const struct file_ops ext2_file_ops = {
    .read = ext2_read,
    .write = ext2_write,
    .sync = ext2_sync,
    .seekable = true,
};

static long prepare_some(void *ctx, u64 pos, u64 n, struct prepared *to)
{
	struct inode *inode = ctx;
	struct buffer *held;
	size_t part = MIN(n, (u64)PAGE_SIZE);
	u8 *data;

	if (!(pos & ((AHEAD << PAGE_SHIFT) - 1)))
		read_ahead(inode, pos, n);
	data = bytes_at(inode, pos, &part, &held);
	if (IS_ERR(data))
		return PTR_ERR(data);
	if (data) {
		prepared_write(to, pos, data, part);
		buffer_put(held);
	}
	return part;
}

int ext2_prepare(struct inode *inode)
{
	struct ext2 *fs = ext2_of(inode);
	int rc;

	ext2_lock(fs);
	rc = prepared_fill(&ext2_node(inode)->prepared, inode, prepare_some, inode);
	ext2_accessed(inode);
	return ext2_end(fs, rc);
}

long ext2_peek(struct inode *inode, u64 pos, void *buf, size_t n)
{
	return prepared_peek(&ext2_node(inode)->prepared, inode, pos, buf, n);
}

ulong ext2_page(struct inode *inode, ulong index, bool for_write)
{
	return prepared_page(&ext2_node(inode)->prepared, index);
}
