/* SPDX-License-Identifier: MIT */
/*
 * A kernel and a disk around the teaching kernel's block layer and buffer cache (guest-kernel/kern/block). The disk keeps what it is told in a
 * cache of its own until it is flushed, answers in any order, has little room, bad sectors, and may vanish. Whoever sleeps lets it
 * go on.
 */
#pragma once

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
