/* SPDX-License-Identifier: MIT */
/*
 * Specification: no vCPU gets more than its share by coming and going, and one that sleeps much wakes soon. On 1, 2 and
 * 4 simulated processors, over about 200 rounds.
 *   busy      3 to 33 vCPUs that never rest get equal time
 *   paused    a vCPU that was paused for 15 s, or is new, gets its share afterwards and not what it missed; as soon as
 *             the machine is full, so does one that had a processor to itself for long
 *   tricks    sleeping just before the turn is over, for a moment or across a round; VCPUOP_down and up of one another;
 *             yielding; polling; yielding and sleeping at once: those that do none of it keep 95 percent of their
 *             shares
 *   affinity  vCPUs that were bound to a fuller or emptier processor, and are freed; while bound they share it equally
 *   wakes     one that seldom runs, and then shortly, has done it within a slice of its event, whether the others
 *             are busy or sleep tricks, and also if it had the machine to itself before
 */
#include "sched_host.h"

#define MOST   40
#define STEP   100000ull
#define BURST  (SLICE_NS - 2 * STEP) /* just not a whole turn */
#define PERIOD 50000000ull           /* of the one that seldom runs */
#define ERRAND (2 * STEP)            /* for this long */

struct actor {
	struct vcpu *v;
	void (*act)(struct actor *a); /* it is on CPU v->cpu, in enter() */
	ns_t wake_at;                 /* 0: nothing is set */
	ns_t burst_from;              /* ran() when it last woke */
	ns_t before;                  /* ran() when the measurement began */
	ns_t woke, worst; /* of the one that seldom runs: last event; longest until it was done with one */
	struct actor *peer;
};

static struct actor actors[MOST];
static unsigned n_actors;

static void busy(struct actor *a)
{
}

static void rest_for(struct actor *a, ns_t pause)
{
	a->wake_at = clock_ns + pause;
	vcpu_block(a->v);
}

static bool burst_is_over(struct actor *a, ns_t length)
{
	return ran(a->v) - a->burst_from >= length;
}

static void sleeps_a_moment(struct actor *a)
{
	if (burst_is_over(a, BURST))
		rest_for(a, STEP);
}

/* Rests until the others have had half their turns. */
static void sleeps_long(struct actor *a)
{
	if (burst_is_over(a, BURST))
		rest_for(a, SLICE_NS * n_actors / nr_cpus / 2);
}

/* All wake at the same time. */
static void sleeps_in_step(struct actor *a)
{
	ns_t every = SLICE_NS * n_actors / nr_cpus;

	if (burst_is_over(a, BURST))
		rest_for(a, every - clock_ns % every);
}

static void sleeps_every_ms(struct actor *a)
{
	if (burst_is_over(a, 1000000))
		rest_for(a, STEP);
}

static void polls(struct actor *a)
{
	if (!burst_is_over(a, BURST))
		return;
	a->wake_at = clock_ns + STEP;
	vcpu_poll_begin(a->v, 0);
}

static void yields(struct actor *a)
{
	if (burst_is_over(a, 5 * STEP)) {
		a->burst_from = ran(a->v);
		vcpu_yield();
	}
}

/* In one multicall: the turn is given up and the vCPU sleeps. */
static void yields_and_sleeps(struct actor *a)
{
	if (burst_is_over(a, 5 * STEP)) {
		vcpu_yield();
		rest_for(a, STEP);
	}
}

/* Whichever of the two runs sees to it that the other has just come up. */
static void downs_and_ups(struct actor *a)
{
	vcpu_offline(a->peer->v);
	vcpu_online(a->peer->v);
}

static void seldom(struct actor *a)
{
	if (!burst_is_over(a, ERRAND))
		return;
	a->worst = MAX(a->worst, clock_ns - a->woke);
	rest_for(a, PERIOD);
}

static struct actor *add(void (*act)(struct actor *a))
{
	struct actor *a = &actors[n_actors];

	assert_true(n_actors < MOST);
	*a = (struct actor){.v = start(n_actors), .act = act};
	a->peer = &actors[n_actors ^ 1];
	n_actors++;
	return a;
}

static void add_many(unsigned n, void (*act)(struct actor *a))
{
	while (n--)
		add(act);
}

