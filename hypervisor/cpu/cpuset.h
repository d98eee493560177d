/* SPDX-License-Identifier: MIT */
/* Sets of processors: bit n stands for the processor with the number n. More processors than bits are a change of this
 * file, and of those that change a set by atomic instructions. */
#pragma once

#include "cpu/percpu.h"
#include "lib/types.h"

#define CPUSET_ALL (~(cpuset_t)0)

_Static_assert(MAX_CPUS <= 8 * sizeof(cpuset_t), "a bit for each");

static inline cpuset_t cpuset_of(uint32_t id)
{
	return (cpuset_t)1 << id;
}

static inline cpuset_t cpuset_self(void)
{
	return cpuset_of(this_cpu->id);
}

/* Processors 0 to @n - 1. */
static inline cpuset_t cpuset_below(uint32_t n)
{
	return n < 8 * sizeof(cpuset_t) ? cpuset_of(n) - 1 : CPUSET_ALL;
}

static inline bool cpuset_has(cpuset_t set, uint32_t id)
{
	return set >> id & 1;
}

/* The lowest number in a set that is not empty. */
static inline uint32_t cpuset_first(cpuset_t set)
{
	return __builtin_ctz(set);
}

/* Without its first. */
static inline cpuset_t cpuset_rest(cpuset_t set)
{
	return set & (set - 1);
}
