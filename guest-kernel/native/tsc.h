/* SPDX-License-Identifier: MIT */
/* Time by the time stamp counter: see tsc.c. */
#ifndef TSC_H
#define TSC_H

#include "kern/lib/types.h"

#define PIT_HZ      1193182u
#define PIT_COMMAND 0x43u
/* Ticks of the 8254 per nanosecond, times 2^32. */
#define PIT_PER_NS ((uint32_t)(((uint64_t)PIT_HZ << 32) / 1000000000u))

void tsc_init(void);    /* finds the counter's rate; time begins */
uint64_t tsc_ns(void);  /* since then */
void tsc_correct(void); /* now and then: measures the rate over all the time since */
uint64_t tsc_to_ns(uint64_t ticks);

#endif
