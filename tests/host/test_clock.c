/* SPDX-License-Identifier: MIT */
/*
 * Specification of system time (hypervisor/sched/time.c), on a processor and a PM timer whose true rates a test knows:
 *   steers     the first calibration may be wrong by a thousandth in either direction; after some seconds what is told is
 *              right to a few microseconds, and stays so; on the way it never goes back, and no second is off by more than the rate
 *              of steering allows
 *   alone      without a PM timer the first rate stays
 *   guests     what a guest reads is what now() says, and its version is even when it is whole; a vCPU that has not
 *              seen the last change is told so
 *   changes    the boot CPU may change the clock at any moment of that: none of what was and of what is comes together
 *   wallclock  seconds since 1970, with the domain's own offset added; what it is set to, if there is such a time
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cpu/x86.h"
static uint64_t test_tsc(void);
static uint32_t test_pm(uint16_t port);
#define rdtsc()   test_tsc()
#define inl(port) test_pm(port)
#include "cpu/clock.c"
/* Each look of time.c at the clock, between which another CPU may change it. */
static struct clock *const the_clock = &system_clock;
static struct clock *looked_at(void);
#define system_clock (*looked_at())
#include "sched/time.c"

#define TRUE_HZ 2400000000ull
#define PM_PORT 0x608
#define BOOTED  123456789ull /* ticks of the TSC when system time began */

struct percpu host_percpu, *cpu_table[MAX_CPUS];
uint32_t nr_cpus = 3;
struct domain dom_idle;
struct acpi_info acpi;
uint64_t tsc_hz;
static ns_t true_ns; /* since boot */
static unsigned raised[3], warned, published;
static struct vcpu running, idle;
static struct percpu cpus[3];

static uint64_t test_tsc(void)
{
	return BOOTED + mul_div(true_ns, TRUE_HZ, NS_PER_SEC);
}
static uint32_t test_pm(uint16_t port)
{
	assert_int_equal(port, PM_PORT);
	return 0xff000000 | (0xfff000 + mul_div(true_ns, PM_TIMER_HZ,
						NS_PER_SEC)); /* it wraps at once; its high bits are noise */
}
uint64_t rtc_read(void)
{
	return 1700000000;
}
void log_set_clock(uint64_t (*clock_ns)(void))
{
}
bool log_admits(enum log_source source, enum log_level level)
{
	warned += level == LOG_WARNING;
	return false;
}
void printk(const char *fmt, ...)
{
}
void cpu_raise(struct percpu *cpu, uint32_t bits)
{
	assert_int_equal(bits, PENDING_SCHEDULE);
	raised[cpu - cpus]++;
}
void timer_init(struct timer *t, void (*handler)(void *), void *arg)
{
	*t = (struct timer){.handler = handler, .arg = arg};
}
void timer_set(struct timer *t, ns_t expires)
{
	t->expires = expires;
}
void vcpu_time_publish(struct vcpu *v, const struct vcpu_time_info *info)
{
	assert_int_equal(info->version & 1, 0);
	published++;
}

/* The boot CPU's steps in changing the clock, as clock_set() takes them: some at one look of ours, the rest at a later one. */
enum {
	CHANGE_STEPS = 6
};
static struct {
	unsigned looks, first_at, then_at, first_steps, done;
} change;

static void change_step(void)
{
	switch (change.done++) {
	case 0:
	case CHANGE_STEPS - 1:
		the_clock->version++;
		break;
	case 1:
		the_clock->tsc_base = 2000;
		break;
	case 2:
		the_clock->ns_base = 20;
		break;
	case 3:
		the_clock->rate.mul = 200;
		break;
	case 4:
		the_clock->generation++;
	}
}

static struct clock *looked_at(void)
{
	change.looks++;
	if (change.first_at && change.looks >= change.first_at)
		while (change.done < (change.looks >= change.then_at ? CHANGE_STEPS : change.first_steps))
			change_step();
	return the_clock;
}

/* @ppm: how much too many ticks a second the first calibration has found. */
static void boot(int ppm)
{
	memset(&system_clock, 0, sizeof(system_clock));
	memset(&reference, 0, sizeof(reference));
	memset(raised, 0, sizeof(raised));
	running.domain = NULL;
	idle.domain = &dom_idle;
	for (unsigned i = 0; i < 3; i++) {
		cpus[i] = (struct percpu){.vcpu = i == 2 ? NULL : i ? &idle : &running};
		cpu_table[i] = &cpus[i];
	}
	acpi.pm_timer = PM_PORT;
	true_ns = warned = 0;
	tsc_hz = TRUE_HZ + (int64_t)TRUE_HZ / 1000000 * ppm;
	time_init();
}

static int64_t off(void)
{
	return now() - true_ns;
}

/* One second, looked at often, until the timer is due. */
static void second(int64_t most)
{
	ns_t last = now();

	while (now() < reference.timer.expires) {
		true_ns += 1000000;
		assert_true(now() >= last);
		assert_true(off() <= most && off() >= -most);
		last = now();
	}
	reference.timer.handler(NULL);
	assert_true(now() >= last);
}

