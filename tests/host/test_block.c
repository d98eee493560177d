/* SPDX-License-Identifier: MIT */
/*
 * The teaching kernel's block layer and buffer cache (guest-kernel/kern/block) on a disk that keeps what it is told in a cache of its
 * own until it is flushed, answers in any order, has little room, bad sectors, and may vanish. Whoever sleeps lets the disk go on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <malloc.h>
#include <cmocka.h>

#define KERN_LIB_STRING_H
#define KERN_MM_PAGE_H
#include "kern/lib/types.h"
#define KERNEL_FRAMES 32
#define PAGE_LOW      128
static ulong total_frames, used_frames;
static bool (*page_reclaim)(void);
static ulong page_reclaimable;

static ulong page_unused_count(void)
{
	return total_frames - used_frames;
}

static ulong page_total_count(void)
{
	return total_frames;
}

#include "kern/block/block.c"
#include "kern/block/cache.c"
#include "kern/block/mbr.c"
#include "kern/block/partitions.c"
#include "kern/block/transfer.c"

#define PAGES   96u
#define SECTORS (PAGES * 8 - 3) /* the last page is not whole */
#define BYTES   (SECTORS * SECTOR_SIZE)
#define ROOM    5u

static struct block_device disk;
static struct list pending = LIST_INIT(pending);
static unsigned in_room, flushes, requests, submitted_pages, removed_names, released;
static u8 volatile_data[BYTES], durable[BYTES], model[PAGES * PAGE_SIZE];
static bool disk_answers = true, bad_read[SECTORS], bad_write[SECTORS], out_of_memory;
static u64 now;
static struct timer *armed;

/* ---- what the kernel has ---- */

void *kmalloc(size_t size)
{
	if (out_of_memory)
		return NULL;
	used_frames += size == PAGE_SIZE;
	return size == PAGE_SIZE ? aligned_alloc(PAGE_SIZE, PAGE_SIZE) : malloc(size);
}

void *kzalloc(size_t size)
{
	void *p = kmalloc(size);

	return p ? memset(p, 0, size) : NULL;
}

void kfree(void *p)
{
	used_frames -= p && malloc_usable_size(p) == PAGE_SIZE;
	free(p);
}

void panic(const char *fmt, ...)
{
	abort();
}

void log_at(int level, const char *fmt, ...)
{
}

u64 clock_monotonic(void)
{
	return now++;
}

void timer_init(struct timer *t, void (*expired)(struct timer *t))
{
	list_init(&t->list);
	t->expired = expired;
}

void timer_set(struct timer *t, u64 deadline)
{
	t->deadline = deadline;
	armed = t;
}

bool timer_is_set(const struct timer *t)
{
	return armed == t;
}

void sched_program_timer(void)
{
}

bool kernel_breathe(void)
{
	return false;
}

void wait_init(struct wait_queue *q)
{
	list_init(&q->waiters);
}

void wake_all(struct wait_queue *q)
{
}

int devfs_add_block(const char *name, u32 rdev, const struct file_ops *ops)
{
	return 0;
}

void devfs_remove_block(const char *name, u32 rdev)
{
	removed_names++;
}

const struct file_ops block_file_ops;

/* ---- the disk ---- */

static bool disk_submit(struct block_device *d, struct block_request *r)
{
	struct block_request *other;
	u64 bytes = 0;

	assert_true(d == &disk && r->count <= disk.max_pieces);
	if (in_room == ROOM)
		return false;
	for (u32 i = 0; i < r->count; i++) {
		bytes += r->pieces[i].len;
		assert_true(((uintptr_t)r->pieces[i].at & PAGE_MASK) ==
			    (((uintptr_t)r->pieces[i].at + r->pieces[i].len - 1) & PAGE_MASK));
	}
	assert_true(r->op > BLOCK_WRITE || bytes == r->sectors * SECTOR_SIZE);
	assert_true(r->sector + r->sectors <= SECTORS);
	if (r->op <=
	    BLOCK_WRITE) /* two of one place at a time, one of which writes, would end in any order */
		list_for_each (other, &pending, list)
			assert_true((other->op != BLOCK_WRITE && r->op != BLOCK_WRITE) ||
				    r->sector + r->sectors <= other->sector ||
				    other->sector + other->sectors <= r->sector);
	list_add_tail(&pending, &r->list);
	in_room++;
	requests++;
	submitted_pages += r->count;
	return true;
}

