/* SPDX-License-Identifier: MIT */
/*
 * ext2, read and written through the buffer cache (kern/block/cache.h), which keeps metadata and contents alike.
 *
 *	ext2_super.c   mounting, what the superblock promises, errors, unmounting
 *	ext2_alloc.c   which blocks and inodes are free
 *	ext2_inode.c   inodes in memory and on the disk; removed ones
 *	ext2_map.c     where a file's blocks are; truncation
 *	ext2_dir.c     the entries of a directory
 *	ext2_name.c    making and removing names
 *	ext2_file.c    contents
 *
 * Nothing that the disk says is believed unchecked: what cannot be is a line in the log and -EUCLEAN. What was checked at mount is
 * copied, since others may write the device.
 *
 * What a power cut may find. The cache writes changes whenever it likes and in any order; ext2_commit() is the only barrier:
 * all changes before it are on the disk when it returns. So that e2fsck repairs whatever lies between two commits without loss
 * of what an fsync() or sync() (a commit) has promised:
 *
 *	1. A block or inode that becomes free is given to nobody before a commit: until then the disk may still say that it
 *	   belongs to what was removed. Its bit in the bitmap goes after the commit (ext2_alloc.c, "parting").
 *	2. A new block of block numbers, and a new block of a directory that has some, is committed before anything points to it:
 *	   rubbish in its place would be numbers of other files' blocks (ext2_map.c).
 *	3. A name that takes another file's place points to an inode that is committed, and the old name of what moves
 *	   goes, and the file that had the place loses a link, only when the new name is committed (rename). Likewise the
 *	   first name of a new link (unlink).
 *	4. Of a new file, the inode is changed before its name is made; of a removed one, the name goes first, then the count of links,
 *	   then the blocks. A removed file that is open is in the superblock's list of orphans.
 *	5. The superblock says "not clean" before the first change, and "clean" after a commit of the last one.
 *
 * Between commits numbers of free blocks and of links, and bitmaps, may be wrong: e2fsck counts them anew.
 *
 * Locking: a file system has one lock, a sleeping one, held during each operation of its inodes; open files and
 * references change without it.
 */
#ifndef KERN_FS_EXT2_H
#define KERN_FS_EXT2_H

#include "kern/block/cache.h"
#include "kern/fs/ext2_disk.h"
#include "kern/fs/prepared.h"
#include "kern/fs/vfs.h"
#include "kern/proc/wait.h"

struct ext2_group {
	u32 block_bitmap, inode_bitmap, inode_table; /* checked: inside the group */
	u16 free_blocks, free_inodes, used_dirs;
};

/* Blocks, or inodes, that nothing on the disk will need after the next commit. */
struct ext2_parting {
	u32 first, count;
	bool inodes;
};

#define EXT2_PARTINGS 256u

struct ext2 {
	struct list list; /* all that are mounted */
	struct block_device *device;
	struct inode *
	    root; /* not counted: every other inode in memory has a reference to it, so it is not unmounted before */
	struct fs_stat fs;
	struct buffer *super_buffer;
	struct ext2_super *super; /* in it; only counts, state, orphans are used after mount */
	struct ext2_group *group;
	u32 block_size, block_bits; /* bytes, and their logarithm */
	u32 blocks, first_block, blocks_per_group, groups;
	u32 inodes, inodes_per_group, first_ino, inode_size;
	u32 reserved_descs; /* blocks behind the groups' descriptions, for growth */
	bool file_types, sparse;
	u16 state_before; /* of the superblock, at mount */
	u32 complaints;   /* in the log */

	struct list nodes; /* all inodes in memory */
	struct list dying; /* those of them that have no name and no user any more */
	struct ext2_parting parting[EXT2_PARTINGS];
	u32 partings, parting_blocks;
	bool linked; /* a link was made since the last commit */

	bool locked;
	struct wait_queue unlocked;
};

/* An inode's private part. */
struct ext2_node {
	struct list list, dying;
	struct inode *inode;
	u32 block[EXT2_POINTERS], flags, acl;
	u32 sectors;
	bool orphan;
	u32 next_orphan;
	struct prepared prepared; /* contents for mappings */
};

static inline struct ext2 *ext2_of(const struct inode *inode)
{
	return container_of(inode->fs, struct ext2, fs);
}

static inline struct ext2_node *ext2_node(const struct inode *inode)
{
	return inode->private;
}

static inline bool ext2_is_dir(const struct inode *inode)
{
	return (inode->mode & S_IFMT) == S_IFDIR;
}

/* ---- ext2_super.c ---- */

extern const char ext2_type[];
/* Mounts the device, whose reference is taken over, and is put on failure. The root, or an ERR_PTR; a sentence in the log says what
 * is wrong. */
struct inode *ext2_mount(struct block_device *device, bool readonly);
/* Nobody uses it any more but the caller, who gives the root back. */
void ext2_unmount(struct inode *root);
int ext2_remount(struct inode *root, bool readonly);
/* Frees removed files whose last user is gone: call where it may sleep. */
void ext2_reap(void);
/* The machine ends: nothing is changed any more, and what could be unmounted is clean. */
void ext2_end_all(void);

