/* SPDX-License-Identifier: MIT */
/*
 * Timers: a list sorted by deadline; the machine's one-shot timer is set to the first. Handlers run in the
 * timer interrupt, so they may only wake tasks, send signals and arm timers.
 */
#ifndef KERN_TIME_TIMER_H
#define KERN_TIME_TIMER_H

#include "kern/lib/list.h"

struct timer {
	struct list list;
	u64 deadline;
	void (*expired)(struct timer *t);
};

void timer_init(struct timer *t, void (*expired)(struct timer *t));
void timer_set(struct timer *t, u64 deadline); /* also moves one that is set */
void timer_cancel(struct timer *t);
bool timer_is_set(const struct timer *t);
void timer_run(void); /* calls the handlers of what is due */
u64 timer_next(void); /* the earliest deadline, or all ones */

#endif