/* The disk joins what it has of neighbours: one bad sector lets all of that fail. */
static bool is_bad(const struct block_request *r)
{
	const struct block_request *other;

	for (u64 s = r->sector; s < r->sector + r->sectors; s++)
		if ((r->op == BLOCK_READ && bad_read[s]) || (r->op == BLOCK_WRITE && bad_write[s]))
			return true;
	list_for_each (other, &pending, list)
		if (other->op == r->op && other->sector == r->sector + r->sectors && is_bad(other))
			return true;
	return false;
}

static int transfer(struct block_request *r)
{
	u8 *at = volatile_data + r->sector * SECTOR_SIZE;

	if (is_bad(r))
		return -EIO;
	if (r->op == BLOCK_FLUSH) {
		memcpy(durable, volatile_data, BYTES);
		flushes++;
	}
	for (u32 i = 0; i < r->count; at += r->pieces[i++].len) {
		if (r->op == BLOCK_READ)
			memcpy(r->pieces[i].at, at, r->pieces[i].len);
		else
			memcpy(at, r->pieces[i].at, r->pieces[i].len);
	}
	return 0;
}

/* One of the requests ends. */
static bool disk_goes_on(void)
{
	struct block_request *r = list_entry(pending.next, struct block_request, list);

	if (list_empty(&pending))
		return false;
	for (unsigned skip = (unsigned)rand() % in_room; skip; skip--)
		r = list_entry(r->list.next, struct block_request, list);
	list_del(&r->list);
	in_room--;
	block_done(r, transfer(r));
	return true;
}

void wait_for(struct wait_queue *q)
{
	if (!disk_goes_on())
		abort(); /* it would sleep for ever */
}

int wait_on_until(struct wait_queue *q, u64 deadline)
{
	if (!disk_answers || !disk_goes_on())
		now = deadline;
	return now >= deadline ? -ETIMEDOUT : 0;
}

static void disk_released(struct block_device *d)
{
	released++;
}

static void add_disk(void)
{
	disk = (struct block_device){.name = "vda",
				     .rdev = 254 << 8,
				     .sectors = SECTORS,
				     .block_size = 512,
				     .physical_size = 512,
				     .max_pieces = 7,
				     .flushes = true,
				     .submit = disk_submit,
				     .release = disk_released};
	assert_int_equal(block_add(&disk), 0);
	block_settle();
}

static int setup(void **state)
{
	srand(7);
	total_frames = 100000;
	armed = NULL;
	flushes = requests = submitted_pages = removed_names = released = 0;
	memset(bad_read, 0, sizeof(bad_read));
	memset(bad_write, 0, sizeof(bad_write));
	for (u32 i = 0; i < BYTES; i++)
		durable[i] = volatile_data[i] = model[i] = i * 7 + (i >> 9);
	volatile_data[510] = durable[510] = model[510] = 0;
	cache_init();
	add_disk();
	return 0;
}

static int teardown(void **state)
{
	while (disk_goes_on())
		;
	block_remove(&disk);
	while (!released && armed) {
		struct timer *t = armed;

		armed = NULL;
		while (disk_goes_on())
			;
		t->expired(t);
	}
	assert_int_equal(released, 1);
	free(hashes);
	assert_int_equal(used_frames, 0);
	assert_int_equal(cache_dirty, 0);
	assert_int_equal(page_reclaimable, 0);
	assert_true(list_empty(&block_devices));
	return 0;
}

/* ---- the tests ---- */

static struct buffer *must_read(u64 page)
{
	struct buffer *b = buffer_read(&disk, page);

	assert_false(IS_ERR(b));
	return b;
}

static void change(u64 page, bool whole)
{
	struct buffer *b = whole ? buffer_fresh(&disk, page) : must_read(page);
	u8 *at = model + page * PAGE_SIZE;
	u32 from = whole ? 0 : (u32)rand() % PAGE_SIZE;

	assert_false(IS_ERR(b));
	for (u32 i = from; i < PAGE_SIZE && page * PAGE_SIZE + i < BYTES; i++)
		at[i] = rand();
	memcpy((u8 *)b->data + from, at + from, PAGE_SIZE - from);
	buffer_dirty(b);
	buffer_put(b);
}

