/* SPDX-License-Identifier: MIT */
/*
 * The teaching kernel's driver of virtio disks (guest-kernel/drivers/virtio_blk.c) with devices that say of themselves, and answer, what
 * cannot be. The queue and the block layer stand in: what is given to the device is kept, and the test answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define KERN_LIB_STRING_H
#include "drivers/virtio_blk.c"

static u8 config[64];
static uint32_t offered, taken_features;
static bool broken, no_room;
static unsigned given_up, removed;
static u64 resized;
static struct virtio_device *device;
static struct block_device *added;
static void *allocated; /* the disk */

static struct virtio_piece pieces[BLOCK_PIECES + 2];
static unsigned piece_count;
static void *token, *answer;
static uint32_t answer_len;

bool virtio_begin(struct virtio_device *v, pci_function_t function, uint32_t wanted, uint32_t *features)
{
	device = v;
	*features = taken_features = offered & wanted;
	return true;
}

bool virtio_start(struct virtio_device *v)
{
	return true;
}

void virtio_give_up(struct virtio_device *v)
{
	given_up++;
}

bool virtio_is_broken(struct virtio_device *v)
{
	return broken;
}

uint8_t virtio_config(struct virtio_device *v, uint16_t offset)
{
	return config[offset];
}

bool virtqueue_init(struct virtqueue *q, struct virtio_device *v, uint16_t index)
{
	q->size = 128;
	return true;
}

bool virtqueue_add(struct virtqueue *q, const struct virtio_piece *p, unsigned count, void *its)
{
	if (no_room)
		return false;
	memcpy(pieces, p, count * sizeof(*p));
	piece_count = count;
	token = its;
	return true;
}

void *virtqueue_take(struct virtqueue *q, uint32_t *len)
{
	void *now = answer;

	answer = NULL;
	*len = answer_len;
	return now;
}

int block_add(struct block_device *d)
{
	added = d;
	return 0;
}

void block_done(struct block_request *r, int rc)
{
	assert_int_equal(r->rc, 1); /* once */
	r->rc = rc;
}

void block_remove(struct block_device *d)
{
	d->gone = true;
	removed++;
}

void block_resized(struct block_device *d, u64 sectors)
{
	d->sectors = resized = sectors;
}

void *kzalloc(size_t size)
{
	return allocated = calloc(1, size);
}

void log_at(int level, const char *fmt, ...)
{
}

static void set32(unsigned at, uint32_t value)
{
	memcpy(config + at, &value, 4);
}

static struct disk *disk_of(void)
{
	return container_of(added, struct disk, block);
}

static int setup(void **state)
{
	memset(config, 0, sizeof(config));
	offered = WANTED;
	disks = given_up = removed = 0;
	broken = no_room = false;
	set32(CAPACITY, 5000);
	set32(MAX_PIECES, 126);
	set32(LOGICAL_SIZE, 512);
	set32(MAX_DISCARD, 4096);
	added = NULL;
	virtio_blk_found(0);
	return !added;
}

static int teardown(void **state)
{
	free(allocated);
	return 0;
}

static void test_described(void **state)
{
	const struct block_device *d = added;

	assert_string_equal(d->name, "vda");
	assert_true(d->rdev == 254 << 8 && d->sectors == 5000 && d->block_size == 512 &&
		    d->max_pieces == 126);
	assert_true(d->readonly && d->flushes && d->discards && d->discard_most == 4096);
}

static struct block_device *found_again(void)
{
	free(allocated);
	added = NULL;
	virtio_blk_found(0);
	return added;
}

static void test_other_disks(void **state)
{
	static const uint32_t bad[] = {0, 1, 511, 513, 768, 8192, 1u << 31, ~0u};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		set32(LOGICAL_SIZE, bad[i]);
		assert_null(found_again());
	}
	set32(LOGICAL_SIZE, 4096);
	set32(CAPACITY, 4999);
	set32(CAPACITY + 4, ~0u);
	config[PHYSICAL_EXPONENT] = 255;
	assert_true(found_again() && added->sectors <= SECTORS && added->sectors % 8 == 0);
	assert_true(added->physical_size >= 4096);
	set32(MAX_PIECES, 0);
	assert_null(found_again());
	set32(MAX_PIECES, ~0u);
	assert_true(found_again() && added->max_pieces == 126); /* and the two pieces around them */
	offered = 0;
	assert_true(found_again() && added->max_pieces == 1 && added->block_size == 512 && !added->flushes &&
		    !added->readonly);
	disks = DISKS;
	assert_null(found_again());
}

static u8 memory[2 * PAGE_SIZE];
static const struct block_piece two[] = {{memory, 4096}, {memory + 4096, 512}};

