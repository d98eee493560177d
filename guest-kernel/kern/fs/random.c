/* SPDX-License-Identifier: MIT */
/* xorshift64*, stirred with the clock at every call. */
#include "kern/fs/random.h"
#include "kern/lib/errno.h"
#include "kern/mm/user.h"
#include "kern/time/clock.h"
#include "machine.h"

static u64 state = 0x9e3779b97f4a7c15ULL;

static u32 next(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (state * 0x2545f4914f6cdd1dULL) >> 32;
}

void random_bytes(void *to, size_t n)
{
	u8 *p = to;

	state ^= clock_monotonic() ^ (u64)clock_realtime() << 20;
	state |= !state;
	while (n--)
		*p++ = next();
}

long random_to_user(void *user, size_t n)
{
	u8 part[64];
	size_t done;

	for (done = 0; done < n; done += MIN(n - done, sizeof(part)), kernel_breathe()) {
		random_bytes(part, sizeof(part));
		if (copy_to_user((char *)user + done, part, MIN(n - done, sizeof(part))))
			return -EFAULT;
	}
	return n;
}
