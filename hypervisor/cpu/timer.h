/* SPDX-License-Identifier: MIT */
/* One-shot timers on a CPU's sorted list, driven by its LAPIC timer. Handlers run in the exit path or idle
 * loop of that CPU (PENDING_TIMER), never inside an interrupt, and without any lock held. */
#pragma once

#include "lib/types.h"

struct percpu;

struct timer {
	struct timer *next;
	ns_t expires;
	void (*handler)(void *arg);
	void *arg;
	struct percpu *volatile cpu; /* on whose list; NULL: not armed */
};

void timer_init(struct timer *t, void (*handler)(void *), void *arg);
void timer_set(struct timer *t, ns_t expires); /* (re)arm on this CPU; from any CPU */
void timer_stop(struct timer *t); /* from any CPU; no handler runs after return unless on this CPU now */
void timers_run(void);            /* run what is due here, reprogram the LAPIC */
