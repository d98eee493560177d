/* SPDX-License-Identifier: MIT */
/* The clocks, from the machine's; the time of day may be set, which only moves an offset. */
#include "kern/time/clock.h"
#include "kern/lib/errno.h"
#include "machine.h"

static s64 realtime_offset;

u64 clock_monotonic(void)
{
	return time_ns();
}

s64 clock_realtime(void)
{
	return (s64)time_wall_ns() + realtime_offset;
}

void clock_set_realtime(s64 now)
{
	realtime_offset = now - (s64)time_wall_ns();
}

int clock_span(s64 sec, s64 parts, u32 unit_ns, u64 *ns)
{
	if (sec < 0 || parts < 0 || parts >= NSEC_PER_SEC / unit_ns)
		return -EINVAL;
	*ns = (u64)sec < SPAN_MAX / NSEC_PER_SEC ? (u64)sec * NSEC_PER_SEC + (u64)parts * unit_ns : SPAN_MAX;
	return 0;
}

u64 div64(u64 value, u32 by, u32 *rest)
{
	u32 high = value >> 32, low = (u32)value, quotient, remainder = high % by;

	__asm__("divl %4" : "=a"(quotient), "=d"(remainder) : "0"(low), "1"(remainder), "r"(by));
	if (rest)
		*rest = remainder;
	return (u64)(high / by) << 32 | quotient;
}
