/* SPDX-License-Identifier: MIT */
/* ext2 of the teaching kernel on a damaged disk: each damage is refused by a sentence that names it, and nothing is made worse. */
#include "ext2_files_host.h"

static struct ext2_raw_inode *raw_inode(u32 ino)
{
	const struct ext2_group_desc *g = (void *)(disk_bytes + 2048);

	return (void *)(disk_bytes + ((size_t)g->inode_table << 10) + (ino - 1) * 256);
}

static u32 *numbers_in(u32 block)
{
	return (void *)(disk_bytes + ((size_t)block << 10));
}

/* The entry of "f" in the root's first block. */
static struct ext2_entry *entry_of_f(void)
{
	struct ext2_entry *e = (void *)numbers_in(raw_inode(EXT2_ROOT_INO)->block[0]);

	while (e->name_len != 1 || e->name[0] != 'f')
		e = (void *)((u8 *)e + e->rec_len);
	return e;
}

/* An unmounted disk with a file "f", which has a block of numbers; then it is damaged. */
static u32 undamaged(void)
{
	struct inode *f;
	u32 ino;

	begin("-b 1024 -I 256", 2048);
	f = made(root, "f", S_IFREG | 0644);
	put_pattern(f, 0, 20000, 1);
	ino = f->ino;
	inode_put(f);
	unmount_it();
	return ino;
}

static bool in_use(u32 block)
{
	const struct ext2_group_desc *g = (void *)(disk_bytes + 2048);
	const u8 *map = (void *)numbers_in(g->block_bitmap);

	return map[(block - 1) >> 3] >> ((block - 1) & 7) & 1;
}

/* With it "f" cannot be found; what is said of it. */
static void not_found(const char *sentence)
{
	assert_int_equal(mount_it(false), 0);
	assert_int_equal(there(root, "f"), -EUCLEAN);
	assert_non_null(strstr(log_last, sentence));
	assert_true(ext2_of(root)->super->state & EXT2_ERRORS);
	unmount_it();
	disk_drop();
}

static void test_damaged_names(void **state)
{
	undamaged();
	entry_of_f()->rec_len = 0;
	not_found("a damaged directory");
	undamaged();
	entry_of_f()->rec_len += 4;
	not_found("a damaged directory");
	undamaged();
	raw_inode(EXT2_ROOT_INO)->block[0] = 5000;
	not_found("no file may have");
	undamaged();
	entry_of_f()->inode = EXT2_ROOT_INO;
	not_found("above it");
	undamaged();
	entry_of_f()->inode = 7;
	not_found("cannot be");
	undamaged();
	entry_of_f()->inode++;
	not_found("free");
	undamaged();
	raw_inode(entry_of_f()->inode)->mode = 0170644;
	not_found("no type");
	undamaged();
	raw_inode(entry_of_f()->inode)->flags |= 0x80000;
	not_found("does not know");
	undamaged();
	raw_inode(entry_of_f()->inode)->size_high = 1000;
	not_found("longer");
}

/* What is not the file's is not freed with it, and freeing ends. */
static void removed(u32 block, const char *sentence)
{
	assert_int_equal(mount_it(false), 0);
	assert_int_equal(unlink_it(root, "f"), 0);
	ext2_reap();
	sync_it();
	sync_it();
	assert_true(in_use(block));
	assert_non_null(strstr(log_last, sentence));
	unmount_it();
	disk_drop();
}

static void test_damaged_blocks(void **state)
{
	const struct ext2_group_desc *g;
	u32 ino = undamaged(), block;

	g = (void *)(disk_bytes + 2048);
	raw_inode(ino)->block[3] = block = g->inode_table + 1;
	removed(block, "no file may have");
	undamaged();
	g = (void *)(disk_bytes + 2048);
	numbers_in(raw_inode(ino)->block[12])[2] = block = g->inode_bitmap;
	removed(block, "no file may have");
	undamaged();
	numbers_in(raw_inode(ino)->block[12])[2] = 0xfffffff0;
	removed(block, "no file may have");
	/* Three levels that all are one block: a thousand million blocks to free */
	undamaged();
	block = raw_inode(ino)->block[12];
	for (u32 i = 0; i < 256; i++)
		numbers_in(block)[i] = block;
	raw_inode(ino)->block[14] = block;
	assert_int_equal(mount_it(false), 0);
	reads_left = 100000;
	assert_int_equal(unlink_it(root, "f"), 0);
	ext2_reap();
	reads_left = LONG_MAX;
	unmount_it();
	disk_drop();
}

static void test_damaged_mount(void **state)
{
	static const u32 orphans[] = {EXT2_ROOT_INO, 0xffffffff, 200, 12};
	struct ext2_super *s;

	for (size_t i = 0; i < ARRAY_SIZE(orphans); i++) {
		undamaged();
		s = (void *)(disk_bytes + EXT2_SUPER_AT);
		s->last_orphan = orphans[i];
		if (i == 3) { /* a circle */
			raw_inode(12)->links = 0;
			raw_inode(12)->dtime = 12;
		}
		assert_int_equal(mount_it(false), 0);
		assert_true(log_lines > 0);
		unmount_it();
		disk_drop();
	}
	undamaged();
	((struct ext2_group_desc *)(disk_bytes + 2048))->inode_table = 0xffffffff;
	assert_int_equal(mount_it(false), -EUCLEAN);
	assert_non_null(strstr(log_last, "outside"));
	disk_drop();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_damaged_names),
	    cmocka_unit_test(test_damaged_blocks),
	    cmocka_unit_test(test_damaged_mount),
	};

	return cmocka_run_group_tests_name("ext2_damage", tests, make_folder, remove_folder);
}
