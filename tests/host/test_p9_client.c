/* SPDX-License-Identifier: MIT */
/*
 * The teaching kernel's client of 9P (guest-kernel/kern/fs/p9*.c) against a server that lies: its answers are nearly right,
 * cut off, of another type, with wrong counts, qids and names, or do not come before the task that waits is killed. Whatever it
 * says, nothing outside of the buffers is touched (address checks; free pages are poisoned), nothing waits for ever,
 * and in the end all inodes, fids, pages and other memory are given back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sanitizer/asan_interface.h>
#include <cmocka.h>

#include "kernel_host.h"

#define POOL_PAGES 4096
static u32 refs[POOL_PAGES];
static long waits_left;

u64 div64(u64 value, u32 by, u32 *rest);
#include "kern/fs/inode.c"
#include "kern/fs/p9_call.c"
#include "kern/fs/p9_file.c"
#include "kern/fs/prepared.c"
#include "kern/fs/p9_message.c"
#include "kern/fs/p9.c"

u64 div64(u64 value, u32 by, u32 *rest)
{
	*rest = value % by;
	return value / by;
}

s64 clock_realtime(void)
{
	return 1;
}

/* A poisoned page is left on both sides. */
pfn_t page_alloc_run(ulong n)
{
	static pfn_t next = 1;
	pfn_t first, i;

	if (next + n + 1 > POOL_PAGES)
		next = 1;
	for (first = next, i = first; i < first + n + 1; i++)
		if (i + 1 >= POOL_PAGES || refs[i])
			return 0;
	for (i = first; i < first + n; i++)
		refs[i] = 1;
	next = first + n + 1;
	__asan_unpoison_memory_region(pfn_to_virt(first), n << PAGE_SHIFT);
	return first;
}

pfn_t page_alloc_zeroed(void)
{
	pfn_t pfn = 0;

	for (int tries = 0; tries < 64 && !pfn; tries++)
		pfn = page_alloc_run(1);
	if (pfn)
		memset(pfn_to_virt(pfn), 0, PAGE_SIZE);
	return pfn;
}

void page_get(pfn_t pfn)
{
	assert_true(refs[pfn]);
	refs[pfn]++;
}

void page_put(pfn_t pfn)
{
	assert_true(refs[pfn]);
	if (!--refs[pfn])
		__asan_poison_memory_region(pfn_to_virt(pfn), PAGE_SIZE);
}

ulong page_free_count(void)
{
	return 1000;
}

int copy_from_user(void *to, const void *from, size_t n)
{
	memcpy(to, from, n);
	return rand() % 50 ? 0 : -EFAULT;
}

int copy_to_user(void *to, const void *from, size_t n)
{
	memcpy(to, from, n);
	return rand() % 50 ? 0 : -EFAULT;
}

bool kernel_breathe(void)
{
	return false;
}

void wait_init(struct wait_queue *q)
{
}

void wake_all(struct wait_queue *q)
{
}

/* ---- the server ---- */

static bool honest; /* for the start */
static struct p9 *server;
static bool asked_for[P9_CALLS]; /* the server has this call's buffers */

static u32 any(u32 below)
{
	return rand() % below;
}

static u64 odd_number(void)
{
	static const u64 numbers[] = {
	    0, 1, 2, 4095, 4096, 4097, 70000, 0x7fffffff, 0xffffffff, 0x7fffffffffffffff, 0xffffffffffffffff};

	return numbers[any(ARRAY_SIZE(numbers))];
}

static u32 a_mode(void)
{
	static const u32 types[] = {S_IFREG, S_IFREG, S_IFDIR, S_IFDIR, S_IFLNK, S_IFIFO, 0, 0170000};

	return types[any(ARRAY_SIZE(types))] | 0644;
}

static void put_qid(struct p9_message *m)
{
	p9_put(m, "bdq", any(256), any(4), (u64)any(6));
}

static void put_entries(struct p9_message *m, u32 wanted)
{
	static const char *const names[] = {".", "..", "a", "b/c", "name", "", "another name"};
	u32 at = m->at, n = any(20), len;

	p9_put(m, "d", 0);
	for (u32 i = 0; i < n && m->at - at < wanted; i++) {
		const char *name = names[any(ARRAY_SIZE(names))];

		put_qid(m);
		p9_put(m, "qbs", (u64)i + any(2), any(16), name, strlen(name));
	}
	len = m->at - at - 4;
	memcpy(m->bytes + at, &len, 4);
}

static void put_data(struct p9_message *m, u32 wanted)
{
	u32 n = any(3) ? wanted : any(wanted + 100);

	n = MIN(n, m->size - m->at - 4);
	p9_put(m, "d", any(8) ? n : (u32)odd_number());
	for (u32 i = 0; i < n && m->at < m->size; i++)
		p9_put(m, "b", i);
}

