/* SPDX-License-Identifier: MIT */
/* The trace ring (hypervisor/trace/ring.c): what goes in comes out in order, moments before the stay around them; what
 * finds no room is counted where it is missing; the quick hooks' way and the slow one agree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../hypervisor/trace/ring.c"

#define SIZE 64
#define MANY 1000

struct percpu host_percpu;

static struct trace_ring ring;
static struct trace_cursor at;
static struct ringlet_record slots[SIZE], out[SIZE];
static uint64_t clock;

static int setup(void **state)
{
	ring_init(&ring, &at, slots, SIZE);
	clock = 0;
	return 0;
}

/* A stay as QUICK_ENTER and QUICK_LEAVE (trace/hook.inc) write it. */
static void stay(uint32_t reason)
{
	at.pos->tsc = ++clock;
	at.pos->what = reason;
	at.pos->low = ++clock;
	if (at.pos + 1 < at.limit)
		at.pos++;
	else
		ring_commit(&ring, &at);
}

static void comes_out_in_order(void **state)
{
	uint32_t next = 0;

	for (uint32_t i = 0; i < MANY; i++) {
		stay(i % 50);
		if (i % 7 == 0 || i == MANY - 1) {
			uint32_t n = ring_read(&ring, at.pos, out, SIZE);

			for (uint32_t k = 0; k < n; k++, next++) {
				assert_int_equal(out[k].what, next % 50);
				assert_int_equal(out[k].tsc, 2 * next + 1);
				assert_int_equal(out[k].low, 2 * next + 2);
			}
		}
	}
	assert_int_equal(next, MANY);
	assert_int_equal(ring.lost, 0);
}

static void moments_come_first(void **state)
{
	at.pos->tsc = 1;
	at.pos->what = 5;
	ring_put(&ring, &at, &(struct ringlet_record){2, 77, RINGLET_RECORD_event});
	ring_put(&ring, &at, &(struct ringlet_record){3, 0, RINGLET_RECORD_upcall});
	assert_int_equal(at.pos->what, 5);
	at.pos->low = 4;
	ring_commit(&ring, &at);
	assert_int_equal(ring_read(&ring, at.pos, out, SIZE), 3);
	assert_int_equal(out[0].what, RINGLET_RECORD_event);
	assert_int_equal(out[0].low, 77);
	assert_int_equal(out[1].what, RINGLET_RECORD_upcall);
	assert_int_equal(out[2].what, 5);
	assert_int_equal(out[2].tsc, 1);
	assert_int_equal(out[2].low, 4);
}

/* Never more than one slot less than there are; the rest is counted, and told in its place. */
static void full(void **state)
{
	uint32_t n;

	ring.vcpu = 3 << 16 | 1;
	for (uint32_t i = 0; i < 100; i++)
		stay(1);
	assert_int_equal(ring.lost, 100 - (SIZE - 1));
	n = ring_read(&ring, at.pos, out, SIZE);
	assert_int_equal(n, SIZE - 1);
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(out[i].what, 1);
	stay(2);
	n = ring_read(&ring, at.pos, out, SIZE);
	assert_int_equal(n, 3);
	assert_int_equal(out[0].what, RINGLET_RECORD_lost);
	assert_int_equal(out[0].low, 100 - (SIZE - 1));
	assert_int_equal(out[1].what, RINGLET_RECORD_vcpu);
	assert_int_equal(out[1].low, 3 << 16 | 1);
	assert_int_equal(out[2].what, 2);
}

/* The same when what is not read yet begins behind what is written next. */
static void full_before_the_tail(void **state)
{
	uint32_t n, next = SIZE / 2;

	for (uint32_t i = 0; i < SIZE - 2; i++)
		stay(i);
	assert_int_equal(ring_read(&ring, at.pos, out, SIZE / 2), SIZE / 2);
	for (uint32_t i = SIZE - 2; i < 2 * SIZE; i++)
		stay(i);
	assert_true(ring.lost > 0);
	n = ring_read(&ring, at.pos, out, SIZE);
	assert_int_equal(n, SIZE - 1);
	for (uint32_t k = 0; k < n; k++)
		assert_int_equal(out[k].what, next++);
}

