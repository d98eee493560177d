/* SPDX-License-Identifier: MIT */
/*
 * cost: what operations cost, as applications and as the kernel see them. Time is the time stamp counter; under
 * `qemu -icount shift=0` it counts instructions, see docs/costs.md.
 *
 * A workload repeats its operation `rounds` times for each sample. An empty loop of as many rounds is measured too
 * and subtracted. One process, one thread; the samples of a workload are not disturbed by those of another.
 */
#ifndef COST_H
#define COST_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* How an operation is done. The functions may be NULL, except run. */
struct workload {
	const char *name; /* in operations.def */
	unsigned rounds, samples;
	double per_round; /* operations in one round; 0 means 1 */
	void (*setup)(void);
	void (*prepare)(unsigned rounds); /* before each sample, not measured */
	void (*run)(unsigned rounds);
	void (*teardown)(void);
};

/* Each ends with a workload without a name. */
extern const struct workload crossings[], memory[], processes[], files[], job[], domains[];

struct figures {
	double min, median, p10, p90; /* ticks for one operation */
	unsigned n;                   /* samples; 0: there is no such operation here */
};

/* sample.c: measure a workload; with fewer samples if quick. */
struct figures measure(const struct workload *w, unsigned samples);
/* Figures from the ticks of samples, each of `operations`. Sorts them. */
struct figures summary(uint64_t *ticks, unsigned n, double operations, uint64_t floor);

/* kernel.c: the same for an operation that the kernel carries out by itself (/dev/cost); none: n is 0. */
struct figures measure_kernel(const char *name, unsigned samples);
/* The other side of domain_switch. */
#define DOMAIN_SWITCH "domain_switch"
void kernel_yield_for_ever(void) __attribute__((noreturn));

/* domains.c: the other domain and its port for domain_round_trip; and the other side: answer events from a domain. */
void domains_set_peer(const char *domain_and_port);
void domains_answer(const char *domain) __attribute__((noreturn));

/* job.c: one process of the job: read a source, write what it becomes. Exit code. */
int job_compile(const char *source, const char *object);

static inline uint64_t rdtsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high)::"memory");
	return (uint64_t)high << 32 | low;
}

/* If the condition is false, prints it and ends. */
#define REQUIRE(condition)                                                         \
	do {                                                                       \
		if (!(condition)) {                                                \
			fprintf(stderr, "cost: %s:%d: ", __FILE_NAME__, __LINE__); \
			perror(#condition);                                        \
			exit(1);                                                   \
		}                                                                  \
	} while (0)

/* The path of this program, for exec. */
#define COST_PATH "/usr/bin/cost"

#endif
