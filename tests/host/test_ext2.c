/* SPDX-License-Identifier: MIT */
/*
 * ext2 of the teaching kernel (guest-kernel/kern/fs/ext2*.c), on file systems that mke2fs makes, with blocks of 1, 2 and 4 KiB:
 *
 *   - whatever it does, e2fsck finds nothing wrong afterwards, and debugfs reads what was written
 *   - a full disk is an error and nothing else
 *   - what it does not know is refused by a sentence; what only reading allows is mounted for reading
 *   - a removed file that is open is freed at its last close, or after a power cut at the next mount
 *   - whenever the power fails (the cache writes at any time, in any order), e2fsck repairs all, and what was synced before is there
 */
#include <setjmp.h>
#include "ext2_host.h"
#include <cmocka.h>

#define TOOLS "PATH=$PATH:/usr/sbin:/sbin "

static char folder[] = "/tmp/ext2-XXXXXX";
static struct inode *root;
static u32 block_size;

static int run(const char *fmt, ...)
{
	char command[600];
	va_list ap;
	int status;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	status = system(command);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void save(const void *bytes, size_t size)
{
	char path[100];
	FILE *f;

	snprintf(path, sizeof(path), "%s/disk", folder);
	f = fopen(path, "wb");
	assert_non_null(f);
	assert_true(fwrite(bytes, 1, size, f) == size);
	fclose(f);
}

static void load(void)
{
	char path[100];
	FILE *f;
	u8 *bytes;
	long size;

	snprintf(path, sizeof(path), "%s/disk", folder);
	f = fopen(path, "rb");
	assert_non_null(f);
	fseek(f, 0, SEEK_END);
	size = ftell(f);
	rewind(f);
	bytes = malloc(size);
	assert_true(fread(bytes, 1, size, f) == (size_t)size);
	fclose(f);
	disk_set(bytes, size);
	free(bytes);
}

static void make(const char *options, u32 kib)
{
	int rc = run("rm -f %s/disk; " TOOLS "mke2fs -q -F %s -E nodiscard %s %s/disk %uk >%s/out 2>&1",
		     folder, strstr(options, "-t ") ? "" : "-t ext2", options, folder, kib, folder);

	if (rc)
		run("cat %s/out >&2", folder);
	assert_int_equal(rc, 0);
	load();
}

static int mount_it(bool readonly)
{
	log_lines = 0;
	disk_users = 1;
	root = ext2_mount(&disk, readonly);
	return IS_ERR(root) ? (int)PTR_ERR(root) : 0;
}

/* After it nothing is left in memory. */
static void unmount_it(void)
{
	ext2_reap();
	assert_int_equal(root->refs, 1);
	ext2_unmount(root);
	assert_int_equal(objects, 0);
	assert_int_equal(pool_used, 0);
	assert_int_equal(live_buffers, 0);
	assert_int_equal(disk_users, 0);
}

static void check_clean(void)
{
	save(disk_bytes, disk.sectors * SECTOR_SIZE);
	if (run(TOOLS "e2fsck -fn %s/disk >%s/out 2>&1", folder, folder)) {
		run("cat %s/out >&2; cp %s/disk /tmp/ext2-failed", folder, folder);
		fail_msg("e2fsck found something wrong");
	}
}

static void begin(const char *options, u32 kib)
{
	make(options, kib);
	assert_int_equal(mount_it(false), 0);
	block_size = ext2_of(root)->block_size;
}

static void end(void)
{
	unmount_it();
	check_clean();
	disk_drop();
}

/* ---- Files by name ---- */

static struct inode *look(struct inode *dir, const char *name)
{
	struct inode *inode;
	int rc = ext2_ops.lookup(dir, name, strlen(name), &inode);

	return rc ? ERR_PTR(rc) : inode;
}

static int there(struct inode *dir, const char *name)
{
	struct inode *inode = look(dir, name);

	if (IS_ERR(inode))
		return PTR_ERR(inode);
	inode_put(inode);
	return 0;
}

static struct inode *made(struct inode *dir, const char *name, u32 mode)
{
	struct inode *inode;
	int rc = ext2_ops.create(dir, name, strlen(name), mode, 0, &inode);

	return rc ? ERR_PTR(rc) : inode;
}

static struct inode *make_dir(struct inode *dir, const char *name)
{
	struct inode *inode = made(dir, name, S_IFDIR | 0755);

	assert_false(IS_ERR(inode));
	return inode;
}

static long put_at(struct inode *inode, const void *data, size_t n, u64 pos)
{
	struct file f = {.inode = inode, .flags = O_RDWR};

	return ext2_file_ops.write(&f, data, n, &pos);
}

static long get_at(struct inode *inode, void *data, size_t n, u64 pos)
{
	struct file f = {.inode = inode, .flags = O_RDWR};

	return ext2_file_ops.read(&f, data, n, &pos);
}

static void sync_it(void)
{
	struct file f = {.inode = root};

	assert_int_equal(ext2_file_ops.sync(&f, false), 0);
}

static int unlink_it(struct inode *dir, const char *name)
{
	return ext2_ops.unlink(dir, name, strlen(name), false);
}

static int rename_it(struct inode *from, const char *name, struct inode *to, const char *new)
{
	return ext2_ops.rename(from, name, strlen(name), to, new, strlen(new));
}

/* Bytes that depend on their place and on `kind`. */
static void fill(u8 *data, size_t n, u64 pos, u32 kind)
{
	for (size_t i = 0; i < n; i++)
		data[i] = (pos + i) * 31 + ((pos + i) >> 8) * 7 + kind * 101;
}

static void put_pattern(struct inode *inode, u64 pos, size_t n, u32 kind)
{
	u8 *data = malloc(n);

	fill(data, n, pos, kind);
	assert_int_equal(put_at(inode, data, n, pos), n);
	free(data);
}

static void check_pattern(struct inode *inode, u64 pos, size_t n, u32 kind)
{
	u8 *data = malloc(n), *wanted = malloc(n);

	fill(wanted, n, pos, kind);
	assert_int_equal(get_at(inode, data, n, pos), n);
	assert_memory_equal(data, wanted, n);
	free(data);
	free(wanted);
}

static void check_zeros(struct inode *inode, u64 pos, size_t n)
{
	u8 *data = malloc(n);

	assert_int_equal(get_at(inode, data, n, pos), n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(data[i], 0);
	free(data);
}

static const char *const sizes[] = {"-b 1024", "-b 2048", "-b 4096", "-b 1024 -I 128",
				    "-b 4096 -I 128 -O ^filetype,^dir_index"};

/* ---- Tests ---- */

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

/* ---- Damage ---- */

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

/* ---- Power cuts ---- */

#define NAMES 12

/* What is known of a name: the kind of its contents and their length; 0: no such file. `then`: since the last sync. */
static struct known {
	u32 kind, size;
} synced[NAMES], then[NAMES][64];
static u32 versions[NAMES], moves;
static struct move {
	u32 from, to;
	struct known file;
} moved[NAMES]; /* since the last sync: the file has one of the names */

static const char *name_of(u32 n)
{
	static char name[2][40];
	static u32 which;

	which = !which;
	snprintf(name[which], sizeof(name[which]), "%.*s%u", n * 3, "a-name-that-is-longer-than-others-", n);
	return name[which];
}

static struct known *latest(u32 n)
{
	return versions[n] ? &then[n][versions[n] - 1] : &synced[n];
}

static void now_is(u32 n, u32 kind, u32 size)
{
	then[n][versions[n]++] = (struct known){kind, size};
}

static struct inode *dir_of(struct inode *dirs[2], u32 n)
{
	return dirs[n & 1];
}

static void all_synced(void)
{
	for (u32 i = 0; i < NAMES; i++) {
		synced[i] = *latest(i);
		versions[i] = 0;
	}
	moves = 0;
}

/* A new file: written, and perhaps renamed over another one. */
static void step_write(struct inode *dirs[2])
{
	static u32 kind;
	u32 n = dice(NAMES), size = dice(3) ? dice(9000) : dice(150000), to = dice(NAMES);
	struct inode *f;

	if (versions[n] || versions[to] || n == to)
		return;
	if (latest(n)->kind) {
		assert_int_equal(unlink_it(dir_of(dirs, n), name_of(n)), 0);
		ext2_reap();
		now_is(n, 0, 0);
		return;
	}
	f = made(dir_of(dirs, n), name_of(n), S_IFREG | 0644);
	assert_false(IS_ERR(f));
	put_pattern(f, 0, size, ++kind);
	if (!dice(2)) {
		struct file file = {.inode = f};

		now_is(n, kind, size);
		ext2_file_ops.sync(&file, false);
		all_synced();
	} else {
		synced[n] = (struct known){UINT32_MAX, 0}; /* anything */
		now_is(n, kind, size);
	}
	inode_put(f);
	if (dice(2) || synced[n].kind == UINT32_MAX)
		return;
	assert_int_equal(rename_it(dir_of(dirs, n), name_of(n), dir_of(dirs, to), name_of(to)), 0);
	ext2_reap();
	moved[moves++] = (struct move){n, to, *latest(n)};
	now_is(to, latest(n)->kind, latest(n)->size);
	now_is(n, 0, 0);
}

static void step_append(struct inode *dirs[2])
{
	u32 n = dice(NAMES), more = 1 + dice(60000);
	struct known k = *latest(n);
	struct inode *f;

	if (versions[n] || !k.kind)
		return;
	f = look(dir_of(dirs, n), name_of(n));
	assert_false(IS_ERR(f));
	put_pattern(f, k.size, more, k.kind);
	now_is(n, k.kind, k.size + more);
	inode_put(f);
}

static bool is_this(struct inode *dir, u32 n, const struct known *k, bool exactly)
{
	struct inode *f = look(dir, name_of(n));
	u8 *data, *wanted;
	bool same;

	if (IS_ERR(f))
		return !k->kind;
	if (!k->kind || f->size < k->size || (exactly && f->size != k->size)) {
		inode_put(f);
		return false;
	}
	data = malloc(k->size + 1);
	wanted = malloc(k->size + 1);
	fill(wanted, k->size, 0, k->kind);
	same = get_at(f, data, k->size, 0) == (long)k->size && !memcmp(data, wanted, k->size);
	free(data);
	free(wanted);
	inode_put(f);
	return same;
}

/* What was synced is there; what was changed since then is there, or what was synced. A longer file may be one that grew. */
static void check_promises(u32 round)
{
	struct inode *dirs[2] = {root, look(root, "d")};

	assert_false(IS_ERR(dirs[1]));
	for (u32 n = 0; n < NAMES; n++) {
		bool ok =
		    synced[n].kind == UINT32_MAX || is_this(dir_of(dirs, n), n, &synced[n], !versions[n]);

		for (u32 v = 0; v < versions[n] && !ok; v++)
			ok = is_this(dir_of(dirs, n), n, &then[n][v], true);
		if (!ok) {
			run("cat %s/out >&2; cp %s/before /tmp/ext2-failed", folder, folder);
			fail_msg("round %u: %s is not as it was promised (kind %u, %u bytes; %u changes)",
				 round, name_of(n), synced[n].kind, synced[n].size, versions[n]);
		}
	}
	for (struct move *m = moved; m < moved + moves; m++)
		if (!is_this(dir_of(dirs, m->from), m->from, &m->file, true) &&
		    !is_this(dir_of(dirs, m->to), m->to, &m->file, true))
			fail_msg("round %u: %s has neither this name nor %s", round, name_of(m->from),
				 name_of(m->to));
	inode_put(dirs[1]);
}

static void cut(const char *options, u32 round)
{
	struct inode *dirs[2];
	u32 steps = 20 + dice(80);
	u8 *left;
	size_t size;
	int rc;

	seed = round * 7919 + 1;
	memset(synced, 0, sizeof(synced));
	memset(versions, 0, sizeof(versions));
	moves = 0;
	begin(options, 4096);
	early = 4;
	dirs[0] = root;
	dirs[1] = make_dir(root, "d");
	sync_it();
	for (u32 i = 0; i < steps; i++) {
		if (!dice(8)) {
			sync_it();
			all_synced();
		} else if (dice(3)) {
			step_write(dirs);
		} else {
			step_append(dirs);
		}
	}
	size = disk.sectors * SECTOR_SIZE;
	left = malloc(disk_pages() << PAGE_SHIFT);
	disk_cut(left);
	early = 0;
	inode_put(dirs[1]);
	unmount_it();
	check_clean();
	disk_drop();
	save(left, size);
	free(left);
	run("cp %s/disk %s/before", folder, folder);
	rc = run(TOOLS "e2fsck -fy %s/disk >%s/out 2>&1", folder, folder);
	if (rc > 1) {
		run("cat %s/out >&2; cp %s/before /tmp/ext2-failed", folder, folder);
		fail_msg("round %u: e2fsck could not repair it (%d)", round, rc);
	}
	load();
	assert_int_equal(mount_it(true), 0);
	check_promises(round);
	unmount_it();
	disk_drop();
}

static void test_power(void **state)
{
	u32 first = getenv("ROUND") ? atoi(getenv("ROUND")) : 1,
	    rounds = getenv("ROUNDS") ? atoi(getenv("ROUNDS")) : 60;

	for (u32 i = first; i < first + rounds; i++)
		cut(sizes[i % ARRAY_SIZE(sizes)], i);
}

static int setup(void **state)
{
	return !mkdtemp(folder);
}

static int teardown(void **state)
{
	return run("rm -r %s", folder);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_files),         cmocka_unit_test(test_debugfs),
	    cmocka_unit_test(test_names),         cmocka_unit_test(test_attributes),
	    cmocka_unit_test(test_full),          cmocka_unit_test(test_faults),
	    cmocka_unit_test(test_orphans),       cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_damaged_names), cmocka_unit_test(test_damaged_blocks),
	    cmocka_unit_test(test_damaged_mount), cmocka_unit_test(test_power),
	};

	return cmocka_run_group_tests_name("ext2", tests, setup, teardown);
}