static void step(void)
{
	for (unsigned i = 0; i < n_actors; i++) {
		struct actor *a = &actors[i];
		unsigned cpu = a->v->cpu->id;

		if (a->wake_at && clock_ns >= a->wake_at) {
			a->wake_at = 0;
			a->woke = clock_ns;
			a->burst_from = ran(a->v);
			enter(cpu);
			vcpu_wake(a->v);
			leave(cpu);
		}
		if (!a->v->running)
			continue;
		enter(cpu);
		a->act(a);
		leave(cpu);
	}
	run(STEP);
}

static void live(ns_t span)
{
	for (ns_t end = clock_ns + span; clock_ns < end;)
		step();
}

static void machine(unsigned n)
{
	nr_cpus = n;
	n_actors = 0;
	start_machine();
}

static ns_t rounds(unsigned n)
{
	return n * SLICE_NS * n_actors / nr_cpus;
}

/* Measure over 200 rounds: none of the busy ones may get less than its share, nor any vCPU more, by 5 percent. */
static void shares_are_fair(const char *what)
{
	ns_t span = rounds(200), fair;

	for (unsigned i = 0; i < n_actors; i++)
		actors[i].before = ran(actors[i].v);
	live(span);
	fair = nr_cpus * span / n_actors;
	for (unsigned i = 0; i < n_actors; i++) {
		ns_t got = ran(actors[i].v) - actors[i].before;

		if (actors[i].act == busy && got < fair - fair / 20)
			fail_msg("%s, %u of them on %u CPUs: %u got %lu us instead of %lu", what, n_actors,
				 nr_cpus, i, got / 1000, fair / 1000);
		if (got > fair + fair / 20 && actors[i].act != busy)
			fail_msg("%s, %u of them on %u CPUs: %u got %lu us instead of %lu by a trick", what,
				 n_actors, nr_cpus, i, got / 1000, fair / 1000);
	}
}

static const unsigned machines[] = {1, 2, 4};
#define for_each_machine(n)                                          \
	for (unsigned at_ = 0, n; at_ < ARRAY_SIZE(machines); at_++) \
		if ((n = machines[at_], machine(n), true))

static void all_busy(void **state)
{
	static const unsigned crowds[] = {3, 5, 9, 16, 33};

	for (unsigned c = 0; c < ARRAY_SIZE(crowds); c++)
		for_each_machine(n)
		{
			if (crowds[c] < n)
				continue;
			add_many(crowds[c], busy);
			shares_are_fair("busy vCPUs");
		}
}

static void pause(struct vcpu *v)
{
	enter(0);
	vcpu_pause_nosync(v);
	leave(0);
}

static void unpause(struct vcpu *v)
{
	enter(0);
	vcpu_unpause(v);
	leave(0);
}

static void paused(void **state)
{
	for_each_machine(n)
	{
		add_many(n + 2, busy);
		live(NS_PER_SEC);
		pause(actors[1].v);
		live(15 * NS_PER_SEC);
		unpause(actors[1].v);
		shares_are_fair("one was paused");
	}
}

static void newcomers(void **state)
{
	for_each_machine(n)
	{
		add_many(n, busy);
		live(15 * NS_PER_SEC); /* each has a processor to itself */
		add_many(5, busy);
		shares_are_fair("some are new");
	}
}

/* One processor was idle meanwhile, and its queue knows nothing of the rounds elsewhere. */
static void idle_processor(void **state)
{
	for_each_machine(n)
	{
		add(busy);
		live(15 * NS_PER_SEC);
		add_many(n + 1, busy);
		shares_are_fair("all but one were new");
	}
}

static void tricks(void **state)
{
	static const struct {
		const char *name;
		void (*act)(struct actor *a);
	} list[] = {
	    {"sleeping for a moment", sleeps_a_moment},
	    {"sleeping for half a round", sleeps_long},
	    {"sleeping in step", sleeps_in_step},
	    {"sleeping each millisecond", sleeps_every_ms},
	    {"polling", polls},
	    {"yielding", yields},
	    {"yielding and sleeping", yields_and_sleeps},
	    {"down and up", downs_and_ups},
	};

	for (unsigned t = 0; t < ARRAY_SIZE(list); t++)
		for (unsigned many = 2; many <= 8; many *= 4)
			for_each_machine(n)
			{
				add_many(many, list[t].act);
				add_many(n + 5, busy);
				live(NS_PER_SEC);
				shares_are_fair(list[t].name);
			}
}

