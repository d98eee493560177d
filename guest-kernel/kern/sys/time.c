/* SPDX-License-Identifier: MIT */
/* The system calls of time. Each exists for the word's time types and, in 32 bit, for the 64-bit ones. */
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/user.h"
#include "kern/proc/process.h"
#include "kern/sys/syscalls.h"
#include "kern/time/clock.h"

#define CLOCK_REALTIME           0
#define CLOCK_MONOTONIC          1
#define CLOCK_PROCESS_CPUTIME_ID 2
#define CLOCK_THREAD_CPUTIME_ID  3
#define CLOCK_MONOTONIC_RAW      4
#define CLOCK_REALTIME_COARSE    5
#define CLOCK_MONOTONIC_COARSE   6
#define CLOCK_BOOTTIME           7
#define TIMER_ABSTIME            1
#define ITIMER_REAL              0
#define TICK_NS                  (10 * NSEC_PER_MSEC)

static int clock_read(int clock, u64 *ns)
{
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
		*ns = clock_realtime();
		return 0;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
		*ns = clock_monotonic();
		return 0;
	case CLOCK_PROCESS_CPUTIME_ID:
	case CLOCK_THREAD_CPUTIME_ID:
		sched_charge_all();
		*ns = current->process->times.user_ns + current->process->times.system_ns;
		return 0;
	}
	return -EINVAL;
}

static int put_timespec(u64 ns, struct timespec *user)
{
	struct timespec t;
	u32 rest;

	t.sec = div64(ns, NSEC_PER_SEC, &rest);
	t.nsec = rest;
	return copy_to_user(user, &t, sizeof(t));
}

static int put_timespec64(u64 ns, struct timespec64 *user)
{
	struct timespec64 t;
	u32 rest;

	t.sec = div64(ns, NSEC_PER_SEC, &rest);
	t.nsec = rest;
	return copy_to_user(user, &t, sizeof(t));
}

int get_timespec(const struct timespec *user, u64 *ns)
{
	struct timespec t;

	if (copy_from_user(&t, user, sizeof(t)))
		return -EFAULT;
	return clock_span(t.sec, t.nsec, 1, ns);
}

int get_timespec64(const struct timespec64 *user, u64 *ns)
{
	struct timespec64 t;

	if (copy_from_user(&t, user, sizeof(t)))
		return -EFAULT;
	return clock_span(t.sec, sizeof(long) == 8 ? t.nsec : (u32)t.nsec, 1, ns);
}

long sys_clock_gettime(int clock, struct timespec *t)
{
	u64 ns;
	int rc = clock_read(clock, &ns);

	return rc ? rc : put_timespec(ns, t);
}

long sys_clock_gettime64(int clock, struct timespec64 *t)
{
	u64 ns;
	int rc = clock_read(clock, &ns);

	return rc ? rc : put_timespec64(ns, t);
}

long sys_clock_getres(int clock, struct timespec *t)
{
	return t ? put_timespec(1, t) : 0;
}

long sys_clock_getres_time64(int clock, struct timespec64 *t)
{
	return t ? put_timespec64(1, t) : 0;
}

long sys_clock_settime(int clock, const struct timespec *t)
{
	u64 ns;
	int rc = get_timespec(t, &ns);

	if (!rc && clock != CLOCK_REALTIME)
		rc = -EINVAL;
	if (!rc)
		clock_set_realtime(ns);
	return rc;
}

long sys_clock_settime64(int clock, const struct timespec64 *t)
{
	u64 ns;
	int rc = get_timespec64(t, &ns);

	if (!rc && clock != CLOCK_REALTIME)
		rc = -EINVAL;
	if (!rc)
		clock_set_realtime(ns);
	return rc;
}

/* Sleeps; *left is what remains if a signal came. */
static int sleep_until(int clock, int flags, u64 ns, u64 *left)
{
	u64 now = clock_monotonic(), deadline = now + ns;
	int rc;

	if ((flags & TIMER_ABSTIME) && clock == CLOCK_REALTIME)
		deadline = ns - clock_realtime() + now;
	else if (flags & TIMER_ABSTIME)
		deadline = ns;
	if ((s64)(deadline - now) <= 0)
		return 0;
	do /* again if it was stopped meanwhile */
		rc = wait_until(deadline);
	while (!rc);
	if (rc == -ETIMEDOUT)
		return 0;
	now = clock_monotonic();
	*left = deadline > now ? deadline - now : 0;
	return -EINTR;
}

long sys_clock_nanosleep(int clock, int flags, const struct timespec *t, struct timespec *rest)
{
	u64 ns, left = 0;
	int rc = get_timespec(t, &ns);

	if (!rc)
		rc = sleep_until(clock, flags, ns, &left);
	if (rc == -EINTR && rest && !(flags & TIMER_ABSTIME) && put_timespec(left, rest))
		return -EFAULT;
	return rc;
}

