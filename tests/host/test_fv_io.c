/* SPDX-License-Identifier: MIT */
/*
 * Specification of an fv domain's ports (hypervisor/fv/io.c):
 *   ways     each port leads to its device, each byte of a wide access to its own; elsewhere ones are read
 *   ends     the sleep register, the keyboard's reset and the reset register end the domain, as they should; nothing near them
 *   timer    what sets the interval timer sets the hypervisor's, and nothing else does; its interrupt is raised once
 *            for each edge; it stands still with the domain and goes on with it
 *   tells    an interrupt that comes of an access is told to the vCPU
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fv/cmos.c"
#include "fv/io.c"
#include "fv/pic.c"
#include "fv/pit.c"

#define MS 1000000ull

struct percpu host_percpu;
static struct domain d;
static struct fv fv;
static struct vcpu v = {.domain = &d, .fv = &fv};
static ns_t clock_ns;
static unsigned marks, sets, stops;
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
uint64_t wallclock_seconds(void)
{
	return 45296; /* 12:34:56 */
}
void vcpu_mark_events(struct vcpu *which)
{
	assert_ptr_equal(which, &v);
	marks++;
}
bool vcpu_stands_still(const struct vcpu *which)
{
	return still;
}
void domain_shutdown(struct domain *which, uint8_t reason)
{
	ended = reason;
}
void timer_init(struct timer *t, void (*handler)(void *), void *arg)
{
	*t = (struct timer){.handler = handler, .arg = arg};
}
void timer_set(struct timer *t, ns_t expires)
{
	assert_false(fv.lock.held);
	assert_ptr_equal(t, &fv.pit_timer);
	t->expires = expires;
	t->cpu = &host_percpu;
	sets++;
}
void timer_stop(struct timer *t)
{
	t->cpu = NULL;
	stops++;
}
uint8_t fv_uart_read(struct fv *which, unsigned reg)
{
	uart.reg = reg;
	uart.n++;
	return 0x50 + reg;
}
void fv_uart_write(struct fv *which, unsigned reg, uint8_t value)
{
	uart.reg = reg;
	uart.value = value;
	uart.n++;
}
static int setup(void **state)
{
	fv = (struct fv){.v = &v};
	d = (struct domain){0};
	clock_ns = 1000 * MS;
	ended = -1;
	still = false;
	memset(&uart, 0, sizeof(uart));
	fv_devices_init(&fv);
	marks = sets = stops = 0;
	return 0;
}

static uint32_t in(uint16_t port)
{
	return fv_port_read(&v, port, 1);
}
static void out(uint16_t port, uint8_t value)
{
	fv_port_write(&v, port, 1, value);
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
	assert_int_equal(fv_port_read(&v, 0x20, 2), 0x1200);
	assert_int_equal(fv_port_read(&v, 0x1f, 4), 0xff1200ff);
	/* The clock; bit 7 of the index is the NMI's. */
	out(0x70, 0x80);
	assert_int_equal(in(0x71), 0x56);
	out(0x70, 0x04);
	assert_int_equal(in(0x71), 0x12);
	d.time_offset = -3600;
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
	fv_port_write(&v, 0x3f8, 2, 0xaabb);
	assert_int_equal(uart.n, 2);
	assert_int_equal(uart.reg, 1);
	assert_int_equal(uart.value, 0xaa);
	assert_int_equal(sets + stops, 0);
	assert_false(fv.lock.held);
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
	fv_port_write(&v, port, size, value);
	return ended;
}

static void ending(void **state)
{
	assert_int_equal(ends(0x604, 2, 0x2000), SHUTDOWN_poweroff);
	assert_int_equal(ends(0x604, 2, 0x3c01), SHUTDOWN_poweroff);
	assert_int_equal(ends(0x604, 2, 0x1c01), -1);
	assert_int_equal(ends(0x605, 2, 0x2000), -1);
	assert_int_equal(ends(0x64, 1, 0xfe), SHUTDOWN_reboot);
	assert_int_equal(ends(0x64, 2, 0x12fe), SHUTDOWN_reboot);
	assert_int_equal(ends(0x64, 1, 0xff), -1);
	assert_int_equal(ends(0x63, 1, 0xfe), -1);
	assert_int_equal(ends(0xcf9, 1, 0x06), SHUTDOWN_reboot);
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
	clock_ns = fv.pit_timer.expires;
	fv.pit_timer.cpu = NULL;
	fv.pit_timer.handler(fv.pit_timer.arg);
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
	first = fv.pit_timer.expires;
	assert_in_range(first, clock_ns + 9 * MS, clock_ns + 11 * MS);
	marks = 0;
	clock_ns += MS;
	fv.pit_timer.handler(&fv); /* nothing has risen yet */
	assert_int_equal(marks, 0);
	assert_int_equal(fv.pit_timer.expires, first);
	expire();
	assert_int_equal(marks, 1);
	assert_true(pic_interrupts(&fv.pic));
	assert_int_equal(pic_acknowledge(&fv.pic), 0x30);
	out(0x20, 0x20);
	assert_in_range(fv.pit_timer.expires, first + 9 * MS, first + 11 * MS);
	assert_non_null(fv.pit_timer.cpu);
	/* It stands still with the vCPU, and goes on. */
	still = true;
	marks = 0;
	expire();
	assert_null(fv.pit_timer.cpu);
	assert_int_equal(marks, 1);
	sets = 0;
	still = false;
	fv_timers_go_on(&v);
	assert_int_equal(sets, 1);
	fv_timers_go_on(&v); /* it is set already */
	assert_int_equal(sets, 1);
	fv_timers_go_on(&(struct vcpu){.domain = &d}); /* of another kind, or not built yet */
	assert_false(fv.lock.held);
	/* An edge that is masked is told to no vCPU; when the mask goes, it is. */
	pic_acknowledge(&fv.pic);
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
	fv_devices_stop(&fv);
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

#define IO_TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    IO_TEST(ways), IO_TEST(speaker_port), IO_TEST(ending), IO_TEST(timing), IO_TEST(other_ports),
	};

	return cmocka_run_group_tests_name("fv ports", tests, NULL, NULL);
}
