/* SPDX-License-Identifier: MIT */
/*
 * Inodes, in memory and on the disk. One is in memory while somebody refers to it, and until it is freed if it has no name.
 * What is changed in memory is stored into the cache's copy of the inode table by the same operation.
 */
#include "kern/fs/ext2.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/kmalloc.h"
#include "kern/time/clock.h"

#define DAY     (86400ULL * NSEC_PER_SEC)
#define SEC_MAX (INT64_MAX / NSEC_PER_SEC - 1) /* year 2262: the kernel's times end there */

/* Where an inode stands. */
static struct ext2_raw_inode *raw_at(struct ext2 *fs, u32 ino, struct buffer **held)
{
	u32 index = (ino - 1) % fs->inodes_per_group, per_block = fs->block_size / fs->inode_size;
	const struct ext2_group *g = &fs->group[(ino - 1) / fs->inodes_per_group];
	u8 *block = ext2_block(fs, g->inode_table + index / per_block, held);

	return IS_ERR(block) ? (void *)block : (void *)(block + index % per_block * fs->inode_size);
}

/* Is this field of the second part there? It must end within extra_isize, which must end within the inode. */
static bool has_extra(const struct ext2 *fs, const struct ext2_raw_inode *raw, const u32 *field)
{
	u32 end = (const u8 *)(field + 1) - (const u8 *)raw;

	return fs->inode_size > EXT2_INODE_SIZE && raw->extra_isize <= fs->inode_size - EXT2_INODE_SIZE &&
	       end <= EXT2_INODE_SIZE + (u32)raw->extra_isize;
}

/* Seconds since 1970 are signed; the second part has two more bits of them, 4, and nanoseconds. */
static s64 time_from(u32 sec, u32 extra)
{
	s64 whole = (s64)(s32)sec + ((s64)(extra & 3) << 32);

	return MIN(whole, SEC_MAX) * NSEC_PER_SEC + MIN(extra >> 2, NSEC_PER_SEC - 1);
}

static s64 read_time(const struct ext2 *fs, const struct ext2_raw_inode *raw, u32 sec, const u32 *extra)
{
	return time_from(sec, has_extra(fs, raw, extra) ? *extra : 0);
}

static void write_time(const struct ext2 *fs, struct ext2_raw_inode *raw, s64 time, u32 *field, u32 *extra)
{
	u32 nsec;
	s64 sec = time < 0 ? -(s64)div64(-time + NSEC_PER_SEC - 1, NSEC_PER_SEC, NULL)
			   : (s64)div64(time, NSEC_PER_SEC, NULL);

	nsec = time - sec * NSEC_PER_SEC;
	if (!has_extra(fs, raw, extra)) { /* the nearest that there is */
		*field = MIN(MAX(sec, (s64)INT32_MIN), (s64)INT32_MAX);
		return;
	}
	*field = sec;
	*extra = ((sec - (s32)sec) >> 32 & 3) | nsec << 2;
}

static bool known_type(u32 mode)
{
	u32 type = mode & S_IFMT;

	return type == S_IFREG || type == S_IFDIR || type == S_IFLNK || type == S_IFIFO || type == S_IFSOCK ||
	       type == S_IFCHR || type == S_IFBLK;
}

static bool is_device(const struct inode *inode)
{
	return (inode->mode & S_IFMT) == S_IFCHR || (inode->mode & S_IFMT) == S_IFBLK;
}

/* A link whose target stands in the inode has no blocks but that of its attributes. */
static bool is_fast(const struct ext2 *fs, u32 sectors, u32 acl)
{
	return sectors == (acl ? fs->block_size >> SECTOR_SHIFT : 0);
}

bool ext2_is_fast_link(const struct inode *inode)
{
	const struct ext2_node *n = ext2_node(inode);

	return (inode->mode & S_IFMT) == S_IFLNK && is_fast(ext2_of(inode), n->sectors, n->acl);
}

/* What cannot be about an inode; NULL: nothing. */
static const char *find_wrong(const struct ext2 *fs, const struct ext2_raw_inode *raw, u64 size)
{
	u32 type = raw->mode & S_IFMT;

	if (!known_type(raw->mode))
		return "it has no type that there is";
	if (raw->flags & EXT2_FOREIGN_FLAGS)
		return "its contents are stored in a way that ext2 does not know";
	if (size > ext2_size_max(fs))
		return "it is longer than a file can be";
	if (type == S_IFDIR &&
	    ((!size && raw->links) || size & (fs->block_size - 1) || size >> fs->block_bits > fs->blocks))
		return "a directory of an impossible length";
	if (type == S_IFLNK &&
	    (!size || size >= (is_fast(fs, raw->sectors, raw->acl) ? EXT2_FAST_LINK : fs->block_size)))
		return "a symbolic link of an impossible length";
	if (raw->acl && !ext2_block_ok(fs, raw->acl))
		return "its attributes are in an impossible block";
	return NULL;
}

