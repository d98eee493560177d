/* SPDX-License-Identifier: MIT */
/*
 * Disks: a request is a header that the device reads, the pieces of memory, and a byte that it writes at the end.
 * (Virtio 1.2, 5.2, Block Device)
 */
#include "drivers/virtio_blk.h"
#include "drivers/virtio.h"
#include "kern/block/block.h"
#include "kern/console/log.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/kmalloc.h"

enum {
	FEATURE_PIECES = 1u << 2,
	FEATURE_READONLY = 1u << 5,
	FEATURE_BLOCK_SIZE = 1u << 6,
	FEATURE_FLUSH = 1u << 9,
	FEATURE_TOPOLOGY = 1u << 10,
	FEATURE_DISCARD = 1u << 13,
};
#define WANTED                                                                                       \
	(FEATURE_PIECES | FEATURE_READONLY | FEATURE_BLOCK_SIZE | FEATURE_FLUSH | FEATURE_TOPOLOGY | \
	 FEATURE_DISCARD)

/* The device's own configuration. */
enum {
	CAPACITY = 0, /* in units of 512 bytes, as everything here */
	MAX_PIECES = 12,
	LOGICAL_SIZE = 20,
	PHYSICAL_EXPONENT = 24, /* logical blocks in a physical one, as a power of two */
	MAX_DISCARD = 36,
};

enum {
	DONE = 0,
	UNSUPPORTED = 2,
	NO_STATUS = 0xff, /* what is there before */
};

#define MAJOR    254u
#define DISKS    16u /* 16 numbers each */
#define REQUESTS 32u
#define SECTORS  (1ull << 48) /* the most: nobody has them */

struct slot {
	struct {
		uint32_t type, reserved;
		uint64_t sector;
	} header;
	struct {
		uint64_t sector;
		uint32_t sectors, flags;
	} range; /* to discard */
	uint8_t status;
	struct block_request *request; /* NULL: the slot is unused */
};

struct disk {
	struct block_device block;
	struct virtio_device device;
	struct virtqueue queue;
	struct slot slots[REQUESTS];
};

static unsigned disks;

static uint32_t word(struct virtio_device *v, unsigned at)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < 4; i++)
		value |= (uint32_t)virtio_config(v, at + i) << 8 * i;
	return value;
}

static uint64_t capacity(struct disk *d)
{
	uint64_t sectors = word(&d->device, CAPACITY) | (uint64_t)word(&d->device, CAPACITY + 4) << 32;

	return MIN(sectors, SECTORS) & ~(uint64_t)((d->block.block_size >> SECTOR_SHIFT) - 1);
}

static struct slot *free_slot(struct disk *d)
{
	for (struct slot *s = d->slots; s < d->slots + REQUESTS; s++)
		if (!s->request)
			return s;
	return NULL;
}

static bool disk_submit(struct block_device *block, struct block_request *r)
{
	static const uint8_t types[] = {
	    [BLOCK_READ] = 0, [BLOCK_WRITE] = 1, [BLOCK_FLUSH] = 4, [BLOCK_DISCARD] = 11};
	struct disk *d = container_of(block, struct disk, block);
	struct virtio_piece pieces[BLOCK_PIECES + 2];
	struct slot *s = free_slot(d);
	unsigned n = 0;

	if (!s)
		return false;
	s->header.type = types[r->op];
	s->header.sector = r->op == BLOCK_READ || r->op == BLOCK_WRITE ? r->sector : 0;
	s->range.sector = r->sector;
	s->range.sectors = r->sectors;
	s->status = NO_STATUS;
	pieces[n++] = (struct virtio_piece){&s->header, sizeof(s->header), false};
	for (unsigned i = 0; i < r->count; i++)
		pieces[n++] = (struct virtio_piece){r->pieces[i].at, r->pieces[i].len, r->op == BLOCK_READ};
	if (r->op == BLOCK_DISCARD)
		pieces[n++] = (struct virtio_piece){&s->range, sizeof(s->range), false};
	pieces[n++] = (struct virtio_piece){&s->status, sizeof(s->status), true};
	if (!virtqueue_add(&d->queue, pieces, n, s))
		return false;
	s->request = r;
	return true;
}

