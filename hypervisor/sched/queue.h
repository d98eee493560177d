/* SPDX-License-Identifier: MIT */
/* Inside sched/: run queues, the accounting that their locks guard, and idle CPUs. */
#pragma once

#include "sched/policy.h"
#include "xen/vcpu.h"

/* Lock the queue that @v belongs to; @v may move during the wait. */
struct sched_queue *queue_lock_vcpu(struct vcpu *v);

/* How long the vCPU that is chosen there has run since it was last charged, which it now is up to @t. Queue locked, from any CPU:
 * the clocks of two may differ by some nanoseconds. */
static inline ns_t queue_uncharged(struct sched_queue *q, ns_t t)
{
	struct vcpu *v = q->running;
	ns_t since = v->sched.run_since;

	if (t <= since)
		return 0;
	v->sched.run_since = t;
	return t - since;
}

static inline int runstate_of(const struct sched_queue *q, const struct vcpu *v)
{
	if (v->state == VCPU_BLOCKED)
		return RUNSTATE_blocked;
	if (!vcpu_runnable(v))
		return RUNSTATE_offline;
	return q->running == v ? RUNSTATE_running : RUNSTATE_runnable;
}

/* Close the current runstate of @v if @state is another one. Queue locked. */
static inline void runstate_enter(struct vcpu *v, int state, ns_t t)
{
	struct vcpu_runstate_info *r = &v->sched.runstate;

	if (state == r->state)
		return;
	r->time[r->state] += t - r->state_entry_time;
	r->state_entry_time = t;
	r->state = state;
}

/* The same, if it is another one now. */
static inline void runstate_update(struct sched_queue *q, struct vcpu *v, ns_t t)
{
	runstate_enter(v, runstate_of(q, v), t);
}

/* Change this CPU from @prev's state to @next's (sched/switch.c). */
void vcpu_switch(struct vcpu *prev, struct vcpu *next);

/* sched/idle.c, all with the lock of a queue held. */
extern cpuset_t idle_cpus;
void idle_begin(struct sched_queue *q); /* @q's CPU found nothing to run */
void idle_end(struct sched_queue *q);   /* it was idle, and has found something */
void idle_raise(const struct vcpu *v);  /* one idle CPU that may run @v looks for work */

/* @v waits on a queue whose CPU runs another one: rule (I2) of idle.c. */
static inline void idle_offer(const struct vcpu *v)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (unlikely(__atomic_load_n(&idle_cpus, __ATOMIC_RELAXED) & v->sched.hard_affinity))
		idle_raise(v);
}
