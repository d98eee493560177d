/* SPDX-License-Identifier: MIT */
/*
 * Sleeping and waking. A wait queue is a list of waiters; a task may stand in several (poll does).
 *
 * The kernel runs with interrupts off except while idle, is never preempted, and only one processor at a time
 * is in it (cpu.h): between testing a condition and sleeping on its queue nothing else runs, so no wake-up can
 * be lost. The pattern is always
 *
 *	while (!condition) {
 *		rc = wait_on(&queue);
 *		if (rc)
 *			return rc;
 *	}
 */
#ifndef KERN_PROC_WAIT_H
#define KERN_PROC_WAIT_H

#include "kern/lib/list.h"

struct task;

struct wait_queue {
	struct list waiters;
};

struct waiter {
	struct list list;
	struct task *task;
};

#define WAIT_FOREVER (~0ULL)

void wait_init(struct wait_queue *q);
void wait_add(struct wait_queue *q, struct waiter *w); /* the current task becomes a waiter */
void wait_remove(struct waiter *w);
void wake_all(struct wait_queue *q);

/* Sleeps until woken. 0, or -ERESTARTSYS when a signal is pending that has a handler or kills (then it may not have
 * slept at all). 0 also after a stop: look at the condition again. */
int wait_on(struct wait_queue *q);
/* The same with a deadline in clock_monotonic nanoseconds: -ETIMEDOUT once it has passed. */
int wait_on_until(struct wait_queue *q, u64 deadline);
/* Sleeps until woken, or killed: -ERESTARTSYS. Other signals wait. */
int wait_on_killable(struct wait_queue *q);
/* Sleeps until woken, whatever signals come: for what ends soon, by itself. */
void wait_for(struct wait_queue *q);
/* Sleeps in the queues joined by wait_add until woken, a signal comes or the deadline passes; as above. */
int wait_until(u64 deadline);

#endif
