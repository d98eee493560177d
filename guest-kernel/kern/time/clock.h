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

/* A program's seconds and parts of unit_ns each, in nanoseconds: at most SPAN_MAX, so that it can be
 * added to any time. -EINVAL: negative, or the parts are a second or more. */
#define SPAN_MAX (4ULL * NSEC_PER_SEC * NSEC_PER_SEC) /* 126 years */
int clock_span(s64 sec, s64 parts, u32 unit_ns, u64 *ns);

/* 64-bit by 32-bit division for 32-bit kernels too; *rest may be NULL. */
u64 div64(u64 value, u32 by, u32 *rest);

#endif