static void test_read(void **state)
{
	struct buffer *b = must_read(PAGES - 1);

	assert_memory_equal(b->data, model + (PAGES - 1) * PAGE_SIZE, PAGE_SIZE); /* zeros behind the end */
	assert_ptr_equal(must_read(PAGES - 1), b);
	buffer_put(b);
	buffer_put(b);
	assert_true(PTR_ERR(buffer_read(&disk, PAGES)) == -EIO &&
		    PTR_ERR(buffer_read(&disk, ~0ull)) == -EIO &&
		    PTR_ERR(buffer_fresh(&disk, 1ull << 55)) == -EIO);
}

/* Pages in a row are one request, as far as it takes them; what is there is not read. */
static void test_read_ahead(void **state)
{
	buffer_put(must_read(20));
	requests = 0;
	buffer_read_ahead(&disk, 10, 20);
	while (disk_goes_on())
		;
	assert_int_equal(requests, 4); /* 10-16, 17-19, 21-27, 28-29 */
	for (u64 page = 10; page < 30; page++) {
		struct buffer *b = must_read(page);

		assert_memory_equal(b->data, model + page * PAGE_SIZE, PAGE_SIZE);
		buffer_put(b);
	}
	assert_int_equal(requests, 4);
	buffer_read_ahead(&disk, PAGES - 2, 50);
	buffer_read_ahead(&disk, ~0ull - 3, 50);
	assert_int_equal(requests, 5);
}

static void test_write_in_runs(void **state)
{
	static const u64 pages[] = {5, 3, 4, 40, 6, 2};

	for (unsigned i = 0; i < ARRAY_SIZE(pages); i++)
		change(pages[i], true);
	assert_true(!memcmp(volatile_data, model, BYTES) == 0 && timer_is_set(&write_timer));
	requests = 0;
	assert_int_equal(buffer_sync(&disk), 0);
	assert_memory_equal(durable, model, BYTES);
	assert_int_equal(requests, 3); /* 2-6, 40, and the flush */
	assert_int_equal(buffer_sync(&disk), 0);
	assert_int_equal(requests, 4); /* others may have been written without a flush */
}

/* Nobody calls sync: it is written all the same, but not before its time. */
static void test_timer(void **state)
{
	struct timer *t;

	change(9, false);
	t = armed;
	assert_int_equal(t->deadline / NSEC_PER_SEC, 5);
	now += NSEC_PER_SEC;
	t->expired(t);
	assert_true(list_empty(&pending));
	now += 5ull * NSEC_PER_SEC;
	t->expired(t);
	while (disk_goes_on())
		;
	assert_memory_equal(volatile_data, model, BYTES);
	assert_int_equal(flushes, 0);
}

/* A page that is changed while it is written is written again. */
static void test_change_while_written(void **state)
{
	struct buffer *b;

	change(50, true);
	cache_write_all();
	assert_int_equal(in_room, 1);
	change(50, true);
	cache_write_all();
	assert_int_equal(in_room, 1); /* and not twice at a time: disk_submit() */
	b = must_read(50);
	assert_memory_equal(b->data, model + 50 * PAGE_SIZE, PAGE_SIZE);
	buffer_put(b);
	assert_int_equal(buffer_sync(&disk), 0);
	assert_memory_equal(durable, model, BYTES);
}

/* One bad sector: its page is an error, once for who asks; its neighbours are not touched by it. */
static void test_bad_sectors(void **state)
{
	bad_read[12 * 8 + 3] = bad_write[31 * 8] = true;
	buffer_read_ahead(&disk, 10, 6);
	for (u64 page = 10; page < 16; page++) {
		struct buffer *b = buffer_read(&disk, page);

		assert_true(page == 12 ? PTR_ERR(b) == -EIO
				       : !IS_ERR(b) && !memcmp(b->data, model + page * PAGE_SIZE, PAGE_SIZE));
		if (page != 12)
			buffer_put(b);
	}
	bad_read[12 * 8 + 3] = false;
	buffer_put(must_read(12));
	for (u64 page = 29; page < 34; page++)
		change(page, true);
	assert_int_equal(buffer_sync(&disk), -EIO);
	assert_int_equal(buffer_sync(&disk), 0);
	for (u32 i = 0; i < BYTES; i++)
		assert_true(i / PAGE_SIZE == 31 || durable[i] == model[i]);
	change(31, false);
	bad_write[31 * 8] = false;
	assert_int_equal(buffer_sync(&disk), 0);
	assert_memory_equal(durable, model, BYTES);
}

