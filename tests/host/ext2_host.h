/* SPDX-License-Identifier: MIT */
/*
 * ext2 of the teaching kernel (guest-kernel/kern/fs/ext2*.c) on the build machine. The disk is memory, and so is the buffer cache:
 * each buffer is allocated by itself while somebody has it or it is dirty, so the address checks see what goes beyond.
 *
 * The cache is as bad as its contract allows: pages are written at any time and in any order, and what has been written since the last
 * buffer_sync() is lost or not, page by page (test_ext2_cuts.c).
 */
#ifndef EXT2_HOST_H
#define EXT2_HOST_H

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>

#include "kernel_host.h"

#define POOL_PAGES 8192
static u32 pool_refs[POOL_PAGES];
static long pool_used;

#include "kern/fs/inode.c"
#include "kern/fs/prepared.c"
#include "kern/fs/ext2_alloc.c"
#include "kern/fs/ext2_dir.c"
#include "kern/fs/ext2_file.c"
#include "kern/fs/ext2_inode.c"
#include "kern/fs/ext2_map.c"
#include "kern/fs/ext2_name.c"
#include "kern/fs/ext2_super.c"

static u64 now_ns = 1700000000ull * NSEC_PER_SEC;
static u32 seed = 1;

static u32 dice(u32 sides)
{
	seed = seed * 1664525 + 1013904223;
	return (u32)((u64)(seed >> 8) * sides >> 24);
}

u64 div64(u64 value, u32 by, u32 *rest)
{
	if (rest)
		*rest = value % by;
	return value / by;
}

s64 clock_realtime(void)
{
	return now_ns += 1000003;
}

pfn_t page_alloc_zeroed(void)
{
	if (!pool)
		pool = malloc((size_t)POOL_PAGES << PAGE_SHIFT);
	for (pfn_t i = 1; i < POOL_PAGES; i++) {
		if (pool_refs[i])
			continue;
		pool_refs[i] = 1;
		pool_used++;
		memset(pfn_to_virt(i), 0, PAGE_SIZE);
		return i;
	}
	return 0;
}

void page_get(pfn_t pfn)
{
	pool_refs[pfn]++;
}

void page_put(pfn_t pfn)
{
	pool_used -= !--pool_refs[pfn];
}

ulong page_free_count(void)
{
	return POOL_PAGES - pool_used;
}

/* What the program's memory does when it is copied from or to: 0, or as often as 1 in this many times it is not there. */
static u32 faults;

int copy_from_user(void *to, const void *from, size_t n)
{
	memcpy(to, from, n);
	return faults && !dice(faults) ? -EFAULT : 0;
}

int copy_to_user(void *to, const void *from, size_t n)
{
	memcpy(to, from, n);
	return 0;
}

int clear_user(void *to, size_t n)
{
	memset(to, 0, n);
	return 0;
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

void wait_for(struct wait_queue *q)
{
	fprintf(stderr, "ext2 waits for its own lock\n");
	abort();
}

static char log_last[200];
static u32 log_lines;

void log_at(int level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(log_last, sizeof(log_last), fmt, ap);
	va_end(ap);
	log_lines++;
	if (getenv("SHOW_LOG"))
		fputs(log_last, stderr);
}

/* ---- The disk and its cache ---- */

struct write {
	u64 page;
	u8 data[PAGE_SIZE];
};

#define WRITES 4096
static struct block_device disk = {.name = "vda1", .rdev = MKDEV(254, 1)};
static int disk_users;          /* references to it */
static u8 *disk_bytes;          /* as after the last buffer_sync() */
static struct buffer **buffers; /* by page; NULL: not in memory */
static struct write *writes;    /* what the cache has written since then */
static u32 write_count, sync_count, live_buffers;
static u32 early; /* one change in this many is written at once, where it can be cut; 0: none */
static long reads_left = LONG_MAX; /* of the cache: more would be an endless loop */
static u32 read_errors;            /* one read in this many fails; 0: none */

static u64 disk_pages(void)
{
	return (disk.sectors * SECTOR_SIZE + PAGE_SIZE - 1) >> PAGE_SHIFT;
}

static void disk_drop(void)
{
	for (u64 i = 0; buffers && i < disk_pages(); i++) {
		if (buffers[i]) {
			free(buffers[i]->data);
			free(buffers[i]);
		}
	}
	free(buffers);
	free(disk_bytes);
	buffers = NULL;
	disk_bytes = NULL;
	live_buffers = 0;
}

static void disk_set(const void *bytes, size_t size)
{
	disk_drop();
	disk.sectors = size / SECTOR_SIZE;
	disk_bytes = calloc(disk_pages() + 1, PAGE_SIZE);
	memcpy(disk_bytes, bytes, size);
	buffers = calloc(disk_pages() + 1, sizeof(*buffers));
	if (!writes)
		writes = malloc(WRITES * sizeof(*writes));
	write_count = 0;
}

static struct buffer *buffer_for(u64 page, bool fresh)
{
	struct buffer *b;

	if (!reads_left--) {
		fprintf(stderr, "one operation reads without end\n");
		abort();
	}
	if (page >= disk_pages() || (read_errors && !dice(read_errors)))
		return ERR_PTR(-EIO);
	b = buffers[page];
	if (!b) {
		b = buffers[page] = calloc(1, sizeof(*b));
		b->data = malloc(PAGE_SIZE);
		memcpy(b->data, disk_bytes + (page << PAGE_SHIFT), PAGE_SIZE);
		if (fresh)
			memset(b->data, 0xa5, PAGE_SIZE);
		b->page = page;
		live_buffers++;
	}
	b->refs++;
	return b;
}

struct buffer *buffer_read(struct block_device *d, u64 page)
{
	return buffer_for(page, false);
}

struct buffer *buffer_fresh(struct block_device *d, u64 page)
{
	return buffer_for(page, true);
}

static void write_log(const struct buffer *b)
{
	if (write_count == WRITES)
		return;
	writes[write_count].page = b->page;
	memcpy(writes[write_count++].data, b->data, PAGE_SIZE);
}

void buffer_dirty(struct buffer *b)
{
	b->dirtied = 1;
	if (early && !dice(early))
		write_log(b);
}

static void buffer_drop(struct buffer *b)
{
	buffers[b->page] = NULL;
	free(b->data);
	free(b);
	live_buffers--;
}

void buffer_put(struct buffer *b)
{
	if (!b->refs--) {
		fprintf(stderr, "a buffer is put that nobody has\n");
		abort();
	}
	if (!b->refs && !b->dirtied)
		buffer_drop(b);
}

void buffer_read_ahead(struct block_device *d, u64 page, u32 n)
{
}

int buffer_sync(struct block_device *d)
{
	for (u64 i = 0; i < disk_pages(); i++) {
		struct buffer *b = buffers[i];

		if (!b || !b->dirtied)
			continue;
		memcpy(disk_bytes + (i << PAGE_SHIFT), b->data, PAGE_SIZE);
		b->dirtied = 0;
		if (!b->refs)
			buffer_drop(b);
	}
	write_count = 0;
	sync_count++;
	return 0;
}

void buffer_forget(struct block_device *d)
{
}

void block_put(struct block_device *d)
{
	disk_users--;
}

#endif
