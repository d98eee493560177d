/* SPDX-License-Identifier: MIT */
/*
 * Specification: scheduler, timers and clock arithmetic, on two simulated processors and a clock of the test's own.
 *   shares    nine busy vCPUs on two CPUs get equal time, within a slice or two; so do three
 *   sleepers  one that runs briefly and often waits much less than a slice, and takes no more than its share
 *   states    block, wake, pause, offline, affinity: a vCPU that may run does, and no other
 *   down      a vCPU that is brought down stays so, though it was about to sleep or poll
 *   polling   at no moment can a late waker end a poll before its sleep begins: (W4) of hypervisor/evt/port.c
 *   timers    fire in order, once; stopped ones never, and a stop waits for a handler; moved ones on the new CPU
 *   stealing  an idle CPU takes what may run on it and is saved
 *   places    a vCPU that wakes stays where it was if nothing runs there; one that waits is not queued twice; a policy
 *             that cannot make up its mind is asked once; a vCPU that has had its turn and wakes waits for the next
 *             round
 *   arrival   a vCPU that gets a CPU runs from then on, and its guest is told where it asked for it; one that goes on is
 *             not told again, and its time goes on
 *   option    an unknown policy is reported, and no other
 *   clock     ticks to nanoseconds for any frequency to a few parts in a thousand million; counter wraps
 */
#include "sched_host.h"
#include "stepping.h"

static int setup(void **state)
{
	nr_cpus = 2;
	start_machine();
	return 0;
}

static void shares(unsigned n)
{
	struct vcpu *v[16];
	ns_t span = 10 * NS_PER_SEC, fair = 2 * span / n;

	for (unsigned i = 0; i < n; i++)
		v[i] = start(i);
	run(span);
	for (unsigned i = 0; i < n; i++) {
		assert_true(ran(v[i]) > fair - fair / 20);
		assert_true(ran(v[i]) < fair + fair / 20);
	}
}

static void shares_of_nine(void **state)
{
	shares(9);
}
static void shares_of_three(void **state)
{
	shares(3);
}

static void sleeper(void **state)
{
	struct vcpu *v[9];
	ns_t worst = 0;

	for (unsigned i = 0; i < 9; i++)
		v[i] = start(i);
	run(NS_PER_SEC);
	for (unsigned round = 0; round < 100; round++) {
		ns_t since, before;

		/* Wait until it runs; let it run for 300 us; then it sleeps for 5 ms. */
		since = clock_ns;
		while (cpus[0].vcpu != v[0] && cpus[1].vcpu != v[0])
			run(100000);
		if (round > 10)
			worst = MAX(worst, clock_ns - since);
		before = ran(v[0]);
		while (ran(v[0]) - before < 300000)
			run(100000);
		if (cpus[0].vcpu == v[0] || cpus[1].vcpu == v[0]) {
			unsigned i = cpus[1].vcpu == v[0];

			enter(i);
			vcpu_block(v[0]);
			leave(i);
		}
		run(5000000);
		enter(0);
		vcpu_wake(v[0]);
		leave(0);
	}
	assert_true(worst <= SLICE_NS);
	assert_true(ran(v[0]) < ran(v[1]));
}

static struct vcpu *poller;
static volatile unsigned poll_steps, poll_noted, poll_open;

/* A CPU that wakes pollers may find the note now. If the lock is free too, the vCPU must be asleep already. */
static void look_at_poll(int sig)
{
	poll_steps++;
	if (!poller->evt.polling)
		return;
	poll_noted++;
	poll_open += !queue_of(poller->cpu)->lock.held && poller->state != VCPU_BLOCKED;
}

static void begin_poll(void)
{
	vcpu_poll_begin(poller, 5);
}

static void polling(void **state)
{
	poller = start(0);
	run(1000000);
	assert_true(poller->running);
	enter(poller->cpu->id);
	in_steps(begin_poll, look_at_poll);
	assert_int_equal(poller->state, VCPU_BLOCKED);
	assert_true(poller->evt.polling);
	assert_true(poll_steps > 20 && poll_noted > 5);
	assert_int_equal(poll_open, 0);
	vcpu_wake(poller);
	leave(poller->cpu->id);
	assert_false(poller->evt.polling);
	run(1000000);
	assert_true(poller->running);
}

