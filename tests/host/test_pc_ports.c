/* SPDX-License-Identifier: MIT */
/*
 * Specification of a virtual PC's ports (hypervisor/pc/pc.c):
 *   ways     each port leads to its device, each byte of a wide access to its own; elsewhere ones are read
 *   ends     the sleep register, the keyboard's reset and the reset register end the PC's life, as they should; nothing near them
 *   timer    what sets the interval timer sets the hypervisor's, and nothing else does; its interrupt is raised once
 *            for each edge; it stands still with the PC and goes on with it
 *   tells    an interrupt that comes of an access is told; the processor takes it, and learns of a further one
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cpu/percpu.h"
#include "pc/cmos.c"
#include "pc/pc.c"
#include "pc/pic.c"
#include "pc/pit.c"

#define MS 1000000ull

struct percpu host_percpu;
static struct pc pc;
static ns_t clock_ns;
static uint64_t clock_seconds;
static unsigned marks, sets, stops, polls;
static int ended;
static bool still;
static struct {
	unsigned reg, n;
	uint8_t value;
} uart;

ns_t now(void)
{
	return clock_ns;
}
static uint64_t seconds(const struct pc *which)
{
	assert_ptr_equal(which, &pc);
	return clock_seconds;
}
static void interrupt(struct pc *which)
{
	assert_ptr_equal(which, &pc);
	assert_true(pc.lock.held);
	marks++;
}
static bool stands_still(const struct pc *which)
{
	return still;
}
static void end(struct pc *which, enum pc_end how)
{
	assert_ptr_equal(which, &pc);
	ended = how;
}
static const struct pc_user user = {
    .interrupt = interrupt, .seconds = seconds, .stands_still = stands_still, .end = end};
void timer_init(struct timer *t, void (*handler)(void *), void *arg)
{
	*t = (struct timer){.handler = handler, .arg = arg};
}
void timer_set(struct timer *t, ns_t expires)
{
	assert_false(pc.lock.held);
	assert_ptr_equal(t, &pc.pit_timer);
	t->expires = expires;
	t->cpu = &host_percpu;
	sets++;
}
void timer_stop(struct timer *t)
{
	t->cpu = NULL;
	stops++;
}
uint8_t uart_read(struct pc *which, unsigned reg)
{
	uart.reg = reg;
	uart.n++;
	return 0x50 + reg;
}
void uart_write(struct pc *which, unsigned reg, uint8_t value)
{
	uart.reg = reg;
	uart.value = value;
	uart.n++;
}
void uart_poll(struct pc *which)
{
	assert_true(pc.lock.held);
	polls++;
}
static int setup(void **state)
{
	pc = (struct pc){0};
	clock_seconds = 45296; /* 12:34:56 */
	clock_ns = 1000 * MS;
	ended = -1;
	still = false;
	memset(&uart, 0, sizeof(uart));
	pc_init(&pc, &user);
	marks = sets = stops = polls = 0;
	return 0;
}

static uint32_t in(uint16_t port)
{
	return pc_read(&pc, port, 1);
}
static void out(uint16_t port, uint8_t value)
{
	pc_write(&pc, port, 1, value);
}

static void ways(void **state)
{
	static const uint16_t nowhere[] = {0x1f, 0x22, 0x3f, 0x43, 0x44,  0x60,  0x62,  0x63, 0x65,
					   0x70, 0x72, 0x9f, 0xa2, 0x3f7, 0x400, 0xcf8, 0xcfc};

	for (unsigned i = 0; i < ARRAY_SIZE(nowhere); i++)
		assert_int_equal(in(nowhere[i]), 0xff);
	assert_int_equal(uart.n, 0);
	/* The controllers: each its mask. */
	out(0x21, 0x12);
	out(0xa1, 0x34);
	assert_int_equal(in(0x21), 0x12);
	assert_int_equal(in(0xa1), 0x34);
	assert_int_equal(in(0x20), 0);
	assert_int_equal(in(0xa0), 0);
	assert_int_equal(pc_read(&pc, 0x20, 2), 0x1200);
	assert_int_equal(pc_read(&pc, 0x1f, 4), 0xff1200ff);
	/* The clock; bit 7 of the index is the NMI's. */
	out(0x70, 0x80);
	assert_int_equal(in(0x71), 0x56);
	out(0x70, 0x04);
	assert_int_equal(in(0x71), 0x12);
	clock_seconds -= 3600;
	assert_int_equal(in(0x71), 0x11);
	assert_int_equal(in(0x64), 0); /* the keyboard takes commands */
	for (unsigned reg = 0; reg < 8; reg++) {
		assert_int_equal(in(0x3f8 + reg), 0x50 + reg);
		assert_int_equal(uart.reg, reg);
		out(0x3f8 + reg, reg * 3);
		assert_int_equal(uart.value, reg * 3);
		assert_int_equal(uart.reg, reg);
	}
	uart.n = 0;
	pc_write(&pc, 0x3f8, 2, 0xaabb);
	assert_int_equal(uart.n, 2);
	assert_int_equal(uart.reg, 1);
	assert_int_equal(uart.value, 0xaa);
	assert_int_equal(sets + stops, 0);
	assert_false(pc.lock.held);
}

static void speaker_port(void **state)
{
	out(0x43, 0xb0); /* channel 2, one shot */
	out(0x42, 100);
	out(0x42, 0);
	out(0x61, 0);
	assert_int_equal(in(0x61) & 1, 0);
	out(0x61, 1);
	assert_int_equal(in(0x61), 1);
	clock_ns += MS; /* more than 100 ticks */
	assert_int_equal(in(0x61), 0x21);
	assert_true(in(0x40) != 0xff || in(0x40) != 0xff); /* channel 0 counts */
}

