/* SPDX-License-Identifier: MIT */
/* How much a guest may send: B bytes in each U microseconds, as xl writes it. A packet that is over waits in its ring. */
#include "netring.h"

#include <stdlib.h>

#define NSEC 1000ull

void rate_set(struct rate *rate, const char *text)
{
	char *end;
	unsigned long bytes, usec;

	*rate = (struct rate){0};
	if (!text)
		return;
	bytes = strtoul(text, &end, 10);
	usec = *end == ',' ? strtoul(end + 1, &end, 10) : 0;
	if (*end || !bytes || !usec || bytes > UINT32_MAX || usec > UINT32_MAX)
		return;
	rate->bytes = (uint32_t)bytes;
	rate->usec = (uint32_t)usec;
	rate->credit = bytes;
}

uint64_t rate_take(struct rate *rate, uint32_t bytes, uint64_t now_ns)
{
	uint64_t most = rate->bytes > RATE_MIN ? rate->bytes : RATE_MIN, window = rate->usec * NSEC, passed;

	if (!window)
		return 0;
	if (!rate->window_ns)
		rate->window_ns = now_ns;
	passed = (now_ns - rate->window_ns) / window;
	if (passed) {
		rate->credit = passed > most / rate->bytes ? most : rate->credit + passed * rate->bytes;
		if (rate->credit > most)
			rate->credit = most;
		rate->window_ns += passed * window;
	}
	if (rate->credit < bytes)
		return rate->window_ns + window;
	rate->credit -= bytes;
	return 0;
}
