/* SPDX-License-Identifier: MIT */
/*
 * The bitmaps. A bit that is set belongs to somebody; the counts of free ones in the groups and in the superblock are only hints where
 * to look, and what `df` shows.
 *
 * What becomes free is "parting" until the next commit (rule 1 of ext2.h): a list of runs, whose bits go afterwards.
 */
#include "kern/fs/ext2.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/kmalloc.h"

static u32 group_start(const struct ext2 *fs, u32 group)
{
	return fs->first_block + group * fs->blocks_per_group;
}

static u32 blocks_in(const struct ext2 *fs, u32 group)
{
	return MIN(fs->blocks_per_group, fs->blocks - group_start(fs, group));
}

static u32 desc_blocks(const struct ext2 *fs)
{
	u32 per_block = fs->block_size / sizeof(struct ext2_group_desc);

	return (fs->groups + per_block - 1) / per_block;
}

static u32 table_blocks(const struct ext2 *fs)
{
	return fs->inodes_per_group / (fs->block_size / fs->inode_size);
}

static bool power_of(u32 n, u32 base)
{
	while (n % base == 0)
		n /= base;
	return n == 1;
}

/* Does the group begin with a copy of the superblock and of the groups' descriptions? */
static bool has_super(const struct ext2 *fs, u32 group)
{
	return !fs->sparse || group < 2 || power_of(group, 3) || power_of(group, 5) || power_of(group, 7);
}

bool ext2_block_ok(const struct ext2 *fs, u32 block)
{
	u32 group = (block - fs->first_block) / fs->blocks_per_group, at;
	const struct ext2_group *g = &fs->group[group];

	if (block < fs->first_block || block >= fs->blocks)
		return false;
	at = block - group_start(fs, group);
	if (has_super(fs, group) && at < 1 + desc_blocks(fs) + fs->reserved_descs)
		return false;
	return block != g->block_bitmap && block != g->inode_bitmap &&
	       block - g->inode_table >= table_blocks(fs);
}

static bool inside(const struct ext2 *fs, u32 group, u32 block, u32 count)
{
	u32 start = group_start(fs, group), size = blocks_in(fs, group);

	return block >= start && block - start < size && count <= size - (block - start);
}

/* Where the description of a group stands. */
static struct ext2_group_desc *desc_at(struct ext2 *fs, u32 group, struct buffer **held)
{
	u32 at = group * sizeof(struct ext2_group_desc);
	u8 *block = ext2_block(fs, fs->first_block + 1 + (at >> fs->block_bits), held);

	return IS_ERR(block) ? (void *)block : (void *)(block + (at & (fs->block_size - 1)));
}

int ext2_groups_read(struct ext2 *fs)
{
	fs->group = kzalloc(fs->groups * sizeof(*fs->group));
	if (!fs->group)
		return -ENOMEM;
	if (1 + desc_blocks(fs) > blocks_in(fs, 0))
		return ext2_wrong(fs, 0, 0, "the first group is too short");
	for (u32 i = 0; i < fs->groups; i++, kernel_breathe()) {
		struct ext2_group *g = &fs->group[i];
		struct buffer *held;
		const struct ext2_group_desc *d = desc_at(fs, i, &held);

		if (IS_ERR(d))
			return PTR_ERR(d);
		*g = (struct ext2_group){d->block_bitmap, d->inode_bitmap, d->inode_table,
					 d->free_blocks,  d->free_inodes,  d->used_dirs};
		buffer_put(held);
		if (!inside(fs, i, g->block_bitmap, 1) || !inside(fs, i, g->inode_bitmap, 1) ||
		    !inside(fs, i, g->inode_table, table_blocks(fs)))
			return ext2_wrong(fs, 0, group_start(fs, i),
					  "a group's bitmaps or inodes lie outside of it");
	}
	return 0;
}