static void read_raw(const struct ext2 *fs, struct inode *inode, const struct ext2_raw_inode *raw, u64 size)
{
	struct ext2_node *n = ext2_node(inode);

	inode->mode = raw->mode;
	inode->nlink = raw->links;
	inode->uid = raw->uid | (u32)raw->uid_high << 16;
	inode->gid = raw->gid | (u32)raw->gid_high << 16;
	inode->size = size;
	inode->sectors = n->sectors = raw->sectors;
	inode->atime = read_time(fs, raw, raw->atime, &raw->atime_extra);
	inode->mtime = read_time(fs, raw, raw->mtime, &raw->mtime_extra);
	inode->ctime = read_time(fs, raw, raw->ctime, &raw->ctime_extra);
	memcpy(n->block, raw->block, sizeof(n->block));
	n->flags = raw->flags;
	n->acl = raw->acl;
	if (is_device(inode))
		inode->rdev = n->block[0] ? n->block[0] : n->block[1];
}

/* An inode in memory without contents yet. */
static struct inode *node_new(struct ext2 *fs, u32 ino, u32 mode)
{
	struct inode *inode = inode_alloc(&fs->fs, mode);
	struct ext2_node *n = inode ? kzalloc(sizeof(*n)) : NULL;

	if (!n) {
		kfree(inode);
		return NULL;
	}
	inode->ino = ino;
	inode->ops = &ext2_ops;
	inode->fops = (mode & S_IFMT) == S_IFREG ? &ext2_file_ops : NULL;
	inode->private = n;
	n->inode = inode;
	list_init(&n->dying);
	list_add(&fs->nodes, &n->list);
	if (fs->root)
		inode_get(fs->root);
	return inode;
}

static void node_free(struct inode *inode)
{
	struct ext2 *fs = ext2_of(inode);
	struct ext2_node *n = ext2_node(inode);

	prepared_forget(&n->prepared, 0);
	list_del(&n->list);
	list_del(&n->dying);
	if (inode != fs->root)
		inode_put(fs->root);
	kfree(n);
	kfree(inode);
}

void ext2_inode_release(struct inode *inode)
{
	struct ext2 *fs = ext2_of(inode);

	if (inode->nlink || fs->fs.readonly)
		node_free(inode);
	else
		list_add_tail(&fs->dying, &ext2_node(inode)->dying);
}

static int read_inode(struct ext2 *fs, u32 ino, struct inode **out)
{
	struct buffer *held;
	const struct ext2_raw_inode *raw = raw_at(fs, ino, &held);
	struct ext2_raw_inode copy = {0}; /* others may write to the buffer's page */
	const char *wrong;
	u64 size;
	int rc = 0;

	if (IS_ERR(raw))
		return PTR_ERR(raw);
	memcpy(&copy, raw, MIN(sizeof(copy), (size_t)fs->inode_size));
	buffer_put(held);
	size = copy.size | ((copy.mode & S_IFMT) == S_IFREG ? (u64)copy.size_high << 32 : 0);
	wrong = copy.links ? find_wrong(fs, &copy, size) : "a name of an inode that is free";
	if (wrong)
		return ext2_wrong(fs, ino, 0, wrong);
	*out = node_new(fs, ino, copy.mode);
	if (!*out)
		return -ENOMEM;
	read_raw(fs, *out, &copy, size);
	return rc;
}

int ext2_inode_get(struct ext2 *fs, u32 ino, struct inode **out)
{
	struct ext2_node *n;

	if (!ino || ino > fs->inodes || (ino < fs->first_ino && ino != EXT2_ROOT_INO))
		return ext2_wrong(fs, ino, 0, "a name of an inode that cannot be");
	list_for_each (n, &fs->nodes, list) {
		if (n->inode->ino != ino)
			continue;
		if (!n->inode->nlink)
			return ext2_wrong(fs, ino, 0, "a name of an inode that is free");
		*out = inode_get(n->inode);
		return 0;
	}
	return read_inode(fs, ino, out);
}

