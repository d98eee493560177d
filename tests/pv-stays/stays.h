/* SPDX-License-Identifier: MIT */
/* The hypervisor's record of its longest stays with interrupts off (option `stays`), asked for by the guest that caused
 * them. */
#pragma once

#include "fw.h"
#include "ringlet/sysctl.h"
#include "xen/sysctl.h"

#define STAY_LIMIT 30000 /* what a PV guest may cause */
#define STAY_LIMIT_FULL \
	100000 /* what is done whole: a full L1 table, all vCPUs of a domain that Dom0 builds or ends */

static struct ringlet_stay stays_found[8];

/* Whether they are being recorded; what was found is forgotten by that. */
static inline bool stays_take(unsigned *n)
{
	static struct xen_sysctl ask;
	struct ringlet_stays *s = (void *)ask.u.pad;

	ask.cmd = RINGLET_SYSCTL_stays;
	ask.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	*s = (struct ringlet_stays){.count = ARRAY_SIZE(stays_found)};
	set_xen_guest_handle(s->buffer, stays_found);
	check_eq(hypercall_sysctl(&ask), 0);
	*n = s->count;
	return s->on;
}

static inline uint64_t stays_ticks(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

/* The same loop always takes the same time, only if ticks are instructions; and unless an interrupt comes. */
static inline bool ticks_are_instructions(void)
{
	uint64_t last = 0;
	unsigned same = 0;

	for (unsigned n = 0; n < 100 && same < 16; n++) {
		uint64_t t = stays_ticks();

		for (volatile unsigned i = 0; i < 1000; i++)
			;
		t = stays_ticks() - t;
		same = t == last ? same + 1 : 0;
		last = t;
	}
	return same == 16;
}

/* Do @what; no stay meanwhile may have been longer than @limit. */
static inline void stays_of(const char *name, void (*what)(void), uint64_t limit)
{
	unsigned n;
	bool on;

	stays_take(&n);
	what();
	on = stays_take(&n);
	if (!on || !n)
		return;
	printk("# %s: %lu ticks (reason %u, argument %lx)\n", name, (unsigned long)stays_found[0].ticks,
	       stays_found[0].reason, (unsigned long)stays_found[0].arg);
	if (ticks_are_instructions() && stays_found[0].ticks > limit)
		failure("%s kept interrupts off for %lu ticks", name, (unsigned long)stays_found[0].ticks);
}
