/* SPDX-License-Identifier: MIT */
/*
 * System time: nanoseconds since boot, made from the TSC. The arithmetic, ticks to nanoseconds by shift and 32.32
 * fixed-point multiply, is exactly what guests do with vcpu_time_info (xen.h), so that they see what now() sees.
 * sched/time.c sets the rate.
 */
#pragma once

#include "lib/muldiv.h"
#include "lib/types.h"

#define NS_PER_SEC 1000000000ull
#define NS_PER_MS  1000000ull

struct clock_rate {
	uint32_t mul; /* of 2^32: nanoseconds per shifted tick */
	int8_t shift; /* left if positive */
};

static inline ns_t clock_scale(uint64_t count, struct clock_rate r)
{
	if (likely(r.shift >= 0))
		count <<= r.shift;
	else
		count >>= -r.shift;
	return (unsigned __int128)count * r.mul >> 32;
}

/* The rate of a counter of @hz, with mul in [2^31, 2^32) for the best precision. */
static inline struct clock_rate clock_rate_of(uint64_t hz)
{
	struct clock_rate r = {.shift = 0};
	uint64_t num = NS_PER_SEC;

	/* Wanted: mul = 2^32 * num / hz < 2^32, that is half <= num / hz < 1. */
	while (num >= hz) {
		hz <<= 1;
		r.shift++;
	}
	while (num * 2 < hz) {
		num <<= 1;
		r.shift--;
	}
	r.mul = mul_div(num, 1ull << 32, hz);
	return r;
}

/* How a free-running counter of @bits, last read as @last, got to @value, when about @expected ticks have
 * passed: the number of ticks, its wraps included. */
static inline uint64_t clock_unwrap(uint32_t last, uint32_t value, unsigned bits, uint64_t expected)
{
	uint64_t span = 1ull << bits;
	uint64_t count = (value - last) & (span - 1);

	while (count + span / 2 < expected)
		count += span;
	return count;
}

/* The parameters, read without a lock: `version` is odd while they change (readers try again). */
struct clock {
	volatile uint32_t version;
	uint32_t generation; /* how often they changed */
	struct clock_rate rate;
	uint64_t tsc_base;
	ns_t ns_base;
};
extern struct clock system_clock;

ns_t now(void); /* the same on all CPUs */
/* From TSC value @tsc on, time runs at @hz ticks a second. Called by one CPU only. */
void clock_set(uint64_t tsc, uint64_t hz);
