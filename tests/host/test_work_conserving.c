/* SPDX-License-Identifier: MIT */
/*
 * Specification: no processor is idle while a vCPU that it may run waits for another one (hypervisor/sched/idle.c). On 2 and 4
 * simulated processors, under each policy, vCPUs wake, sleep, poll, yield, are paused, bound, taken down and brought up at
 * random, also in the moment in which a processor changes from one to another, and while a queue is locked by a third.
 *   at once   as soon as nothing is pending, each vCPU that may run does so, or waits where it may; no vCPU waits beside an idle
 *             processor that may run it
 *   a slice   some slices later, no processor is shared by one that an idle processor could take and others
 * A failure names its seed; the same seed gives the same again.
 */
#include "fifo_policy.h"
#define POLICIES &sched_rr, &sched_credit, &fifo
#include "sched_host.h"

#define VCPUS  6
#define ROUNDS 3000 /* of STEPS, for each machine */
#define STEPS  40

static struct vcpu *v[VCPUS];
static unsigned pauses[VCPUS];
static uint32_t switching; /* CPUs in vcpu_switch() */
static unsigned in_switch; /* things done meanwhile, in all */
static struct spinlock *locked;
static uint64_t seed, state_of_random;

static unsigned any(unsigned n)
{
	state_of_random ^= state_of_random << 13;
	state_of_random ^= state_of_random >> 7;
	state_of_random ^= state_of_random << 17;
	return (state_of_random >> 20) % n;
}

static void let_go(void)
{
	if (locked)
		spin_unlock(locked);
	locked = NULL;
}

/* Something happens to a vCPU, in the hypervisor on CPU @cpu. */
static void act(unsigned cpu)
{
	unsigned i = any(VCPUS);

	enter(cpu);
	switch (any(10)) {
	case 0:
	case 1:
		vcpu_wake(v[i]);
		break;
	case 2:
	case 3:
		if (!vcpu_is_idle(current))
			vcpu_block(current);
		break;
	case 4:
		if (!vcpu_is_idle(current))
			vcpu_poll_begin(current, 0);
		break;
	case 5:
		if (!vcpu_is_idle(current))
			vcpu_yield();
		break;
	case 6:
		if (pauses[i]) {
			pauses[i]--;
			vcpu_unpause(v[i]);
		} else if (!any(2)) {
			pauses[i]++;
			vcpu_pause_nosync(v[i]);
		}
		break;
	case 7:
		vcpu_set_affinity(v[i], 1 + any((1u << nr_cpus) - 1));
		break;
	case 8:
		vcpu_set_affinity(v[i], ~0u);
		break;
	case 9:
		if (v[i]->state == VCPU_OFFLINE || any(4))
			vcpu_online(v[i]);
		else
			vcpu_offline(v[i]);
		break;
	}
	leave(cpu);
}

/* A CPU comes to its exit, perhaps while the queue of another is locked, as it is for a moment by anything. */
static void exit_somehow(unsigned cpu)
{
	struct sched_queue *other = queue_of(&cpus[any(nr_cpus)]);

	if (other->cpu->id != cpu && !locked && !any(4) && spin_trylock(&other->lock))
		locked = &other->lock;
	exit_of(cpu);
	let_go();
}

static void meanwhile(void)
{
	unsigned here = host_percpu.id, cpu = any(nr_cpus);

	leave(here);
	switching |= 1u << here;
	for (unsigned n = any(4); n && !(switching >> cpu & 1); n--, cpu = any(nr_cpus)) {
		in_switch++;
		if (any(3))
			act(cpu);
		else
			exit_somehow(cpu);
	}
	switching &= ~(1u << here);
	enter(here);
}

/* Nothing is pending any more, without any time passing. */
static void settled(void)
{
	uint32_t pending = 1;

	for (unsigned n = 0; n < 50 && pending; n++) {
		exits();
		pending = 0;
		for (unsigned i = 0; i < nr_cpus; i++)
			pending |= cpus[i].pending;
	}
	if (pending)
		fail_msg("seed %lu: the processors are never done", seed);
}

static bool waits(const struct vcpu *w)
{
	return !list_empty(&w->sched.run_link);
}

static bool may_run_on(const struct vcpu *w, unsigned cpu)
{
	return w->sched.hard_affinity >> cpu & 1;
}

