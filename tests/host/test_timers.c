/* SPDX-License-Identifier: MIT */
/*
 * Specification: the timers that a guest sets, on one simulated processor and a clock of the test's own.
 *   rest       while a domain is paused, or at its end, none of them costs the hypervisor anything: at most one handler
 *              for each, then silence, however long it lasts
 *   goes on    after the unpause the periodic timer ticks again, also for a vCPU that is blocked and waits for just that;
 *              what was missed is not made up for
 *   watchdogs  time in a pause does not count, before it and after it all does; none ends a domain twice
 *   at once    timers that are due together run some at a time, and the rest is not forgotten
 *   extremes   0, the past, INT64_MAX, ~0: early ones at once and once, late ones never
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dom/domain.c"
#include "cpu/timer.c"
#include "sched/vcpu_timer.c"
#include "dom/watchdog.c"

#define MS 1000000ull

struct percpu host_percpu, *cpu_table[MAX_CPUS];
uint32_t nr_cpus = 1;
static ns_t clock_ns;
static unsigned ticks, woken, go_ons, shutdowns;
static const struct guest_doors plain_doors;
static struct guest_doors doors;
static struct domain d;
static struct vcpu v[2];

ns_t now(void)
{
	return clock_ns;
}
void lapic_timer_set(ns_t delta)
{
}
void cpu_service_requests(void)
{
}
void cpu_raise(struct percpu *cpu, uint32_t bits)
{
	cpu->pending |= bits;
}
void send_virq(struct vcpu *to, uint32_t virq)
{
	assert_int_equal(virq, VIRQ_TIMER);
	ticks++;
}
void vcpu_wake(struct vcpu *w)
{
	woken++;
}
void vcpu_reconsider(struct vcpu *w)
{
}
void vcpu_sync(struct vcpu *w)
{
}
void domain_shutdown(struct domain *which, uint8_t reason)
{
	assert_int_equal(reason, SHUTDOWN_watchdog);
	shutdowns++;
	domain_pause_nosync(which);
}
bool log_admits(enum log_source source, enum log_level level)
{
	return false;
}
void printk(const char *fmt, ...)
{
}

/* The rest of dom/domain.c is not asked here. */
#define UNUSED(type, name, args) \
	type name args           \
	{                        \
		abort();         \
	}
UNUSED(void, panic, (const char *fmt, ...))
UNUSED(void, vcpu_free, (struct vcpu * w))
UNUSED(void, evtchn_destroy, (struct domain * which))
UNUSED(int, evtchn_init, (struct domain * which))
UNUSED(int, grant_create, (struct domain * which))
UNUSED(void, grant_destroy, (struct domain * which))
UNUSED(void, grant_unshare, (struct domain * which))
UNUSED(void *, heap_alloc, (size_t size))
UNUSED(void *, heap_alloc_pages_for, (struct domain * which, unsigned order))
UNUSED(void, domain_set_quota, (struct domain * which))
UNUSED(int, sched_domain_init, (struct domain * which))
UNUSED(void, sched_domain_free, (struct domain * which))
UNUSED(void, heap_free, (void *p))
UNUSED(void, heap_free_pages, (void *p, unsigned order))
UNUSED(void, share_heap_page, (void *p, struct domain *which, bool readonly))
struct domain dom_idle;
void (*domain_last_put)(struct domain *d);
hypercall_fn hypercall_table[2 * NR_HYPERCALLS];
UNUSED(void, time_update_wallclock, (struct domain * which))
UNUSED(int, domain_list_insert, (struct domain * which, domid_t id))
uint64_t host_directmap;
struct page_info *frame_table;

static void device_goes_on(struct vcpu *w)
{
	go_ons++;
}

static int setup(void **state)
{
	clock_ns = 1000 * MS;
	ticks = woken = go_ons = shutdowns = 0;
	host_percpu = (struct percpu){.self = &host_percpu};
	cpu_table[0] = &host_percpu;
	doors = plain_doors;
	d = (struct domain){.doors = &doors, .max_vcpus = 2, .state = DOMAIN_ALIVE};
	watchdog_init(&d);
	for (unsigned i = 0; i < 2; i++) {
		v[i] = (struct vcpu){.domain = &d, .id = i, .state = VCPU_BLOCKED};
		d.vcpu[i] = &v[i];
		vcpu_timers_init(&v[i]);
		v[i].sched.period = 0;
	}
	return 0;
}