/* What is not in memory and was not written after all has not become the page's contents. */
static void test_fresh_and_left(void **state)
{
	struct buffer *b = buffer_fresh(&disk, 60);

	memset(b->data, 0xee, PAGE_SIZE);
	buffer_put(b);
	b = must_read(60);
	assert_memory_equal(b->data, model + 60 * PAGE_SIZE, PAGE_SIZE);
	buffer_put(b);
	buffer_put(buffer_fresh(&disk, 60)); /* it is in memory now */
	b = must_read(60);
	assert_memory_equal(b->data, model + 60 * PAGE_SIZE, PAGE_SIZE);
	buffer_put(b);
}

static void random_steps(unsigned steps)
{
	for (unsigned i = 0; i < steps; i++) {
		u64 page = (u64)rand() % PAGES;
		struct buffer *b;

		switch (rand() % 16) {
		case 0:
			assert_int_equal(buffer_sync(&disk), 0);
			assert_memory_equal(durable, model, BYTES);
			break;
		case 1:
			buffer_forget(&disk);
			break;
		case 2:
			cache_write_all();
			break;
		case 3:
			buffer_read_ahead(&disk, page, 1 + (u32)rand() % 20);
			break;
		case 4 ... 8:
			change(page, rand() & 1);
			break;
		case 9 ... 11:
			disk_goes_on();
			break;
		default:
			b = must_read(page);
			assert_memory_equal(b->data, model + page * PAGE_SIZE, PAGE_SIZE);
			buffer_put(b);
		}
	}
}

static void test_random(void **state)
{
	random_steps(20000);
}

/* So little memory that pages must be given back, dirty ones too; and none at all for a while. */
static void test_little_memory(void **state)
{
	total_frames = used_frames + PAGE_LOW + 20;
	random_steps(20000);
	assert_true(frames <= 40);
	for (u64 page = 0; page < 10; page++)
		change(page, true);
	out_of_memory = true;
	assert_int_equal(buffer_sync(&disk), 0); /* by the transfer that is kept for that */
	out_of_memory = false;
	assert_memory_equal(durable, model, BYTES);
}

static void test_reclaim(void **state)
{
	buffer_read_ahead(&disk, 0, PAGES);
	change(0, true);
	while (disk_goes_on())
		;

	assert_true(cache_frames() == PAGES && page_reclaimable == PAGES - 1);
	while (page_reclaim())
		;
	assert_true(cache_frames() == 1 && !page_reclaimable);
	assert_int_equal(buffer_sync(&disk), 0);
	assert_memory_equal(durable, model, BYTES);
}

/* The disk vanishes with requests in flight and in the layer's queue: all end, with an error, and so does all later. */
static void test_vanish(void **state)
{
	struct block_device *mine = block_get(254 << 8);
	struct block_request *r, *next;
	struct buffer *b = must_read(70);

	for (u64 page = 0; page < PAGES; page += 2)
		change(page, true);
	cache_write_all();
	buffer_read_ahead(&disk, 71, 20);
	assert_true(in_room == ROOM && !list_empty(&disk.waiting));
	block_remove(&disk);
	assert_true(list_empty(&disk.waiting));
	list_for_each_safe (r, next, &pending, list) {
		list_del(&r->list);
		in_room--;
		block_done(r, -EIO);
	}
	assert_int_equal(requests, 1 + 1 + ROOM); /* the table, page 70 */
	assert_int_equal(PTR_ERR(buffer_read(&disk, 95)), -EIO);
	buffer_dirty(b);
	buffer_put(b);
	assert_int_equal(buffer_sync(&disk), -EIO);
	assert_int_equal(block_flush(&disk), -EIO);
	assert_true(!block_get(254 << 8) && !released);
	block_put(mine);
}

