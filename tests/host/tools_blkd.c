/* SPDX-License-Identifier: MIT */
/*
 * Specification of rl-blkd's ring.
 *   layouts    both protocols have their offsets and sizes, and as many slots as io/ring.h gives
 *   data       is read and written through direct and indirect segments; the response carries the id, all 64 bits, and of an
 *              indirect request the operation in it; all else of it is zero
 *   refused    what is wrong in itself, past the end, not granted, or a write to what is read-only: an error, and nothing is done;
 *              an unknown operation: not supported
 *   copied     what is checked is what is used, whatever the guest writes meanwhile
 *   halted     an index that runs away halts the ring, until it is connected anew
 *   told       an event is sent if, and only if, the front end waits for it
 *   order      a barrier and a flush wait for what was answered before, and go alone
 *   together   neighbours are one transfer; if that fails, only those that fail alone are answered so
 *   at a time  reads that are no neighbours, where the image takes several; each has its own data
 *   killed     at each of its steps, and then once more: the next one answers what was not answered, in order
 */
#include "blkd_host.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#undef fail
#include <cmocka.h>

static jmp_buf killed;
static int kill_at = -1;

static void crash_point(void)
{
	if (kill_at >= 0 && !kill_at--)
		longjmp(killed, 1);
}

static const char *const protocols[] = {"x86_64-abi", "x86_32-abi"};

static uint8_t *put(uint8_t op, uint64_t id, uint64_t sector)
{
	uint8_t *s = slot(head()->req_prod);

	memset(s, 0xee, ring.layout->slot);
	s[0] = op;
	s[1] = 0;
	memcpy(s + ring.layout->id, &id, 8);
	memcpy(s + ring.layout->sector, &sector, 8);
	head()->req_prod++;
	return s;
}

static void segment(uint8_t *s, uint32_t ref, uint8_t first, uint8_t last)
{
	struct blk_segment *g = (void *)(s + ring.layout->segments + 8 * s[1]++);

	memcpy(g, &(struct blk_segment){ref, first, last, 0xeeee}, sizeof(*g));
}

static bool serve(void)
{
	bool tell, told = false;

	while (ring_serve(&ring, &tell) == RING_MORE)
		told |= tell;
	return told | tell;
}

/* The status of response @index, whose other fields are as they should be. */
static int status_of(uint32_t index, uint64_t id, uint8_t op)
{
	const uint8_t *s = slot(index);
	int16_t status;

	assert_memory_equal(s, &id, 8);
	assert_int_equal(s[8], op);
	assert_int_equal(s[9], 0);
	memcpy(&status, s + 10, 2);
	if (ring.layout->slot == 112)
		assert_memory_equal(s + 12, "\0\0\0\0", 4);
	return status;
}

static int one(uint8_t op, uint64_t sector, uint32_t ref, uint8_t first, uint8_t last)
{
	uint32_t index = head()->req_prod;

	segment(put(op, 0x123456789abcdef0u, sector), ref, first, last);
	serve();
	assert_int_equal(head()->rsp_prod, index + 1);
	return status_of(index, 0x123456789abcdef0u, op);
}

static void layouts(void **state)
{
	static const unsigned pages[] = {1, 2, 4, 8, 16}, slots[] = {32, 64, 128, 256, 512};

	for (unsigned p = 0; p < 2; p++)
		for (unsigned i = 0; i < 5; i++)
			assert_int_equal(blk_slots(blk_layout(protocols[p]), pages[i]), slots[i]);
	assert_ptr_equal(blk_layout(NULL), blk_layout(protocols[sizeof(void *) == 8 ? 0 : 1]));
	assert_null(blk_layout("arm-abi"));
	assert_int_equal(sizeof(struct blk_head), 64);
}