/* A group's counts have changed, and by `blocks` and `inodes` those of the superblock. */
static int counts_changed(struct ext2 *fs, u32 group, int blocks, int inodes)
{
	struct ext2_group *g = &fs->group[group];
	struct buffer *held;
	struct ext2_group_desc *d = desc_at(fs, group, &held);

	fs->super->free_blocks_count += blocks;
	fs->super->free_inodes_count += inodes;
	ext2_super_changed(fs);
	if (IS_ERR(d))
		return PTR_ERR(d);
	d->free_blocks = g->free_blocks;
	d->free_inodes = g->free_inodes;
	d->used_dirs = g->used_dirs;
	buffer_dirty(held);
	buffer_put(held);
	return 0;
}

/* The first clear bit from `from` on below `end`, or end. */
static u32 clear_bit_from(const u8 *map, u32 from, u32 end)
{
	while (from < end) {
		if (!(from & 7) && map[from >> 3] == 0xff)
			from += 8;
		else if (map[from >> 3] & 1 << (from & 7))
			from++;
		else
			return from;
	}
	return end;
}

/* Sets a clear bit of a bitmap, from `from` on if there is one. The bit; `end`: all are set. */
static long take_bit(struct ext2 *fs, u32 bitmap, u32 from, u32 end)
{
	struct buffer *held;
	u8 *map = ext2_block(fs, bitmap, &held);
	u32 bit;

	if (IS_ERR(map))
		return PTR_ERR(map);
	bit = clear_bit_from(map, from, end);
	if (bit == end && from)
		bit = clear_bit_from(map, 0, end);
	if (bit < end) {
		map[bit >> 3] |= 1 << (bit & 7);
		buffer_dirty(held);
	}
	buffer_put(held);
	return bit;
}

static int block_in_group(struct ext2 *fs, u32 group, u32 from, u32 *block)
{
	struct ext2_group *g = &fs->group[group];
	u32 end = blocks_in(fs, group);
	long bit = take_bit(fs, g->block_bitmap, from < end ? from : 0, end);

	if (bit < 0)
		return bit;
	if (bit == (long)end) { /* the count is wrong: it misleads nobody twice */
		g->free_blocks = 0;
		return -ENOSPC;
	}
	*block = group_start(fs, group) + bit;
	g->free_blocks -= !!g->free_blocks;
	if (!ext2_block_ok(fs, *block))
		return ext2_wrong(fs, 0, *block, "the bitmap says that the file system's own block is free");
	return counts_changed(fs, group, -1, 0);
}

static int find_block(struct ext2 *fs, u32 goal, u32 *block)
{
	u32 first, from;
	int rc;

	if (goal < fs->first_block || goal >= fs->blocks)
		goal = fs->first_block;
	first = (goal - fs->first_block) / fs->blocks_per_group;
	from = (goal - fs->first_block) % fs->blocks_per_group;
	for (u32 i = 0; i < fs->groups; i++, from = 0, kernel_breathe()) {
		u32 group = (first + i) % fs->groups;

		if (!fs->group[group].free_blocks)
			continue;
		rc = block_in_group(fs, group, from, block);
		if (rc != -ENOSPC)
			return rc;
	}
	return -ENOSPC;
}

int ext2_block_new(struct ext2 *fs, u32 goal, u32 *block)
{
	int rc = find_block(fs, goal, block);

	if (rc != -ENOSPC || !fs->partings)
		return rc;
	rc = ext2_commit(fs);
	return rc ? rc : find_block(fs, goal, block);
}

static int find_inode(struct ext2 *fs, u32 near, bool directory, u32 *ino)
{
	u32 first = (near - 1) / fs->inodes_per_group;

	for (u32 i = 0; i < fs->groups; i++, kernel_breathe()) {
		u32 group = (first + i) % fs->groups;
		struct ext2_group *g = &fs->group[group];
		long bit = fs->inodes_per_group;

		if (g->free_inodes) /* the reserved ones are never handed out */
			bit = take_bit(fs, g->inode_bitmap, group ? 0 : fs->first_ino - 1,
				       fs->inodes_per_group);
		if (bit < 0)
			return bit;
		if (bit == (long)fs->inodes_per_group) {
			g->free_inodes = 0;
			continue;
		}
		*ino = group * fs->inodes_per_group + bit + 1;
		if (*ino < fs->first_ino)
			return ext2_wrong(fs, *ino, g->inode_bitmap,
					  "the bitmap says that a reserved inode is free");
		g->free_inodes--;
		g->used_dirs += directory;
		return counts_changed(fs, group, 0, -1);
	}
	return -ENOSPC;
}

