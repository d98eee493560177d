/* SPDX-License-Identifier: MIT */
/*
 * ext2 of the teaching kernel (guest-kernel/kern/fs/ext2*.c), on file systems that mke2fs makes, with blocks of 1, 2 and 4 KiB:
 *
 *   - whatever it does, e2fsck finds nothing wrong afterwards, and debugfs reads what was written
 *   - a full disk is an error and nothing else
 *   - what it does not know is refused by a sentence; what only reading allows is mounted for reading
 *   - a removed file that is open is freed at its last close, or after a power cut at the next mount
 *
 * Damage: test_ext2_damage.c. Power cuts: test_ext2_cuts.c.
 */
#include "ext2_files_host.h"

static void files(const char *options)
{
	struct inode *f;
	u64 far;

	begin(options, 16384);
	f = made(root, "file", S_IFREG | 0640);
	put_pattern(f, 0, 700000, 1); /* with numbers of two levels where blocks are of 1 KiB */
	check_pattern(f, 0, 700000, 1);
	put_pattern(f, 1000, 5000, 1);
	check_pattern(f, 0, 700000, 1);
	assert_int_equal(get_at(f, &far, 8, 700000), 0);
	far = 5ull << 30; /* beyond what 32 bits say; three levels, unless blocks are of 4 KiB */
	put_pattern(f, far, 10000, 2);
	check_zeros(f, 700000, 5000);
	check_zeros(f, far - 5000, 5000);
	check_pattern(f, far, 10000, 2);
	assert_true(f->size == far + 10000);
	assert_int_equal(ext2_truncate(f, 650001), 0);
	assert_int_equal(ext2_truncate(f, 700000), 0);
	check_pattern(f, 0, 650001, 1);
	check_zeros(f, 650001, 700000 - 650001);
	assert_int_equal(ext2_truncate(f, ext2_size_max(ext2_of(root))), 0);
	assert_int_equal(put_at(f, "x", 1, ext2_size_max(ext2_of(root)) - 1), 1);
	assert_int_equal(put_at(f, "x", 1, ext2_size_max(ext2_of(root))), -EFBIG);
	assert_int_equal(ext2_truncate(f, ext2_size_max(ext2_of(root)) + 1), -EFBIG);
	inode_put(f);
	end();
	load();
	assert_int_equal(mount_it(true), 0);
	f = look(root, "file");
	check_pattern(f, 0, 650001, 1);
	assert_int_equal(put_at(f, "x", 1, 0), -EROFS);
	assert_int_equal(ext2_truncate(f, 0), -EROFS);
	assert_int_equal(unlink_it(root, "file"), -EROFS);
	inode_put(f);
	unmount_it();
	disk_drop();
}

static void test_files(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		files(sizes[i]);
}

/* debugfs reads what was written here, and the other way round. */
static void test_debugfs(void **state)
{
	struct inode *f, *d;
	u8 data[3000];

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		begin(sizes[i], 8192);
		d = make_dir(root, "folder");
		f = made(d, "file", S_IFREG | 0640);
		put_pattern(f, 0, 300000, 3);
		assert_int_equal(ext2_ops.symlink(d, "short", 5, "file"), 0);
		assert_int_equal(
		    ext2_ops.symlink(
			d, "long", 4,
			"a/long/target/that/does/not/fit/into/the/inode/at/all/so/it/has/a/block"),
		    0);
		inode_put(f);
		inode_put(d);
		end();
		assert_int_equal(
		    run(TOOLS "debugfs -R 'dump /folder/file %s/file' %s/disk 2>/dev/null", folder, folder),
		    0);
		assert_int_equal(run("head -c 2000 %s/file > %s/in", folder, folder), 0);
		assert_int_equal(
		    run(TOOLS
			"debugfs -R 'stat /folder/short' %s/disk 2>&1 | grep -q 'Fast link dest: \"file\"'",
			folder),
		    0);
		assert_int_equal(
		    run(TOOLS "debugfs -w -R 'write %s/in /copy' %s/disk >/dev/null 2>&1", folder, folder),
		    0);
		load();
		assert_int_equal(mount_it(false), 0);
		f = look(root, "copy");
		assert_int_equal(f->size, 2000);
		check_pattern(f, 0, 2000, 3);
		inode_put(f);
		d = look(root, "folder");
		f = look(d, "long");
		assert_int_equal(ext2_ops.readlink(f, (char *)data, 10), 10);
		assert_memory_equal(data, "a/long/tar", 10);
		inode_put(f);
		inode_put(d);
		end();
	}
}