static void write_raw(const struct ext2 *fs, const struct inode *inode, struct ext2_raw_inode *raw)
{
	const struct ext2_node *n = ext2_node(inode);

	raw->mode = inode->mode;
	raw->links = inode->nlink;
	raw->uid = inode->uid;
	raw->uid_high = inode->uid >> 16;
	raw->gid = inode->gid;
	raw->gid_high = inode->gid >> 16;
	raw->size = inode->size;
	if ((inode->mode & S_IFMT) == S_IFREG)
		raw->size_high = inode->size >> 32;
	raw->sectors = n->sectors;
	raw->flags = n->flags;
	raw->acl = n->acl;
	raw->dtime = n->orphan ? n->next_orphan : 0;
	memcpy(raw->block, n->block, sizeof(n->block));
	write_time(fs, raw, inode->atime, &raw->atime, &raw->atime_extra);
	write_time(fs, raw, inode->mtime, &raw->mtime, &raw->mtime_extra);
	write_time(fs, raw, inode->ctime, &raw->ctime, &raw->ctime_extra);
}

int ext2_inode_store(struct inode *inode)
{
	struct ext2 *fs = ext2_of(inode);
	struct buffer *held;
	struct ext2_raw_inode *raw;

	if (inode->size > INT32_MAX && (inode->mode & S_IFMT) == S_IFREG &&
	    !(fs->super->feature_ro_compat & EXT2_RO_LARGE_FILE)) {
		fs->super->feature_ro_compat |= EXT2_RO_LARGE_FILE;
		ext2_super_changed(fs);
	}
	inode->sectors = ext2_node(inode)->sectors;
	raw = raw_at(fs, inode->ino, &held);
	if (IS_ERR(raw))
		return PTR_ERR(raw);
	write_raw(fs, inode, raw);
	buffer_dirty(held);
	buffer_put(held);
	return 0;
}

/* A new inode is zeros, but for its second part. Its generation differs from that of the one that was there before. */
static int raw_start(struct ext2 *fs, u32 ino, s64 now)
{
	struct buffer *held;
	struct ext2_raw_inode *raw = raw_at(fs, ino, &held);
	u32 generation;

	if (IS_ERR(raw))
		return PTR_ERR(raw);
	generation = raw->generation + 1;
	memset(raw, 0, fs->inode_size);
	raw->generation = generation;
	if (fs->inode_size > EXT2_INODE_SIZE) {
		raw->extra_isize = sizeof(*raw) - EXT2_INODE_SIZE;
		write_time(fs, raw, now, &raw->crtime, &raw->crtime_extra);
	}
	buffer_dirty(held);
	buffer_put(held);
	return 0;
}

int ext2_inode_new(struct inode *dir, u32 mode, u32 rdev, struct inode **out)
{
	struct ext2 *fs = ext2_of(dir);
	struct inode *inode;
	bool directory = (mode & S_IFMT) == S_IFDIR;
	u32 ino;
	int rc = ext2_inode_number_new(fs, dir->ino, directory, &ino);

	if (rc)
		return rc;
	inode = node_new(fs, ino, mode);
	if (!inode) {
		ext2_inode_number_part(fs, ino, directory);
		return -ENOMEM;
	}
	inode->nlink = 1 + directory;
	if (dir->mode & 02000) { /* the group is inherited, and that it is */
		inode->gid = dir->gid;
		inode->mode |= directory ? 02000 : 0;
	}
	inode->rdev = rdev;
	if (is_device(inode))
		ext2_node(inode)->block[rdev > 0xffff] = rdev;
	rc = raw_start(fs, ino, inode->ctime);
	if (!rc)
		rc = ext2_inode_store(inode);
	if (rc) {
		inode->nlink = 0;
		inode_put(inode);
	}
	*out = inode;
	return rc;
}

int ext2_orphan_add(struct inode *inode)
{
	struct ext2 *fs = ext2_of(inode);
	struct ext2_node *n = ext2_node(inode);

	n->orphan = true;
	n->next_orphan = fs->super->last_orphan;
	fs->super->last_orphan = inode->ino;
	ext2_super_changed(fs);
	return ext2_inode_store(inode);
}

static void orphan_remove(struct ext2_node *n)
{
	struct ext2 *fs = ext2_of(n->inode);
	struct ext2_node *other;

	n->orphan = false;
	if (fs->super->last_orphan == n->inode->ino) {
		fs->super->last_orphan = n->next_orphan;
		ext2_super_changed(fs);
		return;
	}
	list_for_each (other, &fs->nodes, list) {
		if (other->orphan && other->next_orphan == n->inode->ino) {
			other->next_orphan = n->next_orphan;
			ext2_inode_store(other->inode);
			return;
		}
	}
}

