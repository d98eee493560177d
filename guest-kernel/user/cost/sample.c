/* SPDX-License-Identifier: MIT */
/* From repeated runs to figures. */
#include "cost.h"

#define MAX_SAMPLES 1000

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

struct figures summary(uint64_t *ticks, unsigned n, double operations, uint64_t floor)
{
	struct figures f = {.n = n};

	qsort(ticks, n, sizeof(*ticks), compare);
	for (unsigned i = 0; i < n; i++)
		ticks[i] -= ticks[i] > floor ? floor : ticks[i];
	f.min = ticks[0] / operations;
	f.p10 = ticks[n / 10] / operations;
	f.median = ticks[n / 2] / operations;
	f.p90 = ticks[n * 9 / 10] / operations;
	return f;
}

static void nothing(unsigned rounds)
{
	while (rounds--)
		__asm__ volatile("");
}

static uint64_t once(void (*run)(unsigned), unsigned rounds)
{
	uint64_t t = rdtsc();

	run(rounds);
	return rdtsc() - t;
}

static uint64_t loop_floor(unsigned rounds)
{
	uint64_t best = ~0ull;

	for (int i = 0; i < 20; i++) {
		uint64_t t = once(nothing, rounds);

		best = t < best ? t : best;
	}
	return best;
}

/* The first sample only warms up. */
struct figures measure(const struct workload *w, unsigned samples)
{
	static uint64_t ticks[MAX_SAMPLES + 1];
	unsigned n = w->samples < samples ? w->samples : samples;

	if (w->setup)
		w->setup();
	for (unsigned i = 0; i <= n; i++) {
		if (w->prepare)
			w->prepare(w->rounds);
		ticks[i] = once(w->run, w->rounds);
	}
	if (w->teardown)
		w->teardown();
	return summary(ticks + 1, n, w->rounds * (w->per_round ? w->per_round : 1), loop_floor(w->rounds));
}