/* A gap is not closed before it is worth it, and everything in between is counted too. */
static void gap_waits_for_room(void **state)
{
	uint32_t n, told = 0, kept = 0;

	for (uint32_t i = 0; i < SIZE; i++)
		stay(1);
	for (uint32_t i = 0; i < MANY; i++) {
		n = ring_read(&ring, at.pos, out, i % 3);
		for (uint32_t k = 0; k < n; k++) {
			told += out[k].what == RINGLET_RECORD_lost ? out[k].low : 0;
			kept += out[k].what < RINGLET_RECORD_upcall;
		}
		stay(1);
	}
	while ((n = ring_read(&ring, at.pos, out, SIZE)) != 0) {
		for (uint32_t k = 0; k < n; k++) {
			told += out[k].what == RINGLET_RECORD_lost ? out[k].low : 0;
			kept += out[k].what < RINGLET_RECORD_upcall;
		}
	}
	assert_int_equal(told + ring.gap, ring.lost);
	assert_int_equal(kept + ring.lost, SIZE + MANY);
}

/* A stay that began inside a gap does not come out behind a moment that it contains. */
static void gap_ends_with_a_stay(void **state)
{
	for (uint32_t i = 0; i < SIZE; i++)
		stay(1);
	ring_read(&ring, at.pos, out, SIZE);
	at.pos->tsc = ++clock;
	at.pos->what = 2;
	ring_put(&ring, &at, &(struct ringlet_record){++clock, 0, RINGLET_RECORD_upcall});
	at.pos->low = ++clock;
	ring_commit(&ring, &at);
	assert_int_equal(ring_read(&ring, at.pos, out, SIZE), 3);
	assert_int_equal(out[0].what, RINGLET_RECORD_lost);
	assert_int_equal(out[0].low, 2);
	assert_int_equal(out[1].tsc, out[2].tsc);
	assert_int_equal(out[2].what, 2);
}

/* So much room is worth it, and no less; moments that were not asked for are not missing. */
static void gap_closes(void **state)
{
	for (uint32_t i = 0; i < SIZE; i++)
		stay(1);
	ring_read(&ring, at.pos, out, ROOM_BEHIND_GAP - 1);
	stay(2);
	assert_int_equal(ring.gap, 2);
	ring_want(&ring, &at, false);
	ring_put(&ring, &at, &(struct ringlet_record){3, 77, RINGLET_RECORD_event});
	assert_int_equal(ring.lost, 2);
	ring_want(&ring, &at, true);
	ring_read(&ring, at.pos, out, 1);
	stay(2);
	assert_int_equal(ring.gap, 0);
	assert_int_equal(ring.lost, 2);
}

static void unwanted(void **state)
{
	ring_want(&ring, &at, false);
	for (uint32_t i = 0; i < MANY; i++)
		stay(1);
	assert_int_equal(ring_read(&ring, at.pos, out, SIZE), 0);
	assert_int_equal(ring.lost, 0);
	ring_want(&ring, &at, true);
	stay(2);
	assert_int_equal(ring_read(&ring, at.pos, out, SIZE), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(comes_out_in_order, setup),
	    cmocka_unit_test_setup(moments_come_first, setup),
	    cmocka_unit_test_setup(full, setup),
	    cmocka_unit_test_setup(full_before_the_tail, setup),
	    cmocka_unit_test_setup(gap_waits_for_room, setup),
	    cmocka_unit_test_setup(gap_closes, setup),
	    cmocka_unit_test_setup(gap_ends_with_a_stay, setup),
	    cmocka_unit_test_setup(unwanted, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
