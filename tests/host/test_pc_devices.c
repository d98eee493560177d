/* SPDX-License-Identifier: MIT */
/*
 * Specification of a virtual PC's devices (hypervisor/pc): the interrupt controllers, the timer and how often it can be
 * heard, the clock.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "pc/cmos.c"
#include "pc/pic.c"
#include "pc/pit.c"

static void start_pic(struct pic *pic)
{
	static const uint8_t words[2][4] = {{0x11, 0x20, 0x04, 0x01}, {0x11, 0x28, 0x02, 0x01}};

	pic_reset(pic);
	for (unsigned chip = 0; chip < 2; chip++) {
		for (unsigned i = 0; i < 4; i++)
			pic_write(pic, chip, i > 0, words[chip][i]);
		pic_write(pic, chip, 1, 0);
	}
}

static void interrupt_controller(void **state)
{
	struct pic pic;

	start_pic(&pic);
	assert_false(pic_interrupts(&pic));
	pic_set_line(&pic, 4, true);
	pic_set_line(&pic, 0, true);
	assert_int_equal(pic_acknowledge(&pic), 0x20);
	assert_false(pic_interrupts(&pic)); /* line 4 waits for the end of line 0 */
	pic_write(&pic, 0, 0, 0x20);
	assert_int_equal(pic_acknowledge(&pic), 0x24);
	pic_write(&pic, 0, 0, 0x0b);
	assert_int_equal(pic_read(&pic, 0, 0), 0x10);
	pic_write(&pic, 0, 0, 0x20);
	assert_false(pic_interrupts(&pic)); /* an edge, not a level */
	pic_set_line(&pic, 4, false);
	pic_write(&pic, 0, 1, 0x10);
	pic_set_line(&pic, 4, true);
	assert_false(pic_interrupts(&pic));
	pic_write(&pic, 0, 1, 0);
	assert_true(pic_interrupts(&pic));
	pic_set_line(&pic, 4, false); /* gone before it was looked at */
	assert_int_equal(pic_acknowledge(&pic), 0x27);
}

static void second_controller(void **state)
{
	struct pic pic;

	start_pic(&pic);
	pic_set_line(&pic, 14, true);
	pic_set_line(&pic, 9, true);
	assert_int_equal(pic_acknowledge(&pic), 0x29);
	assert_false(pic_interrupts(&pic));
	pic_write(&pic, 1, 0, 0x20);
	pic_write(&pic, 0, 0, 0x20);
	assert_int_equal(pic_acknowledge(&pic), 0x2e);
	pic_write(&pic, 1, 0, 0x20);
	pic_write(&pic, 0, 0, 0x20);
	assert_false(pic_interrupts(&pic));
}

#define MS 1000000ull

static void interval_timer(void **state)
{
	struct pit pit;
	uint64_t t = 5000 * MS;
	unsigned count;

	pit_reset(&pit, t);
	assert_int_equal(pit_next_edge(&pit, 0, t), 0); /* it was never loaded */
	pit_command(&pit, 0x30, t);
	pit_write(&pit, 0, 59659 & 0xff, t);
	pit_write(&pit, 0, 59659 >> 8, t);
	assert_in_range(pit_next_edge(&pit, 0, t), t + 49 * MS, t + 51 * MS);
	assert_false(pit_output(&pit, 0, t + 49 * MS));
	assert_true(pit_output(&pit, 0, t + 51 * MS));
	assert_false(pit_tell(&pit, 0, t + 49 * MS));
	assert_true(pit_tell(&pit, 0, t + 51 * MS)); /* late, but not lost */
	assert_false(pit_tell(&pit, 0, t + 51 * MS));
	assert_int_equal(pit_next_edge(&pit, 0, t + 51 * MS), 0);
	pit_command(&pit, 0x00, t + 25 * MS); /* latch */
	count = pit_read(&pit, 0, t + 30 * MS);
	count |= pit_read(&pit, 0, t + 30 * MS) << 8;
	assert_in_range(count, 29800, 29850);

	pit_command(&pit, 0x34, t); /* rate generator */
	pit_write(&pit, 0, 0xa9, t);
	pit_write(&pit, 0, 0x04, t); /* 1193: 1 ms */
	for (unsigned i = 1; i < 10; i++)
		assert_in_range(pit_next_edge(&pit, 0, t + i * MS - MS / 2), t + i * MS - 20000,
				t + i * MS + 20000);
	pit_command(&pit, 0x00, t + 5 * MS + MS / 2); /* latch: it counts down in each of its periods */
	count = pit_read(&pit, 0, t + 6 * MS);
	count |= pit_read(&pit, 0, t + 6 * MS) << 8;
	assert_in_range(count, 570, 620);

	pit_command(&pit, 0x14, t); /* the low half alone, then the high half alone */
	pit_write(&pit, 0, 200, t);
	assert_int_equal(pit.channel[0].count, 200);
	pit_command(&pit, 0x24, t);
	pit_write(&pit, 0, 4, t);
	assert_int_equal(pit.channel[0].count, 0x400);

	pit_command(&pit, 0xb0, t);
	pit_write(&pit, 2, 100, t);
	pit_write(&pit, 2, 0, t);
	assert_false(pit_output(&pit, 2, t + MS)); /* its gate is closed */
	pit_set_gate(&pit, 2, true, t + MS);
	assert_true(pit_output(&pit, 2, t + 2 * MS));
}