long sys_clock_nanosleep_time64(int clock, int flags, const struct timespec64 *t, struct timespec64 *rest)
{
	u64 ns, left = 0;
	int rc = get_timespec64(t, &ns);

	if (!rc)
		rc = sleep_until(clock, flags, ns, &left);
	if (rc == -EINTR && rest && !(flags & TIMER_ABSTIME) && put_timespec64(left, rest))
		return -EFAULT;
	return rc;
}

long sys_nanosleep(const struct timespec *t, struct timespec *rest)
{
	return sys_clock_nanosleep(CLOCK_MONOTONIC, 0, t, rest);
}

static struct timeval to_timeval(u64 ns)
{
	struct timeval t;
	u32 rest;

	t.sec = div64(ns, NSEC_PER_SEC, &rest);
	t.usec = rest / NSEC_PER_USEC;
	return t;
}

static int from_timeval(const struct timeval *t, u64 *ns)
{
	return clock_span(t->sec, t->usec, NSEC_PER_USEC, ns);
}

long sys_gettimeofday(struct timeval *user, void *zone)
{
	struct timeval t = to_timeval(clock_realtime());
	u64 none = 0;

	if (zone && copy_to_user(zone, &none, sizeof(none)))
		return -EFAULT;
	return user ? copy_to_user(user, &t, sizeof(t)) : 0;
}

long sys_settimeofday(const struct timeval *user, const void *zone)
{
	struct timeval t;
	u64 ns;
	int rc;

	if (!user)
		return 0;
	if (copy_from_user(&t, user, sizeof(t)))
		return -EFAULT;
	rc = from_timeval(&t, &ns);
	if (!rc)
		clock_set_realtime(ns);
	return rc;
}

long sys_time(long *user)
{
	long t = to_timeval(clock_realtime()).sec;

	return user && put_user(t, user) ? -EFAULT : t;
}

long sys_times(long *user)
{
	struct process *p = current->process;
	long t[4];

	sched_charge_all();
	t[0] = div64(p->times.user_ns, TICK_NS, NULL);
	t[1] = div64(p->times.system_ns, TICK_NS, NULL);
	t[2] = div64(p->times.children_user_ns, TICK_NS, NULL);
	t[3] = div64(p->times.children_system_ns, TICK_NS, NULL);
	if (user && copy_to_user(user, t, sizeof(t)))
		return -EFAULT;
	return div64(clock_monotonic(), TICK_NS, NULL);
}

int rusage_to_user(struct rusage *user, const struct rusage_times *times)
{
	struct rusage usage = {.user = to_timeval(times->user), .system = to_timeval(times->system)};

	return copy_to_user(user, &usage, sizeof(usage));
}

long sys_getrusage(int who, struct rusage *user)
{
	struct process *p = current->process;
	struct rusage_times times;

	sched_charge_all();
	times.user = who == -1 ? p->times.children_user_ns : p->times.user_ns;
	times.system = who == -1 ? p->times.children_system_ns : p->times.system_ns;
	return rusage_to_user(user, &times);
}

static u64 alarm_left(void)
{
	struct timer *t = &current->process->signals.alarm;
	u64 now = clock_monotonic();

	return timer_is_set(t) && t->deadline > now ? t->deadline - now : 0;
}

static void alarm_start(u64 value, u64 interval)
{
	struct process *p = current->process;

	p->signals.alarm_interval = interval ? MAX(interval, (u64)ALARM_SHORTEST) : 0;
	if (value) {
		timer_set(&p->signals.alarm, clock_monotonic() + value);
		sched_program_timer();
	} else {
		timer_cancel(&p->signals.alarm);
	}
}

long sys_alarm(u32 seconds)
{
	u64 left = div64(alarm_left() + NSEC_PER_SEC - 1, NSEC_PER_SEC, NULL);

	alarm_start((u64)seconds * NSEC_PER_SEC, 0);
	return left;
}

static int put_alarm(struct timeval *user)
{
	struct timeval t[2] = {to_timeval(current->process->signals.alarm_interval),
			       to_timeval(alarm_left())};

	return user ? copy_to_user(user, t, sizeof(t)) : 0;
}

long sys_getitimer(int which, struct timeval *value)
{
	return which == ITIMER_REAL ? put_alarm(value) : -EINVAL;
}

long sys_setitimer(int which, const struct timeval *value, struct timeval *old)
{
	struct timeval t[2] = {{0, 0}, {0, 0}};
	u64 first, interval;

	if (which != ITIMER_REAL)
		return -EINVAL;
	if (value && copy_from_user(t, value, sizeof(t)))
		return -EFAULT;
	if (from_timeval(&t[1], &first) || from_timeval(&t[0], &interval))
		return -EINVAL;
	if (put_alarm(old))
		return -EFAULT;
	alarm_start(first, interval);
	return 0;
}