static void direct(const char *protocol)
{
	uint8_t *s;

	begin(protocol, 1);
	for (unsigned i = 0; i < sizeof(granted); i++)
		((uint8_t *)granted)[i] = (uint8_t)(i * 7 + i / 256);
	assert_int_equal(one(BLK_WRITE, 9, 3, 2, 5), BLK_OKAY);
	assert_memory_equal(disk + 9 * 512, granted[3] + 2 * 512, 4 * 512);
	assert_int_equal(one(BLK_READ, 10, 7, 7, 7), BLK_OKAY);
	assert_memory_equal(granted[7] + 7 * 512, granted[3] + 3 * 512, 512);
	s = put(BLK_WRITE, 1, SECTORS - 88); /* as long as can be, to the end, the same page more than once */
	for (unsigned i = 0; i < BLK_DIRECT_MAX; i++)
		segment(s, i % 4, 0, 7);
	serve();
	assert_int_equal(status_of(2, 1, BLK_WRITE), BLK_OKAY);
	for (unsigned i = 0; i < BLK_DIRECT_MAX; i++)
		assert_memory_equal(disk + (SECTORS - 88 + i * 8) * 512, granted[i % 4], 4096);
}

static void put_indirect(uint8_t op, uint16_t count, uint32_t ref)
{
	uint8_t *s = put(BLK_INDIRECT, 77, 16);

	s[1] = op;
	memcpy(s + 2, &count, 2);
	memcpy(s + ring.layout->refs, &ref, 4);
	for (unsigned i = 0; i < 512; i++)
		memcpy(granted[15] + i * 8, &(struct blk_segment){i % 15, 0, 0, 0}, 8);
}

static int indirect(uint8_t op, uint16_t count, uint32_t ref)
{
	uint32_t index = head()->req_prod;

	put_indirect(op, count, ref);
	serve();
	return status_of(index, 77, op);
}

static void data(void **state)
{
	for (unsigned p = 0; p < 2; p++) {
		direct(protocols[p]);
		assert_int_equal(indirect(BLK_WRITE, BLK_INDIRECT_MAX, 15), BLK_OKAY);
		for (unsigned i = 0; i < BLK_INDIRECT_MAX; i++)
			assert_memory_equal(disk + (16 + i) * 512, granted[i % 15], 512);
		assert_int_equal(indirect(BLK_READ, 12, 15), BLK_OKAY);
	}
}

static void refused(void **state)
{
	for (unsigned p = 0; p < 2; p++) {
		begin(protocols[p], 1);
		assert_int_equal(one(BLK_READ, 0, 0, 5, 4), BLK_ERROR);
		assert_int_equal(one(BLK_READ, 0, 0, 0, 8), BLK_ERROR);
		assert_int_equal(one(BLK_READ, SECTORS - 7, 0, 0, 7), BLK_ERROR);
		assert_int_equal(one(BLK_READ, UINT64_MAX, 0, 0, 0), BLK_ERROR);
		assert_int_equal(one(BLK_WRITE, UINT64_MAX - 6, 0, 0, 7), BLK_ERROR);
		assert_int_equal(one(BLK_WRITE, 0, GRANTED, 0, 7), BLK_ERROR);
		assert_int_equal(one(BLK_RESERVED, 0, 0, 0, 0), BLK_UNSUPPORTED);
		assert_int_equal(one(200, 0, 0, 0, 0), BLK_UNSUPPORTED);
		put(BLK_READ, 5, 0); /* no segment */
		put(BLK_WRITE, 6, 0)[1] = 12;
		put(BLK_BARRIER, 7, 0)[1] = 255;
		serve();
		assert_int_equal(status_of(8, 5, BLK_READ), BLK_ERROR);
		assert_int_equal(status_of(9, 6, BLK_WRITE), BLK_ERROR);
		assert_int_equal(status_of(10, 7, BLK_BARRIER), BLK_ERROR);
		assert_int_equal(indirect(BLK_WRITE, 0, 15), BLK_ERROR);
		assert_int_equal(indirect(BLK_WRITE, BLK_INDIRECT_MAX + 1, 15), BLK_ERROR);
		assert_int_equal(indirect(BLK_WRITE, 65535, 15), BLK_ERROR);
		assert_int_equal(indirect(BLK_WRITE, 3, GRANTED), BLK_ERROR);
		assert_int_equal(indirect(BLK_INDIRECT, 3, 15), BLK_ERROR);
		assert_int_equal(indirect(BLK_FLUSH, 3, 15), BLK_ERROR);
		assert_string_equal(done, "");
		assert_int_equal(one(BLK_READ, 0, GRANTED, 0, 7), BLK_ERROR); /* found when it is copied */
		assert_string_equal(done, "r");
		image.readonly = true;
		assert_int_equal(one(BLK_WRITE, 0, 0, 0, 7), BLK_ERROR);
		assert_int_equal(one(BLK_BARRIER, 0, 0, 0, 7), BLK_ERROR);
		image.discards = false;
		put(BLK_FLUSH, 8, 0);
		serve();
		assert_int_equal(status_of(head()->rsp_prod - 1, 8, BLK_FLUSH), BLK_OKAY);
		image.readonly = false;
		put(BLK_DISCARD, 9, 0);
		serve();
		assert_int_equal(status_of(head()->rsp_prod - 1, 9, BLK_DISCARD), BLK_UNSUPPORTED);
		assert_string_equal(done, "r");
	}
}

