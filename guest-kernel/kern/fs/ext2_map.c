/* SPDX-License-Identifier: MIT */
/*
 * Where the contents of a file are: an inode names its first 12 blocks, then a block with the numbers of the next
 * ones, one with the numbers of such blocks, and one a level higher. A number 0 is a hole, which reads as zeros.
 */
#include "kern/fs/ext2.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"

static u32 pointer_bits(const struct ext2 *fs)
{
	return fs->block_bits - 2;
}

/* Blocks of contents below a pointer that stands `level` levels above them. */
static u64 span(const struct ext2 *fs, u32 level)
{
	return 1ULL << (level * pointer_bits(fs));
}

u64 ext2_size_max(const struct ext2 *fs)
{
	return (EXT2_DIRECT + span(fs, 1) + span(fs, 2) + span(fs, 3)) << fs->block_bits;
}

/* Pointer of the inode below which part `index` is; *level, and *index within it. */
static u32 pointer_for(const struct ext2 *fs, u64 *index, u32 *level)
{
	*level = 0;
	if (*index < EXT2_DIRECT)
		return *index;
	*index -= EXT2_DIRECT;
	for (*level = 1; *index >= span(fs, *level); ++*level)
		*index -= span(fs, *level);
	return EXT2_DIRECT + *level - 1;
}

static u32 sectors_of(const struct ext2 *fs)
{
	return fs->block_size >> SECTOR_SHIFT;
}

/* Rule 2 of ext2.h: what leads to others is on the disk first. */
static int new_block(struct inode *inode, u32 goal, bool pointers, u32 *block)
{
	struct ext2 *fs = ext2_of(inode);
	bool names = !pointers && ext2_is_dir(inode);
	struct buffer *held;
	u8 *data;
	int rc;

	if (ext2_node(inode)->sectors > UINT32_MAX - sectors_of(fs))
		return -EFBIG;
	rc = ext2_block_new(fs, goal, block);
	if (rc)
		return rc;
	data = ext2_block_zeroed(fs, *block, &held);
	if (!IS_ERR(data)) {
		if (names)
			((struct ext2_entry *)data)->rec_len = fs->block_size;
		buffer_put(held);
		rc = pointers || (names && inode->size) ? ext2_commit(fs) : 0;
	} else {
		rc = PTR_ERR(data);
	}
	if (rc)
		ext2_block_part(fs, *block);
	else
		ext2_node(inode)->sectors += sectors_of(fs);
	return rc;
}

/* Near the block before it; the first one near the inode. */
static u32 goal_for(const struct inode *inode, const u32 *slot, bool first)
{
	const struct ext2 *fs = ext2_of(inode);
	u32 group = ((u32)inode->ino - 1) / fs->inodes_per_group;

	return first || !slot[-1] ? fs->first_block + group * fs->blocks_per_group : slot[-1] + 1;
}

int ext2_map(struct inode *inode, u64 index, bool make, u32 *block, bool *made)
{
	struct ext2 *fs = ext2_of(inode);
	struct buffer *held = NULL, *above;
	u32 level, at, *slot, goal;
	int rc = 0;

	*block = 0;
	*made = false;
	if (index >= ext2_size_max(fs) >> fs->block_bits)
		return -EFBIG;
	at = pointer_for(fs, &index, &level);
	slot = &ext2_node(inode)->block[at];
	goal = goal_for(inode, slot, !at);
	for (;; level--) {
		if (!*slot && make) {
			u32 new;

			rc = new_block(inode, goal, level, &new);
			if (rc)
				break;
			*slot = new;
			*made = !level;
			if (held)
				buffer_dirty(held);
		}
		*block = *slot;
		if (!*block)
			break;
		if (!ext2_block_ok(fs, *block)) {
			rc = ext2_wrong(fs, inode->ino, *block, "the file has a block that no file may have");
			break;
		}
		if (!level)
			break;
		above = held;
		slot = (u32 *)ext2_block(fs, *block, &held);
		if (above)
			buffer_put(above);
		if (IS_ERR(slot))
			return PTR_ERR(slot);
		at = index >> ((level - 1) * pointer_bits(fs)) & ((1U << pointer_bits(fs)) - 1);
		goal = at && slot[at - 1] ? slot[at - 1] + 1 : *block + 1;
		slot += at;
	}
	if (held)
		buffer_put(held);
	return rc;
}

/* A truncation: how many blocks it may still free. A file that has more than the file system is a circle of pointers. */
struct cut {
	struct inode *inode;
	u32 left;
};