/* Let time pass, in steps of a tenth of a millisecond; returns how many handlers ran. */
static uint64_t run(ns_t span)
{
	uint64_t before = host_percpu.timers.fired;

	for (ns_t end = clock_ns + span; clock_ns < end; clock_ns += MS / 10)
		timers_run();
	timers_run();
	return host_percpu.timers.fired - before;
}

static void all_at_once(void)
{
	for (unsigned i = 0; i < 2; i++) {
		vcpu_set_periodic(&v[i], MS);
		vcpu_set_singleshot(&v[i], clock_ns + 5 * MS);
		timer_set(&v[i].sched.poll_timer, clock_ns + 6 * MS);
	}
	assert_int_equal(watchdog_set(&d, 0, 1), 1);
	assert_int_equal(watchdog_set(&d, 0, 2), 2);
}

static void nothing_while_paused(void **state)
{
	all_at_once();
	assert_in_range(run(2 * MS), 2, 6);
	domain_pause_nosync(&d);
	assert_in_range(run(3000 * MS), 0, 8); /* one each: two vCPUs with three, two watchdogs */
	assert_int_equal(run(3000 * MS), 0);
	assert_int_equal(shutdowns, 0);
	domain_unpause(&d);
	ticks = 0;
	assert_in_range(run(100 * MS), 196, 206); /* both periodic timers, nothing made up for */
	assert_in_range(ticks, 196, 206);
}

static void nothing_of_an_offline_vcpu(void **state)
{
	vcpu_set_periodic(&v[0], MS);
	v[0].state = VCPU_OFFLINE;
	assert_in_range(run(100 * MS), 1, 1);
	v[0].state = VCPU_BLOCKED;
	v[0].sched.pause_count = 1; /* as vcpu_pause() */
	vcpu_timers_go_on(&v[0]);
	assert_int_equal(run(100 * MS), 0);
	v[0].sched.pause_count = 0;
	vcpu_timers_go_on(&v[0]);
	assert_in_range(run(100 * MS), 98, 101);
}

static void pauses_nest(void **state)
{
	domain_pause_nosync(&d); /* without a timer nothing is to go on */
	domain_unpause(&d);
	assert_null(host_percpu.timers.first);
	doors.timers_go_on = device_goes_on;
	vcpu_set_periodic(&v[0], MS);
	domain_pause_nosync(&d);
	domain_pause_nosync(&d);
	run(10 * MS);
	domain_unpause(&d);
	assert_int_equal(run(10 * MS), 0);
	assert_int_equal(go_ons, 0);
	domain_unpause(&d);
	assert_int_equal(go_ons, 2); /* each vCPU's devices */
	assert_in_range(run(10 * MS), 9, 11);
}

static void watchdogs(void **state)
{
	assert_int_equal(watchdog_set(&d, 0, 3), 1);
	run(1000 * MS);
	for (unsigned i = 0; i < 3; i++) { /* two seconds are left, whatever the pauses last */
		domain_pause_nosync(&d);
		run(4000 * MS);
		domain_unpause(&d);
		run(600 * MS);
		assert_int_equal(shutdowns, 0);
	}
	assert_int_equal(watchdog_set(&d, 0, 1), 2); /* the first is still in use */
	assert_int_equal(watchdog_set(&d, 0, 1), -ENOSPC);
	assert_int_equal(watchdog_set(&d, 2, 0), 0);
	assert_int_equal(watchdog_set(&d, 2, 1), -EINVAL);
	run(300 * MS);
	assert_int_equal(shutdowns, 1);
	assert_int_equal(run(10000 * MS), 0);
	assert_int_equal(shutdowns, 1);
	/* One that was put off just when its handler began is not due. */
	setup(NULL);
	assert_int_equal(watchdog_set(&d, 0, 3), 1);
	expired(&d);
	assert_int_equal(shutdowns, 0);
	clock_ns += 3000 * MS;
	expired(&d);
	assert_int_equal(shutdowns, 1);
}

