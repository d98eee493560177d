/* SPDX-License-Identifier: MIT */
/* Operations of the kernel's own, which it repeats for us: see kern/sys/cost.c. */
#define _GNU_SOURCE
#include <fcntl.h>
#include "cost.h"

#define DEVICE      "/dev/cost"
#define MAX_SAMPLES 200
#define PART        20 /* samples at a time: interrupts are off meanwhile */

/* How often in a sample. Where a round has many operations, a few will do. */
static unsigned rounds_of(const char *name, double *per_round)
{
	unsigned batch;

	*per_round = 1;
	if (sscanf(name, "pte_%u", &batch) != 1)
		return 32;
	*per_round = batch;
	return batch > 32 ? 2 : 64 / batch;
}

static unsigned sample(int fd, uint64_t *ticks, unsigned n)
{
	unsigned done = 0;

	while (done < n) {
		size_t part = n - done < PART ? n - done : PART;

		REQUIRE(read(fd, ticks + done, part * sizeof(*ticks)) == (ssize_t)(part * sizeof(*ticks)));
		done += part;
	}
	return done;
}

static bool choose(int fd, const char *name, unsigned rounds)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "%s %u", name, rounds);

	return write(fd, text, n) == n;
}

struct figures measure_kernel(const char *name, unsigned samples)
{
	static uint64_t ticks[MAX_SAMPLES + PART], floor[PART];
	struct figures none = {0};
	unsigned n = samples < MAX_SAMPLES ? samples : MAX_SAMPLES, rounds;
	double per_round;
	int fd = open(DEVICE, O_RDWR);

	if (fd < 0)
		return none;
	rounds = rounds_of(name, &per_round);
	REQUIRE(choose(fd, "nothing", rounds));
	sample(fd, floor, PART);
	if (choose(fd, name, rounds)) {
		sample(fd, ticks, n + 1);
		none = summary(ticks + 1, n, rounds * per_round, summary(floor, PART, 1, 0).min);
	}
	close(fd);
	return none;
}
