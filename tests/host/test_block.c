/* SPDX-License-Identifier: MIT */
/*
 * The teaching kernel's block layer and buffer cache (guest-kernel/kern/block): what is written is read, and on the disk after a sync, in
 * as few requests as can be; an error is told to whom it concerns; a disk that vanishes or never answers holds nobody up (block_host.h).
 */
#include "block_host.h"

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
