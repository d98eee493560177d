/* SPDX-License-Identifier: MIT */
/* Watchdogs: timers by which a domain asks to be shut down should it fail to set them again in time. */
#include "lib/errno.h"
#include "lib/loglevel.h"
#include "sched/clock.h"
#include "sched/sched.h"
#include "xen/sched.h"

static void expired(void *arg)
{
	struct domain *d = arg;

	log_warning("%s: watchdog expired\n", d->name);
	domain_shutdown(d, SHUTDOWN_watchdog);
}

void watchdog_init(struct domain *d)
{
	for (unsigned i = 0; i < ARRAY_SIZE(d->watchdog); i++)
		timer_init(&d->watchdog[i], expired, d);
}

int watchdog_set(struct domain *d, uint32_t id, uint32_t seconds)
{
	int rc = 0;

	if (id > ARRAY_SIZE(d->watchdog))
		return -EINVAL;
	if (id == 0) {
		if (!seconds)
			return -EINVAL;
		while (id < ARRAY_SIZE(d->watchdog) && d->watchdog[id].cpu)
			id++;
		if (id == ARRAY_SIZE(d->watchdog))
			return -ENOSPC;
		rc = ++id;
	} else if (!d->watchdog[id - 1].cpu) {
		return -EINVAL; /* not running: set by id 0 first */
	}
	if (seconds)
		timer_set(&d->watchdog[id - 1], now() + seconds * NS_PER_SEC);
	else
		timer_stop(&d->watchdog[id - 1]);
	return rc;
}

void watchdog_stop(struct domain *d)
{
	for (unsigned i = 0; i < ARRAY_SIZE(d->watchdog); i++)
		timer_stop(&d->watchdog[i]);
}
