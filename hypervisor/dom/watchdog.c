/* SPDX-License-Identifier: MIT */
/*
 * Watchdogs: timers by which a domain asks to be shut down if it fails to set them again in time. Time in which the
 * domain is paused does not count, since a domain that may not run cannot set them: one that expires then is set again
 * when the domain goes on.
 * Locking: d->dom.lock, but not in the handler, since timer_stop() waits for its end.
 */
#include "cpu/clock.h"
#include "dom/domain.h"
#include "lib/errno.h"
#include "lib/loglevel.h"
#include "sched/sched.h"
#include "xen/sched.h"

/* False if the domain was unpaused just now, and so its timers set again. */
static bool is_due(const struct domain *d)
{
	ns_t t = now();

	for (unsigned i = 0; i < ARRAY_SIZE(d->dom.watchdog); i++)
		if (d->dom.watchdog[i].expires && d->dom.watchdog[i].expires <= t)
			return true;
	return false;
}

static void expired(void *arg)
{
	struct domain *d = arg;

	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* as vcpu_stands_still() */
	if (d->sched.pause_count || !is_due(d))
		return;
	log_fate(LOG_WARNING, "%s: watchdog expired\n", d->name);
	domain_shutdown(d, SHUTDOWN_watchdog);
}

void watchdog_init(struct domain *d)
{
	for (unsigned i = 0; i < ARRAY_SIZE(d->dom.watchdog); i++)
		timer_init(&d->dom.watchdog[i], expired, d);
}

static void stop(struct timer *t)
{
	timer_stop(t);
	t->expires = 0;
}

int watchdog_set(struct domain *d, uint32_t id, uint32_t seconds)
{
	int rc = 0;

	if (id > ARRAY_SIZE(d->dom.watchdog))
		return -EINVAL;
	if (id == 0) {
		if (!seconds)
			return -EINVAL;
		while (id < ARRAY_SIZE(d->dom.watchdog) && d->dom.watchdog[id].expires)
			id++;
		if (id == ARRAY_SIZE(d->dom.watchdog))
			return -ENOSPC;
		rc = ++id;
	} else if (!d->dom.watchdog[id - 1].expires) {
		return -EINVAL; /* not running: set by id 0 first */
	}
	if (seconds)
		timer_set(&d->dom.watchdog[id - 1], now() + seconds * NS_PER_SEC);
	else
		stop(&d->dom.watchdog[id - 1]);
	return rc;
}

void watchdog_stop(struct domain *d)
{
	for (unsigned i = 0; i < ARRAY_SIZE(d->dom.watchdog); i++)
		stop(&d->dom.watchdog[i]);
}

void watchdog_go_on(struct domain *d, ns_t away)
{
	for (unsigned i = 0; i < ARRAY_SIZE(d->dom.watchdog); i++) {
		struct timer *t = &d->dom.watchdog[i];

		if (t->expires && (away || !t->cpu))
			timer_set(t, t->expires + away);
	}
}
