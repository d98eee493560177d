/* SPDX-License-Identifier: MIT */
/*
 * Directories: entries one behind the other, each with its length, which fill each block. One that is not in use has inode 0, or
 * is room behind the name of the one before it. Names are searched one by one: of an index (dir_index), which is hidden in
 * blocks that seem empty, nothing is known, so a directory that is changed loses it.
 */
#include "kern/fs/ext2.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"

#define FIRST_POS 2 /* positions of listings: those before are the VFS's "." and ".." */

static bool entry_ok(const struct ext2 *fs, const struct ext2_entry *e, u32 at)
{
	return e->rec_len >= EXT2_ENTRY_SIZE(1) && !(e->rec_len & 3) && e->rec_len <= fs->block_size - at &&
	       EXT2_ENTRY_SIZE(e->name_len) <= e->rec_len && e->inode <= fs->inodes &&
	       (!e->inode ||
		(e->name_len && !memchr(e->name, '/', e->name_len) && !memchr(e->name, 0, e->name_len)));
}

/* As ext2_dir_each(), within the block that place names. */
static int each_in_block(struct inode *dir, u64 start, u64 from, ext2_visit_t visit, void *ctx,
			 struct ext2_place *place)
{
	struct ext2 *fs = ext2_of(dir);
	u8 *block = ext2_block(fs, place->block, &place->buffer);
	u32 at, length;

	if (IS_ERR(block))
		return PTR_ERR(block);
	place->before = NULL;
	for (at = 0; at < fs->block_size; at += length) {
		place->entry = (struct ext2_entry *)(block + at);
		place->at = start + at;
		length = place->entry->rec_len;
		if (at > fs->block_size - EXT2_ENTRY_SIZE(1) || !entry_ok(fs, place->entry, at)) {
			buffer_put(place->buffer);
			return ext2_wrong(fs, dir->ino, place->block, "a damaged directory");
		}
		if (place->at >= from && visit(ctx, place))
			return 1;
		place->before = place->entry;
	}
	buffer_put(place->buffer);
	return 0;
}

int ext2_dir_each(struct inode *dir, u64 from, ext2_visit_t visit, void *ctx, struct ext2_place *place)
{
	struct ext2 *fs = ext2_of(dir);
	bool made;
	int rc;

	for (u64 index = from >> fs->block_bits; index < dir->size >> fs->block_bits; index++) {
		rc = ext2_map(dir, index, false, &place->block, &made);
		if (!rc && !place->block)
			rc = ext2_wrong(fs, dir->ino, 0, "a directory with a hole");
		if (!rc)
			rc = each_in_block(dir, index << fs->block_bits, from, visit, ctx, place);
		if (rc)
			return rc;
		kernel_breathe();
	}
	return 0;
}

struct wanted {
	const char *name;
	size_t len;
};

static bool has_name(void *ctx, struct ext2_place *place)
{
	const struct wanted *w = ctx;

	return place->entry->inode && place->entry->name_len == w->len &&
	       !memcmp(place->entry->name, w->name, w->len);
}

int ext2_dir_find(struct inode *dir, const char *name, size_t len, struct ext2_place *place)
{
	struct wanted w = {name, len};
	int rc = ext2_dir_each(dir, 0, has_name, &w, place);

	return rc < 0 ? rc : rc ? 0 : -ENOENT;
}

static u32 used_by(const struct ext2_entry *e)
{
	return e->inode ? EXT2_ENTRY_SIZE(e->name_len) : 0;
}

static bool has_room(void *ctx, struct ext2_place *place)
{
	return place->entry->rec_len - used_by(place->entry) >= *(u32 *)ctx;
}

static u8 type_for(const struct ext2 *fs, const struct inode *inode)
{
	static const u8 types[16] = {[S_IFREG >> 12] = 1, [S_IFDIR >> 12] = 2, [S_IFCHR >> 12] = 3,
				     [S_IFBLK >> 12] = 4, [S_IFIFO >> 12] = 5, [S_IFSOCK >> 12] = 6,
				     [S_IFLNK >> 12] = 7};

	return fs->file_types ? types[(inode->mode & S_IFMT) >> 12] : 0;
}

static u32 mode_of(u8 type)
{
	static const u32 modes[] = {0, S_IFREG, S_IFDIR, S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK, S_IFLNK};

	return type < ARRAY_SIZE(modes) ? modes[type] : 0;
}

/* An entry has changed, and with it the directory's times. Puts the buffer. */
static int changed(struct inode *dir, struct buffer *held)
{
	buffer_dirty(held);
	buffer_put(held);
	ext2_node(dir)->flags &= ~EXT2_INDEX_FL;
	inode_touch(dir);
	return ext2_inode_store(dir);
}