static void load_pit(struct pit *pit, unsigned mode, unsigned count, uint64_t t)
{
	pit_command(pit, 0x30 | mode << 1, t);
	pit_write(pit, 0, count & 0xff, t);
	pit_write(pit, 0, count >> 8, t);
}

/* However fast a guest programs it, it asks for no more of the hypervisor than a few thousand interrupts a second; the
 * counter counts as it was told. A single shot so short that it is over before the guest can wait for it comes. */
static void interval_timer_is_bounded(void **state)
{
	static const unsigned counts[] = {1, 2, 3, 100, 149, 150, 297, 298, 299, 1193, 0};
	const uint64_t start = 7000 * MS, second = 1000 * MS;
	struct pit pit;

	for (unsigned i = 0; i < 2 * ARRAY_SIZE(counts); i++) {
		unsigned count = counts[i / 2], wanted = PIT_HZ / (count ? count : 0x10000), edges = 0;
		uint64_t t = start, last;

		pit_reset(&pit, t);
		load_pit(&pit, MODE_RATE + i % 2, count, t);
		for (last = t; (t = pit_next_edge(&pit, 0, t)) < start + second; last = t, edges++) {
			assert_true(t > last);
			assert_true(edges == 0 || t - last >= 249000);
			assert_true(pit_tell(&pit, 0, t));
		}
		assert_in_range(edges, MIN(wanted, 2000) - 1, MIN(wanted, 4004) + 1);
	}
	load_pit(&pit, MODE_RATE, 2, start);
	pit_command(&pit, 0, start + 1);
	assert_in_range(pit_read(&pit, 0, start + 1), 1, 2);
	load_pit(&pit, 0, 1, start);
	assert_in_range(pit_next_edge(&pit, 0, start + MS), start, start + 2000);
	assert_true(pit_tell(&pit, 0, start + MS));
	assert_int_equal(pit_next_edge(&pit, 0, start + MS), 0);
}

static void clock_chip(void **state)
{
	uint64_t seconds = 1709210096; /* 2024-02-29 12:34:56, a Thursday */

	assert_int_equal(cmos_read(0, seconds), 0x56);
	assert_int_equal(cmos_read(2, seconds), 0x34);
	assert_int_equal(cmos_read(4, seconds), 0x12);
	assert_int_equal(cmos_read(6, seconds), 5);
	assert_int_equal(cmos_read(7, seconds), 0x29);
	assert_int_equal(cmos_read(8, seconds), 0x02);
	assert_int_equal(cmos_read(9, seconds), 0x24);
	assert_int_equal(cmos_read(0x32, seconds), 0x20);
	assert_int_equal(cmos_read(7, 0), 1);
	assert_int_equal(cmos_read(9, 0), 0x70);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(interrupt_controller), cmocka_unit_test(second_controller),
	    cmocka_unit_test(interval_timer),       cmocka_unit_test(interval_timer_is_bounded),
	    cmocka_unit_test(clock_chip),
	};

	return cmocka_run_group_tests_name("pc devices", tests, NULL, NULL);
}