static struct block_request request(enum block_op op)
{
	return (struct block_request){
	    .op = op, .sector = 77, .sectors = 9, .pieces = two, .count = op <= BLOCK_WRITE ? 2 : 0, .rc = 1};
}

static void answers(struct slot *s, uint8_t status, uint32_t len)
{
	s->status = status;
	answer = s;
	answer_len = len;
	device->interrupt(device);
}

static void test_forms(void **state)
{
	struct block_request r = request(BLOCK_READ);
	struct slot *s;

	assert_true(disk_submit(added, &r));
	s = token;
	assert_true(s->header.type == 0 && s->header.sector == 77 && piece_count == 4);
	assert_true(!pieces[0].device_writes && pieces[1].device_writes && pieces[2].device_writes &&
		    pieces[3].device_writes);
	assert_true(pieces[1].at == memory && pieces[2].len == 512 && pieces[3].at == &s->status &&
		    pieces[3].len == 1);
	answers(s, DONE, 9 * 512 + 1);
	assert_int_equal(r.rc, 0);
	r = request(BLOCK_WRITE);
	assert_true(disk_submit(added, &r) && ((struct slot *)token)->header.type == 1 &&
		    !pieces[1].device_writes);
	answers(token, DONE, 1);
	assert_int_equal(r.rc, 0);
	r = request(BLOCK_FLUSH);
	assert_true(disk_submit(added, &r) && ((struct slot *)token)->header.type == 4 && piece_count == 2);
	assert_int_equal(((struct slot *)token)->header.sector, 0);
	answers(token, DONE, 1);
	r = request(BLOCK_DISCARD);
	assert_true(disk_submit(added, &r) && ((struct slot *)token)->header.type == 11 && piece_count == 3);
	s = token;
	assert_true(s->range.sector == 77 && s->range.sectors == 9 && pieces[1].len == 16 &&
		    !pieces[1].device_writes);
	answers(token, UNSUPPORTED, 1);
	assert_int_equal(r.rc, -EOPNOTSUPP);
}

/* An error, a status that was never written, and a read that says that it brought less. */
static void test_errors(void **state)
{
	static const struct {
		uint8_t status;
		uint32_t len;
	} bad[] = {{1, 9 * 512 + 1}, {77, 9 * 512 + 1}, {NO_STATUS, 0},
		   {DONE, 9 * 512},  {DONE, 1},         {DONE, 0}};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct block_request r = request(BLOCK_READ);

		assert_true(disk_submit(added, &r));
		assert_int_equal(((struct slot *)token)->status, NO_STATUS);
		answers(token, bad[i].status, bad[i].len);
		assert_int_equal(r.rc, -EIO);
	}
	assert_true(!removed && !given_up);
}

static void test_room(void **state)
{
	struct block_request r[REQUESTS + 1];

	for (unsigned i = 0; i <= REQUESTS; i++) {
		r[i] = request(BLOCK_READ);
		assert_int_equal(disk_submit(added, &r[i]), i < REQUESTS);
	}
	answers(token, DONE, 9 * 512 + 1);
	no_room = true;
	assert_false(disk_submit(added, &r[REQUESTS]));
	no_room = false;
	assert_true(disk_submit(added, &r[REQUESTS]));
}

/* All that it has ends with an error, after it was told to stop; what it says later is not listened to. */
static void test_lies(void **state)
{
	struct block_request r[2] = {request(BLOCK_READ), request(BLOCK_WRITE)};

	assert_true(disk_submit(added, &r[0]) && disk_submit(added, &r[1]));
	answer = ERR_PTR(-EIO);
	device->interrupt(device);
	assert_true(given_up == 1 && removed == 1 && r[0].rc == -EIO && r[1].rc == -EIO);
	answers(token, DONE, 1);
	answer = ERR_PTR(-EIO);
	device->interrupt(device);
	broken = true;
	device->changed(device);
	assert_true(given_up == 1 && removed == 1);
	answer = NULL;
}

static void test_changes(void **state)
{
	struct block_request r = request(BLOCK_FLUSH);

	set32(CAPACITY, 6001);
	device->changed(device);
	assert_int_equal(resized, 6001);
	disk_of()->block.block_size = 1024;
	device->changed(device);
	assert_int_equal(resized, 6000);
	assert_true(disk_submit(added, &r));
	broken = true;
	device->changed(device);
	assert_true(removed == 1 && r.rc == -EIO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
	    TEST(described), TEST(other_disks), TEST(forms),   TEST(errors),
	    TEST(room),      TEST(lies),        TEST(changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
