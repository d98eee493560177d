/* SPDX-License-Identifier: MIT */
/*
 * The arithmetic of the clock: TSC ticks to nanoseconds by shift and 32.32 fixed-point multiply, exactly as
 * guests do it with vcpu_time_info (xen.h), so that they see what now() sees.
 */
#pragma once

#include "lib/muldiv.h"
#include "lib/types.h"

#define NS_PER_SEC 1000000000ull

struct clock_rate {
	uint32_t mul; /* of 2^32: nanoseconds per shifted tick */
	int8_t shift; /* left if positive */
};

static inline ns_t clock_scale(uint64_t ticks, struct clock_rate r)
{
	ticks = r.shift < 0 ? ticks >> -r.shift : ticks << r.shift;
	return (unsigned __int128)ticks * r.mul >> 32;
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
	uint64_t ticks = (value - last) & (span - 1);

	while (ticks + span / 2 < expected)
		ticks += span;
	return ticks;
}
