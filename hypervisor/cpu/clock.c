/* SPDX-License-Identifier: MIT */
#include "cpu/clock.h"
#include "cpu/x86.h"

struct clock system_clock;

ns_t now(void)
{
	uint32_t version;
	ns_t t;

	do {
		version = __atomic_load_n(&system_clock.version, __ATOMIC_ACQUIRE);
		t = system_clock.ns_base + clock_scale(rdtsc() - system_clock.tsc_base, system_clock.rate);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (unlikely(version & 1) || unlikely(version != system_clock.version));
	return t;
}

void clock_set(uint64_t tsc, uint64_t hz)
{
	ns_t at = system_clock.rate.mul
		      ? system_clock.ns_base + clock_scale(tsc - system_clock.tsc_base, system_clock.rate)
		      : 0;

	system_clock.version++;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	system_clock.tsc_base = tsc;
	system_clock.ns_base = at;
	system_clock.rate = clock_rate_of(hz);
	system_clock.generation++;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	system_clock.version++;
}
