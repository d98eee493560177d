/* SPDX-License-Identifier: MIT */
/* The clocks, from the machine's; the time of day may be set, which only moves an offset. */
#include "kern/time/clock.h"
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

u64 div64(u64 value, u32 by, u32 *rest)
{
	u32 high = value >> 32, low = (u32)value, quotient, remainder = high % by;

	__asm__("divl %4" : "=a"(quotient), "=d"(remainder) : "0"(low), "1"(remainder), "r"(by));
	if (rest)
		*rest = remainder;
	return (u64)(high / by) << 32 | quotient;
}