static void states(void **state)
{
	struct vcpu *a = start(0), *b;

	run(1000000);
	assert_true(a->running);
	enter(a->cpu->id);
	a->info->upcall_pending = 1;
	vcpu_block(a); /* an event is pending: it goes on */
	leave(a->cpu->id);
	run(1000000);
	assert_true(a->running);
	a->info->upcall_pending = 0;
	a->entry.nmi_pending = true; /* nor does it sleep over one of these */
	enter(a->cpu->id);
	vcpu_block(a);
	leave(a->cpu->id);
	run(1000000);
	assert_true(a->running);
	a->entry.nmi_pending = false;
	enter(a->cpu->id);
	vcpu_block(a);
	leave(a->cpu->id);
	run(1000000);
	assert_false(a->running);
	assert_int_equal(a->sched.runstate.state, RUNSTATE_blocked);
	vcpu_pause_nosync(a);
	vcpu_wake(a);
	run(1000000);
	assert_false(a->running);
	vcpu_unpause(a);
	run(1000000);
	assert_true(a->running);
	vcpu_set_affinity(a, 2);
	run(1000000);
	assert_true(a->running);
	assert_int_equal(a->cpu->id, 1);
	b = start(1);
	run(1000000);
	assert_true(b->running && b->cpu->id == 0);
	vcpu_set_affinity(b, 2);
	run(50000000);
	assert_int_equal(b->cpu->id, 1);
	assert_int_equal(domain_holds_ever,
			 2); /* each that had to leave its CPU, until it was found another */
	assert_int_equal(domain_holds, 0);
	assert_ptr_equal(cpus[0].vcpu, cpus[0].idle);
	vcpu_offline(a);
	run(1000000);
	assert_false(a->running);
	assert_true(b->running);
	dom.sched.pause_count++;
	vcpu_reconsider(b);
	run(1000000);
	assert_false(b->running);
}

/* Another vCPU brings it down while it is about to sleep: no event brings it back. */
static void down_before_sleep(void **state)
{
	for (unsigned polls = 0; polls < 2; polls++) {
		struct vcpu *v = start(polls);

		run(1000000);
		assert_true(v->running);
		enter(v->cpu->id);
		vcpu_offline(v);
		if (polls)
			vcpu_poll_begin(v, 1);
		else
			vcpu_block(v);
		leave(v->cpu->id);
		vcpu_wake(v);
		run(1000000);
		assert_int_equal(v->state, VCPU_OFFLINE);
		assert_false(v->running);
		assert_false(v->evt.polling);
	}
}

static unsigned order[8], fired;
static void note(void *arg)
{
	order[fired++] = (uintptr_t)arg;
}

static void timer_order(void **state)
{
	struct timer t[6];

	fired = 0;
	enter(0);
	for (uintptr_t i = 0; i < 6; i++)
		timer_init(&t[i], note, (void *)i);
	timer_set(&t[0], clock_ns + 3000000);
	timer_set(&t[1], clock_ns + 1000000);
	timer_set(&t[2], clock_ns + 2000000);
	timer_set(&t[3], clock_ns + 1500000);
	timer_set(&t[0], clock_ns + 500000); /* moved forward */
	timer_stop(&t[3]);
	timer_set(&t[4], clock_ns + 4000000);
	timer_set(&t[5], clock_ns + 4500000); /* behind the others */
	leave(0);
	enter(1);
	timer_set(&t[2], clock_ns + 2500000); /* to the other CPU */
	leave(1);
	assert_null(t[3].cpu);
	assert_ptr_equal(t[2].cpu, &cpus[1]);
	run(4200000);
	assert_int_equal(fired, 4);
	run(800000);
	assert_int_equal(fired, 5);
	assert_int_equal(order[0], 0);
	assert_int_equal(order[1], 1);
	assert_int_equal(order[2], 2);
	assert_int_equal(order[3], 4);
	assert_int_equal(order[4], 5);
	assert_null(cpus[0].timers.first);
}

static void handler_ends(void)
{
	if (++fired == 3)
		cpus[1].timers.busy = NULL;
}

/* A CPU that stops a timer may free it then: no CPU is in its handler any more. */
static void stop_waits(void **state)
{
	struct timer t;

	fired = 0;
	timer_init(&t, note, NULL);
	cpus[1].timers.busy = &t;
	service_hook = handler_ends;
	enter(0);
	timer_stop(&t);
	leave(0);
	service_hook = NULL;
	assert_true(fired >= 3);
}

/* An idle CPU takes from another's queue what may run here and is saved, and nothing else. */
static void stealing(void **state)
{
	struct vcpu *v[2] = {start(0), start(1)}, *ready;

	for (unsigned i = 0; i < 2; i++)
		vcpu_set_affinity(v[i], 2);
	run(1000000);
	ready = cpus[1].vcpu == v[0] ? v[1] : v[0];
	assert_false(ready->running);
	assert_false(list_empty(&ready->sched.run_link));
	assert_ptr_equal(ready->cpu, &cpus[1]);
	cpus[0].pending |= PENDING_SCHEDULE;
	exits();
	assert_ptr_equal(cpus[0].vcpu, cpus[0].idle); /* it may not */
	ready->sched.hard_affinity = 3;
	ready->running = true;
	cpus[0].pending |= PENDING_SCHEDULE;
	exits();
	assert_ptr_equal(cpus[0].vcpu, cpus[0].idle); /* CPU 1 still saves its registers */
	ready->running = false;
	cpus[0].pending |= PENDING_SCHEDULE;
	exits();
	assert_ptr_equal(cpus[0].vcpu, ready);
}

