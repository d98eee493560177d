/* SPDX-License-Identifier: MIT */
/*
 * Timers: each CPU has a list sorted by expiry, and its LAPIC interrupts at the first one.
 *
 * One lock for all lists: a timer may be armed on one CPU and moved or stopped by another, the lists are
 * short (a few per vCPU that ran here) and each hold is a few instructions. Handlers run without it, so they
 * may set timers, their own included. Lock order: after the run queues' locks.
 */
#include "cpu/timer.h"
#include "cpu/clock.h"
#include "cpu/lapic.h"
#include "cpu/percpu.h"
#include "lib/spinlock.h"

#define RUN_AT_ONCE 16

static struct spinlock timer_lock;

void timer_init(struct timer *t, void (*handler)(void *), void *arg)
{
	*t = (struct timer){.handler = handler, .arg = arg};
}

/* Have this CPU interrupted at @expires, when its first timer is due. Without the lock: to write to the LAPIC takes long, and
 * a virtual machine may let its other CPUs run at just that moment, every time, so that none of them finds the lock free.
 * Only this CPU puts timers on its list. If another has taken the first one meanwhile, it finds nothing due and goes on. */
static void program(ns_t expires)
{
	ns_t t = now();

	lapic_timer_set(expires > t ? expires - t : 0);
}

static void unlink(struct timer *t)
{
	struct timer **link = &t->cpu->timers.first;

	while (*link != t)
		link = &(*link)->next;
	*link = t->next;
	t->cpu = NULL;
}

void timer_set(struct timer *t, ns_t expires)
{
	struct percpu *cpu = this_cpu->self;
	struct timer **link = &cpu->timers.first;
	bool first;

	spin_lock(&timer_lock);
	if (t->cpu)
		unlink(t); /* if it was the first, that CPU finds nothing due and goes on */
	while (*link && (*link)->expires <= expires)
		link = &(*link)->next;
	t->expires = expires;
	t->next = *link;
	t->cpu = cpu;
	*link = t;
	first = cpu->timers.first == t;
	spin_unlock(&timer_lock);
	if (first)
		program(expires);
}

static bool running_elsewhere(const struct timer *t)
{
	for (uint32_t i = 0; i < nr_cpus; i++)
		if (cpu_table[i] != this_cpu->self && cpu_table[i]->timers.busy == t)
			return true;
	return false;
}

void timer_stop(struct timer *t)
{
	bool busy;

	do {
		spin_lock(&timer_lock);
		if (t->cpu)
			unlink(t);
		busy = running_elsewhere(t);
		spin_unlock(&timer_lock);
		cpu_service_requests();
	} while (busy); /* the handler may set it again: then once more */
}

void timers_run(void)
{
	struct percpu *cpu = this_cpu->self;
	struct timer *t;
	ns_t expires;

	spin_lock(&timer_lock);
	for (unsigned n = 0; (t = cpu->timers.first) != NULL && t->expires <= now(); n++) {
		/* The others are for the next round of exit_work: something else may be due by now. */
		if (n == RUN_AT_ONCE) {
			cpu_raise(cpu, PENDING_TIMER);
			break;
		}
		unlink(t);
		cpu->timers.busy = t;
		cpu->timers.fired++;
		spin_unlock(&timer_lock);
		t->handler(t->arg);
		spin_lock(&timer_lock);
		cpu->timers.busy = NULL;
	}
	expires = t ? t->expires : 0;
	spin_unlock(&timer_lock);
	if (t)
		program(expires);
}
