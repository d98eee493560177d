/* SPDX-License-Identifier: MIT */
/*
 * See cache.h: finding, making and giving back buffers. What reads and writes them is in transfer.c.
 *
 * A buffer is in one list at most: its device's dirty ones; or, clean and used by nobody, those that may be given back, the
 * one used longest ago first. A buffer that is being read or written has a reference for that.
 */
#include "kern/block/cache_internal.h"
#include "kern/lib/errno.h"
#include "kern/mm/kmalloc.h"
#include "kern/mm/page.h"
#include "kern/time/clock.h"
#include "kern/time/timer.h"

#define READ_TRIES 2u    /* of one page: the first may have failed with its neighbours (transfer.c) */
#define DROP_STEP  1024u /* buffers given back at once: 500,000 instructions */

struct wait_queue cache_changed = {LIST_INIT(cache_changed.waiters)};
ulong cache_dirty;

static struct buffer **hashes;
static ulong hash_mask, frames;
static struct list idle = LIST_INIT(idle), dropped = LIST_INIT(dropped);
static struct timer drop_timer;

static struct buffer **bucket(const struct block_device *d, u64 page)
{
	return &hashes[((ulong)page + ((ulong)d >> 5)) & hash_mask];
}

struct buffer *cache_find(const struct block_device *d, u64 page)
{
	struct buffer *b = *bucket(d, page);

	while (b && (b->device != d || b->page != page))
		b = b->hashed;
	return b;
}

void cache_unlist(struct buffer *b)
{
	if (list_empty(&b->list))
		return;
	list_del(&b->list);
	if (b->state & BUFFER_DIRTY)
		cache_dirty--;
	else
		page_reclaimable--;
}

static void buffer_free(struct buffer *b)
{
	struct buffer **at = bucket(b->device, b->page);

	cache_unlist(b);
	while (*at != b)
		at = &(*at)->hashed;
	*at = b->hashed;
	list_del(&b->of_device);
	kfree(b->data);
	kfree(b);
	frames--;
}

void cache_place(struct buffer *b)
{
	cache_unlist(b);
	if (b->state & BUFFER_DIRTY) {
		list_add_tail(b->dirtied ? &b->device->cache.dirty : b->device->cache.dirty.next, &b->list);
		cache_dirty++;
	} else if (!b->refs && !(b->state & BUFFER_VALID)) {
		buffer_free(b);
	} else if (!b->refs) {
		list_add_tail(&idle, &b->list);
		page_reclaimable++;
	}
}

/* For page_alloc(): one frame becomes free. */
static bool give_one(void)
{
	if (list_empty(&idle))
		return false;
	buffer_free(list_entry(idle.next, struct buffer, list));
	return true;
}

/* The cache stops to grow when an eighth of memory is left, and uses its own frames for something else. */
static bool may_grow(void)
{
	return page_unused_count() > MAX(page_total_count() / 8, (ulong)PAGE_LOW);
}

static struct buffer *buffer_new(struct block_device *d, u64 page)
{
	struct buffer *b, **at = bucket(d, page);

	if (!may_grow() && !give_one() && page_unused_count() < PAGE_LOW)
		return NULL;
	b = kzalloc(sizeof(*b));
	if (b)
		b->data = kmalloc(PAGE_SIZE);
	if (!b || !b->data) {
		kfree(b);
		return NULL;
	}
	b->device = d;
	b->page = page;
	b->hashed = *at;
	*at = b;
	list_init(&b->list);
	list_add_tail(&d->cache.buffers, &b->of_device);
	frames++;
	return b;
}

struct buffer *cache_get_now(struct block_device *d, u64 page)
{
	struct buffer *b = cache_find(d, page);

	if (!b)
		b = buffer_new(d, page);
	if (!b)
		return NULL;
	b->refs++;
	if (!(b->state & BUFFER_DIRTY))
		cache_unlist(b);
	return b;
}

