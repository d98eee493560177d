/* SPDX-License-Identifier: MIT */
/* The operations of inodes: names are found, made, moved and removed, in the order that ext2.h promises. */
#include "kern/fs/ext2.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/time/clock.h"

#define DEPTH_MAX 4096 /* directories inside one another; more is a circle */

/* The inode of a name. The root has none. */
static int find(struct inode *dir, const char *name, size_t len, struct ext2_place *place, struct inode **out)
{
	struct ext2 *fs = ext2_of(dir);
	int rc = ext2_dir_find(dir, name, len, place);

	if (rc)
		return rc;
	rc = place->entry->inode == EXT2_ROOT_INO || place->entry->inode == dir->ino
		 ? ext2_wrong(fs, dir->ino, place->block, "a name of a directory that is above it")
		 : ext2_inode_get(fs, place->entry->inode, out);
	if (rc)
		buffer_put(place->buffer);
	return rc;
}

static int ext2_lookup(struct inode *dir, const char *name, size_t len, struct inode **out)
{
	struct ext2 *fs = ext2_of(dir);
	struct ext2_place place;
	int rc;

	ext2_lock(fs);
	rc = find(dir, name, len, &place, out);
	if (!rc)
		buffer_put(place.buffer);
	return ext2_end(fs, rc);
}

/* What ".." names; counted. */
static int parent_of(struct inode *dir, struct inode **out)
{
	struct ext2 *fs = ext2_of(dir);
	struct ext2_place place;
	u32 ino;
	int rc = ext2_dir_find(dir, "..", 2, &place);

	if (rc == -ENOENT)
		return ext2_wrong(fs, dir->ino, 0, "a directory without \"..\"");
	if (rc)
		return rc;
	ino = place.entry->inode;
	buffer_put(place.buffer);
	rc = ext2_inode_get(fs, ino, out);
	if (rc || ext2_is_dir(*out))
		return rc;
	inode_put(*out);
	return ext2_wrong(fs, dir->ino, 0, "\"..\" is no directory");
}

/* If it cannot be found, the root is as good a place as any to go. */
static struct inode *ext2_parent(struct inode *dir)
{
	struct ext2 *fs = ext2_of(dir);
	struct inode *parent;

	ext2_lock(fs);
	if (dir == fs->root || !dir->nlink || parent_of(dir, &parent))
		parent = inode_get(fs->root);
	ext2_unlock(fs);
	return parent;
}

/* May this name be made? Another task may have been faster than the caller's look. */
static int check_new(struct inode *dir, const char *name, size_t len)
{
	struct ext2_place place;
	int rc;

	if (!dir->nlink) /* removed, but still a current directory */
		return -ENOENT;
	rc = ext2_dir_find(dir, name, len, &place);
	if (!rc)
		buffer_put(place.buffer);
	return !rc ? -EEXIST : rc == -ENOENT ? 0 : rc;
}

static void drop_link(struct inode *inode, u32 links)
{
	inode->nlink = links;
	inode->ctime = clock_realtime();
}

/* Makes the name of a new inode. If that fails, the inode goes. */
static int add_new(struct inode *dir, const char *name, size_t len, struct inode *inode)
{
	bool directory = ext2_is_dir(inode);
	int rc = 0;

	if (directory) {
		rc = ext2_dir_start(inode, dir);
		dir->nlink++; /* stored with the entry */
	}
	if (!rc)
		rc = ext2_dir_add(dir, name, len, inode);
	if (!rc)
		return 0;
	dir->nlink -= directory;
	drop_link(inode, 0);
	ext2_inode_store(inode);
	inode_put(inode);
	return rc;
}

static int ext2_create(struct inode *dir, const char *name, size_t len, u32 mode, u32 rdev,
		       struct inode **out)
{
	struct ext2 *fs = ext2_of(dir);
	int rc = ext2_begin(fs);

	if (rc)
		return rc;
	rc = check_new(dir, name, len);
	if (!rc && (mode & S_IFMT) == S_IFDIR && dir->nlink >= EXT2_LINK_MAX)
		rc = -EMLINK;
	if (!rc)
		rc = ext2_inode_new(dir, mode, rdev, out);
	if (!rc)
		rc = add_new(dir, name, len, *out);
	return ext2_end(fs, rc);
}

static int write_target(struct inode *inode, const char *target, size_t n)
{
	struct ext2 *fs = ext2_of(inode);
	struct buffer *held;
	u32 block;
	bool made;
	u8 *data;
	int rc;

	inode->size = n;
	if (n < EXT2_FAST_LINK) {
		memcpy(ext2_node(inode)->block, target, n);
		return ext2_inode_store(inode);
	}
	rc = ext2_map(inode, 0, true, &block, &made);
	if (rc)
		return rc;
	data = ext2_block(fs, block, &held);
	if (IS_ERR(data))
		return PTR_ERR(data);
	memcpy(data, target, n);
	buffer_dirty(held);
	buffer_put(held);
	return ext2_inode_store(inode);
}