static void stays_where_it_was(void **state)
{
	struct vcpu *v = start(0);

	vcpu_set_affinity(v, 2);
	run(1000000);
	enter(1);
	vcpu_block(v);
	leave(1);
	run(1000000);
	vcpu_set_affinity(v, 3);
	enter(0);
	vcpu_wake(v);
	leave(0);
	run(1000000);
	assert_true(v->running);
	assert_int_equal(v->cpu->id, 1);
}

static void woken_twice(void **state)
{
	struct vcpu *v[3], *waiting = NULL, *other;
	struct sched_queue *q;
	unsigned n = 0;

	for (unsigned i = 0; i < 3; i++)
		v[i] = start(i);
	run(1000000);
	for (unsigned i = 0; i < 3; i++)
		waiting = v[i]->running ? waiting : v[i];
	assert_non_null(waiting);
	assert_int_equal(waiting->sched.runstate.state, RUNSTATE_runnable);
	q = queue_of(waiting->cpu);
	enter(0);
	vcpu_wake(waiting);
	vcpu_reconsider(waiting);
	leave(0);
	assert_int_equal(q->nr_waiting, 1);
	list_for_each (other, &rr_of(q)->ready, sched.run_link)
		n++;
	list_for_each (other, &rr_of(q)->woken, sched.run_link)
		n++;
	assert_int_equal(n, 1);
	/* What it is waiting for is told at once; of one that runs it is told when it has stopped. */
	other = cpus[0].vcpu;
	vcpu_pause_nosync(other);
	assert_int_equal(other->sched.runstate.state, RUNSTATE_running);
	vcpu_pause_nosync(waiting);
	assert_int_equal(waiting->sched.runstate.state, RUNSTATE_offline);
	assert_int_equal(q->nr_waiting, 0);
}

/* Only a vCPU that runs elsewhere must be told to look. */
static void kicks(void **state)
{
	struct vcpu *v = start(0);

	for (unsigned running = 0; running < 2; running++) {
		for (unsigned from = 0; from < 2; from++) {
			enter(from);
			raised = 0;
			vcpu_kick(v);
			assert_int_equal(raised, running && v->cpu != &cpus[from]);
			leave(from);
		}
		run(1000000);
	}
}

static void equals_wait_in_order(void **state)
{
	struct vcpu v[3] = {{.id = 0}, {.id = 1}, {.id = 2}};
	struct rr_vcpu t[3] = {{.turn_used = 5}, {.turn_before = 5}, {.turn_used = 4}};
	struct rr_queue rq;

	list_init(&rq.woken);
	for (unsigned i = 0; i < 3; i++) {
		v[i].sched.policy = &t[i];
		add_woken(&rq, &v[i]);
	}
	assert_ptr_equal(rq.woken.next, &v[2].sched.run_link);
	assert_ptr_equal(rq.woken.next->next, &v[0].sched.run_link);
	assert_ptr_equal(rq.woken.prev, &v[1].sched.run_link);
}

/* Of queues that are equally long, its own; of others the shortest. */
static void waits_at_home(void **state)
{
	struct vcpu *v = start(0);
	uint32_t were[2];

	start(1);
	start(2);
	run(1000000);
	for (unsigned i = 0; i < 2; i++)
		were[i] = queue_of(&cpus[i])->nr_waiting;
	for (unsigned home = 0; home < 2; home++) {
		struct percpu *is = v->cpu;

		v->cpu = &cpus[home];
		for (unsigned longer = 0; longer < 3; longer++) {
			for (unsigned i = 0; i < 2; i++)
				queue_of(&cpus[i])->nr_waiting = 4 + (i == longer);
			assert_int_equal(queue_place(v)->id, longer == home ? !home : home);
		}
		v->cpu = is;
	}
	for (unsigned i = 0; i < 2; i++)
		queue_of(&cpus[i])->nr_waiting = were[i];
}

static unsigned asked;
static struct percpu *another(struct vcpu *v)
{
	assert_true(++asked < 10);
	return &cpus[!v->cpu->id];
}

static void undecided_policy(void **state)
{
	struct sched_policy policy = sched_rr;
	struct vcpu *v = start(0);

	run(1000000);
	enter(v->cpu->id);
	vcpu_block(v);
	leave(v->cpu->id);
	run(1000000);
	policy.place = another;
	sched_policy = &policy;
	asked = 0;
	enter(0);
	vcpu_wake(v);
	leave(0);
	sched_policy = &sched_rr;
	assert_int_equal(asked, 1);
	run(1000000);
	assert_true(v->running);
}

