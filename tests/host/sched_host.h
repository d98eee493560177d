/* SPDX-License-Identifier: MIT */
/*
 * The scheduler on simulated processors and a clock of the test's: its sources, and stand-ins for what they call.
 * Included by one file of a test. A machine begins with start_machine(), time passes by run(), and whatever is done to
 * a vCPU is done between enter() and leave() of the CPU that does it.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sched/sched.c"
#include "sched/idle.c"
#include "sched/steal.c"
#include "sched/place.c"
#include "sched/rr.c"
#include "sched/credit.c"
#include "sched/credit_account.c"
#include "cpu/timer.c"
#include "cpu/clock.h"

struct percpu host_percpu, *cpu_table[MAX_CPUS];
uint32_t nr_cpus = 2; /* before start_machine() */
struct domain dom_idle = {.name = "idle"};
struct options options;
static struct domain dom = {.name = "d1"};
static ns_t clock_ns;
static struct percpu cpus[MAX_CPUS];

/* Everything a test makes, forgotten at the next one's start. */
static uint64_t pool[100000];
static size_t pool_used;
static void *pool_alloc(size_t n)
{
	void *p = &pool[pool_used];

	pool_used += (n + 15) / 16 * 2;
	assert_true(pool_used <= ARRAY_SIZE(pool));
	return memset(p, 0, n);
}
#ifndef POLICIES
#define POLICIES &sched_rr, &sched_credit
#endif
const struct sched_policy *const sched_policies[] = {POLICIES, NULL};
void (*evtchn_wake)(struct vcpu *v), (*evtchn_kick)(struct vcpu *v);
static void (*service_hook)(void);
void cpu_service_requests(void)
{
	if (service_hook)
		service_hook();
}
void lapic_timer_set(ns_t delta)
{
}
static unsigned raised;
void cpu_raise(struct percpu *cpu, uint32_t bits)
{
	raised++;
	cpu->pending |= bits;
}
void *heap_alloc(size_t n)
{
	return pool_alloc(n);
}
static unsigned vcpus_charged; /* how many vCPUs' own structures there are */
static bool no_memory;
void *heap_alloc_for(struct domain *d, size_t n)
{
	if (no_memory)
		return NULL;
	vcpus_charged++;
	return pool_alloc(n);
}
void heap_free(void *p)
{
	vcpus_charged -= p != NULL;
}
struct vcpu *vcpu_alloc(struct domain *d, uint32_t id)
{
	struct vcpu *v = pool_alloc(sizeof(*v));

	v->domain = d;
	v->id = id;
	list_init(&v->sched.run_link);
	return v;
}
void panic(const char *fmt, ...)
{
	abort();
}
static unsigned logged;
bool log_admits(enum log_source source, enum log_level level)
{
	logged++;
	return true;
}
static char printed[1000]; /* until a test empties it */
void printk(const char *fmt, ...)
{
	size_t used = strlen(printed);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(printed + used, sizeof(printed) - used, fmt, ap);
	va_end(ap);
}
static unsigned domain_holds, domain_holds_ever;
void domain_get(struct domain *d)
{
	domain_holds++;
	domain_holds_ever++;
}
void domain_put(struct domain *d)
{
	assert_true(domain_holds--);
}
ns_t now(void)
{
	return clock_ns;
}
static void (*switch_hook)(void); /* @prev is no longer chosen, and not yet saved */
void vcpu_switch(struct vcpu *prev, struct vcpu *next)
{
	if (switch_hook)
		switch_hook();
	current = next;
	prev->running = false;
}
bool vcpu_event_pending(const struct vcpu *v)
{
	return v->info->upcall_pending && !v->info->upcall_mask;
}
void vcpu_timers_resume(struct vcpu *v)
{
	assert_false(vcpu_is_idle(v));
}
void vcpu_timers_go_on(struct vcpu *v)
{
}
static unsigned published; /* how often a guest was told its runstate */
void vcpu_runstate_publish(struct vcpu *v)
{
	assert_ptr_equal(v, current);
	assert_int_equal(v->sched.runstate.state, RUNSTATE_running);
	assert_true(v->sched.runstate_area);
	published++;
}
struct clock system_clock;
void time_update_vcpu(struct vcpu *v)
{
}

/* Everything this_cpu names becomes CPU @i's until leave(). */
static void enter(unsigned i)
{
	host_percpu = cpus[i];
}
static void leave(unsigned i)
{
	uint32_t pending = cpus[i].pending;
	struct list_timers timers = cpus[i].timers;

	cpus[i] = host_percpu;
	cpus[i].pending = pending;
	cpus[i].timers = timers;
}

static void start_machine(void)
{
	clock_ns = 1;
	pool_used = domain_holds = domain_holds_ever = vcpus_charged = 0;
	idle_cpus = 0;
	sched_init(); /* options.sched names the policy */
	accounting.cpu = NULL;
	list_init(&domains);
	balance = 0;
	dom = (struct domain){.name = "d1"};
	assert_int_equal(sched_domain_init(&dom), 0);
	for (unsigned i = 0; i < nr_cpus; i++) {
		cpus[i] = (struct percpu){.self = &cpus[i], .id = i};
		cpu_table[i] = &cpus[i];
	}
	for (unsigned i = 0; i < nr_cpus; i++) {
		enter(i);
		sched_cpu_init(
		    vcpu_alloc(&dom_idle, i)); /* it goes through self, so there is nothing to copy back */
	}
}

/* A new vCPU, paused as those of a new domain are. */
static struct vcpu *start_paused_of(struct domain *d, uint32_t id)
{
	struct vcpu *v = vcpu_alloc(d, id);

	v->info = pool_alloc(sizeof(*v->info));
	enter(0);
	assert_int_equal(sched_vcpu_init(v), 0);
	v->sched.pause_count = 1;
	vcpu_online(v);
	leave(0);
	return v;
}

static inline struct vcpu *start_paused(uint32_t id)
{
	return start_paused_of(&dom, id);
}

static inline struct vcpu *start_of(struct domain *d, uint32_t id)
{
	struct vcpu *v = start_paused_of(d, id);

	enter(0);
	vcpu_unpause(v);
	leave(0);
	return v;
}

static inline struct vcpu *start(uint32_t id)
{
	return start_of(&dom, id);
}

/* What a CPU does on its way out: due timers, then the scheduler if asked for. */
static void exit_of(unsigned i)
{
	enter(i);
	timers_run();
	if (cpus[i].pending & PENDING_SCHEDULE) {
		cpus[i].pending = 0;
		schedule();
	}
	leave(i);
}

static void exits(void)
{
	for (unsigned i = 0; i < nr_cpus; i++)
		exit_of(i);
}

/* Let time pass, in steps of 100 us. */
static void run(ns_t span)
{
	for (ns_t end = clock_ns + span; clock_ns < end; clock_ns += 100000)
		exits();
	exits();
}

static inline ns_t ran(struct vcpu *v)
{
	struct vcpu_runstate_info *r = &v->sched.runstate;

	return r->time[RUNSTATE_running] +
	       (r->state == RUNSTATE_running ? clock_ns - r->state_entry_time : 0);
}