static void end(struct slot *s, int rc)
{
	struct block_request *r = s->request;

	s->request = NULL;
	block_done(r, rc);
}

/* The device is told to stop before memory that it has is used for something else. */
static void give_up(struct disk *d, const char *why)
{
	if (d->block.gone)
		return;
	log_warn("virtio-blk: %s: %s; it is not used any more\n", d->block.name, why);
	virtio_give_up(&d->device);
	block_remove(&d->block);
	for (struct slot *s = d->slots; s < d->slots + REQUESTS; s++)
		if (s->request)
			end(s, -EIO);
}

static void disk_interrupt(struct virtio_device *v)
{
	struct disk *d = container_of(v, struct disk, device);
	struct slot *s = NULL;
	uint32_t len;

	while (!d->block.gone && (s = virtqueue_take(&d->queue, &len)) && !IS_ERR(s)) {
		bool whole = s->request->op != BLOCK_READ ||
			     len == s->request->sectors * SECTOR_SIZE + sizeof(s->status);

		end(s, s->status == DONE && whole ? 0 : s->status == UNSUPPORTED ? -EOPNOTSUPP : -EIO);
	}
	if (IS_ERR(s))
		give_up(d, "the device answers what nobody asked");
}

static void disk_changed(struct virtio_device *v)
{
	struct disk *d = container_of(v, struct disk, device);

	if (virtio_is_broken(v))
		give_up(d, "the device needs a reset");
	else if (!d->block.gone && capacity(d) != d->block.sectors)
		block_resized(&d->block, capacity(d));
}

/* What the device says of itself; false: it cannot be used. */
static bool describe(struct disk *d, uint32_t features)
{
	struct block_device *b = &d->block;
	struct virtio_device *v = &d->device;
	uint32_t exponent = features & FEATURE_TOPOLOGY ? virtio_config(v, PHYSICAL_EXPONENT) : 0;

	b->block_size = features & FEATURE_BLOCK_SIZE ? word(v, LOGICAL_SIZE) : SECTOR_SIZE;
	if (b->block_size < SECTOR_SIZE || b->block_size > PAGE_SIZE || b->block_size & (b->block_size - 1)) {
		log_warn("virtio-blk: blocks of %u bytes: 512 to 4096 are supported\n", b->block_size);
		return false;
	}
	b->physical_size = b->block_size << MIN(exponent, 8u);
	b->sectors = capacity(d);
	b->readonly = features & FEATURE_READONLY;
	b->flushes = features & FEATURE_FLUSH;
	b->discards = features & FEATURE_DISCARD;
	b->discard_most = b->discards ? word(v, MAX_DISCARD) : 0;
	b->max_pieces = features & FEATURE_PIECES ? word(v, MAX_PIECES) : 1;
	b->max_pieces = MIN(b->max_pieces, d->queue.size - 2u);
	b->rdev = MAJOR << 8 | disks * DISKS;
	b->submit = disk_submit;
	snprintf(b->name, sizeof(b->name), "vd%c", 'a' + disks);
	return b->max_pieces;
}

static bool start(struct disk *d, pci_function_t function)
{
	uint32_t features;

	if (disks == DISKS || !virtio_begin(&d->device, function, WANTED, &features))
		return false;
	d->device.interrupt = disk_interrupt;
	d->device.changed = disk_changed;
	if (!virtqueue_init(&d->queue, &d->device, 0) || !describe(d, features) ||
	    !virtio_start(&d->device) || block_add(&d->block))
		return false;
	disks++;
	log_print("virtio-blk: %s: %llu sectors%s%s\n", d->block.name, (unsigned long long)d->block.sectors,
		  d->block.readonly ? ", read-only" : "", d->block.flushes ? "" : ", without flush");
	return true;
}

/* What cannot be started keeps its memory: the device may have got it already. */
void virtio_blk_found(pci_function_t function)
{
	struct disk *d = kzalloc(sizeof(*d));

	if (!d || !start(d, function))
		log_warn("virtio-blk: a disk cannot be used: no interrupt, number or memory for it\n");
}
