/* SPDX-License-Identifier: MIT */
/* The clocks: nanoseconds since boot, and since 1970. */
#ifndef KERN_TIME_CLOCK_H
#define KERN_TIME_CLOCK_H

#include "kern/lib/types.h"

#define NSEC_PER_SEC  1000000000U
#define NSEC_PER_MSEC 1000000U
#define NSEC_PER_USEC 1000U

u64 clock_monotonic(void);
s64 clock_realtime(void);
void clock_set_realtime(s64 now);

/* 64-bit by 32-bit division for 32-bit kernels too; *rest may be NULL. */
u64 div64(u64 value, u32 by, u32 *rest);

#endif
