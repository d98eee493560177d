/* SPDX-License-Identifier: MIT */
/*
 * Futexes: FUTEX_WAIT and FUTEX_WAKE for the threads of a process (and for vfork'ed children, which share
 * the address space). Waiters are found by address space and address; locks in memory shared by mapping a file
 * are not supported.
 */
#include "kern/proc/futex.h"
#include "kern/lib/errno.h"
#include "kern/mm/user.h"
#include "kern/proc/process.h"
#include "kern/sys/syscalls.h"
#include "kern/time/clock.h"

#define FUTEX_WAIT        0
#define FUTEX_WAKE        1
#define FUTEX_REQUEUE     3
#define FUTEX_CMP_REQUEUE 4
#define FUTEX_WAIT_BITSET 9
#define FUTEX_WAKE_BITSET 10
#define FUTEX_COMMAND     0x7f
#define FUTEX_REALTIME    0x100

struct futex_waiter {
	struct list list;
	struct mm *mm;
	ulong address;
	bool woken;
	struct wait_queue queue;
};

static struct list waiters = LIST_INIT(waiters);

static long futex_wake(ulong address, u32 count)
{
	struct futex_waiter *w;
	u32 woken = 0;

	list_for_each (w, &waiters, list) {
		if (woken == count)
			break;
		if (w->woken || w->mm != current->process->mm || w->address != address)
			continue;
		w->woken = true;
		wake_all(&w->queue);
		woken++;
	}
	return woken;
}

void futex_wake_all(ulong address)
{
	futex_wake(address, ~0U);
}

static long futex_wait(ulong address, u32 expected, u64 deadline)
{
	struct futex_waiter w = {.mm = current->process->mm, .address = address};
	u32 value;
	int rc = 0;

	if (get_user(value, (u32 *)address))
		return -EFAULT;
	if (value != expected)
		return -EAGAIN;
	wait_init(&w.queue);
	list_add_tail(&waiters, &w.list);
	while (!w.woken && !rc)
		rc = wait_on_until(&w.queue, deadline);
	list_del(&w.list);
	return w.woken ? 0 : rc;
}

/* Plain waits take a span, bitset waits a point in time on the clock chosen. */
static u64 deadline_of(int op, u64 t)
{
	s64 since_boot = clock_monotonic() + t - clock_realtime();

	if ((op & FUTEX_COMMAND) == FUTEX_WAIT)
		return clock_monotonic() + t;
	return op & FUTEX_REALTIME ? MAX(since_boot, (s64)0) : (s64)t;
}

static long do_futex(ulong address, int op, u32 value, u64 deadline)
{
	switch (op & FUTEX_COMMAND) {
	case FUTEX_WAIT:
	case FUTEX_WAIT_BITSET:
		return futex_wait(address, value, deadline);
	case FUTEX_WAKE:
	case FUTEX_WAKE_BITSET:
		return futex_wake(address, value);
	case FUTEX_REQUEUE:
	case FUTEX_CMP_REQUEUE: /* moving waiters is an optimisation of waking them all */
		return futex_wake(address, ~0U);
	}
	return -ENOSYS;
}

static bool takes_time(int op)
{
	return (op & FUTEX_COMMAND) == FUTEX_WAIT || (op & FUTEX_COMMAND) == FUTEX_WAIT_BITSET;
}

long sys_futex(ulong address, int op, u32 value, ulong time_or_value2)
{
	bool timed = takes_time(op) && time_or_value2;
	u64 ns = 0;
	int rc = timed ? get_timespec((void *)time_or_value2, &ns) : 0;

	return rc ? rc : do_futex(address, op, value, timed ? deadline_of(op, ns) : WAIT_FOREVER);
}

long sys_futex_time64(ulong address, int op, u32 value, ulong time_or_value2)
{
	bool timed = takes_time(op) && time_or_value2;
	u64 ns = 0;
	int rc = timed ? get_timespec64((void *)time_or_value2, &ns) : 0;

	return rc ? rc : do_futex(address, op, value, timed ? deadline_of(op, ns) : WAIT_FOREVER);
}

/* Lists of robust locks are only needed between processes that share memory. */
long sys_set_robust_list(ulong head, ulong len)
{
	return 0;
}
