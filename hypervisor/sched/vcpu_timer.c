/* SPDX-License-Identifier: MIT */
/*
 * The timers of a vCPU: a periodic one, 100 Hz until the guest stops it, and a single shot. Both deliver
 * VIRQ_TIMER. The third ends SCHEDOP_poll.
 *
 * A guest's timers stand still with it. While its domain or the vCPU is paused, or the vCPU offline, the periodic timer
 * runs out and is not set again; it starts again at the unpause, or at switch-in. The ticks between are not made up
 * for: only the one that was due at the pause stays pending. A single shot is not held up: it fires at most once, and
 * its event waits for the vCPU. The timers of a domain at its end (shut down, dying) behave as those of a paused one.
 */
#include "cpu/clock.h"
#include "evt/evtchn.h"
#include "guest/kind.h"
#include "sched/sched.h"
#include "xen/xen.h"

#define DEFAULT_PERIOD (NS_PER_SEC / 100)

bool vcpu_stands_still(const struct vcpu *v)
{
	/* The timer changes its own state first, then looks; a CPU that lets the vCPU go on does the opposite. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return v->state == VCPU_OFFLINE || v->sched.pause_count || v->domain->sched.pause_count;
}

static void periodic_expired(void *arg)
{
	struct vcpu *v = arg;
	ns_t period = v->sched.period, next = v->sched.periodic.expires + period, t = now();

	if (!period)
		return;
	send_virq(v, VIRQ_TIMER);
	/* A vCPU that is late by several ticks gets one for all of them. */
	if (!vcpu_stands_still(v))
		timer_set(&v->sched.periodic, next > t ? next : t + period);
}

static void singleshot_expired(void *arg)
{
	send_virq(arg, VIRQ_TIMER);
}

static void poll_expired(void *arg)
{
	struct vcpu *v = arg;

	if (v->evt.polling)
		vcpu_wake(v);
}

void vcpu_timers_init(struct vcpu *v)
{
	v->sched.period = DEFAULT_PERIOD;
	timer_init(&v->sched.periodic, periodic_expired, v);
	timer_init(&v->sched.singleshot, singleshot_expired, v);
	timer_init(&v->sched.poll_timer, poll_expired, v);
}

void vcpu_timer_take(struct timer *t, ns_t period)
{
	timer_set(t, t->cpu ? t->expires : now() + period);
}

void vcpu_timers_resume(struct vcpu *v)
{
	struct percpu *cpu = this_cpu->self;

	if (v->sched.period && v->sched.periodic.cpu != cpu)
		rare_call(vcpu_timer_take, &v->sched.periodic, v->sched.period);
	/* Take the single shot along, so that it expires on the CPU that it concerns. */
	if (v->sched.singleshot.cpu && v->sched.singleshot.cpu != cpu)
		rare_call(vcpu_timer_take, &v->sched.singleshot, 0);
}

void vcpu_timers_go_on(struct vcpu *v)
{
	if (vcpu_is_idle(v) || vcpu_stands_still(v))
		return;
	if (v->sched.period && !v->sched.periodic.cpu)
		timer_set(&v->sched.periodic, now() + v->sched.period);
	if (v->domain->doors->timers_go_on)
		v->domain->doors->timers_go_on(v);
}

void vcpu_timers_stop(struct vcpu *v)
{
	v->sched.period = 0;
	timer_stop(&v->sched.periodic);
	timer_stop(&v->sched.singleshot);
	timer_stop(&v->sched.poll_timer);
}

void vcpu_set_periodic(struct vcpu *v, ns_t period)
{
	v->sched.period = period;
	if (period)
		timer_set(&v->sched.periodic, now() + period);
	else
		timer_stop(&v->sched.periodic);
}

void vcpu_set_singleshot(struct vcpu *v, ns_t expires)
{
	timer_set(&v->sched.singleshot, expires);
}