/* Frees what is below the number, which nothing on the disk contains any more, and the block itself. */
static int free_tree(struct cut *c, u32 block, u32 level)
{
	struct ext2 *fs = ext2_of(c->inode);
	int rc = 0, now;

	if (!block)
		return 0;
	if (!ext2_block_ok(fs, block))
		return ext2_wrong(fs, c->inode->ino, block, "the file had a block that no file may have");
	if (!c->left)
		return ext2_wrong(fs, c->inode->ino, block, "the file has more blocks than there are");
	c->left--;
	for (u32 i = 0; level && i < 1U << pointer_bits(fs) && c->left; i++) {
		struct buffer *held; /* not kept: the levels below may need all the memory there is */
		const u32 *numbers = (u32 *)ext2_block(fs, block, &held);
		u32 below;

		if (IS_ERR(numbers))
			return PTR_ERR(numbers);
		below = numbers[i];
		buffer_put(held);
		now = below ? free_tree(c, below, level - 1) : 0;
		rc = rc ? rc : now;
		kernel_breathe();
	}
	ext2_node(c->inode)->sectors -= MIN(sectors_of(fs), ext2_node(c->inode)->sectors);
	now = ext2_block_part(fs, block);
	return rc ? rc : now;
}

/* Frees what is from part `first` on below a block of numbers that stays, as some is before it. */
static int cut_tree(struct cut *c, u32 block, u32 level, u64 first)
{
	struct ext2 *fs = ext2_of(c->inode);
	u64 each = span(fs, level - 1);
	int rc = 0, now;

	if (!block)
		return 0;
	if (!ext2_block_ok(fs, block))
		return ext2_wrong(fs, c->inode->ino, block, "the file has a block that no file may have");
	for (u32 i = first >> ((level - 1) * pointer_bits(fs)); i < 1U << pointer_bits(fs); i++) {
		u64 rest = i * each < first ? first - i * each : 0;
		struct buffer *held;
		u32 *numbers = (u32 *)ext2_block(fs, block, &held), below;

		if (IS_ERR(numbers))
			return PTR_ERR(numbers);
		below = numbers[i];
		if (below && !rest) {
			numbers[i] = 0;
			buffer_dirty(held);
		}
		buffer_put(held);
		now = !below ? 0
		      : rest ? cut_tree(c, below, level - 1, rest)
			     : free_tree(c, below, level - 1);
		rc = rc ? rc : now;
		kernel_breathe();
	}
	return rc;
}

int ext2_cut(struct inode *inode)
{
	struct ext2 *fs = ext2_of(inode);
	struct ext2_node *n = ext2_node(inode);
	struct cut c = {inode, fs->blocks};
	u64 first = (inode->size + fs->block_size - 1) >> fs->block_bits, start = 0;
	u32 gone[EXT2_POINTERS] = {0}, i, level;
	u64 rest[EXT2_POINTERS] = {0};
	int rc, now;

	for (i = 0; i < EXT2_POINTERS; i++) {
		level = i < EXT2_DIRECT ? 0 : i - EXT2_DIRECT + 1;
		if (first <= start) {
			gone[i] = n->block[i];
			n->block[i] = 0;
		} else if (first - start < span(fs, level)) {
			rest[i] = first - start;
		}
		start += span(fs, level);
	}
	rc = ext2_inode_store(inode); /* before anything is freed */
	for (i = 0; i < EXT2_POINTERS && !rc; i++) {
		level = i < EXT2_DIRECT ? 0 : i - EXT2_DIRECT + 1;
		now = rest[i] ? cut_tree(&c, n->block[i], level, rest[i]) : free_tree(&c, gone[i], level);
		rc = rc ? rc : now;
	}
	now = ext2_inode_store(inode);
	return rc ? rc : now;
}

/* Zeros behind the new end, in its block: a later end may be behind them. */
static int zero_tail(struct inode *inode, u64 size)
{
	struct ext2 *fs = ext2_of(inode);
	u32 tail = size & (fs->block_size - 1), block;
	struct buffer *held;
	bool made;
	u8 *data;
	int rc = tail ? ext2_map(inode, size >> fs->block_bits, false, &block, &made) : 0;

	if (rc || !tail || !block)
		return rc;
	data = ext2_block(fs, block, &held);
	if (IS_ERR(data))
		return PTR_ERR(data);
	memset(data + tail, 0, fs->block_size - tail);
	buffer_dirty(held);
	buffer_put(held);
	return 0;
}

int ext2_truncate(struct inode *inode, u64 size)
{
	struct ext2 *fs = ext2_of(inode);
	u64 old = inode->size;
	int rc = ext2_begin(fs);

	if (rc)
		return rc;
	if (size > ext2_size_max(fs))
		return ext2_end(fs, -EFBIG);
	rc = size < old ? zero_tail(inode, size) : 0;
	if (rc)
		return ext2_end(fs, rc);
	inode->size = size;
	inode_touch(inode);
	prepared_forget(&ext2_node(inode)->prepared, size >> PAGE_SHIFT);
	return ext2_end(fs, size < old ? ext2_cut(inode) : ext2_inode_store(inode));
}
