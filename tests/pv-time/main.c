/* SPDX-License-Identifier: MIT */
/*
 * Time: vcpu_time_info is usable from the first instruction, has an even version when at rest, never runs
 * backwards, and the wall clock that goes with it is past 2019. Timers fire, never early: single
 * shot, periodic, set_timer_op, the limit of poll. A single shot in the past fires at once.
 */
#include "time.h"

const char test_title[] = "pv-time";

#define MS 1000000ull

static void clock(void)
{
	const volatile struct vcpu_time_info *t = &shared->vcpu_info[0].time;
	uint64_t last = system_time(), first = last;

	check(t->tsc_to_system_mul != 0);
	for (int i = 0; i < 100000; i++) {
		uint64_t now = system_time();
		if (now < last) {
			failure("time ran backwards by %llu ns", (unsigned long long)(last - now));
			break;
		}
		last = now;
	}
	check(last > first);
	check(!(shared->wc_version & 1));
	check(shared->wc_sec > 1577836800u); /* 2020 */
	check(shared->wc_nsec < 1000000000u);
}

static void timers(unsigned port)
{
	struct vcpu_set_singleshot_timer shot = {.timeout_abs_ns = system_time() + 5 * MS};
	struct vcpu_set_periodic_timer period = {2 * MS};

	check_eq(hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 0, &shot), 0);
	check(wait_for_port(port, shot.timeout_abs_ns + 500 * MS));
	check(system_time() >= shot.timeout_abs_ns);

	/* Stopped long before its time: nothing comes. */
	shot.timeout_abs_ns = system_time() + 300 * MS;
	check_eq(hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 0, &shot), 0);
	check_eq(hypercall_vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL), 0);
	check(!wait_for_port(port, system_time() + 400 * MS));

	/* In the past: at once. */
	shot.timeout_abs_ns = system_time() - 5 * MS;
	check_eq(hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 0, &shot), 0);
	check(wait_for_port(port, system_time() + 500 * MS));

	shot.timeout_abs_ns = system_time() + 3 * MS;
	check_eq(hypercall_set_timer_op(shot.timeout_abs_ns), 0);
	check(wait_for_port(port, shot.timeout_abs_ns + 500 * MS));
	check(system_time() >= shot.timeout_abs_ns);

	/* Ten periods take ten periods, less the first that may be short. */
	check_eq(hypercall_vcpu_op(VCPUOP_set_periodic_timer, 0, &period), 0);
	uint64_t start = system_time();
	for (int i = 0; i < 10; i++)
		check(wait_for_port(port, system_time() + 500 * MS));
	check(system_time() - start >= 9 * period.period_ns - MS);
	check_eq(hypercall_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL), 0);
	event_test_and_clear(port);
	check(!wait_for_port(port, system_time() + 10 * MS));
}

static void poll_limit(void)
{
	struct sched_poll poll = {.nr_ports = 0, .timeout = system_time() + 4 * MS};

	check_eq(hypercall_sched_op(SCHEDOP_poll, &poll), 0);
	check(system_time() >= poll.timeout);
	/* In the past: no wait. */
	check_eq(hypercall_sched_op(SCHEDOP_poll, &poll), 0);
}

void test_main(void)
{
	clock();
	timers(bind_timer());
	poll_limit();
}
