/* SPDX-License-Identifier: MIT */
/* The bench's rows: ticks per operation, and nanoseconds. */
#include "bench.h"

/* Ticks to nanoseconds, as the hypervisor says; rounded. */
static uint64_t to_ns(uint64_t ticks)
{
	const struct vcpu_time_info *t = &shared->vcpu_info[0].time;
	uint64_t scaled = t->tsc_shift < 0 ? ticks >> -t->tsc_shift : ticks << t->tsc_shift;

	return (scaled >> 32) * t->tsc_to_system_mul + (((scaled & 0xffffffff) * t->tsc_to_system_mul) >> 32);
}

static uint64_t divide(uint64_t n, uint32_t by)
{
	uint64_t result = 0, rest = 0;

	for (int bit = 63; bit >= 0; bit--) {
		rest = rest << 1 | (n >> bit & 1);
		if (rest >= by) {
			rest -= by;
			result |= 1ull << bit;
		}
	}
	return result;
}

void bench_report(const char *name, uint64_t ticks, unsigned n, unsigned overhead)
{
	uint64_t each = divide(ticks + n / 2, n);

	printk("BENCH %s %llu %llu\n", name, (unsigned long long)(each - overhead),
	       (unsigned long long)divide(to_ns(ticks) + n / 2, n));
}