static bool count_name(void *ctx, const char *name, size_t len, u64 ino, u32 mode)
{
	++*(u32 *)ctx;
	return true;
}

static u32 names_in(struct inode *dir)
{
	u64 pos = 2;
	u32 n = 0;

	ext2_ops.readdir(dir, &pos, count_name, &n);
	return n;
}

static void test_names(void **state)
{
	struct inode *d, *e, *f, *p;
	char name[256];

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		begin(sizes[i], 8192);
		d = make_dir(root, "d");
		for (u32 n = 0; n < 300; n++) {
			snprintf(name, sizeof(name), "%0*u", 1 + n % 255, n);
			f = made(d, name, S_IFREG | 0644);
			assert_false(IS_ERR(f));
			inode_put(f);
			assert_int_equal(PTR_ERR(made(d, name, S_IFREG)), -EEXIST);
		}
		assert_int_equal(names_in(d), 300);
		for (u32 n = 0; n < 300; n += 2) {
			snprintf(name, sizeof(name), "%0*u", 1 + n % 255, n);
			assert_int_equal(unlink_it(d, name), 0);
			ext2_reap();
			assert_int_equal(there(d, name), -ENOENT);
		}
		assert_int_equal(names_in(d), 150);
		assert_int_equal(ext2_ops.unlink(root, "d", 1, true), -ENOTEMPTY);
		assert_int_equal(unlink_it(root, "d"), -EISDIR);
		/* Links */
		f = made(root, "one", S_IFREG | 0644);
		assert_int_equal(ext2_ops.link(d, "two", 3, f), 0);
		assert_int_equal(f->nlink, 2);
		assert_int_equal(unlink_it(root, "one"), 0);
		assert_int_equal(f->nlink, 1);
		inode_put(f);
		/* Moving a directory, and not below itself; over an empty one, and not over one that is not */
		e = make_dir(d, "e");
		inode_put(make_dir(e, "deep"));
		assert_int_equal(rename_it(root, "d", e, "d"), -EINVAL);
		assert_int_equal(rename_it(root, "d", d, "d"), -EINVAL);
		inode_put(make_dir(root, "empty"));
		assert_int_equal(rename_it(d, "e", root, "d"), -ENOTEMPTY);
		assert_int_equal(rename_it(d, "two", root, "empty"), -EISDIR);
		assert_int_equal(rename_it(d, "e", root, "empty"), 0);
		p = ext2_ops.parent(e);
		assert_ptr_equal(p, root);
		inode_put(p);
		assert_int_equal(there(d, "e"), -ENOENT);
		assert_int_equal(rename_it(root, "empty", d, "two"), -ENOTDIR);
		assert_int_equal(rename_it(root, "empty", d, "back"), 0);
		p = ext2_ops.parent(e);
		assert_ptr_equal(p, d);
		inode_put(p);
		inode_put(e);
		/* A file over another, which is open */
		f = made(root, "old", S_IFREG | 0644);
		put_pattern(f, 0, 5000, 5);
		p = made(root, "new", S_IFREG | 0644);
		put_pattern(p, 0, 6000, 6);
		inode_put(p);
		assert_int_equal(rename_it(root, "new", root, "old"), 0);
		assert_int_equal(rename_it(root, "new", root, "old"), -ENOENT);
		check_pattern(f, 0, 5000, 5);
		assert_int_equal(f->nlink, 0);
		inode_put(f);
		p = look(root, "old");
		check_pattern(p, 0, 6000, 6);
		assert_int_equal(rename_it(root, "old", root, "old"), 0);
		inode_put(p);
		/* Nothing is made in a directory that is gone. */
		e = make_dir(root, "gone");
		assert_int_equal(ext2_ops.unlink(root, "gone", 4, true), 0);
		assert_int_equal(PTR_ERR(made(e, "x", S_IFREG)), -ENOENT);
		assert_int_equal(rename_it(root, "old", e, "x"), -ENOENT);
		inode_put(e);
		inode_put(d);
		end();
	}
}