static int ends(uint16_t port, unsigned size, uint32_t value)
{
	ended = -1;
	pc_write(&pc, port, size, value);
	return ended;
}

static void ending(void **state)
{
	assert_int_equal(ends(0x604, 2, 0x2000), PC_OFF);
	assert_int_equal(ends(0x604, 2, 0x3c01), PC_OFF);
	assert_int_equal(ends(0x604, 2, 0x1c01), -1);
	assert_int_equal(ends(0x605, 2, 0x2000), -1);
	assert_int_equal(ends(0x64, 1, 0xfe), PC_RESET);
	assert_int_equal(ends(0x64, 2, 0x12fe), PC_RESET);
	assert_int_equal(ends(0x64, 1, 0xff), -1);
	assert_int_equal(ends(0x63, 1, 0xfe), -1);
	assert_int_equal(ends(0xcf9, 1, 0x06), PC_RESET);
	assert_int_equal(ends(0xcf9, 1, 0x02), -1);
	assert_int_equal(ends(0xcf8, 4, 0x04), -1);
}

/* Channel 0, each @ticks. */
static void each(unsigned ticks)
{
	out(0x43, 0x34);
	out(0x40, ticks & 0xff);
	out(0x40, ticks >> 8);
}

static void expire(void)
{
	clock_ns = pc.pit_timer.expires;
	pc.pit_timer.cpu = NULL;
	pc.pit_timer.handler(pc.pit_timer.arg);
}

static void controllers(void)
{
	static const uint8_t words[] = {0x11, 0x30, 0x04, 0x01};

	for (unsigned i = 0; i < 4; i++)
		out(i ? 0x21 : 0x20, words[i]);
	out(0x21, 0xfe);
}

static void timing(void **state)
{
	ns_t first;

	controllers();
	assert_int_equal(sets, 0);
	each(11932); /* 100 Hz */
	assert_true(sets > 0);
	first = pc.pit_timer.expires;
	assert_in_range(first, clock_ns + 9 * MS, clock_ns + 11 * MS);
	marks = 0;
	clock_ns += MS;
	pc.pit_timer.handler(&pc); /* nothing has risen yet */
	assert_int_equal(marks, 0);
	assert_int_equal(pc.pit_timer.expires, first);
	expire();
	assert_int_equal(marks, 1);
	assert_true(pic_interrupts(&pc.pic));
	assert_int_equal(pic_acknowledge(&pc.pic), 0x30);
	out(0x20, 0x20);
	assert_in_range(pc.pit_timer.expires, first + 9 * MS, first + 11 * MS);
	assert_non_null(pc.pit_timer.cpu);
	/* It stands still with the vCPU, and goes on. */
	still = true;
	marks = 0;
	expire();
	assert_null(pc.pit_timer.cpu);
	assert_int_equal(marks, 1);
	sets = 0;
	still = false;
	pc_go_on(&pc);
	assert_int_equal(sets, 1);
	pc_go_on(&pc); /* it is set already */
	assert_int_equal(sets, 1);
	assert_false(pc.lock.held);
	/* An edge that is masked is told to no vCPU; when the mask goes, it is. */
	pic_acknowledge(&pc.pic);
	out(0x20, 0x20);
	out(0x21, 0xff);
	marks = 0;
	expire();
	assert_int_equal(marks, 0);
	out(0x21, 0xfe);
	assert_int_equal(marks, 1);
	/* A channel that is being set up has no edges. */
	stops = 0;
	out(0x43, 0x34);
	assert_int_equal(stops, 1);
	pc_stop(&pc);
	assert_int_equal(stops, 2);
}

/* Which ports do not set the hypervisor's timer. */
static void other_ports(void **state)
{
	static const uint16_t ports[] = {0x20, 0x3f, 0x44, 0x61, 0x70, 0x3f8};

	each(11932);
	sets = stops = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(ports); i++)
		out(ports[i], 0);
	assert_int_equal(sets + stops, 0);
	out(0x40, 1);
	out(0x43, 0); /* latch */
	assert_int_equal(sets + stops, 2);
}

/* Lines 0 and 4 ask; the first is served, the second waits until that is over. */
static void taking(void **state)
{
	bool more;

	controllers();
	assert_int_equal(pc_interrupt(&pc, &more), -1);
	assert_false(more);
	assert_int_equal(polls, 1);
	out(0x21, 0);
	pic_set_line(&pc.pic, 4, true);
	pic_set_line(&pc.pic, 0, true);
	assert_int_equal(pc_interrupt(&pc, &more), 0x30);
	assert_false(more);
	out(0x20, 0x20);
	assert_int_equal(pc_interrupt(&pc, &more), 0x34);
	assert_false(more);
	out(0x20, 0x0c); /* an automatic end, so that nothing is in service */
	out(0x20, 0x11);
	out(0x21, 0x30);
	out(0x21, 0x04);
	out(0x21, 0x03);
	pic_set_line(&pc.pic, 4, false);
	pic_set_line(&pc.pic, 0, false);
	pic_set_line(&pc.pic, 4, true);
	pic_set_line(&pc.pic, 0, true);
	assert_int_equal(pc_interrupt(&pc, &more), 0x30);
	assert_true(more);
	assert_int_equal(pc_interrupt(&pc, &more), 0x34);
	assert_false(more);
	assert_false(pc.lock.held);
	assert_int_equal(polls, 5);
}

#define IO_TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    IO_TEST(ways),   IO_TEST(speaker_port), IO_TEST(ending),
	    IO_TEST(timing), IO_TEST(other_ports),  IO_TEST(taking),
	};

	return cmocka_run_group_tests_name("pc ports", tests, NULL, NULL);
}
