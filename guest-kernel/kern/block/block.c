/* SPDX-License-Identifier: MIT */
/* See block.h: the devices, and their requests. */
#include "kern/block/block.h"
#include "kern/block/cache.h"
#include "kern/block/internal.h"
#include "kern/console/log.h"
#include "kern/fs/devfs.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/proc/wait.h"

struct list block_devices = LIST_INIT(block_devices);

struct block_device *block_get(u32 rdev)
{
	struct block_device *d;

	list_for_each (d, &block_devices, list) {
		if (d->rdev != rdev)
			continue;
		d->users++;
		return d;
	}
	return NULL;
}

struct block_device *block_get_named(const char *name)
{
	struct block_device *d;

	list_for_each (d, &block_devices, list)
		if (!strcmp(d->name, name))
			return block_get(d->rdev);
	return NULL;
}

void block_put(struct block_device *d)
{
	if (!--d->users)
		cache_drop(d);
}

/* Nobody has the device, and the cache nothing of it. */
void block_free(struct block_device *d)
{
	struct block_device *whole = d->whole;

	if (d->release)
		d->release(d);
	if (whole)
		block_put(whole);
}

static int check(const struct block_device *d, const struct block_request *r)
{
	const struct block_device *disk = block_disk(d);
	u32 blocks = (disk->block_size >> SECTOR_SHIFT) - 1;

	if (d->gone || disk->gone)
		return -EIO;
	if (r->op == BLOCK_FLUSH)
		return 0;
	if (r->sector >= d->sectors || r->sectors > d->sectors - r->sector ||
	    (r->sector | r->sectors) & blocks || !r->sectors)
		return -EIO;
	if (r->op == BLOCK_DISCARD && !disk->discards)
		return -EOPNOTSUPP;
	return r->op != BLOCK_READ && d->readonly ? -EPERM : 0;
}

void block_start(struct block_device *d, struct block_request *r)
{
	struct block_device *disk = block_disk(d);

	r->disk = disk;
	r->rc = check(d, r);
	if (r->rc || (r->op == BLOCK_FLUSH && !disk->flushes)) {
		r->done(r);
		return;
	}
	r->sector += d->first;
	if (!list_empty(&disk->waiting) || !disk->submit(disk, r))
		list_add_tail(&disk->waiting, &r->list);
}

static void start_waiting(struct block_device *disk)
{
	while (!list_empty(&disk->waiting)) {
		struct block_request *r = list_entry(disk->waiting.next, struct block_request, list);

		list_del(&r->list);
		if (disk->gone) {
			r->rc = -EIO;
			r->done(r);
		} else if (!disk->submit(disk, r)) {
			list_add(&disk->waiting, &r->list);
			return;
		}
	}
}

void block_done(struct block_request *r, int rc)
{
	struct block_device *disk = r->disk;

	r->rc = rc;
	r->done(r);
	start_waiting(disk);
}

/* A request that a task sleeps for. */
struct waited {
	struct block_request r;
	struct wait_queue ended;
	bool is_done;
};

static void waited_done(struct block_request *r)
{
	struct waited *w = container_of(r, struct waited, r);

	w->is_done = true;
	wake_all(&w->ended);
}

static int run(struct block_device *d, struct block_request r)
{
	struct waited w = {.r = r};

	w.r.done = waited_done;
	wait_init(&w.ended);
	block_start(d, &w.r);
	while (!w.is_done)
		wait_for(&w.ended);
	return w.r.rc;
}

int block_io(struct block_device *d, enum block_op op, u64 sector, const struct block_piece *pieces,
	     u32 count)
{
	struct block_request r = {.op = op, .sector = sector};
	int rc = 0;

	for (; count && !rc; count -= r.count, sector += r.sectors, pieces += r.count) {
		r = (struct block_request){.op = op, .sector = sector, .pieces = pieces};
		for (; r.count < MIN(count, block_disk(d)->max_pieces); r.count++)
			r.sectors += pieces[r.count].len >> SECTOR_SHIFT;
		rc = run(d, r);
	}
	return rc;
}

int block_flush(struct block_device *d)
{
	return run(d, (struct block_request){.op = BLOCK_FLUSH});
}

int block_discard(struct block_device *d, u64 sector, u64 sectors)
{
	u32 most = block_disk(d)->discard_most & ~7u; /* whole logical blocks */
	int rc = 0;

	for (u64 n; sectors && !rc; sectors -= n, sector += n) {
		n = most ? MIN(sectors, (u64)most) : sectors;
		rc = run(d, (struct block_request){.op = BLOCK_DISCARD, .sector = sector, .sectors = n});
	}
	return rc;
}

void block_sync_all(void)
{
	struct block_device *d;
	u32 at = 0, i;

	for (;; at++) { /* others may come and go while one is written */
		i = 0;
		list_for_each (d, &block_devices, list)
			if (i++ == at)
				break;
		if (&d->list == &block_devices)
			return;
		d->users++;
		(void)buffer_sync(d);
		block_put(d);
	}
}

/* ---- coming and going ---- */

/* A partition stands behind its disk and the partitions before it. */
static struct list *place_of(const struct block_device *d)
{
	struct list *at = d->whole ? d->whole->list.next : &block_devices;

	while (d->whole && at != &block_devices &&
	       list_entry(at, struct block_device, list)->whole == d->whole)
		at = at->next;
	return at;
}

int block_name(struct block_device *d)
{
	int rc = devfs_add_block(d->name, d->rdev, &block_file_ops);

	if (rc)
		return rc;
	cache_attach(d);
	d->users = 1;
	list_add_tail(place_of(d), &d->list);
	return 0;
}

/* The name is free for another device; who has this one keeps it. */
void block_unname(struct block_device *d)
{
	d->gone = true;
	cache_lose(d);
	devfs_remove_block(d->name, d->rdev);
	list_del(&d->list);
	block_put(d);
}

int block_add(struct block_device *disk)
{
	int rc;

	disk->max_pieces = MIN(disk->max_pieces, BLOCK_PIECES);
	list_init(&disk->waiting);
	rc = block_name(disk);
	if (!rc)
		block_scan(disk);
	return rc;
}

void block_remove(struct block_device *disk)
{
	if (disk->gone)
		return;
	disk->gone = true;
	start_waiting(disk);
	block_forget_parts(disk);
	block_unname(disk);
}

void block_resized(struct block_device *disk, u64 sectors)
{
	log_print("block: %s has %llu sectors now, before %llu\n", disk->name, (unsigned long long)sectors,
		  (unsigned long long)disk->sectors);
	disk->sectors = sectors;
}