static void put_attributes(struct p9_message *m, u64 path)
{
	p9_put(m, "qbdq", 0x7ffULL, 0, 0, path);
	p9_put(m, "dddqqqqq", path == 0 ? S_IFDIR | 0755 : a_mode(), 0, 0, odd_number(), (u64)0,
	       any(2) && !honest ? odd_number() : any(100000), (u64)4096, odd_number());
	for (int i = 0; i < 10; i++)
		p9_put(m, "q", odd_number());
}

static void put_space(struct p9_message *m)
{
	p9_put(m, "dd", 0xef53, honest ? 28672 : (u32)odd_number());
	for (int i = 0; i < 5; i++)
		p9_put(m, "q", honest ? 1000 / (u64)(i + 1) : odd_number());
	p9_put(m, "qd", (u64)7, 255);
}

/* Nearly right, for a moment. */
static void answer_well(struct p9_message *m, const u8 *asked)
{
	u32 count;

	memcpy(&count, asked + 19, 4); /* of Tread, Twrite and Treaddir */
	switch (asked[4]) {
	case P9_VERSION:
		p9_put(m, "ds", honest ? P9_MESSAGE : (u32)odd_number(), VERSION, strlen(VERSION));
		break;
	case P9_WALK:
		p9_put(m, "w", any(20) ? asked[15] : any(9));
		put_qid(m);
		break;
	case P9_GETATTR:
		put_attributes(m, honest ? 0 : any(6));
		break;
	case P9_STATFS:
		put_space(m);
		break;
	case P9_READDIR:
		put_entries(m, count);
		break;
	case P9_READ:
		put_data(m, count);
		break;
	case P9_WRITE:
		p9_put(m, "d", any(8) ? count : (u32)odd_number());
		break;
	case P9_READLINK:
		p9_put(m, "s", "target/of/the/link", (size_t)any(19));
		break;
	default:
		put_qid(m);
		p9_put(m, "d", 0);
	}
}

static void give_answer(struct p9_call *c)
{
	struct p9_message m = {.bytes = c->in.bytes};
	u32 written;

	p9_start(&m, P9_MESSAGE, c->out.bytes[4] + 1, c->out.bytes[5] | c->out.bytes[6] << 8);
	if (!honest && !any(8)) {
		m.bytes[4] = P9_ERROR + 1;
		p9_put(&m, "d", any(2) ? any(140) : (u32)odd_number());
	} else {
		answer_well(&m, c->out.bytes);
	}
	p9_finish(&m);
	written = m.at;
	while (!honest && !any(4)) { /* spoil it */
		if (any(2))
			m.bytes[any(written)] = rand();
		else
			written = 1 + any(written);
	}
	p9_done(c, written);
}

static bool server_send(struct p9 *p9, struct p9_call *c)
{
	assert_true(c->out.at >= P9_HEADER && c->out.at <= P9_MESSAGE);
	assert_false(asked_for[c - p9->calls]);
	asked_for[c - p9->calls] = true;
	return true;
}

static void serve(void)
{
	for (unsigned i = 0; i < P9_CALLS; i++)
		if (asked_for[i] && (honest || any(3))) {
			asked_for[i] = false;
			give_answer(&server->calls[i]);
		}
}

/* The task sleeps: the server has its turn, or the task is killed. */
int wait_on_killable(struct wait_queue *q)
{
	assert_true(waits_left--); /* a loop that asks again and again must come to an end */
	serve();
	return honest || any(60) ? 0 : -ERESTARTSYS;
}

/* ---- the tasks ---- */

#define HELD 8
static struct inode *held[HELD];

static void put_held(unsigned i)
{
	if (held[i])
		inode_put(held[i]);
	held[i] = NULL;
}

static bool emit(void *ctx, const char *name, size_t len, u64 ino, u32 mode)
{
	assert_true(len && len <= NAME_MAX && !memchr(name, '/', len) && !memchr(name, 0, len));
	return --*(int *)ctx > 0;
}

static void on_dir(struct inode *dir, unsigned slot)
{
	static const char name[] = "name";
	struct inode *found = NULL;
	u64 pos = 2 + any(3);
	int room = 30, rc = 0;

	switch (any(7)) {
	case 0:
		dir->ops->readdir(dir, &pos, emit, &room);
		return;
	case 1:
		rc = dir->ops->create(dir, name, 4, (any(2) ? S_IFREG : S_IFDIR) | 0644, 0, &found);
		break;
	case 2:
		dir->ops->unlink(dir, name, 4, any(2));
		return;
	case 3:
		dir->ops->rename(dir, name, 4, dir, "other", 5);
		return;
	case 4:
		dir->ops->symlink(dir, name, 4, "to");
		return;
	default:
		rc = dir->ops->lookup(dir, name, 4, &found);
	}
	assert_true(rc ? rc < 0 && rc > -600 && !found : found != NULL);
	if (found == dir || (found && found->mounted)) {
		inode_put(found);
		return;
	}
	put_held(slot);
	held[slot] = found;
}

