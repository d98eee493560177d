/* SPDX-License-Identifier: MIT */
/*
 * ext2 of the teaching kernel when the power fails: whenever that is (the cache writes at any time, in any order), e2fsck repairs all,
 * and what was synced before is there.
 *
 * Environment: ROUNDS (60), ROUND, the first.
 */
#include "ext2_files_host.h"

/* What a power cut now leaves of the disk: of each page what the last sync wrote, or what the cache wrote since then, or would have. */
static void disk_cut(u8 *left)
{
	memcpy(left, disk_bytes, disk_pages() << PAGE_SHIFT);
	for (u64 i = 0; i < disk_pages(); i++)
		if (buffers[i] && buffers[i]->dirtied && dice(2))
			memcpy(left + (i << PAGE_SHIFT), buffers[i]->data, PAGE_SIZE);
	for (u32 i = 0; i < write_count; i++)
		if (!dice(3))
			memcpy(left + (writes[i].page << PAGE_SHIFT), writes[i].data, PAGE_SIZE);
}

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

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_power),
	};

	return cmocka_run_group_tests_name("ext2_cuts", tests, make_folder, remove_folder);
}