static void test_attributes(void **state)
{
	/* Seconds and nanoseconds; the last two do not fit into an inode of 128 bytes. */
	static const s64 times[] = {0,
				    -5 * (s64)NSEC_PER_SEC + 7,
				    1700000000ll * NSEC_PER_SEC + 123456789,
				    2147483647ll * NSEC_PER_SEC,
				    2147483648ll * NSEC_PER_SEC + 1,
				    8589934592ll * NSEC_PER_SEC + 999999999};
	struct inode *f, to;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		bool small = strstr(sizes[i], "-I 128");

		begin(sizes[i], 8192);
		f = made(root, "f", S_IFREG | 0644);
		inode_put(f);
		assert_int_equal(ext2_ops.create(root, "dev", 3, S_IFBLK | 0600, 0xfe01, &f), 0);
		inode_put(f);
		assert_int_equal(ext2_ops.create(root, "dev2", 4, S_IFCHR | 0600, 0x12345678, &f), 0);
		inode_put(f);
		inode_put(made(root, "pipe", S_IFIFO | 0600));
		for (size_t t = 0; t < ARRAY_SIZE(times); t++) {
			f = look(root, "f");
			to = *f;
			to.mode = S_IFREG | 04711;
			to.uid = 70000;
			to.gid = 70001;
			to.atime = to.mtime = times[t];
			assert_int_equal(inode_change(f, &to), 0);
			inode_put(f);
			f = look(root, "f"); /* from the disk */
			assert_int_equal(f->mode, S_IFREG | 04711);
			assert_int_equal(f->uid, 70000);
			assert_int_equal(f->gid, 70001);
			if (!small)
				assert_true(f->mtime == times[t] && f->atime == times[t]);
			else
				assert_true(f->mtime == MIN(times[t], (s64)INT32_MAX * NSEC_PER_SEC) ||
					    f->mtime / NSEC_PER_SEC == times[t] / NSEC_PER_SEC ||
					    times[t] < 0);
			inode_put(f);
		}
		f = look(root, "dev");
		assert_int_equal(f->mode, S_IFBLK | 0600);
		assert_int_equal(f->rdev, 0xfe01);
		inode_put(f);
		f = look(root, "dev2");
		assert_int_equal(f->rdev, 0x12345678);
		inode_put(f);
		end();
	}
	assert_int_equal(
	    run(TOOLS "debugfs -R 'stat /dev' %s/disk 2>&1 | grep -q 'major/minor number: 254:01'", folder),
	    0);
}

/* Everything that can be had is taken, with data, names and directories in turn; nothing is damaged, and after removal as much is there
 * as before. */
static void test_full(void **state)
{
	u8 *data = calloc(1, 50000);
	struct inode *f, *d;
	struct fs_space before, after;
	char name[40];
	long got;
	u32 i, n;

	for (size_t s = 0; s < ARRAY_SIZE(sizes); s++) {
		make(sizes[s], 1024);
		assert_int_equal(mount_it(false), 0);
		root->fs->space(root, &before);
		d = make_dir(root, "d");
		for (n = 0;; n++) {
			snprintf(name, sizeof(name), "file-with-a-name-%u", n);
			f = made(d, name, n % 10 ? S_IFREG : S_IFDIR);
			if (IS_ERR(f)) {
				assert_int_equal(PTR_ERR(f), -ENOSPC);
				break;
			}
			got = n % 10 ? put_at(f, data, 1 + n * 997 % 49999, 0) : 0;
			inode_put(f);
			if (got < 0)
				assert_int_equal(got, -ENOSPC);
		}
		ext2_reap();
		assert_true(n > 20);
		inode_put(d);
		unmount_it();
		check_clean();
		load();
		assert_int_equal(mount_it(false), 0);
		d = look(root, "d");
		for (i = 0; i < n; i++) {
			snprintf(name, sizeof(name), "file-with-a-name-%u", i);
			assert_int_equal(ext2_ops.unlink(d, name, strlen(name), i % 10 == 0), 0);
			ext2_reap();
		}
		inode_put(d);
		assert_int_equal(ext2_ops.unlink(root, "d", 1, true), 0);
		ext2_reap();
		root->fs->space(root, &after);
		assert_true(before.left == after.left);
		sync_it();
		root->fs->space(root, &after);
		assert_true(before.left == after.left && before.files_left == after.files_left);
		end();
	}
	free(data);
}