static int ext2_symlink(struct inode *dir, const char *name, size_t len, const char *target)
{
	struct ext2 *fs = ext2_of(dir);
	struct inode *inode;
	size_t n = strlen(target);
	int rc = n < fs->block_size ? n ? ext2_begin(fs) : -ENOENT : -ENAMETOOLONG;

	if (rc)
		return rc;
	rc = check_new(dir, name, len);
	if (!rc)
		rc = ext2_inode_new(dir, S_IFLNK | 0777, 0, &inode);
	if (rc)
		return ext2_end(fs, rc);
	rc = write_target(inode, target, n);
	if (rc) {
		drop_link(inode, 0);
		ext2_inode_store(inode);
	} else {
		rc = add_new(dir, name, len, inode);
		if (rc)
			return ext2_end(fs, rc);
	}
	inode_put(inode);
	return ext2_end(fs, rc);
}

static int ext2_readlink(struct inode *inode, char *buf, size_t size)
{
	struct ext2 *fs = ext2_of(inode);
	struct buffer *held = NULL;
	const u8 *text = (u8 *)ext2_node(inode)->block;
	size_t n = MIN((u64)size, inode->size);
	u32 block;
	bool made;
	int rc = 0;

	ext2_lock(fs);
	if (!ext2_is_fast_link(inode)) {
		rc = ext2_map(inode, 0, false, &block, &made);
		if (!rc && !block)
			rc = ext2_wrong(fs, inode->ino, 0, "a symbolic link without contents");
		if (!rc)
			text = ext2_block(fs, block, &held);
		if (!rc && IS_ERR(text))
			rc = PTR_ERR(text);
	}
	if (!rc) {
		memcpy(buf, text, n);
		if (held)
			buffer_put(held);
		ext2_accessed(inode);
	}
	return ext2_end(fs, rc ? rc : (int)n);
}

static int ext2_link(struct inode *dir, const char *name, size_t len, struct inode *inode)
{
	struct ext2 *fs = ext2_of(dir);
	int rc = ext2_begin(fs);

	if (rc)
		return rc;
	rc = !inode->nlink ? -ENOENT : inode->nlink >= EXT2_LINK_MAX ? -EMLINK : check_new(dir, name, len);
	if (rc)
		return ext2_end(fs, rc);
	drop_link(inode, inode->nlink + 1);
	rc = ext2_inode_store(inode);
	if (!rc)
		rc = ext2_dir_add(dir, name, len, inode);
	if (rc) {
		drop_link(inode, inode->nlink - 1);
		ext2_inode_store(inode);
	}
	fs->linked = true;
	return ext2_end(fs, rc);
}

/* A name of the inode in `dir` is gone: its links, and for a directory those of its parent. */
static int lost_name(struct inode *dir, struct inode *inode)
{
	bool directory = ext2_is_dir(inode);
	int rc = 0;

	drop_link(inode, directory || !inode->nlink ? 0 : inode->nlink - 1);
	if (directory && dir->nlink > 2) {
		dir->nlink--;
		rc = ext2_inode_store(dir);
	}
	if (!rc)
		rc = inode->nlink ? ext2_inode_store(inode) : ext2_orphan_add(inode);
	return rc;
}

/* May this name be removed, which `directory` says is one of a directory? */
static int check_removal(struct inode *inode, bool directory)
{
	int rc;

	if (directory != ext2_is_dir(inode))
		return directory ? -ENOTDIR : -EISDIR;
	if (inode->mounted)
		return -EBUSY;
	if (!directory)
		return 0;
	rc = ext2_dir_is_empty(inode);
	return rc < 0 ? rc : rc ? 0 : -ENOTEMPTY;
}

static int ext2_unlink(struct inode *dir, const char *name, size_t len, bool directory)
{
	struct ext2 *fs = ext2_of(dir);
	struct ext2_place place;
	struct inode *inode;
	int rc = ext2_begin(fs);

	if (rc)
		return rc;
	rc = find(dir, name, len, &place, &inode);
	if (rc)
		return ext2_end(fs, rc);
	rc = check_removal(inode, directory);
	if (!rc && !directory && inode->nlink > 1 && fs->linked)
		rc = ext2_commit(fs); /* rule 3: the other name is on the disk */
	if (rc) {
		buffer_put(place.buffer);
	} else {
		rc = ext2_dir_remove(dir, &place);
		if (!rc)
			rc = lost_name(dir, inode);
	}
	inode_put(inode);
	return ext2_end(fs, rc);
}