/* All that the guest shares, while we work. */
static void scribble(void)
{
	memset(shared + 64, 0xff, sizeof(shared) - 64);
	memset(granted[15], 0xff, 4096);
}

static void copied(void **state)
{
	for (unsigned p = 0; p < 2; p++) {
		begin(protocols[p], 1);
		put_indirect(BLK_WRITE, 5, 15);
		meanwhile = scribble;
		serve();
		assert_int_equal(status_of(0, 77, BLK_WRITE), BLK_OKAY);
		assert_string_equal(done, "w");
	}
}

static void halted(void **state)
{
	bool tell;

	begin(NULL, 1);
	assert_int_equal(one(BLK_READ, 0, 0, 0, 0), BLK_OKAY);
	head()->req_prod = 1 + 33;
	assert_int_equal(ring_serve(&ring, &tell), RING_BROKEN);
	head()->req_prod = 1;
	assert_int_equal(ring_serve(&ring, &tell), RING_BROKEN);
	assert_int_equal(head()->rsp_prod, 1);
	begin(NULL, 1);
	head()->req_prod = UINT32_MAX;
	assert_int_equal(ring_serve(&ring, &tell), RING_BROKEN);
	begin(NULL, 1);
	assert_int_equal(one(BLK_READ, 0, 0, 0, 0), BLK_OKAY);
}

static void told(void **state)
{
	begin(NULL, 2);
	put(BLK_FLUSH, 1, 0);
	assert_true(serve()); /* rsp_event 1 */
	put(BLK_FLUSH, 2, 0);
	assert_false(serve()); /* it did not ask for another */
	head()->rsp_event = 4;
	put(BLK_FLUSH, 3, 0);
	assert_false(serve());
	put(BLK_FLUSH, 4, 0);
	assert_true(serve());
	assert_int_equal(head()->req_event, head()->req_prod + 1);
}

static void order(void **state)
{
	begin(NULL, 1);
	segment(put(BLK_WRITE, 1, 0), 0, 0, 7);
	segment(put(BLK_BARRIER, 2, 8), 1, 0, 7);
	segment(put(BLK_WRITE, 3, 16), 2, 0, 7);
	put(BLK_FLUSH, 4, 0);
	segment(put(BLK_FLUSH, 5, 24), 3, 0, 7);
	put(BLK_BARRIER, 6, 0);
	memcpy(put(BLK_DISCARD, 7, 3) + ring.layout->segments, &(uint64_t){5}, 8);
	serve();
	assert_string_equal(done, "wfwfwffwffd");
	for (unsigned i = 0; i < 7; i++)
		assert_int_equal(status_of(i, i + 1, "\1\2\1\3\3\2\5"[i]), BLK_OKAY);
}

static void together(void **state)
{
	begin(NULL, 1);
	for (unsigned i = 0; i < 6; i++)
		segment(put(BLK_WRITE, i, i * 8), i, 0, 7);
	segment(put(BLK_WRITE, 6, 100), 7, 0, 7);
	serve();
	assert_string_equal(done, "ww");
	for (unsigned i = 0; i < 6; i++)
		assert_memory_equal(disk + i * 4096, granted[i], 4096);
	memset(done, 0, sizeof(done));
	bad_sector = 19;
	fail_quiet(true);
	for (unsigned i = 0; i < 6; i++)
		segment(put(BLK_READ, i, i * 8), i, 0, 7);
	serve();
	assert_string_equal(done, "rrrrrrr");
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(status_of(7 + i, i, BLK_READ), i == 2 ? BLK_ERROR : BLK_OKAY);
}