static void everybody_is_in_place(void)
{
	for (unsigned i = 0; i < VCPUS; i++) {
		bool runs = cpus[v[i]->cpu->id].vcpu == v[i];

		if (runs + waits(v[i]) != vcpu_runnable(v[i]))
			fail_msg("seed %lu: v%u runs %u, waits %u, may run %u", seed, i, runs, waits(v[i]),
				 vcpu_runnable(v[i]));
		if (runs && !may_run_on(v[i], v[i]->cpu->id))
			fail_msg("seed %lu: v%u runs where it may not", seed, i);
		for (unsigned cpu = 0; waits(v[i]) && cpu < nr_cpus; cpu++)
			if (vcpu_is_idle(cpus[cpu].vcpu) && may_run_on(v[i], cpu))
				fail_msg("seed %lu: v%u waits for CPU %u, and CPU %u is idle", seed, i,
					 v[i]->cpu->id, cpu);
	}
}

/* @cpu is idle: nobody that it could run shares another CPU. */
static void nobody_shares(unsigned cpu)
{
	for (unsigned i = 0; i < VCPUS; i++)
		for (unsigned j = 0; j < VCPUS; j++)
			if (waits(v[i]) && v[j]->running && v[j]->cpu == v[i]->cpu && may_run_on(v[j], cpu))
				fail_msg("seed %lu: v%u and v%u share CPU %u, and CPU %u is idle", seed, i, j,
					 v[i]->cpu->id, cpu);
}

static void machine(unsigned n, const char *policy)
{
	nr_cpus = n;
	strcpy(options.sched, policy);
	start_machine();
	memset(pauses, 0, sizeof(pauses));
	for (unsigned i = 0; i < VCPUS; i++)
		v[i] = start(i);
}

static void lives(void)
{
	switch_hook = meanwhile;
	for (unsigned step = 0; step < STEPS; step++) {
		for (unsigned n = any(4); n; n--)
			act(any(nr_cpus));
		exit_somehow(any(nr_cpus));
		clock_ns += any(1000) * 1000;
		if (any(3))
			continue;
		switch_hook = NULL;
		settled();
		everybody_is_in_place();
		switch_hook = meanwhile;
	}
	switch_hook = NULL;
	run(4 * SLICE_NS);
	settled();
	everybody_is_in_place();
	for (unsigned cpu = 0; cpu < nr_cpus; cpu++)
		if (vcpu_is_idle(cpus[cpu].vcpu))
			nobody_shares(cpu);
}

static void random_lives(const char *policy)
{
	for (unsigned n = 2; n <= 4; n *= 2)
		for (seed = 1; seed <= ROUNDS; seed++) {
			state_of_random = seed * 0x9e3779b97f4a7c15ull;
			machine(n, policy);
			lives();
		}
	assert_true(in_switch > ROUNDS);
}

static void round_robin(void **state)
{
	random_lives("rr");
}

static void credit(void **state)
{
	random_lives("credit");
}

static void first_come(void **state)
{
	random_lives("fifo");
}

/* It wakes while the CPU that it left still saves it; the other CPU is idle, and stays so if nobody tells it. */
static void wakes_while_saved_hook(void)
{
	static bool once;

	if (!once && (once = true)) {
		leave(0);
		enter(1);
		vcpu_wake(v[0]);
		leave(1);
		enter(0);
	}
}

static void wakes_while_saved(void **state)
{
	nr_cpus = 2;
	start_machine();
	v[0] = start(0);
	v[1] = start(1);
	vcpu_set_affinity(v[1], 1);
	settled();
	vcpu_set_affinity(v[0], 1);
	settled();
	while (cpus[0].vcpu != v[0])
		run(100000);
	vcpu_set_affinity(v[0], 3);
	assert_ptr_equal(cpus[0].vcpu, v[0]);
	enter(0);
	vcpu_block(v[0]);
	leave(0);
	switch_hook = wakes_while_saved_hook;
	exits();
	switch_hook = NULL;
	settled();
	assert_ptr_equal(cpus[0].vcpu, v[1]);
	assert_ptr_equal(cpus[1].vcpu, v[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(wakes_while_saved),
	    cmocka_unit_test(round_robin),
	    cmocka_unit_test(credit),
	    cmocka_unit_test(first_come),
	};

	spin_waiting = let_go;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
