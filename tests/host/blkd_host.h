/* SPDX-License-Identifier: MIT */
/*
 * A guest and a disk for the tests of rl-blkd's ring: pages by grant reference, an image in memory that checks what is asked of
 * it, and a front end that writes requests into slots of either protocol.
 */
#pragma once

static void crash_point(void);
#define compiler_barrier() crash_point()
#include "blkd/ring.c"
#undef compiler_barrier

#include <errno.h>
#include <stdlib.h>

#define GRANTED 16 /* references 0 to 15 are granted */
#define SECTORS 256u
#define PAGES   4 /* of the ring */

static uint8_t shared[PAGES * 4096] __attribute__((aligned(4096)));
static uint8_t granted[GRANTED][4096];
static uint8_t disk[SECTORS * SECTOR_SIZE];
static uint8_t buffer[BATCH_BYTES];
static struct ring ring;
static char done[64]; /* what the image was asked: a letter each */
static uint64_t bad_sector = UINT64_MAX;
static int image_error;

static void note(char what)
{
	size_t n = strlen(done);

	if (n + 1 < sizeof(done))
		done[n] = what;
}

/* What the ring's code must never ask. */
static void must(bool holds)
{
	if (!holds)
		abort();
}

static int checked_range(struct image *image, uint64_t sector, size_t bytes, const void *at)
{
	uint64_t sectors = bytes / SECTOR_SIZE;

	must(bytes % SECTOR_SIZE == 0 && bytes && sector < SECTORS && sectors <= SECTORS - sector);
	must((const uint8_t *)at >= buffer && (const uint8_t *)at + bytes <= buffer + sizeof(buffer));
	if (bad_sector >= sector && bad_sector < sector + sectors)
		return -EIO;
	return image_error;
}

static int fake_read(struct image *image, uint64_t sector, void *to, size_t bytes)
{
	int rc = checked_range(image, sector, bytes, to);

	note('r');
	if (!rc)
		memcpy(to, disk + sector * SECTOR_SIZE, bytes);
	return rc;
}

static int fake_write(struct image *image, uint64_t sector, const void *from, size_t bytes)
{
	int rc = checked_range(image, sector, bytes, from);

	must(!image->readonly);
	note('w');
	if (!rc)
		memcpy(disk + sector * SECTOR_SIZE, from, bytes);
	return rc;
}

static int fake_flush(struct image *image)
{
	must(!image->readonly);
	note('f');
	return image_error;
}

static int fake_discard(struct image *image, uint64_t sector, uint64_t sectors)
{
	must(!image->readonly && sectors <= SECTORS && sector <= SECTORS - sectors);
	note('d');
	return image_error;
}

static const struct image_ops image_ops = {
    .read = fake_read, .write = fake_write, .flush = fake_flush, .discard = fake_discard};
static struct image image;

/* The other processor has its turn while we copy. */
static void (*meanwhile)(void);

void grants_copy(int fd, unsigned dom, struct grant_piece *pieces, size_t count, bool to_guest)
{
	for (size_t i = 0; i < count; i++) {
		struct grant_piece *p = &pieces[i];

		must(p->bytes && p->offset + p->bytes <= 4096);
		p->failed = p->ref >= GRANTED;
		if (!p->failed && to_guest)
			memcpy(granted[p->ref] + p->offset, p->at, p->bytes);
		else if (!p->failed)
			memcpy(p->at, granted[p->ref] + p->offset, p->bytes);
	}
	if (meanwhile)
		meanwhile();
}

static struct blk_head *head(void)
{
	return (struct blk_head *)shared;
}

static void begin(const char *protocol, unsigned pages)
{
	memset(shared, 0, sizeof(shared));
	memset(done, 0, sizeof(done));
	image = (struct image){.ops = &image_ops, .sectors = SECTORS, .discards = true};
	image_error = 0;
	bad_sector = UINT64_MAX;
	meanwhile = NULL;
	ring = (struct ring){.image = &image, .name = "domain 1 (one), disk xvda", .buffer = buffer};
	head()->req_event = head()->rsp_event = 1;
	ring_attach(&ring, shared, pages, blk_layout(protocol));
}

static uint8_t *slot(uint32_t index)
{
	return shared + 64 + (index % ring.slots) * ring.layout->slot;
}