static pthread_mutex_t reading = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t another = PTHREAD_COND_INITIALIZER;
static unsigned readers;

/* Does not return before a second one is here; for a ring that reads one after the other, after some seconds. */
static int slow_read(struct image *i, uint64_t sector, void *to, size_t bytes)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 20;
	memcpy(to, disk + sector * SECTOR_SIZE, bytes);
	pthread_mutex_lock(&reading);
	readers++;
	pthread_cond_broadcast(&another);
	while (readers < 2 && !pthread_cond_timedwait(&another, &reading, &until))
		;
	pthread_mutex_unlock(&reading);
	return readers < 2 ? -ETIMEDOUT : 0;
}

static void at_a_time(void **state)
{
	struct image_ops slow = image_ops;

	begin(NULL, 1);
	slow.read = slow_read;
	image.ops = &slow;
	image.parallel = true;
	for (unsigned i = 0; i < sizeof(disk); i++)
		disk[i] = (uint8_t)(i / 4096 * 3 + i % 11);
	for (unsigned round = 0; round < 50; round++) {
		for (unsigned i = 0; i < 8; i++)
			segment(put(BLK_READ, i, i * 16), i, 0, 7);
		serve();
		for (unsigned i = 0; i < 8; i++) {
			assert_int_equal(status_of(round * 8 + i, i, BLK_READ), BLK_OKAY);
			assert_memory_equal(granted[i], disk + i * 8192, 4096);
			memset(granted[i], 0, 4096);
		}
	}
}

#define TASKS 7

/* Serve until killed at the barrier of this number. True: it was not, since all was done. */
static bool serve_until(int at)
{
	kill_at = at;
	if (setjmp(killed))
		return false;
	serve();
	kill_at = -1;
	return true;
}

static void revive(const char *protocol)
{
	ring = (struct ring){.image = &image, .name = "again", .buffer = buffer};
	kill_at = -1;
	ring_attach(&ring, shared, 1, blk_layout(protocol));
}

static bool killed_twice(const char *protocol, int first, int second)
{
	bool whole;

	begin(protocol, 1);
	memset(disk, 0, sizeof(disk));
	head()->req_prod = head()->rsp_prod = UINT32_MAX - 3; /* the indexes go round */
	ring_attach(&ring, shared, 1, blk_layout(protocol));
	for (unsigned i = 0; i < TASKS; i++) {
		memset(granted[i], 0x40 + i, 4096);
		segment(put(i == 4 ? BLK_BARRIER : BLK_WRITE, 0x1111111111111111u * (i + 1), i * 16), i, 0,
			7);
	}
	whole = serve_until(first);
	if (!whole) {
		revive(protocol);
		if (!serve_until(second))
			revive(protocol);
		serve();
	}
	assert_int_equal(head()->rsp_prod, head()->req_prod);
	for (unsigned i = 0; i < TASKS; i++) {
		assert_int_equal(status_of(UINT32_MAX - 3 + i, 0x1111111111111111u * (i + 1),
					   i == 4 ? BLK_BARRIER : BLK_WRITE),
				 BLK_OKAY);
		assert_memory_equal(disk + i * 8192, granted[i], 4096);
	}
	return whole;
}

static void killed_anywhere(void **state)
{
	for (unsigned p = 0; p < 2; p++)
		for (int first = 0; !killed_twice(protocols[p], first, 0); first++)
			for (int second = 1; second < 30; second++)
				killed_twice(protocols[p], first, second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(layouts),         cmocka_unit_test(data),     cmocka_unit_test(refused),
	    cmocka_unit_test(copied),          cmocka_unit_test(halted),   cmocka_unit_test(told),
	    cmocka_unit_test(order),           cmocka_unit_test(together), cmocka_unit_test(at_a_time),
	    cmocka_unit_test(killed_anywhere),
	};

	fail_quiet(true);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
