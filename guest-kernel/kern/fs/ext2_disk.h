/* SPDX-License-Identifier: MIT */
/* What an ext2 file system looks like on its disk, revision 1; all numbers little-endian. Names of the fields as debugfs has them. */
#ifndef KERN_FS_EXT2_DISK_H
#define KERN_FS_EXT2_DISK_H

#include "kern/lib/types.h"

#define EXT2_SUPER_AT 1024 /* bytes from the start */
#define EXT2_MAGIC    0xef53

#define EXT2_VALID  1 /* state: unmounted as it should be */
#define EXT2_ERRORS 2 /* something wrong was found */

#define EXT2_COMPAT_DIR_INDEX  0x20 /* no need to know it, as a changed directory loses EXT2_INDEX_FL */
#define EXT2_INCOMPAT_FILETYPE 2
#define EXT2_RO_SPARSE_SUPER   1
#define EXT2_RO_LARGE_FILE     2

struct ext2_super {
	u32 inodes_count, blocks_count, r_blocks_count, free_blocks_count, free_inodes_count;
	u32 first_data_block, log_block_size, log_frag_size;
	u32 blocks_per_group, frags_per_group, inodes_per_group;
	u32 mtime, wtime;
	u16 mnt_count, max_mnt_count, magic, state, errors, minor_rev_level;
	u32 lastcheck, checkinterval, creator_os, rev_level;
	u16 def_resuid, def_resgid;
	u32 first_ino;
	u16 inode_size, block_group_nr;
	u32 feature_compat, feature_incompat, feature_ro_compat;
	u8 uuid[16];
	char volume_name[16], last_mounted[64];
	u32 algorithm_usage_bitmap;
	u8 prealloc_blocks, prealloc_dir_blocks;
	u16 reserved_gdt_blocks;
	u8 journal_uuid[16];
	u32 journal_inum, journal_dev, last_orphan;
};

struct ext2_group_desc {
	u32 block_bitmap, inode_bitmap, inode_table;
	u16 free_blocks, free_inodes, used_dirs, flags;
	u32 unused[3];
};

#define EXT2_ROOT_INO 2
#define EXT2_DIRECT \
	12 /* blocks that the inode names itself; then one each with 1, 2 and 3 levels of numbers */
#define EXT2_POINTERS   15
#define EXT2_FAST_LINK  (EXT2_POINTERS * 4) /* a shorter target of a link stands in their place */
#define EXT2_LINK_MAX   32000
#define EXT2_INODE_SIZE 128 /* without the second part */

#define EXT2_INDEX_FL      0x1000
#define EXT2_FOREIGN_FLAGS 0x10080804u /* compressed, encrypted, extents, data in the inode */

struct ext2_raw_inode {
	u16 mode, uid;
	u32 size, atime, ctime, mtime, dtime;
	u16 gid, links;
	u32 sectors, flags, version; /* sectors: of 512 bytes, with blocks of numbers and of attributes */
	u32 block[EXT2_POINTERS];
	u32 generation, acl, size_high; /* acl: a block of extended attributes */
	u32 faddr;
	u16 frag, unused, uid_high, gid_high;
	u32 unused2;
	/* The second part: extra_isize bytes of it are in use. */
	u16 extra_isize, unused3;
	u32 ctime_extra, mtime_extra, atime_extra, crtime, crtime_extra;
};

struct ext2_entry {
	u32 inode; /* 0: not in use */
	u16 rec_len;
	u8 name_len, type; /* type: 0 without EXT2_INCOMPAT_FILETYPE */
	char name[];
};

#define EXT2_ENTRY_SIZE(len) (((size_t)(len) + 8 + 3) & ~(size_t)3)

struct ext2_attributes { /* the start of a block of extended attributes, which several inodes may share */
	u32 magic, refs;
};

#define EXT2_ATTRIBUTES_MAGIC 0xea020000

#endif
