/* SPDX-License-Identifier: MIT */
/* Timers: one sorted list; kernels of this size have few at a time. */
#include "kern/time/timer.h"
#include "kern/time/clock.h"

static struct list armed = LIST_INIT(armed);

void timer_init(struct timer *t, void (*expired)(struct timer *t))
{
	list_init(&t->list);
	t->expired = expired;
}

void timer_set(struct timer *t, u64 deadline)
{
	struct timer *at;

	list_del(&t->list);
	t->deadline = deadline;
	list_for_each (at, &armed, list) {
		if (at->deadline > deadline)
			break;
	}
	list_add_tail(&at->list, &t->list);
}

void timer_cancel(struct timer *t)
{
	list_del(&t->list);
}

bool timer_is_set(const struct timer *t)
{
	return !list_empty(&t->list);
}

void timer_run(void)
{
	u64 now = clock_monotonic();

	while (!list_empty(&armed)) {
		struct timer *t = list_entry(armed.next, struct timer, list);

		if (t->deadline > now)
			break;
		list_del(&t->list);
		t->expired(t);
	}
}

u64 timer_next(void)
{
	return list_empty(&armed) ? ~0ULL : list_entry(armed.next, struct timer, list)->deadline;
}
