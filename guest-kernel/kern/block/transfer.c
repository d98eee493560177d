/* SPDX-License-Identifier: MIT */
/*
 * The buffer cache's transfers: reading, reading ahead, and writing back in runs of pages. Nothing here but buffer_sync()
 * sleeps: a transfer is started by whoever asks, by a timer or by the end of another, and ends in an interrupt.
 *
 * A page may be changed while it is written: it is dirty again then, and written again, but not before the first transfer has
 * ended. If a run cannot be transferred, one bad sector must not cost its neighbours: its pages are transferred one by one, and
 * one at a time, as a disk may join requests of neighbours that it has (QEMU does), and lets all of them fail.
 */
#include "kern/block/cache_internal.h"
#include "kern/console/log.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/kmalloc.h"
#include "kern/mm/page.h"
#include "kern/proc/sched.h"
#include "kern/time/clock.h"
#include "kern/time/timer.h"

#define WRITES_MAX 16u                     /* in flight for a device, of up to BLOCK_PIECES pages */
#define AGE        (5 * (u64)NSEC_PER_SEC) /* so old may a change become */
#define AHEAD_MAX  (4 * BLOCK_PIECES)

struct transfer {
	struct block_request r;
	u32 count;
	u8 epoch;
	struct block_piece piece[BLOCK_PIECES];
	struct buffer *buffer[BLOCK_PIECES];
};

static struct transfer spare; /* for when there is no memory */
static bool spare_used;
static u32 in_flight;
static struct timer write_timer;

static void push(struct block_device *d);

static struct transfer *transfer_new(void)
{
	struct transfer *t = kmalloc(sizeof(*t));

	if (t || spare_used)
		return t;
	spare_used = true;
	return &spare;
}

static void transfer_free(struct transfer *t)
{
	if (t == &spare)
		spare_used = false;
	else
		kfree(t);
}

static void read_ended(struct buffer *b, int rc)
{
	b->state &= ~BUFFER_BUSY;
	if (!rc)
		b->state |= BUFFER_VALID;
}

static void not_alone(struct buffer *b)
{
	if (b->state & BUFFER_ALONE)
		b->device->cache.alone--;
	b->state &= ~BUFFER_ALONE;
}

static void write_ended(struct buffer *b, int rc, bool again)
{
	struct block_device *d = b->device;

	b->state &= ~BUFFER_WRITING;
	not_alone(b);
	if (rc && again) {
		d->cache.alone++;
		b->state |= BUFFER_ALONE | BUFFER_DIRTY;
		b->dirtied = 0;
		cache_place(b);
	} else if (rc && !d->cache.error) {
		d->cache.error = rc;
		log_warn("block: %s: page %llu could not be written\n", d->name, (unsigned long long)b->page);
	}
}

static void transfer_done(struct block_request *r)
{
	struct transfer *t = container_of(r, struct transfer, r);
	struct block_device *d = t->buffer[0]->device;

	if (r->op == BLOCK_WRITE)
		d->cache.writing[t->epoch]--;
	for (u32 i = 0; i < t->count; i++) {
		struct buffer *b = t->buffer[i];

		b->rc = r->rc;
		if (r->op == BLOCK_READ)
			read_ended(b, r->rc);
		else
			write_ended(b, r->rc, t->count > 1 && !d->gone);
		buffer_put(b);
	}
	transfer_free(t);
	in_flight--;
	wake_all(&cache_changed);
	push(d);
}

u64 cache_pages(const struct block_device *d)
{
	return (d->sectors + PAGE_SECTORS - 1) / PAGE_SECTORS;
}

/* The part of the page that lies on the device. A disk that has become smaller refuses the request. */
static u32 bytes_of(const struct buffer *b)
{
	u64 first = b->page * PAGE_SECTORS, end = b->device->sectors;

	return first < end && end - first < PAGE_SECTORS ? (u32)(end - first) << SECTOR_SHIFT : PAGE_SIZE;
}

bool cache_transfer(enum block_op op, struct buffer *const *b, u32 n)
{
	struct block_device *d = b[0]->device;
	struct transfer *t = transfer_new();

	if (!t)
		return false;
	t->r = (struct block_request){.op = op,
				      .sector = b[0]->page * PAGE_SECTORS,
				      .pieces = t->piece,
				      .count = n,
				      .done = transfer_done};
	t->count = n;
	t->epoch = d->cache.epoch;
	for (u32 i = 0; i < n; i++) {
		u32 bytes = bytes_of(b[i]);

		t->buffer[i] = b[i];
		t->piece[i] = (struct block_piece){b[i]->data, bytes};
		t->r.sectors += bytes >> SECTOR_SHIFT;
		b[i]->refs++;
		if (op == BLOCK_READ) {
			memset((char *)b[i]->data + bytes, 0, PAGE_SIZE - bytes);
			b[i]->state |= BUFFER_BUSY;
		} else {
			cache_unlist(b[i]);
			b[i]->state = (b[i]->state & ~BUFFER_DIRTY) | BUFFER_WRITING;
		}
	}
	if (op == BLOCK_WRITE)
		d->cache.writing[t->epoch]++;
	in_flight++;
	block_start(d, &t->r);
	return true;
}

/* ---- writing back ---- */

/* The first to be written now. */
static struct buffer *oldest(const struct block_device *d)
{
	struct buffer *b;

	list_for_each (b, &d->cache.dirty, list) {
		if (b->dirtied > d->cache.write_until)
			return NULL;
		if (!(b->state & BUFFER_WRITING))
			return b;
	}
	return NULL;
}

