/* SPDX-License-Identifier: MIT */
/* Operations of the kernel itself, which it repeats for this program: see kern/sys/cost.c. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include "cost.h"

#define DEVICE      "/dev/cost"
#define MAX_SAMPLES 200
#define PART        20 /* samples at a time: interrupts are off meanwhile */

/* Operations in a round: the number at the end of the name. A switch to another domain is followed by one back. */
static unsigned operations_in(const char *name)
{
	unsigned batch;

	if (sscanf(name, "pte_%u", &batch) == 1 || sscanf(name, "multicall_%u", &batch) == 1)
		return batch;
	return strcmp(name, DOMAIN_SWITCH) ? 1 : 2;
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
	unsigned n = samples < MAX_SAMPLES ? samples : MAX_SAMPLES;
	unsigned operations = operations_in(name), rounds = operations > 32 ? 2 : 32;
	int fd = open(DEVICE, O_RDWR);

	if (fd < 0)
		return none;
	REQUIRE(choose(fd, "nothing", rounds));
	sample(fd, floor, PART);
	if (choose(fd, name, rounds)) {
		sample(fd, ticks, n + 1);
		none = summary(ticks + 1, n, (double)rounds * operations, summary(floor, PART, 1, 0).min);
	}
	close(fd);
	return none;
}

void kernel_yield_for_ever(void)
{
	uint64_t ticks[PART];
	int fd = open(DEVICE, O_RDWR);

	REQUIRE(fd >= 0 && choose(fd, DOMAIN_SWITCH, 32));
	for (;;)
		sample(fd, ticks, PART);
}