/* Several inodes may share a block of extended attributes. */
static int attributes_drop(struct ext2 *fs, struct ext2_node *n)
{
	u32 block = n->acl;
	struct buffer *held;
	struct ext2_attributes *a;

	if (!block)
		return 0;
	a = (void *)ext2_block(fs, block, &held);
	if (IS_ERR(a))
		return PTR_ERR(a);
	n->acl = 0;
	if (a->magic != EXT2_ATTRIBUTES_MAGIC || !a->refs) {
		buffer_put(held);
		return ext2_wrong(fs, n->inode->ino, block,
				  "no extended attributes are where they should be");
	}
	if (a->refs-- > 1)
		block = 0;
	else
		a->refs = 1;
	buffer_dirty(held);
	buffer_put(held);
	return block ? ext2_block_part(fs, block) : 0;
}

static int say_deleted(struct inode *inode)
{
	struct buffer *held;
	struct ext2_raw_inode *raw = raw_at(ext2_of(inode), inode->ino, &held);

	if (IS_ERR(raw))
		return PTR_ERR(raw);
	raw->links = 0;
	raw->acl = ext2_node(inode)->acl;
	raw->sectors = 0;
	raw->dtime = div64(clock_realtime(), NSEC_PER_SEC, NULL);
	buffer_dirty(held);
	buffer_put(held);
	return 0;
}

int ext2_inode_free(struct inode *inode)
{
	struct ext2 *fs = ext2_of(inode);
	struct ext2_node *n = ext2_node(inode);
	u32 type = inode->mode & S_IFMT, ino = inode->ino;
	int rc = 0, now;

	if (fs->fs.readonly) { /* an error has made it so */
		node_free(inode);
		return -EROFS;
	}
	inode->size = 0;
	if (type == S_IFREG || type == S_IFDIR || (type == S_IFLNK && !ext2_is_fast_link(inode)))
		rc = ext2_cut(inode);
	now = attributes_drop(fs, n);
	rc = rc ? rc : now;
	if (n->orphan)
		orphan_remove(n);
	now = say_deleted(inode);
	rc = rc ? rc : now;
	node_free(inode);
	now = ext2_inode_number_part(fs, ino, type == S_IFDIR);
	return rc ? rc : now;
}

/* One of the list at mount: freed if it has no links. *next: the one after it. */
static int orphan_clean(struct ext2 *fs, u32 ino, u32 *next)
{
	struct buffer *held;
	const struct ext2_raw_inode *raw;
	struct ext2_raw_inode copy = {0};
	struct inode *inode;
	int rc = ino < fs->first_ino || ino > fs->inodes ? 0 : ext2_inode_in_use(fs, ino);

	if (rc <= 0)
		return rc ? rc : ext2_wrong(fs, ino, 0, "in the list of removed files is what cannot be one");
	raw = raw_at(fs, ino, &held);
	if (IS_ERR(raw))
		return PTR_ERR(raw);
	memcpy(&copy, raw, MIN(sizeof(copy), (size_t)fs->inode_size));
	buffer_put(held);
	*next = copy.dtime;
	if (copy.links)
		return 0;
	if (find_wrong(fs, &copy, copy.size))
		return ext2_wrong(fs, ino, 0, "a removed file is damaged");
	inode = node_new(fs, ino, copy.mode);
	if (!inode)
		return -ENOMEM;
	read_raw(fs, inode, &copy, 0);
	inode->refs = 0;
	rc = ext2_inode_free(inode);
	return rc ? rc : ext2_commit(fs); /* its bit goes: twice in the list is noticed */
}

int ext2_orphans_clean(struct ext2 *fs)
{
	u32 ino = fs->super->last_orphan, next = 0;
	int rc = 0;

	fs->super->last_orphan = 0;
	for (u32 i = 0; ino && i < fs->inodes && !rc; i++, ino = next)
		rc = orphan_clean(fs, ino, &next);
	if (rc == -EUCLEAN) /* the rest stays, for e2fsck */
		rc = 0;
	ext2_super_changed(fs);
	return rc;
}

void ext2_accessed(struct inode *inode)
{
	s64 now = clock_realtime();

	if (inode->fs->readonly ||
	    (inode->atime > inode->mtime && inode->atime > inode->ctime && now - inode->atime < (s64)DAY))
		return;
	inode->atime = now;
	ext2_inode_store(inode);
}

int ext2_change(struct inode *inode, const struct inode *to)
{
	struct ext2 *fs = ext2_of(inode);
	int rc = ext2_begin(fs);

	if (rc)
		return rc;
	inode->mode = to->mode;
	inode->uid = to->uid;
	inode->gid = to->gid;
	inode->atime = to->atime;
	inode->mtime = to->mtime;
	inode->ctime = to->ctime;
	return ext2_end(fs, ext2_inode_store(inode));
}