static void set_affinity(unsigned i, uint32_t on)
{
	enter(0);
	vcpu_set_affinity(actors[i].v, on);
	leave(0);
}

static void equal(unsigned from, unsigned to, ns_t fair)
{
	for (unsigned i = from; i < to; i++) {
		ns_t got = ran(actors[i].v) - actors[i].before;

		if (got < fair - fair / 20 || got > fair + fair / 20)
			fail_msg("bound vCPU %u got %lu us instead of %lu", i, got / 1000, fair / 1000);
		actors[i].before = ran(actors[i].v);
	}
}

/* One has a processor to itself, the others crowd on the second; then all are free. */
static void affinity(void **state)
{
	ns_t span = 20 * NS_PER_SEC;

	machine(2);
	add_many(9, busy);
	for (unsigned i = 0; i < 9; i++)
		set_affinity(i, i ? 2 : 1);
	live(NS_PER_SEC);
	equal(0, 0, 0);
	for (unsigned i = 0; i < 9; i++)
		actors[i].before = ran(actors[i].v);
	live(span);
	equal(0, 1, span);
	equal(1, 9, span / 8);
	set_affinity(8, 3);
	live(span);
	for (unsigned i = 1; i < 9; i++) /* it may use the emptier processor; none starves for it */
		assert_true(ran(actors[i].v) - actors[i].before > span / 9);
	assert_true(ran(actors[0].v) - actors[0].before > span / 3);
	for (unsigned i = 0; i < 9; i++)
		set_affinity(i, 3);
	shares_are_fair("all were bound");
}

/* On the crowded processor one sleeps just before its turn is over; the other processor's rounds are shorter. */
static void bound_sleepers(void **state)
{
	ns_t span = 20 * NS_PER_SEC;

	machine(2);
	add(busy);
	add_many(2, sleeps_a_moment);
	add_many(6, busy);
	for (unsigned i = 0; i < 9; i++)
		set_affinity(i, i ? 2 : 1);
	live(NS_PER_SEC);
	for (unsigned i = 0; i < 9; i++)
		actors[i].before = ran(actors[i].v);
	live(span);
	equal(3, 9, span / 8);
}

static void wakes_within(const char *what, struct actor *a, ns_t limit)
{
	live(PERIOD);
	a->worst = 0;
	live(20 * NS_PER_SEC);
	assert_true(a->worst >= ERRAND);
	if (a->worst > limit + ERRAND)
		fail_msg("%s, %u CPUs: it was done after %lu us", what, nr_cpus, a->worst / 1000);
}

static void wakes(void **state)
{
	for_each_machine(n)
	{
		struct actor *a = add(seldom);

		add_many(16, busy);
		live(NS_PER_SEC);
		wakes_within("16 are busy", a, SLICE_NS);
	}
}

static void wakes_after_solitude(void **state)
{
	for_each_machine(n)
	{
		struct actor *a = add(busy);

		live(5 * NS_PER_SEC);
		a->act = seldom;
		for (unsigned i = 0; i < 16; i++) {
			add(busy);
			live(20000000);
		}
		wakes_within("it was alone, then 16 came", a, SLICE_NS);
	}
}

static void wakes_among_sleepers(void **state)
{
	static void (*const acts[])(struct actor * a) = {sleeps_a_moment, sleeps_long, sleeps_in_step, yields,
							 downs_and_ups};

	for (unsigned i = 0; i < ARRAY_SIZE(acts); i++)
		for_each_machine(n)
		{
			struct actor *a = add(seldom);

			add(busy);
			add_many(16, acts[i]);
			live(NS_PER_SEC);
			wakes_within("16 sleep tricks", a, SLICE_NS);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(all_busy),
	    cmocka_unit_test(paused),
	    cmocka_unit_test(newcomers),
	    cmocka_unit_test(idle_processor),
	    cmocka_unit_test(tricks),
	    cmocka_unit_test(affinity),
	    cmocka_unit_test(bound_sleepers),
	    cmocka_unit_test(wakes),
	    cmocka_unit_test(wakes_after_solitude),
	    cmocka_unit_test(wakes_among_sleepers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
