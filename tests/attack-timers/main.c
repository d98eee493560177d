/* SPDX-License-Identifier: MIT */
/*
 * Every timer that a PV guest can set, at extreme times: 0, 1, just past, INT64_MAX, INT64_MIN, ~0. What is past
 * fires at once, and once; what never comes never fires; a stop stops. Periods below the least and beyond the greatest are
 * refused, and leave the one in force as it is. No time, however odd, keeps another timer from firing. A great many
 * settings, and timers that are always due, leave the vCPU its time.
 */
#include "fw.h"
#include "time.h"

const char test_title[] = "attack-timers";

#define MS    1000000ull
#define LATER (500 * MS) /* no time limit: something that comes at once has come by then */

static const uint64_t past[] = {1, 2, 1000},
		      never[] = {INT64_MAX, 1ull << 63, (1ull << 63) + 1, ~0ull, ~0ull - 1};
static unsigned port;

static bool fires(void)
{
	return wait_for_port(port, system_time() + LATER);
}

static bool is_quiet(void)
{
	return !wait_for_port(port, system_time() + 5 * MS);
}

static int single(uint64_t at, unsigned flags)
{
	struct vcpu_set_singleshot_timer shot = {.timeout_abs_ns = at, .flags = flags};

	return hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 0, &shot);
}

static int stop_single(void)
{
	return hypercall_vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL);
}

static void single_shots(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(past); i++) {
		check_eq(hypercall_set_timer_op(past[i]), 0);
		check(fires());
		check(is_quiet());
		check_eq(single(past[i], 0), 0);
		check(fires());
		check(is_quiet());
		check_eq(single(past[i], VCPU_SSHOTTMR_future), -XEN_ETIME);
		check(is_quiet());
	}
	check_eq(single(0, 0), 0); /* a time like others here; set_timer_op's 0 stops */
	check(fires());
	for (unsigned i = 0; i < ARRAY_SIZE(never); i++) {
		check_eq(hypercall_set_timer_op(never[i]), 0);
		check(is_quiet());
		check_eq(hypercall_set_timer_op(system_time() + MS), 0);
		check(fires());
		check_eq(single(never[i], VCPU_SSHOTTMR_future), 0);
		check(is_quiet());
		check_eq(hypercall_set_timer_op(0), 0);
		check_eq(stop_single(), 0);
		check_eq(stop_single(), 0);
	}
}

static int every(uint64_t period)
{
	struct vcpu_set_periodic_timer set = {.period_ns = period};

	return hypercall_vcpu_op(VCPUOP_set_periodic_timer, 0, &set);
}

static void periodic(void)
{
	static const uint64_t bad[] = {0, 1, 999999, 1ull << 63, (1ull << 63) + 1, ~0ull};

	check_eq(every(MS), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		check_eq(every(bad[i]), -XEN_EINVAL);
		check(fires());
	}
	check_eq(every(INT64_MAX), 0);
	/* A tick may be under way on the processor where this vCPU ran before. */
	wait_for_port(port, system_time() + 100 * MS);
	event_test_and_clear(port);
	check(is_quiet());
	check_eq(hypercall_set_timer_op(1), 0); /* beside it */
	check(fires());
	check_eq(hypercall_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL), 0);
	check(is_quiet());
}

static void polls(void)
{
	struct sched_poll poll = {.nr_ports = 0};

	for (unsigned i = 0; i < ARRAY_SIZE(past); i++) {
		poll.timeout = past[i];
		check_eq(hypercall_sched_op(SCHEDOP_poll, &poll), 0);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(never); i++) { /* the timer's event ends it */
		uint64_t at = system_time() + 2 * MS;

		check_eq(hypercall_set_timer_op(at), 0);
		poll.timeout = never[i];
		check_eq(hypercall_sched_op(SCHEDOP_poll, &poll), 0);
		check(system_time() >= at || event_test_and_clear(port));
		event_test_and_clear(port);
	}
	check_eq(hypercall_set_timer_op(0), 0);
}

static int watchdog(unsigned id, unsigned seconds)
{
	struct sched_watchdog w = {.id = id, .timeout = seconds};

	return hypercall_sched_op(SCHEDOP_watchdog, &w);
}

static void watchdogs(void)
{
	static const unsigned ids[] = {3, 4, 31, 32, 0x7fffffff, 0x80000000u, ~0u};

	check_eq(watchdog(0, 0), -XEN_EINVAL);
	check_eq(watchdog(1, 10), -XEN_EINVAL); /* not begun */
	for (unsigned i = 0; i < ARRAY_SIZE(ids); i++)
		check_eq(watchdog(ids[i], 10), -XEN_EINVAL);
	check_eq(watchdog(0, ~0u), 1);
	check_eq(watchdog(0, 0x80000000u), 2);
	check_eq(watchdog(0, 10), -XEN_ENOSPC);
	check_eq(watchdog(1, ~0u), 0);
	check(is_quiet());
	check_eq(watchdog(1, 0), 0);
	check_eq(watchdog(1, 0), -XEN_EINVAL);
	check_eq(watchdog(2, 0), 0);
	check_eq(watchdog(0, 1000), 1); /* the first is free again */
	check_eq(watchdog(1, 0), 0);
}

/* All at once, over and over; every one that is past fires while the next is set. */
static void storm(void)
{
	uint64_t worked = 0, end = system_time() + 50 * MS;

	check_eq(every(MS), 0);
	for (unsigned n = 0; n < 20000; n++) {
		check_eq(hypercall_set_timer_op(past[n % ARRAY_SIZE(past)]), 0);
		if (n % 16 == 0)
			hypercall_set_timer_op(never[n / 16 % ARRAY_SIZE(never)]);
	}
	while (system_time() < end || worked < 1000) {
		hypercall_set_timer_op(system_time() - 1);
		worked++;
	}
	check_eq(hypercall_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL), 0);
	check_eq(hypercall_set_timer_op(0), 0);
	event_test_and_clear(port);
	check(is_quiet());
}

void test_main(void)
{
	port = bind_timer();
	single_shots();
	periodic();
	polls();
	watchdogs();
	storm();
}