static bool may_join(const struct buffer *b)
{
	return b && (b->state & (BUFFER_DIRTY | BUFFER_WRITING | BUFFER_ALONE)) == BUFFER_DIRTY;
}

/* The buffer with its dirty neighbours, as many as one request takes. */
static u32 run_around(struct buffer *b, struct buffer *run[BLOCK_PIECES])
{
	struct block_device *d = b->device;
	u32 most = b->state & BUFFER_ALONE ? 1 : block_disk(d)->max_pieces, n;
	u64 first = b->page;

	while (first && b->page - first + 1 < most && may_join(cache_find(d, first - 1)))
		first--;
	for (n = 0; n < most; n++) {
		struct buffer *next = cache_find(d, first + n);

		if (next != b && !may_join(next))
			break;
		run[n] = next;
	}
	return n;
}

/* Keeps some transfers in flight. The end of one calls it again, also within cache_transfer(), if the device fails at once. */
static void push(struct block_device *d)
{
	struct buffer *run[BLOCK_PIECES], *b;

	if (d->cache.pushing)
		return;
	d->cache.pushing = true;
	for (u32 n = 0; n < WRITES_MAX; n++) {
		u32 most = d->cache.alone ? 1 : WRITES_MAX;

		b = d->cache.writing[0] + d->cache.writing[1] < most ? oldest(d) : NULL;
		if (!b || !cache_transfer(BLOCK_WRITE, run, run_around(b, run)))
			break;
	}
	d->cache.pushing = false;
}

static void write_back(struct block_device *d, u64 until)
{
	d->cache.write_until = MAX(d->cache.write_until, until);
	push(d);
}

bool cache_write_all(void)
{
	struct block_device *d;

	list_for_each (d, &block_devices, list)
		write_back(d, clock_monotonic());
	return in_flight;
}

static void write_old(struct timer *t)
{
	u64 now = clock_monotonic();
	struct block_device *d;

	list_for_each (d, &block_devices, list)
		write_back(d, now > AGE ? now - AGE : 0);
	if (cache_dirty)
		timer_set(t, now + NSEC_PER_SEC);
}

void buffer_dirty(struct buffer *b)
{
	struct block_device *d = b->device;
	u8 was = b->state;

	b->state = (was | BUFFER_VALID) & ~(BUFFER_BUSY | BUFFER_FRESH);
	if (was & BUFFER_FRESH)
		wake_all(&cache_changed);
	if (d->gone)
		d->cache.error = -EIO;
	if (d->gone || was & BUFFER_DIRTY)
		return;
	b->state |= BUFFER_DIRTY;
	b->dirtied = clock_monotonic();
	cache_place(b);
	if (!timer_is_set(&write_timer)) {
		timer_set(&write_timer, b->dirtied + AGE);
		sched_program_timer();
	}
	if (cache_dirty > page_total_count() / 8)
		write_back(d, b->dirtied);
}

void cache_lose(struct block_device *d)
{
	while (!list_empty(&d->cache.dirty)) {
		struct buffer *b = list_entry(d->cache.dirty.next, struct buffer, list);

		cache_unlist(b);
		b->state &= ~BUFFER_DIRTY;
		not_alone(b);
		cache_place(b);
		d->cache.error = -EIO;
	}
}

static bool is_dirty_since(const struct block_device *d, u64 time)
{
	return !list_empty(&d->cache.dirty) &&
	       list_entry(d->cache.dirty.next, struct buffer, list)->dirtied <= time;
}

static void wait_for_change(void)
{
	if (in_flight)
		wait_for(&cache_changed);
	else
		kernel_breathe();
}

/* All that was changed up to this time has been written, or has failed. Transfers that begin meanwhile belong to another epoch,
 * so that a task which goes on writing cannot keep this one waiting. */
static void write_and_wait(struct block_device *d, u64 until)
{
	u8 epoch;

	do {
		for (write_back(d, until); is_dirty_since(d, until); write_back(d, until))
			wait_for_change();
		epoch = d->cache.epoch;
		d->cache.epoch ^= 1;
		while (d->cache.writing[epoch])
			wait_for(&cache_changed);
	} while (is_dirty_since(d, until)); /* what failed as a run */
}

int buffer_sync(struct block_device *d)
{
	int rc, error;

	while (d->cache.syncing)
		wait_for(&cache_changed);
	d->cache.syncing = true;
	write_and_wait(d, clock_monotonic());
	rc = block_flush(d);
	error = d->cache.error;
	d->cache.error = 0;
	d->cache.syncing = false;
	wake_all(&cache_changed);
	return error ? error : rc;
}

/* ---- reading ahead ---- */

/* Buffers that are not in memory yet, for pages in a row, as many as one request takes. */
static u32 new_run(struct block_device *d, u64 page, u64 end, struct buffer *run[BLOCK_PIECES])
{
	u32 n = 0;

	while (n < block_disk(d)->max_pieces && page + n < end && !cache_find(d, page + n)) {
		run[n] = cache_get_now(d, page + n);
		if (!run[n])
			break;
		n++;
	}
	return n;
}

void buffer_read_ahead(struct block_device *d, u64 page, u32 n)
{
	u64 wanted = page + MIN(n, AHEAD_MAX), end = MIN(wanted, cache_pages(d));
	struct buffer *run[BLOCK_PIECES];

	while (page < end) {
		u32 count = new_run(d, page, end, run);

		if (count)
			cache_transfer(BLOCK_READ, run, count);
		for (u32 i = 0; i < count; i++)
			buffer_put(run[i]);
		page += MAX(count, 1u);
	}
}

void cache_transfers_init(void)
{
	timer_init(&write_timer, write_old);
}