void ext2_lock(struct ext2 *fs);
void ext2_unlock(struct ext2 *fs);
/* The lock, for a change: -EROFS, without the lock. */
int ext2_begin(struct ext2 *fs);
int ext2_end(struct ext2 *fs, int rc); /* gives it back; returns rc */
/* Says in the log what is wrong, and in the superblock that something is: -EUCLEAN. Block or inode may be 0. */
int ext2_wrong(struct ext2 *fs, u64 ino, u32 block, const char *what);
void ext2_super_changed(struct ext2 *fs);
int ext2_commit(struct ext2 *fs);

/* The contents of a block, inside the buffer that *held becomes; to be put. Or an ERR_PTR. */
u8 *ext2_block(struct ext2 *fs, u32 block, struct buffer **held);
/* The same for a block that is new: zeros, and the buffer is dirty. */
u8 *ext2_block_zeroed(struct ext2 *fs, u32 block, struct buffer **held);

/* ---- ext2_alloc.c ---- */

/* Reads and checks the groups' descriptions. */
int ext2_groups_read(struct ext2 *fs);
/* May a file have this block? */
bool ext2_block_ok(const struct ext2 *fs, u32 block);
/* Allocates a block, near `goal` if that is possible. -ENOSPC. */
int ext2_block_new(struct ext2 *fs, u32 goal, u32 *block);
int ext2_inode_number_new(struct ext2 *fs, u32 near, bool directory, u32 *ino);
/* They are free after the next commit. */
int ext2_block_part(struct ext2 *fs, u32 block);
int ext2_inode_number_part(struct ext2 *fs, u32 ino, bool directory);
/* Clears the bits of what parted; everything has been committed. */
int ext2_parted(struct ext2 *fs);
/* Is the inode's bit set? Or -errno. */
int ext2_inode_in_use(struct ext2 *fs, u32 ino);

/* ---- ext2_inode.c ---- */

/* The inode, from the disk if it is not in memory; counted. */
int ext2_inode_get(struct ext2 *fs, u32 ino, struct inode **out);
/* A new one without a name, in the group of `dir`. */
int ext2_inode_new(struct inode *dir, u32 mode, u32 rdev, struct inode **out);
/* Its attributes go to the disk. */
int ext2_inode_store(struct inode *inode);
/* Its link count is 0: it becomes an orphan. */
int ext2_orphan_add(struct inode *inode);
void ext2_inode_release(struct inode *inode);
/* Frees what a removed inode had, and itself. */
int ext2_inode_free(struct inode *inode);
int ext2_orphans_clean(struct ext2 *fs);
void ext2_accessed(struct inode *inode); /* its atime, if that is worth a write */
int ext2_change(struct inode *inode, const struct inode *to);
bool ext2_is_fast_link(const struct inode *inode); /* a symbolic link whose target stands in the inode */
extern const struct inode_ops ext2_ops;            /* ext2_name.c */

/* ---- ext2_map.c ---- */

u64 ext2_size_max(const struct ext2 *fs);
/* The block that has part `index` of the contents; 0: a hole. With `make` there is one, and *made tells that it is new: zeros,
 * of a directory an empty entry. The caller stores the inode, even on failure. */
int ext2_map(struct inode *inode, u64 index, bool make, u32 *block, bool *made);
/* Frees the blocks behind inode->size, and stores it. */
int ext2_cut(struct inode *inode);
int ext2_truncate(struct inode *inode, u64 size);

/* ---- ext2_dir.c ---- */

/* An entry, inside the buffer, which is to be put. */
struct ext2_place {
	struct buffer *buffer;
	struct ext2_entry *entry, *before; /* before: in the same block, or NULL */
	u32 block;
	u64 at; /* in the directory */
};

/* Calls visit() for each entry from position `from` on, used or not, until that returns true: then 1, and *place is
 * its; 0: there is no such entry. Or -errno. */
typedef bool (*ext2_visit_t)(void *ctx, struct ext2_place *place);
int ext2_dir_each(struct inode *dir, u64 from, ext2_visit_t visit, void *ctx, struct ext2_place *place);
int ext2_dir_find(struct inode *dir, const char *name, size_t len, struct ext2_place *place); /* -ENOENT */
int ext2_dir_add(struct inode *dir, const char *name, size_t len, const struct inode *inode);
int ext2_dir_remove(struct inode *dir, struct ext2_place *place); /* puts the buffer */
int ext2_dir_point(struct inode *dir, struct ext2_place *place, const struct inode *inode); /* likewise */
int ext2_dir_start(struct inode *dir, struct inode *parent); /* "." and ".." of a new one */
int ext2_dir_is_empty(struct inode *dir);                    /* 1, 0, -errno */
void ext2_readdir(struct inode *dir, u64 *pos, dir_emit_t emit, void *ctx);

/* ---- ext2_file.c ---- */

extern const struct file_ops ext2_file_ops;
int ext2_prepare(struct inode *inode);
long ext2_peek(struct inode *inode, u64 pos, void *buf, size_t n);
ulong ext2_page(struct inode *inode, ulong index, bool for_write);

#endif