/* A program's memory that is not there in the middle of a write leaves nothing behind the end of the file. */
static void test_faults(void **state)
{
	u8 *data = calloc(1, 100000);
	struct inode *f;

	for (size_t s = 0; s < ARRAY_SIZE(sizes); s++) {
		begin(sizes[s], 8192);
		f = made(root, "f", S_IFREG);
		faults = 30;
		for (u32 i = 0; i < 60; i++)
			put_at(f, data, 1 + dice(99999), dice(800000));
		faults = 0;
		inode_put(f);
		end();
	}
	free(data);
}

/* Removed while it is open: usable, then freed; or, if the power fails, by the next mount. */
static void test_orphans(void **state)
{
	struct inode *f[5];
	struct fs_space before, after;
	u8 *left;
	char name[8];

	for (size_t s = 0; s < ARRAY_SIZE(sizes); s++) {
		begin(sizes[s], 8192);
		root->fs->space(root, &before);
		for (u32 i = 0; i < 5; i++) {
			snprintf(name, sizeof(name), "f%u", i);
			f[i] = i == 3 ? make_dir(root, name) : made(root, name, S_IFREG);
			if (i != 3)
				put_pattern(f[i], 0, 100000, i);
		}
		for (u32 i = 0; i < 5; i++) {
			snprintf(name, sizeof(name), "f%u", i);
			assert_int_equal(ext2_ops.unlink(root, name, 2, i == 3), 0);
		}
		check_pattern(f[1], 0, 100000, 1);
		assert_int_equal(ext2_remount(root, true), -EBUSY);
		inode_put(f[2]); /* from the middle of the list */
		ext2_reap();
		sync_it();
		sync_it(); /* what is free since the first one is free on the disk too */
		left = malloc(disk_pages() << PAGE_SHIFT);
		memcpy(left, disk_bytes, disk_pages() << PAGE_SHIFT);
		for (u32 i = 0; i < 5; i++)
			if (i != 2)
				inode_put(f[i]);
		ext2_reap();
		assert_int_equal(ext2_remount(root, true), 0);
		assert_int_equal(ext2_remount(root, false), 0);
		end();
		disk_set(left, disk.sectors * SECTOR_SIZE);
		assert_int_equal(mount_it(false), 0);
		assert_non_null(strstr(log_last, "e2fsck is needed"));
		root->fs->space(root, &after);
		assert_true(before.left == after.left && before.files_left == after.files_left);
		unmount_it();
		/* It says that it is not clean, but e2fsck finds nothing. */
		((struct ext2_super *)(disk_bytes + EXT2_SUPER_AT))->state |= EXT2_VALID;
		check_clean();
		disk_drop();
		free(left);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *options;
		int rc, rc_readonly;
		const char *sentence;
	} cases[] = {
	    {"-t ext4 -O ^metadata_csum,^64bit,^flex_bg,^has_journal", -EINVAL, -EINVAL, "\"extent\""},
	    {"-t ext4", -EINVAL, -EINVAL, "\"flex_bg\""},
	    {"-O journal_dev -b 4096", -EINVAL, -EINVAL, "journal_dev"},
	    {"-O huge_file", -EROFS, 0, "\"huge_file\""},
	    {"-O has_journal", 0, 0, NULL},
	    {"-r 0 -I 128", -EINVAL, -EINVAL, "revision 0"},
	    {"-b 4096 -O ^sparse_super,^large_file,^resize_inode,^ext_attr", 0, 0, NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		for (int readonly = 0; readonly < 2; readonly++) {
			make(cases[i].options, 8192);
			assert_int_equal(mount_it(readonly), readonly ? cases[i].rc_readonly : cases[i].rc);
			if (IS_ERR(root)) {
				assert_non_null(strstr(log_last, cases[i].sentence));
				assert_true(!objects && !disk_users && !live_buffers);
			} else {
				unmount_it();
				check_clean();
			}
			disk_drop();
		}
	}
	make("-b 1024", 8192);
	disk.sectors = 8000 * 2;
	assert_int_equal(mount_it(false), -EUCLEAN);
	assert_non_null(strstr(log_last, "larger than its device"));
	memset(disk_bytes, 0, 4096);
	assert_int_equal(mount_it(false), -EINVAL);
	disk_drop();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_files),      cmocka_unit_test(test_debugfs), cmocka_unit_test(test_names),
	    cmocka_unit_test(test_attributes), cmocka_unit_test(test_full),    cmocka_unit_test(test_faults),
	    cmocka_unit_test(test_orphans),    cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests_name("ext2", tests, make_folder, remove_folder);
}
