/* SPDX-License-Identifier: MIT */
/* Wait queues: see wait.h for why no wake-up is lost. */
#include "kern/proc/wait.h"
#include "kern/lib/errno.h"
#include "kern/proc/process.h"
#include "kern/time/clock.h"

void wait_init(struct wait_queue *q)
{
	list_init(&q->waiters);
}

void wait_add(struct wait_queue *q, struct waiter *w)
{
	w->task = current;
	list_add_tail(&q->waiters, &w->list);
}

void wait_remove(struct waiter *w)
{
	list_del(&w->list);
}

/* Waiters leave the queue by themselves, after they have run; waking one twice does nothing. */
void wake_all(struct wait_queue *q)
{
	struct waiter *w;

	list_for_each (w, &q->waiters, list)
		sched_wake(w->task);
}

int wait_until(u64 deadline)
{
	if (signal_pending(current))
		return signal_ends_sleep() ? -ERESTARTSYS : 0;
	if (deadline <= clock_monotonic())
		return -ETIMEDOUT;
	current->sched.timed_out = false;
	if (deadline != WAIT_FOREVER)
		timer_set(&current->sched.sleep_timer, deadline);
	current->sched.state = TASK_SLEEPING;
	schedule();
	timer_cancel(&current->sched.sleep_timer);
	if (current->sched.timed_out)
		return -ETIMEDOUT;
	return signal_ends_sleep() ? -ERESTARTSYS : 0;
}

int wait_on_until(struct wait_queue *q, u64 deadline)
{
	struct waiter w;
	int rc;

	wait_add(q, &w);
	rc = wait_until(deadline);
	wait_remove(&w);
	return rc;
}

int wait_on(struct wait_queue *q)
{
	return wait_on_until(q, WAIT_FOREVER);
}

int wait_on_killable(struct wait_queue *q)
{
	u64 blocked = current->signals.blocked;
	int rc;

	current->signals.blocked = ~SIGMASK(SIGKILL);
	rc = wait_on(q);
	current->signals.blocked = blocked;
	return rc;
}

void wait_for(struct wait_queue *q)
{
	struct waiter w;

	wait_add(q, &w);
	current->sched.state = TASK_BLOCKED;
	schedule();
	wait_remove(&w);
}