static void on_file(struct inode *inode)
{
	static u8 buf[100000];
	struct file file = {.inode = inode, .flags = O_RDWR};
	u64 pos = any(3) * 5000;
	ulong pfn;

	if (!p9_file_ops.open(inode, &file)) {
		for (int i = any(4); i > 0; i--) {
			long asked = any(sizeof(buf));
			long n = any(2) ? p9_file_ops.read(&file, buf, asked, &pos)
					: p9_file_ops.write(&file, buf, asked, &pos);

			assert_true(n <= asked);
		}
		p9_file_ops.release(&file);
	}
	if (!inode->ops->prepare(inode)) {
		assert_true(inode->ops->peek(inode, any(100000), buf, 5000) <= 5000);
		pfn = inode->ops->page(inode, any(4), false);
		if (pfn) {
			buf[0] = *(u8 *)pfn_to_virt(pfn);
			page_put(pfn);
		}
	}
	if (any(2))
		inode->ops->truncate(inode, any(10000));
}

static void check_space(const struct inode *inode)
{
	struct fs_space s = {.block_size = 1};
	int rc = inode->fs->space(inode, &s);

	assert_true(rc ? rc < 0 && rc > -600
		       : s.block_size && s.reserved <= s.left && s.left <= s.all && s.files_left <= s.files);
	if (honest)
		assert_true(!rc && s.block_size == 28672 && s.all == 1000 && s.left == 500 &&
			    s.reserved == 500 - 333 && s.files == 250 && s.files_left == 200);
}

static void step(struct inode *root)
{
	char link[8];
	unsigned slot = any(HELD);
	struct inode *inode = held[slot] ? held[slot] : root, to = *inode;

	waits_left = 2000;
	inode_refresh(inode);
	check_space(inode);
	to.mode ^= 0111;
	inode_change(inode, &to);
	if ((inode->mode & S_IFMT) == S_IFDIR)
		on_dir(inode, any(HELD));
	else if ((inode->mode & S_IFMT) == S_IFREG)
		on_file(inode);
	else if ((inode->mode & S_IFMT) == S_IFLNK)
		assert_true(inode->ops->readlink(inode, link, sizeof(link)) <= (int)sizeof(link));
	if (!any(3))
		put_held(any(HELD));
}

static void forget_all(struct inode *root)
{
	for (unsigned i = 0; i < HELD; i++)
		put_held(i);
	inode_put(root);
	waits_left = 100000;
	honest = true;
	for (int i = 0; i < 10000 && !list_empty(&server->unused); i++)
		serve();
	serve();
	honest = false;
}

static void test_hostile(void **state)
{
	static struct p9 p9 = {.tag = "host", .send = server_send};
	long before;

	pool = aligned_alloc(PAGE_SIZE, POOL_PAGES * PAGE_SIZE);
	__asan_poison_memory_region(pool, POOL_PAGES * PAGE_SIZE);
	server = &p9;
	assert_true(p9_add(&p9));
	assert_true(IS_ERR(p9_mount("other")));
	for (unsigned round = 0; round < 600; round++) {
		struct inode *root;

		srand(round);
		before = objects;
		waits_left = 100;
		root = p9_mount("host"); /* may fail, at first in all ways */
		assert_true(round || IS_ERR(root) || p9.message <= P9_MESSAGE);
		if (IS_ERR(root)) {
			honest = true;
			waits_left = 100;
			root = p9_mount("host");
			honest = false;
			assert_false(IS_ERR(root));
		}
		honest = true;
		check_space(root);
		honest = false;
		for (int i = 0; i < 200; i++)
			step(root);
		forget_all(root);
		assert_true(list_empty(&p9.nodes) && list_empty(&p9.unused));
		assert_int_equal(objects, before);
	}
	for (unsigned i = 0, used = 0; i < POOL_PAGES; i++) {
		used += refs[i];
		assert_true(used <= P9_CALLS * 2 * P9_MESSAGE / PAGE_SIZE);
	}
	/* Broken: everything fails at once, and nothing waits. */
	p9_break(&p9);
	waits_left = 0;
	assert_int_equal(PTR_ERR(p9_mount("host")), -EIO);
	__asan_unpoison_memory_region(pool, POOL_PAGES * PAGE_SIZE);
	free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_hostile)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
