/* SPDX-License-Identifier: MIT */
/*
 * Partition tables (guest-kernel/kern/block/mbr.c): good ones, and disks that lie: chains that run in circles or never end, partitions
 * outside of the disk, noise. Reading ends after so many tables, and what is found lies on the disk.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define KERN_LIB_STRING_H
#include "kern/block/mbr.c"

#define SIZE 10000u

static u8 disk[SIZE][512];
static struct mbr_scan scan;

static int setup(void **state)
{
	memset(disk, 0, sizeof(disk));
	return 0;
}

static void set(u32 table, unsigned i, u8 type, u32 first, u32 blocks)
{
	struct entry e = {.type = type, .first = first, .blocks = blocks};

	memcpy(disk[table] + ENTRIES + i * sizeof(e), &e, sizeof(e));
	disk[table][510] = 0x55;
	disk[table][511] = 0xaa;
}

/* How many tables were read. */
static unsigned read_all(u64 size)
{
	unsigned n = 1;

	scan = (struct mbr_scan){.size = size};
	while (mbr_take(&scan, disk[scan.sector % SIZE])) {
		assert_true(scan.sector < size);
		assert_true(++n <= 1 + TABLES_MAX);
	}
	for (unsigned i = 0; i < BLOCK_PARTS; i++)
		assert_true(scan.part[i].first <= size && scan.part[i].blocks <= size - scan.part[i].first);
	assert_true(scan.count <= BLOCK_PARTS);
	return n;
}

static void is(unsigned number, u64 first, u64 blocks)
{
	assert_int_equal(scan.part[number - 1].first, first);
	assert_int_equal(scan.part[number - 1].blocks, blocks);
}

static void test_primary_and_logical(void **state)
{
	set(0, 0, 0x83, 63, 1000);
	set(0, 1, 0x82, 2000, 100);
	set(0, 3, 0x0f, 3000, 6000);
	set(3000, 0, 0x83, 10, 90);
	set(3000, 1, 5, 500, 200);
	set(3500, 0, 0x83, 20, 80);
	set(3500, 1, 5, 700, 200);
	set(3700, 0, 7, 1, 5);
	assert_int_equal(read_all(SIZE), 4);
	is(1, 63, 1000);
	is(2, 2000, 100);
	is(3, 0, 0);
	is(4, 0, 0);
	is(5, 3010, 90);
	is(6, 3520, 80);
	is(7, 3701, 5);
	assert_int_equal(scan.count, 7);
}

static void test_no_table(void **state)
{
	assert_int_equal(read_all(SIZE), 1);
	assert_int_equal(scan.count, 0);
	set(0, 0, 0x83, 1, 10);
	disk[0][ENTRIES + 16] = 0x21; /* a boot sector: text where the mark would be */
	assert_int_equal(read_all(SIZE), 1);
	assert_int_equal(scan.count, 0);
	disk[0][ENTRIES + 16] = 0x80;
	read_all(SIZE);
	is(1, 1, 10);
	disk[0][511] = 0;
	read_all(SIZE);
	assert_int_equal(scan.count, 0);
	set(0, 0, TYPE_GPT, 1, SIZE - 1);
	read_all(SIZE);
	assert_int_equal(scan.count, 0);
}

static void test_outside(void **state)
{
	set(0, 0, 0x83, SIZE, 10);
	set(0, 1, 0x83, SIZE - 1, 10);
	set(0, 2, 0x83, 0, 10); /* over the table */
	set(0, 3, 0x83, 0xffffffff, 0xffffffff);
	read_all(SIZE);
	assert_int_equal(scan.count, 2);
	is(2, SIZE - 1, 1);
	set(0, 0, 5, SIZE, 10);
	assert_int_equal(read_all(SIZE), 1);
	set(0, 0, 5, 100, 10);
	set(100, 0, 0x83, 0xffffffff, 0xffffffff);
	set(100, 1, 5, 0xffffffff, 0xffffffff);
	assert_int_equal(read_all(SIZE), 2);
	assert_int_equal(scan.count, 2);
}

static void test_circles(void **state)
{
	set(0, 0, 5, 100, 1000);
	set(100, 1, 5, 100, 1000); /* without a partition: on to the next one, which comes back */
	set(200, 1, 5, 100, 1000);
	assert_int_equal(read_all(SIZE), 1 + TABLES_MAX);
	assert_int_equal(scan.count, 0);
	set(200, 0, 0x83, 1, 1);
	read_all(SIZE);
	assert_int_equal(scan.count, BLOCK_PARTS); /* there are no more numbers */
	set(100, 1, 5, 0, 1000);                   /* itself */
	assert_int_equal(read_all(SIZE), 2);
	set(0, 0, 5, 0, 1000);
	assert_int_equal(read_all(SIZE), 1);
}

static void test_noise(void **state)
{
	srand(3);
	for (unsigned i = 0; i < SIZE; i++)
		for (unsigned j = 0; j < 512; j++)
			disk[i][j] = rand();
	for (unsigned round = 0; round < 30000; round++) {
		u32 at = round & 3 ? (u32)rand() % SIZE : 0;

		for (unsigned i = 0; i < 4; i++)
			set(at, i, (u8[]){5, 15, 0x83, 0, 0xee}[rand() % 5],
			    (u32)rand() % (round & 4 ? SIZE : ~0u), (u32)rand() * 3u);
		read_all(round & 8 ? SIZE : 1ull << (rand() % 48));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_primary_and_logical, setup),
	    cmocka_unit_test_setup(test_no_table, setup),
	    cmocka_unit_test_setup(test_outside, setup),
	    cmocka_unit_test_setup(test_circles, setup),
	    cmocka_unit_test_setup(test_noise, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
