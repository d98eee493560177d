/* SPDX-License-Identifier: MIT */
/*
 * Two vCPUs on two processors. One sleeps for a millisecond again and again; the other keeps its own processor's timer busy:
 * it sets its single shot without end, or it yields without end, so that its slice is over again and again. The sleeper wakes
 * early all the same. Needs two processors that take turns, and ticks that are instructions: a processor's turn is over when it
 * has written to its timer, and a lock that it holds there is one that the other finds taken each time. And who yields, with
 * nobody to yield to on this processor, lets the other one go on, instead of yielding to the end of its turn.
 */
#include "fw.h"
#include "time.h"

const char test_title[] = "attack-timer-lock";

#define MS    1000000ull
#define NAPS  20
#define LIMIT (5 * MS)   /* half a slice */
#define LONG  (500 * MS) /* enough for all naps */

static volatile enum {
	SET,
	YIELD,
	TRICKS
} trick;
static volatile unsigned naps;
static volatile uint64_t longest; /* how late a nap ended */

static void sleeper(void)
{
	hypercall_vcpu_op(VCPUOP_stop_periodic_timer, 1, NULL);
	for (;;) {
		struct sched_poll nap = {.timeout = system_time() + MS};
		uint64_t late;

		hypercall_sched_op(SCHEDOP_poll, &nap);
		late = system_time() - nap.timeout;
		longest = late > longest ? late : longest;
		naps++;
	}
}

static void attack(void)
{
	struct vcpu_set_singleshot_timer shot = {.timeout_abs_ns = system_time() + MS};

	if (trick == SET)
		hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 0, &shot);
	else
		hypercall_sched_op(SCHEDOP_yield, NULL);
}

static void measure(void)
{
	uint64_t end = system_time() + LONG;
	unsigned deeds = 0;

	naps = longest = 0;
	for (; naps < NAPS && system_time() < end; deeds++)
		attack();
	printk("trick %u: %u times; %u naps, too long by %u ns at most\n", trick, deeds, naps,
	       (unsigned)longest);
	check(naps >= NAPS);
	check(longest < LIMIT);
}

void test_main(void)
{
	bind_timer();
	check_eq(hypercall_vcpu_op(VCPUOP_initialise, 1, vcpu_context(sleeper)), 0);
	check_eq(hypercall_vcpu_op(VCPUOP_up, 1, NULL), 0);
	for (trick = 0; trick < TRICKS; trick++)
		measure();
}
