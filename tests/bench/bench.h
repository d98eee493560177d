/* SPDX-License-Identifier: MIT */
/* Rows of the bench: each prints `BENCH name instructions nanoseconds`. */
#pragma once

/* Code that looks at each result would be counted. */
#define HYPERCALL_SEEN(nr, result) (result)
#include "fw.h"

#define BATCHES 8

static inline uint64_t rdtsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high)::"memory");
	return (uint64_t)high << 32 | low;
}

/* @ticks for @n operations, in which @overhead ticks per operation are the loop's own. */
void bench_report(const char *name, uint64_t ticks, unsigned n, unsigned overhead);

/* The statement @n times, the best of some batches; an empty loop of this form has two instructions a round.
 */
#define BENCH(name, n, statement)                                  \
	do {                                                       \
		uint64_t best_ = ~0ull;                            \
		for (int batch_ = 0; batch_ < BATCHES; batch_++) { \
			uint64_t t_ = rdtsc();                     \
			for (unsigned i = 0; i < (n); i++) {       \
				statement;                         \
			}                                          \
			t_ = rdtsc() - t_;                         \
			best_ = t_ < best_ ? t_ : best_;           \
		}                                                  \
		bench_report(name, best_, n, 2);                   \
	} while (0)

/* paging.c */
void bench_paging(void);
/* grants.c */
void bench_grants(void);