/* It slept when its turn was over: it comes in the next round, behind those that wait; in mid-turn it goes ahead. */
static void wakes_with_and_without_a_turn(void **state)
{
	for (unsigned over = 0; over < 2; over++) {
		struct vcpu *v[3];
		struct sched_queue *q;

		nr_cpus = 1;
		start_machine();
		for (unsigned i = 0; i < 3; i++)
			v[i] = start(i);
		q = queue_of(&cpus[0]);
		while (cpus[0].vcpu != v[0] || turn_of(v[0])->turn_used)
			run(100000);
		run(SLICE_NS / 2);
		enter(0);
		if (over)
			sched_policy->yield(v[0]);
		vcpu_block(v[0]);
		leave(0);
		run(100000);
		assert_ptr_not_equal(cpus[0].vcpu, v[0]);
		cpus[0].pending = 0;
		enter(0);
		vcpu_wake(v[0]);
		leave(0);
		assert_int_equal(list_empty(&rr_of(q)->woken), over);
		assert_int_equal(!!(cpus[0].pending & PENDING_SCHEDULE), !over);
	}
	nr_cpus = 2;
}

static void arrival(void **state)
{
	struct vcpu *v = start_paused(0), *other = start_paused(1);

	v->sched.hard_affinity = other->sched.hard_affinity = 1;
	v->sched.runstate_area = 0x1000;
	published = 0;
	enter(0);
	vcpu_unpause(v);
	leave(0);
	exit_of(0);
	assert_int_equal(published, 1);
	clock_ns += 500;
	enter(0);
	vcpu_yield(); /* to nobody */
	leave(0);
	assert_int_equal(cpus[0].pending, PENDING_SCHEDULE);
	exit_of(0);
	assert_int_equal(published, 1);
	assert_int_equal(v->sched.runstate.time[RUNSTATE_running], 0); /* not closed */
	assert_int_equal(ran(v), 500);
	enter(0);
	vcpu_unpause(other);
	vcpu_yield();
	leave(0);
	exit_of(0);
	assert_ptr_equal(cpus[0].vcpu, other);
	assert_int_equal(published, 1); /* this one did not ask */
	assert_int_equal(v->sched.runstate.state, RUNSTATE_runnable);
	assert_int_equal(v->sched.runstate.time[RUNSTATE_running], 500);
}

static void option(void **state)
{
	static const char *const names[] = {"", "rr", "fair"};

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		strcpy(options.sched, names[i]);
		logged = 0;
		sched_init();
		assert_int_equal(logged, i == 2);
		assert_ptr_equal(sched_policy, &sched_rr);
	}
	options.sched[0] = '\0';
}

static void clock_rates(void **state)
{
	static const uint64_t hz[] = {3579545,    1000000,    999999999, 1000000000,
				      1000000001, 2400000123, 5300000000};

	for (unsigned i = 0; i < ARRAY_SIZE(hz); i++) {
		struct clock_rate r = clock_rate_of(hz[i]);
		ns_t day = 86400 * NS_PER_SEC, got = clock_scale(hz[i] * 86400, r);

		assert_true(r.mul >= 1u << 31);
		assert_true(got <= day && day - got < 100000);
	}
}

static void counter_wraps(void **state)
{
	assert_int_equal(clock_unwrap(0xfffff0, 0x10, 24, 30), 0x20);
	assert_int_equal(clock_unwrap(0x10, 0x10, 24, 1 << 24), 1 << 24);
	assert_int_equal(clock_unwrap(0, 5, 24, 3 * (1 << 24) + 100), 3 * (1 << 24) + 5);
	assert_int_equal(clock_unwrap(5, 5, 24, 10), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(shares_of_nine, setup),
	    cmocka_unit_test_setup(shares_of_three, setup),
	    cmocka_unit_test_setup(sleeper, setup),
	    cmocka_unit_test_setup(states, setup),
	    cmocka_unit_test_setup(polling, setup),
	    cmocka_unit_test_setup(down_before_sleep, setup),
	    cmocka_unit_test_setup(timer_order, setup),
	    cmocka_unit_test_setup(stop_waits, setup),
	    cmocka_unit_test_setup(stealing, setup),
	    cmocka_unit_test_setup(stays_where_it_was, setup),
	    cmocka_unit_test_setup(woken_twice, setup),
	    cmocka_unit_test_setup(kicks, setup),
	    cmocka_unit_test_setup(waits_at_home, setup),
	    cmocka_unit_test(equals_wait_in_order),
	    cmocka_unit_test_setup(undecided_policy, setup),
	    cmocka_unit_test_setup(wakes_with_and_without_a_turn, setup),
	    cmocka_unit_test_setup(arrival, setup),
	    cmocka_unit_test(option),
	    cmocka_unit_test(clock_rates),
	    cmocka_unit_test(counter_wraps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
