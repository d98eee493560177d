/* SPDX-License-Identifier: MIT */
/*
 * A domain that does nothing but yield: two of them on one processor take turns. One, with "partner" as its
 * command line, does so for ever; the other measures how long its own calls take. One call of it is two switches
 * between domains, there and back, and its partner's call.
 */
#include "bench.h"

const char test_title[] = "bench-switch";

#define YIELDS 64 /* in a batch; the best of many has no interrupt in it */

static void yield(void)
{
	hypercall_sched_op(SCHEDOP_yield, NULL);
}

void test_main(void)
{
	uint64_t best = ~0ull;

	hypercall_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
	if (start_info->cmd_line[0] == 'p')
		for (;;)
			yield();
	for (int batch = 0; batch < 64; batch++) {
		uint64_t t = rdtsc();
		for (unsigned i = 0; i < YIELDS; i++)
			yield();
		t = rdtsc() - t;
		best = t < best ? t : best;
	}
	bench_report("yield-to-domain", best, 2 * YIELDS, 0);
	printk("BENCH-END\n");
}
