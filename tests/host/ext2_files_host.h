/* SPDX-License-Identifier: MIT */
/*
 * File systems that mke2fs makes and e2fsck checks, in a folder of their own, and what the tests of the teaching kernel's ext2 do with
 * files by name.
 */
#ifndef EXT2_FILES_HOST_H
#define EXT2_FILES_HOST_H

#include <setjmp.h>
#include "ext2_host.h"
#include <cmocka.h>

#define TOOLS "PATH=$PATH:/usr/sbin:/sbin "

static char folder[] = "/tmp/ext2-XXXXXX";
static struct inode *root;
static u32 block_size;

static inline int run(const char *fmt, ...)
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

static inline void save(const void *bytes, size_t size)
{
	char path[100];
	FILE *f;

	snprintf(path, sizeof(path), "%s/disk", folder);
	f = fopen(path, "wb");
	assert_non_null(f);
	assert_true(fwrite(bytes, 1, size, f) == size);
	fclose(f);
}

static inline void load(void)
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

static inline void make(const char *options, u32 kib)
{
	int rc = run("rm -f %s/disk; " TOOLS "mke2fs -q -F %s -E nodiscard %s %s/disk %uk >%s/out 2>&1",
		     folder, strstr(options, "-t ") ? "" : "-t ext2", options, folder, kib, folder);

	if (rc)
		run("cat %s/out >&2", folder);
	assert_int_equal(rc, 0);
	load();
}

static inline int mount_it(bool readonly)
{
	log_lines = 0;
	disk_users = 1;
	root = ext2_mount(&disk, readonly);
	return IS_ERR(root) ? (int)PTR_ERR(root) : 0;
}

/* After it nothing is left in memory. */
static inline void unmount_it(void)
{
	ext2_reap();
	assert_int_equal(root->refs, 1);
	ext2_unmount(root);
	assert_int_equal(objects, 0);
	assert_int_equal(pool_used, 0);
	assert_int_equal(live_buffers, 0);
	assert_int_equal(disk_users, 0);
}

static inline void check_clean(void)
{
	save(disk_bytes, disk.sectors * SECTOR_SIZE);
	if (run(TOOLS "e2fsck -fn %s/disk >%s/out 2>&1", folder, folder)) {
		run("cat %s/out >&2; cp %s/disk /tmp/ext2-failed", folder, folder);
		fail_msg("e2fsck found something wrong");
	}
}

static inline void begin(const char *options, u32 kib)
{
	make(options, kib);
	assert_int_equal(mount_it(false), 0);
	block_size = ext2_of(root)->block_size;
}

static inline void end(void)
{
	unmount_it();
	check_clean();
	disk_drop();
}

/* ---- Files by name ---- */

static inline struct inode *look(struct inode *dir, const char *name)
{
	struct inode *inode;
	int rc = ext2_ops.lookup(dir, name, strlen(name), &inode);

	return rc ? ERR_PTR(rc) : inode;
}

static inline int there(struct inode *dir, const char *name)
{
	struct inode *inode = look(dir, name);

	if (IS_ERR(inode))
		return PTR_ERR(inode);
	inode_put(inode);
	return 0;
}

static inline struct inode *made(struct inode *dir, const char *name, u32 mode)
{
	struct inode *inode;
	int rc = ext2_ops.create(dir, name, strlen(name), mode, 0, &inode);

	return rc ? ERR_PTR(rc) : inode;
}

static inline struct inode *make_dir(struct inode *dir, const char *name)
{
	struct inode *inode = made(dir, name, S_IFDIR | 0755);

	assert_false(IS_ERR(inode));
	return inode;
}

static inline long put_at(struct inode *inode, const void *data, size_t n, u64 pos)
{
	struct file f = {.inode = inode, .flags = O_RDWR};

	return ext2_file_ops.write(&f, data, n, &pos);
}

static inline long get_at(struct inode *inode, void *data, size_t n, u64 pos)
{
	struct file f = {.inode = inode, .flags = O_RDWR};

	return ext2_file_ops.read(&f, data, n, &pos);
}

static inline void sync_it(void)
{
	struct file f = {.inode = root};

	assert_int_equal(ext2_file_ops.sync(&f, false), 0);
}

static inline int unlink_it(struct inode *dir, const char *name)
{
	return ext2_ops.unlink(dir, name, strlen(name), false);
}

static inline int rename_it(struct inode *from, const char *name, struct inode *to, const char *new)
{
	return ext2_ops.rename(from, name, strlen(name), to, new, strlen(new));
}

/* Bytes that depend on their place and on `kind`. */
static inline void fill(u8 *data, size_t n, u64 pos, u32 kind)
{
	for (size_t i = 0; i < n; i++)
		data[i] = (pos + i) * 31 + ((pos + i) >> 8) * 7 + kind * 101;
}

static inline void put_pattern(struct inode *inode, u64 pos, size_t n, u32 kind)
{
	u8 *data = malloc(n);

	fill(data, n, pos, kind);
	assert_int_equal(put_at(inode, data, n, pos), n);
	free(data);
}

static inline void check_pattern(struct inode *inode, u64 pos, size_t n, u32 kind)
{
	u8 *data = malloc(n), *wanted = malloc(n);

	fill(wanted, n, pos, kind);
	assert_int_equal(get_at(inode, data, n, pos), n);
	assert_memory_equal(data, wanted, n);
	free(data);
	free(wanted);
}

static inline void check_zeros(struct inode *inode, u64 pos, size_t n)
{
	u8 *data = malloc(n);

	assert_int_equal(get_at(inode, data, n, pos), n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(data[i], 0);
	free(data);
}

static const char *const sizes[] = {"-b 1024", "-b 2048", "-b 4096", "-b 1024 -I 128",
				    "-b 4096 -I 128 -O ^filetype,^dir_index"};

static inline int make_folder(void **state)
{
	return !mkdtemp(folder);
}

static inline int remove_folder(void **state)
{
	return run("rm -r %s", folder);
}

#endif