/* The same, waiting while much is to be written, and for memory as long as writing gives hope of some. */
static struct buffer *get(struct block_device *d, u64 page)
{
	struct buffer *b;

	if (page >= cache_pages(d))
		return ERR_PTR(-EIO);
	while (cache_dirty > page_total_count() / 4 && cache_write_all())
		wait_for(&cache_changed);
	while (!(b = cache_get_now(d, page))) {
		if (!cache_write_all())
			return ERR_PTR(-ENOMEM);
		wait_for(&cache_changed);
	}
	return b;
}

struct buffer *buffer_read(struct block_device *d, u64 page)
{
	struct buffer *b = get(d, page);
	u32 tries = 0;
	int rc = 0;

	while (!IS_ERR(b) && !(b->state & BUFFER_VALID) && !rc) {
		if (b->state & BUFFER_BUSY) {
			wait_for(&cache_changed);
		} else if (tries == READ_TRIES) {
			rc = b->rc;
		} else if (cache_transfer(BLOCK_READ, &b, 1)) {
			tries++;
		} else {
			wait_for(&cache_changed);
		}
	}
	if (!rc)
		return b;
	buffer_put(b);
	return ERR_PTR(rc);
}

struct buffer *buffer_fresh(struct block_device *d, u64 page)
{
	struct buffer *b = get(d, page);

	while (!IS_ERR(b) && b->state & BUFFER_BUSY)
		wait_for(&cache_changed);
	if (!IS_ERR(b) && !(b->state & BUFFER_VALID))
		b->state |= BUFFER_BUSY | BUFFER_FRESH;
	return b;
}

void buffer_put(struct buffer *b)
{
	if (b->state & BUFFER_FRESH) { /* not written after all */
		b->state &= ~(BUFFER_FRESH | BUFFER_BUSY);
		b->rc = -EIO;
		wake_all(&cache_changed);
	}
	if (!--b->refs)
		cache_place(b);
}

void buffer_forget(struct block_device *d)
{
	ulong left = frames;

	while (left-- && !list_empty(&d->cache.buffers)) {
		struct buffer *b = list_entry(d->cache.buffers.next, struct buffer, of_device);

		list_del(&b->of_device);
		list_add_tail(&d->cache.buffers, &b->of_device); /* each is looked at once */
		if (!b->refs && !(b->state & BUFFER_DIRTY))
			buffer_free(b);
		if (left % DROP_STEP == 0)
			kernel_breathe();
	}
}

/* What could not be written to a device that is gone goes too. */
static void drop_some(struct block_device *d)
{
	struct buffer *b, *next;
	u32 n = 0;

	list_for_each_safe (b, next, &d->cache.buffers, of_device) {
		if (!b->refs)
			buffer_free(b);
		if (++n == DROP_STEP)
			break;
	}
	if (list_empty(&d->cache.buffers)) {
		list_del(&d->list);
		block_free(d);
	} else {
		timer_set(&drop_timer, clock_monotonic() + NSEC_PER_SEC / 100);
	}
}

static void drop_more(struct timer *t)
{
	struct block_device *d, *next;

	list_for_each_safe (d, next, &dropped, list)
		drop_some(d);
}

void cache_drop(struct block_device *d)
{
	list_add_tail(&dropped, &d->list);
	drop_some(d);
}

void cache_attach(struct block_device *d)
{
	d->cache = (struct device_cache){0};
	list_init(&d->cache.buffers);
	list_init(&d->cache.dirty);
}

ulong cache_frames(void)
{
	return frames;
}

/* A list of buffers for each 8 page frames of the machine. */
void cache_init(void)
{
	ulong lists = PAGE_SIZE / sizeof(*hashes);

	while (lists < page_total_count() / 8)
		lists *= 2;
	hashes = kzalloc(lists * sizeof(*hashes));
	if (!hashes)
		panic("no memory for the buffer cache");
	hash_mask = lists - 1;
	timer_init(&drop_timer, drop_more);
	cache_transfers_init();
	page_reclaim = give_one;
}