static void steers(void **state)
{
	static const int errors[] = {0, 1000, -1000, 300, -300};

	for (unsigned e = 0; e < ARRAY_SIZE(errors); e++) {
		boot(errors[e]);
		assert_int_equal(warned, 0);
		assert_int_equal(reference.timer.expires, RECALIBRATE);
		for (unsigned i = 0; i < 6; i++)
			second(2100000); /* a thousandth of a second, and half of one until it is noticed */
		for (unsigned i = 0; i < 30; i++)
			second(5000);
		assert_true(tsc_hz > TRUE_HZ - 5000 && tsc_hz < TRUE_HZ + 5000);
		assert_true(raised[0] >= 36); /* the running vCPU is told, no other */
		assert_int_equal(raised[1] + raised[2], 0);
	}
}

static void alone(void **state)
{
	boot(1000);
	acpi.pm_timer = 0;
	memset(&system_clock, 0, sizeof(system_clock));
	memset(&reference, 0, sizeof(reference));
	time_init();
	assert_int_equal(warned, 1);
	assert_null(reference.timer.handler);
	assert_int_equal(now(), 0);
	true_ns += 1001000000;
	assert_true(now() > 999998000 && now() < 1000002000);
}

static void guests(void **state)
{
	static union vcpu_view info;
	struct vcpu v = {.info = &info};
	struct vcpu_time_info *t = (void *)((char *)&info + 32);
	uint32_t version;

	boot(0);
	assert_true(time_is_stale(&v));
	t->version = 7; /* whatever the guest wrote */
	published = 0;
	time_update_vcpu(&v);
	assert_false(time_is_stale(&v));
	assert_int_equal(published, 1);
	version = t->version;
	assert_int_equal(version & 1, 0);
	for (unsigned i = 0; i < 3; i++) {
		second(5000);
		assert_true(time_is_stale(&v));
		time_update_vcpu(&v);
		assert_int_equal(t->version, version += 2);
		true_ns += 300000000;
		assert_int_equal(t->system_time +
				     clock_scale(test_tsc() - t->tsc_timestamp,
						 (struct clock_rate){t->tsc_to_system_mul, t->tsc_shift}),
				 now());
	}
}

/* It gets what the clock was, or what it is, and knows which. */
static void changes(void **state)
{
	static union vcpu_view info;
	struct vcpu_time_info *t = (void *)((char *)&info + 32);

	for (unsigned n = 0; n < 20 * 20 * CHANGE_STEPS; n++) {
		struct vcpu v = {.info = &info};

		*the_clock = (struct clock){
		    .version = 8, .generation = 4, .tsc_base = 1000, .ns_base = 10, .rate = {.mul = 100}};
		change.looks = change.done = 0;
		change.first_at = 1 + n % 20;
		change.then_at = change.first_at + n / 20 % 20;
		change.first_steps = n / 400;
		time_update_vcpu(&v);
		change.first_at = 0;
		assert_int_equal(t->tsc_timestamp, 1000 * (v.sched.time_stamp - 3));
		assert_int_equal(t->system_time, 10 * (v.sched.time_stamp - 3));
		assert_int_equal(t->tsc_to_system_mul, 100 * (v.sched.time_stamp - 3));
	}
}

static void wallclock(void **state)
{
	static const struct guest_abi abi = {.max_ports = 1024};
	static uint32_t page[1024], *mask = page + (32 * 64 + 1024 / 8) / 4;
	struct domain d = {.abi = &abi, .shared_info = page, .sched.time_offset = -77};

	boot(0);
	true_ns = 5400000000ull;
	assert_int_equal(wallclock_seconds(), 1700000005);
	mask[32] = 9;
	mask[31] = mask[35] = 0x5a;
	time_update_wallclock(&d);
	assert_int_equal(mask[32], 10);
	assert_int_equal(mask[33], 1700000000 - 77);
	assert_int_equal(mask[34], 0);
	assert_int_equal(mask[31] & mask[35], 0x5a);

	/* Set: it was then so late, so at the beginning it was that much earlier. */
	assert_true(wallclock_set(1600000000, 500000000, 5400000000ull));
	assert_int_equal(wallclock_seconds(), 1600000000);
	true_ns += 700000000;
	assert_int_equal(wallclock_seconds(), 1600000001);
	time_update_wallclock(&d);
	assert_int_equal(mask[32], 12);
	assert_int_equal(mask[33], 1599999995 - 77);
	assert_int_equal(mask[34], 100000000);
	assert_false(wallclock_set(5, 399999999, 5400000000ull)); /* before 1970 */
	assert_false(wallclock_set(1ull << 32, 0, 0));
	assert_false(wallclock_set(~0ull, ~0u, 0));
	assert_int_equal(wallclock_seconds(), 1600000001);
	assert_true(wallclock_set(5, 400000000, 5400000000ull));
	assert_true(wallclock_set((1ull << 32) - 1, ~0u, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(steers),  cmocka_unit_test(alone),     cmocka_unit_test(guests),
	    cmocka_unit_test(changes), cmocka_unit_test(wallclock),
	};

	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
