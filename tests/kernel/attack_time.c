/* SPDX-License-Identifier: MIT */
/* Attacks by time. All calls are the bare ones: the library would put values right. */
#include "attack.h"
#include <poll.h>
#include <signal.h>
#include <sys/select.h>
#include <sys/time.h>
#include <time.h>

#ifndef SYS_settimeofday
#define SYS_settimeofday SYS_settimeofday_time32
#endif

static const long bad_parts[] = {-1, 1000000000, -1000000000, (long)(1ul << (8 * sizeof(long) - 1))};

/* Invalid spans are refused by every call that takes one. 64-bit times on 32 bit ignore the upper half of the
 * nanoseconds, so the calls of the word's own times are asked. */
static void wild_times(void)
{
	unsigned long long set = 1;
	unsigned int word = 0;

	for (size_t i = 0; i < 2 * sizeof(bad_parts) / sizeof(*bad_parts); i++) {
		bool first = i & 1;
		struct {
			long sec, parts;
		} bad = {first ? -1 : 1, first ? 0 : bad_parts[i / 2]}, pair[2] = {bad, bad};

		REFUSED(syscall(SYS_setitimer, ITIMER_REAL, pair, NULL), EINVAL);
		REFUSED(syscall(SYS_nanosleep, &bad, NULL), EINVAL);
		REFUSED(syscall(SYS_ppoll, NULL, 0, &bad, NULL, 8), EINVAL);
		REFUSED(syscall(SYS_pselect6, 0, NULL, NULL, NULL, &bad, NULL), EINVAL);
		REFUSED(syscall(SYS_futex, &word, 0 /* FUTEX_WAIT */, 0, &bad), EINVAL);
		REFUSED(syscall(SYS_rt_sigtimedwait, &set, NULL, &bad, 8), EINVAL);
		REFUSED(syscall(SYS_settimeofday, &bad, NULL), EINVAL);
	}
}

static void note(int sig)
{
}

/* A span of nearly for ever is that, and does not come out short. */
static void long_times(void)
{
	struct {
		long sec, parts;
	} ages = {(long)(~0ul >> 1), 999999999}, timer[2] = {{0, 0}, {0, 50000}};
	unsigned long long set = 1;
	unsigned int word = 0;

	sigaction(SIGALRM, &(struct sigaction){.sa_handler = note}, NULL);
	for (int call = 0; call < 5; call++) {
		double start = now();

		GRANTED(syscall(SYS_setitimer, ITIMER_REAL, timer, NULL));
		if (call == 0)
			syscall(SYS_nanosleep, &ages, NULL);
		if (call == 1)
			syscall(SYS_ppoll, NULL, 0, &ages, NULL, 8);
		if (call == 2)
			syscall(SYS_pselect6, 0, NULL, NULL, NULL, &ages, NULL);
		if (call == 3)
			syscall(SYS_futex, &word, 0 /* FUTEX_WAIT */, 0, &ages);
		if (call == 4)
			syscall(SYS_rt_sigtimedwait, &set, NULL, &ages, 8);
		if (now() - start < 0.04)
			wrong("call %d returned after %f s", call, now() - start);
	}
}

static volatile long alarms;

static void count(int sig)
{
	alarms++;
}

/* An alarm that is to come every microsecond does not get more than its share. */
static void quick_alarm(void)
{
	struct itimerval every = {{0, 1}, {0, 1}}, got, none = {{0, 0}, {0, 0}};
	double start, took;

	signal(SIGALRM, count);
	start = now();
	GRANTED(setitimer(ITIMER_REAL, &every, NULL));
	GRANTED(getitimer(ITIMER_REAL, &got));
	while (alarms < 30)
		;
	GRANTED(setitimer(ITIMER_REAL, &none, NULL));
	took = now() - start;
	if (got.it_interval.tv_usec != 1000)
		wrong("the interval is %ld us", (long)got.it_interval.tv_usec);
	if (took < 0.025)
		wrong("30 alarms in %f s", took);
}

const struct attack time_attacks[] = {
    {"wild-times", wild_times},
    {"long-times", long_times},
    {"quick-alarm", quick_alarm},
    {NULL, NULL},
};
