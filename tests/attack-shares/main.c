/* SPDX-License-Identifier: MIT */
/*
 * Three vCPUs on one processor; one is busy, the two others try to take its share: by taking each other down and up, so
 * that the other has just come up whenever one's turn is over; by sleeping for a moment just before it is. The busy one
 * keeps its third. Needs three vCPUs, and ticks that are instructions: so the processor is never away.
 */
#include "fw.h"
#include "time.h"

const char test_title[] = "attack-shares";

#define SLICE  10000000ull
#define ROUNDS 25
#define SPIN   100000

static volatile enum {
	DOWN_AND_UP,
	SLEEP,
	TRICKS
} trick;
static volatile unsigned long deeds[3]; /* by vCPU: tricks done */
static char stack_2[16384] __attribute__((aligned(16)));

static uint64_t ran(unsigned vcpu)
{
	struct vcpu_runstate_info run;

	check_eq(hypercall_vcpu_op(VCPUOP_get_runstate_info, vcpu, &run), 0);
	return run.time[RUNSTATE_running];
}

/* A turn is spent except for a hundredth, then the vCPU polls for nothing. */
static void sleep_before_the_end(unsigned me)
{
	struct sched_poll poll = {0};
	uint64_t from = ran(me);

	while (ran(me) - from < SLICE / 100 * 99)
		if (trick != SLEEP)
			return;
	poll.timeout = system_time() + 20000;
	hypercall_sched_op(SCHEDOP_poll, &poll);
}

static void attack(unsigned me, unsigned peer)
{
	for (;;) {
		if (trick == DOWN_AND_UP) {
			hypercall_vcpu_op(VCPUOP_down, peer, NULL);
			hypercall_vcpu_op(VCPUOP_up, peer, NULL);
			for (volatile unsigned i = 0; i < SPIN; i++) /* or the turn would end in between */
				;
		} else {
			sleep_before_the_end(me);
		}
		deeds[me]++;
	}
}

static void first_attacker(void)
{
	attack(1, 2);
}

static void second_attacker(void)
{
	attack(2, 1);
}

static void start(unsigned vcpu, struct vcpu_guest_context *c)
{
	check_eq(hypercall_vcpu_op(VCPUOP_initialise, vcpu, c), 0);
	check_eq(hypercall_vcpu_op(VCPUOP_up, vcpu, NULL), 0);
}

static void measure(void)
{
	uint64_t from[3], end = system_time() + 3 * ROUNDS * SLICE;
	unsigned got[3], all = 0; /* units of 1024 ns */

	for (unsigned i = 0; i < 3; i++) {
		from[i] = ran(i);
		deeds[i] = 0;
	}
	while (system_time() < end)
		barrier();
	for (unsigned i = 0; i < 3; i++) {
		got[i] = (ran(i) - from[i]) >> 10;
		all += got[i];
	}
	printk("trick %u: of %u units of time the busy one got %u\n", trick, all, got[0]);
	check(deeds[1] && deeds[2]);
	check(got[0] >= all / 3 / 10 * 9);
}

void test_main(void)
{
	struct vcpu_guest_context *c = vcpu_context(first_attacker);

	bind_timer();
	start(1, c);
	c = vcpu_context(second_attacker);
	c->kernel_sp = (unsigned long)stack_2 + sizeof(stack_2) - 16;
#ifdef __x86_64__
	c->user_regs.rsp = c->kernel_sp - 8;
#else
	c->user_regs.esp = c->kernel_sp - 4;
#endif
	start(2, c);
	for (trick = 0; trick < TRICKS; trick++)
		measure();
}