/* A vCPU that goes on elsewhere takes its timers along, as they were set; an idle one is given none. */
static void taken_along(void **state)
{
	struct percpu there = {.self = &there, .id = 1};
	ns_t due;

	vcpu_set_periodic(&v[0], MS);
	vcpu_set_singleshot(&v[0], clock_ns + 5 * MS);
	due = v[0].sched.periodic.expires;
	host_percpu.self = &there;
	v[1].sched.period = MS; /* as a new one's, but no timer is to be set */
	v[1].domain = &dom_idle;
	vcpu_timers_resume(&v[0]);
	assert_ptr_equal(v[0].sched.periodic.cpu, &there);
	assert_ptr_equal(v[0].sched.singleshot.cpu, &there);
	assert_int_equal(v[0].sched.periodic.expires, due);
	assert_int_equal(v[0].sched.singleshot.expires, clock_ns + 5 * MS);
	vcpu_timers_go_on(&v[1]);
	assert_null(v[1].sched.periodic.cpu);
	assert_null(host_percpu.timers.first);
	host_percpu.self = &host_percpu;
	vcpu_timers_resume(&v[0]); /* and back */
	assert_ptr_equal(v[0].sched.periodic.cpu, &host_percpu);
	assert_null(there.timers.first);
	clock_ns += MS / 2;
	vcpu_timers_go_on(&v[0]); /* what is set stays as it is */
	assert_int_equal(v[0].sched.periodic.expires, due);
	clock_ns -= MS / 2;
	assert_int_equal(run(10 * MS), 11);
	timer_stop(&v[0].sched.periodic); /* not set: it starts again */
	vcpu_timers_resume(&v[0]);
	assert_int_equal(v[0].sched.periodic.expires, clock_ns + MS);
	assert_null(v[0].sched.singleshot.cpu); /* that one was over */
	v[1].domain = v[0].domain;              /* one that wants none gets none */
	v[1].sched.period = 0;
	vcpu_timers_resume(&v[1]);
	vcpu_timers_go_on(&v[1]);
	assert_null(v[1].sched.periodic.cpu);
}

static void count(void *fired)
{
	++*(unsigned *)fired;
}

static void many_at_once(void **state)
{
	static struct timer many[40];
	unsigned fired = 0, rounds = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(many); i++) {
		timer_init(&many[i], count, &fired);
		timer_set(&many[i], clock_ns + MS);
	}
	clock_ns += 2 * MS;
	do {
		unsigned before = fired;

		host_percpu.pending = 0;
		timers_run();
		rounds++;
		assert_in_range(fired - before, 1, RUN_AT_ONCE);
	} while (host_percpu.pending & PENDING_TIMER);
	assert_int_equal(fired, ARRAY_SIZE(many));
	assert_int_equal(rounds, 3);
}

static void extremes(void **state)
{
	static const ns_t early[] = {1, 1000 * MS - 1}, late[] = {INT64_MAX, 1ull << 63, ~0ull};
	struct timer *const timers[] = {&v[0].sched.singleshot, &v[0].sched.poll_timer,
					&v[1].sched.singleshot};

	v[0].evt.polling = true;
	for (unsigned i = 0; i < ARRAY_SIZE(timers); i++) {
		for (unsigned k = 0; k < ARRAY_SIZE(early); k++) {
			timer_set(timers[i], early[k]);
			assert_int_equal(run(10 * MS), 1);
		}
		for (unsigned k = 0; k < ARRAY_SIZE(late); k++) {
			timer_set(timers[i], late[k]);
			assert_int_equal(run(100 * MS), 0);
		}
	}
	assert_int_equal(ticks, 4);
	assert_int_equal(woken, 2);
	vcpu_set_periodic(&v[0], INT64_MAX);
	assert_int_equal(run(100 * MS), 0);
	assert_int_equal(watchdog_set(&d, 0, ~0u), 1);
	vcpu_timers_stop(&v[0]);
	vcpu_timers_stop(&v[1]);
	assert_int_equal(run(100 * MS), 0);
	watchdog_stop(&d);
	assert_null(host_percpu.timers.first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(nothing_while_paused, setup),
	    cmocka_unit_test_setup(nothing_of_an_offline_vcpu, setup),
	    cmocka_unit_test_setup(pauses_nest, setup),
	    cmocka_unit_test_setup(watchdogs, setup),
	    cmocka_unit_test_setup(taken_along, setup),
	    cmocka_unit_test_setup(many_at_once, setup),
	    cmocka_unit_test_setup(extremes, setup),
	};

	return cmocka_run_group_tests_name("timers", tests, NULL, NULL);
}