static void test_refused(void **state)
{
	static u8 page[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
	const struct block_piece one = {page, 512}, two[2] = {{page, 512}, {page + 512, 1024}};

	requests = 0;
	assert_int_equal(block_io(&disk, BLOCK_READ, SECTORS, &one, 1), -EIO);
	assert_int_equal(block_io(&disk, BLOCK_READ, ~0ull, two, 2), -EIO);
	assert_int_equal(block_io(&disk, BLOCK_READ, SECTORS - 2, two, 2), -EIO);
	assert_int_equal(block_discard(&disk, 0, 8), -EOPNOTSUPP);
	disk.readonly = true;
	assert_int_equal(block_io(&disk, BLOCK_WRITE, 0, &one, 1), -EPERM);
	disk.block_size = 1024;
	assert_int_equal(block_io(&disk, BLOCK_READ, 2, &one, 1), -EIO);
	assert_int_equal(block_io(&disk, BLOCK_READ, 1, two + 1, 1), -EIO);
	assert_int_equal(requests, 0);
	disk.block_size = 512;
	assert_int_equal(block_io(&disk, BLOCK_READ, SECTORS - 3, two, 2), 0);
	assert_memory_equal(page, model + (SECTORS - 3) * 512, 3 * 512);
	disk.readonly = false;
}

static void set_entry(u32 table_sector, unsigned i, u8 type, u32 first, u32 blocks)
{
	u8 *table = volatile_data + table_sector * 512, *e = table + 446 + 16 * i;

	memset(e, 0, 16);
	e[4] = type;
	memcpy(e + 8, &first, 4);
	memcpy(e + 12, &blocks, 4);
	table[510] = 0x55;
	table[511] = 0xaa;
}

static void test_partitions(void **state)
{
	struct block_device *part, *d;
	struct buffer *b;

	for (unsigned i = 0; i < 4; i++) {
		set_entry(0, i, 0, 0, 0);
		set_entry(200, i, 0, 0, 0);
	}
	set_entry(0, 1, 0x83, 9, 100);
	set_entry(0, 2, 5, 200, 400);
	set_entry(200, 0, 0x83, 8, 5000); /* reaches beyond the disk */
	assert_int_equal(block_rescan(&disk), 0);
	part = block_get_named("vda2");
	assert_true(part && part->sectors == 100 && part->rdev == (254 << 8 | 2) && part->whole == &disk);
	d = block_get_named("vda5");
	assert_true(d && d->sectors == SECTORS - 208);
	block_put(d);
	assert_true(!block_get_named("vda1") && !block_get_named("vda3"));
	b = buffer_read(part, 12); /* its last page: 4 sectors */
	assert_memory_equal(b->data, volatile_data + (9 + 96) * 512, 4 * 512);
	memset(b->data, 0xab, PAGE_SIZE);
	buffer_dirty(b);
	buffer_put(b);
	assert_int_equal(block_rescan(&disk), -EBUSY);
	assert_true(durable[(9 + 99) * 512 + 511] == 0xab && durable[(9 + 100) * 512] != 0xab);
	assert_int_equal(block_rescan(part), -EINVAL);
	block_put(part);
	bad_read[0] = true;
	assert_int_equal(block_rescan(&disk), 0);
	assert_true(!block_get_named("vda2") && !block_get_named("vda5") && removed_names == 2);
}

/* A disk that never answers does not keep the machine from starting. */
static void test_silent(void **state)
{
	disk_answers = false;
	block_scan(&disk);
	block_settle();
	assert_int_equal(scanning, 1);
	disk_answers = true;
	block_settle();
	assert_int_equal(scanning, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
	    TEST(read),
	    TEST(read_ahead),
	    TEST(write_in_runs),
	    TEST(timer),
	    TEST(change_while_written),
	    TEST(bad_sectors),
	    TEST(fresh_and_left),
	    TEST(random),
	    TEST(little_memory),
	    TEST(reclaim),
	    TEST(vanish),
	    TEST(refused),
	    TEST(partitions),
	    TEST(silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