/* A further block, which is an empty entry. */
static int grow(struct inode *dir, struct ext2_place *place)
{
	struct ext2 *fs = ext2_of(dir);
	bool made;
	u8 *block;
	int rc = ext2_map(dir, dir->size >> fs->block_bits, true, &place->block, &made);

	if (rc) {
		ext2_cut(dir); /* what it got for more numbers */
		return rc;
	}
	dir->size += fs->block_size;
	block = ext2_block(fs, place->block, &place->buffer);
	place->entry = (struct ext2_entry *)block;
	return IS_ERR(block) ? PTR_ERR(block) : 0;
}

int ext2_dir_add(struct inode *dir, const char *name, size_t len, const struct inode *inode)
{
	struct ext2 *fs = ext2_of(dir);
	struct ext2_place place;
	struct ext2_entry *e;
	u32 need = EXT2_ENTRY_SIZE(len), used, all;
	int rc = ext2_dir_each(dir, 0, has_room, &need, &place);

	if (!rc)
		rc = grow(dir, &place);
	if (rc < 0)
		return rc;
	e = place.entry;
	used = used_by(e);
	all = e->rec_len;
	if (used) {
		e->rec_len = used;
		e = (struct ext2_entry *)((u8 *)e + used);
		e->rec_len = all - used;
	}
	e->inode = inode->ino;
	e->name_len = len;
	e->type = type_for(fs, inode);
	memcpy(e->name, name, len);
	return changed(dir, place.buffer);
}

int ext2_dir_remove(struct inode *dir, struct ext2_place *place)
{
	if (place->before)
		place->before->rec_len += place->entry->rec_len;
	place->entry->inode = 0;
	return changed(dir, place->buffer);
}

int ext2_dir_point(struct inode *dir, struct ext2_place *place, const struct inode *inode)
{
	place->entry->inode = inode->ino;
	place->entry->type = type_for(ext2_of(dir), inode);
	return changed(dir, place->buffer);
}

int ext2_dir_start(struct inode *dir, struct inode *parent)
{
	struct ext2 *fs = ext2_of(dir);
	struct buffer *held;
	struct ext2_entry *dot, *dots;
	u32 block;
	bool made;
	u8 *data;
	int rc = ext2_map(dir, 0, true, &block, &made);

	if (rc)
		return rc;
	data = ext2_block(fs, block, &held);
	if (IS_ERR(data))
		return PTR_ERR(data);
	dot = (struct ext2_entry *)data;
	dots = (struct ext2_entry *)(data + EXT2_ENTRY_SIZE(1));
	*dot = (struct ext2_entry){dir->ino, EXT2_ENTRY_SIZE(1), 1, type_for(fs, dir)};
	*dots =
	    (struct ext2_entry){parent->ino, fs->block_size - EXT2_ENTRY_SIZE(1), 2, type_for(fs, parent)};
	memcpy(dot->name, ".", 1);
	memcpy(dots->name, "..", 2);
	dir->size = fs->block_size;
	return changed(dir, held);
}

static bool is_dots(const struct ext2_entry *e)
{
	return e->name[0] == '.' && (e->name_len == 1 || (e->name_len == 2 && e->name[1] == '.'));
}

static bool is_name(void *ctx, struct ext2_place *place)
{
	return place->entry->inode && !is_dots(place->entry);
}

int ext2_dir_is_empty(struct inode *dir)
{
	struct ext2_place place;
	int rc = ext2_dir_each(dir, 0, is_name, NULL, &place);

	if (rc > 0)
		buffer_put(place.buffer);
	return rc > 0 ? 0 : rc < 0 ? rc : 1;
}

struct listing {
	dir_emit_t emit;
	void *ctx;
	u64 *pos;
};

/* Stops where an entry does not fit. */
static bool list_one(void *ctx, struct ext2_place *place)
{
	struct listing *l = ctx;
	struct ext2_entry *e = place->entry;

	if (e->inode && !is_dots(e) && !l->emit(l->ctx, e->name, e->name_len, e->inode, mode_of(e->type)))
		return true;
	*l->pos = place->at + e->rec_len + FIRST_POS;
	return false;
}

void ext2_readdir(struct inode *dir, u64 *pos, dir_emit_t emit, void *ctx)
{
	struct listing l = {emit, ctx, pos};
	struct ext2_place place;

	ext2_lock(ext2_of(dir));
	if (ext2_dir_each(dir, *pos - FIRST_POS, list_one, &l, &place) > 0)
		buffer_put(place.buffer);
	ext2_accessed(dir);
	ext2_unlock(ext2_of(dir));
}