int ext2_inode_number_new(struct ext2 *fs, u32 near, bool directory, u32 *ino)
{
	int rc = find_inode(fs, near, directory, ino);

	if (rc != -ENOSPC || !fs->partings)
		return rc;
	rc = ext2_commit(fs);
	return rc ? rc : find_inode(fs, near, directory, ino);
}

int ext2_inode_in_use(struct ext2 *fs, u32 ino)
{
	u32 bit = (ino - 1) % fs->inodes_per_group;
	struct buffer *held;
	const u8 *map = ext2_block(fs, fs->group[(ino - 1) / fs->inodes_per_group].inode_bitmap, &held);
	int set;

	if (IS_ERR(map))
		return PTR_ERR(map);
	set = map[bit >> 3] >> (bit & 7) & 1;
	buffer_put(held);
	return set;
}

/* Adds to the last run, or a new run. The changes that made it free are told to the cache already: a full list is committed. */
static int part(struct ext2 *fs, u32 number, bool inodes)
{
	struct ext2_parting *last = fs->partings ? &fs->parting[fs->partings - 1] : NULL;
	int rc;

	if (last && last->inodes == inodes && number == last->first + last->count) {
		last->count++;
	} else if (last && last->inodes == inodes && number + 1 == last->first) {
		last->first--;
		last->count++;
	} else {
		rc = fs->partings == EXT2_PARTINGS ? ext2_commit(fs) : 0;
		if (rc)
			return rc;
		fs->parting[fs->partings++] = (struct ext2_parting){number, 1, inodes};
	}
	fs->parting_blocks += !inodes;
	return 0;
}

int ext2_block_part(struct ext2 *fs, u32 block)
{
	return part(fs, block, false);
}

int ext2_inode_number_part(struct ext2 *fs, u32 ino, bool directory)
{
	struct ext2_group *g = &fs->group[(ino - 1) / fs->inodes_per_group];

	g->used_dirs -= directory && g->used_dirs;
	return part(fs, ino, true);
}

/* Clears bits of one group, from number `first` on, which is the group's bit `bit`. */
static int clear_bits(struct ext2 *fs, u32 group, u32 bit, u32 count, bool inodes)
{
	struct ext2_group *g = &fs->group[group];
	u32 bitmap = inodes ? g->inode_bitmap : g->block_bitmap, cleared = 0;
	struct buffer *held;
	u8 *map = ext2_block(fs, bitmap, &held);

	if (IS_ERR(map))
		return PTR_ERR(map);
	for (u32 i = bit; i < bit + count; i++) {
		cleared += map[i >> 3] >> (i & 7) & 1;
		map[i >> 3] &= ~(1 << (i & 7));
	}
	buffer_dirty(held);
	buffer_put(held);
	if (cleared != count)
		ext2_wrong(fs, 0, bitmap, inodes ? "an inode was freed twice" : "a block was freed twice");
	if (inodes)
		g->free_inodes += cleared;
	else
		g->free_blocks += cleared;
	return counts_changed(fs, group, inodes ? 0 : cleared, inodes ? cleared : 0);
}

int ext2_parted(struct ext2 *fs)
{
	int rc = 0, now;

	while (fs->partings) {
		struct ext2_parting *p = &fs->parting[fs->partings - 1];
		u32 per = p->inodes ? fs->inodes_per_group : fs->blocks_per_group;
		u32 number = p->first - (p->inodes ? 1 : fs->first_block),
		    n = MIN(p->count, per - number % per);

		now = clear_bits(fs, number / per, number % per, n, p->inodes);
		rc = rc ? rc : now;
		fs->parting_blocks -= p->inodes ? 0 : n;
		p->first += n;
		p->count -= n;
		fs->partings -= !p->count;
		kernel_breathe();
	}
	return rc;
}