/* 1: `dir` is the inode `above` or somewhere below it; 0; or -errno. */
static int is_below(struct inode *dir, const struct inode *above)
{
	struct ext2 *fs = ext2_of(dir);
	struct inode *parent;
	int rc = 0, depth = 0;

	inode_get(dir);
	while (!rc && dir != above && dir != fs->root) {
		rc = depth++ < DEPTH_MAX ? parent_of(dir, &parent)
					 : ext2_wrong(fs, dir->ino, 0, "directories that contain each other");
		if (!rc) {
			inode_put(dir);
			dir = parent;
		}
	}
	if (!rc)
		rc = dir == above;
	inode_put(dir);
	return rc;
}

/* The inode gets the name `to`, which may be another's until then: rule 3 of ext2.h. */
static int name_moves(struct inode *to_dir, const char *to, size_t len, struct inode *inode)
{
	struct ext2 *fs = ext2_of(to_dir);
	struct ext2_place place;
	struct inode *target;
	int rc = find(to_dir, to, len, &place, &target);

	if (rc == -ENOENT) {
		rc = ext2_dir_add(to_dir, to, len, inode);
		return rc ? rc : ext2_commit(fs);
	}
	if (rc)
		return rc;
	rc = check_removal(target, ext2_is_dir(inode));
	if (!rc)
		rc = ext2_commit(fs);
	if (rc) {
		buffer_put(place.buffer);
	} else {
		rc = ext2_dir_point(to_dir, &place, inode);
		if (!rc)
			rc =
			    ext2_commit(fs); /* until then the name is the old inode's, which must be whole */
		if (!rc)
			rc = lost_name(to_dir, target);
	}
	inode_put(target);
	return rc;
}

/* A directory that has moved gets a new "..", and its parents count it. */
static int parent_changes(struct inode *dir, struct inode *from, struct inode *to)
{
	struct ext2_place place;
	int rc = ext2_dir_find(dir, "..", 2, &place);

	if (!rc)
		rc = ext2_dir_point(dir, &place, to);
	if (!rc && from->nlink > 2) {
		from->nlink--;
		rc = ext2_inode_store(from);
	}
	return rc;
}

static int move(struct inode *from_dir, const char *from, size_t from_len, struct inode *to_dir,
		const char *to, size_t to_len, struct inode *inode)
{
	bool directory = ext2_is_dir(inode) && from_dir != to_dir;
	struct ext2_place place;
	int rc;

	if (directory) { /* one link too many harms nothing, if what follows fails */
		to_dir->nlink++;
		rc = ext2_inode_store(to_dir);
		if (rc)
			return rc;
	}
	rc = name_moves(to_dir, to, to_len, inode);
	if (rc && directory) {
		to_dir->nlink--;
		ext2_inode_store(to_dir);
	}
	if (!rc && directory)
		rc = parent_changes(inode, from_dir, to_dir);
	if (!rc)
		rc = ext2_dir_find(from_dir, from, from_len, &place);
	if (!rc)
		rc = ext2_dir_remove(from_dir, &place);
	if (!rc) {
		inode->ctime = clock_realtime();
		rc = ext2_inode_store(inode);
	}
	return rc;
}

/* Is the name `to` already one of the inode? Then nothing is to be done. */
static bool same_file(struct inode *to_dir, const char *to, size_t to_len, const struct inode *inode)
{
	struct ext2_place place;
	bool same = !ext2_dir_find(to_dir, to, to_len, &place);

	if (same) {
		same = place.entry->inode == inode->ino;
		buffer_put(place.buffer);
	}
	return same;
}

static int ext2_rename(struct inode *from_dir, const char *from, size_t from_len, struct inode *to_dir,
		       const char *to, size_t to_len)
{
	struct ext2 *fs = ext2_of(from_dir);
	struct ext2_place place;
	struct inode *inode;
	int rc = ext2_begin(fs);

	if (rc)
		return rc;
	rc = to_dir->nlink ? find(from_dir, from, from_len, &place, &inode) : -ENOENT;
	if (rc)
		return ext2_end(fs, rc);
	buffer_put(place.buffer);
	if (inode->mounted)
		rc = -EBUSY;
	if (!rc && ext2_is_dir(inode)) {
		rc = is_below(to_dir, inode);
		rc = rc > 0 ? -EINVAL : rc;
		if (!rc && from_dir != to_dir && to_dir->nlink >= EXT2_LINK_MAX)
			rc = -EMLINK;
	}
	if (!rc && !same_file(to_dir, to, to_len, inode))
		rc = move(from_dir, from, from_len, to_dir, to, to_len, inode);
	inode_put(inode);
	return ext2_end(fs, rc);
}

const struct inode_ops ext2_ops = {
    .lookup = ext2_lookup,
    .parent = ext2_parent,
    .create = ext2_create,
    .symlink = ext2_symlink,
    .link = ext2_link,
    .unlink = ext2_unlink,
    .rename = ext2_rename,
    .readdir = ext2_readdir,
    .readlink = ext2_readlink,
    .truncate = ext2_truncate,
    .change = ext2_change,
    .prepare = ext2_prepare,
    .peek = ext2_peek,
    .page = ext2_page,
    .release = ext2_inode_release,
};
