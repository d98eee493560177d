/* SPDX-License-Identifier: MIT */
/*
 * The scheduler: vCPU states, waking and blocking, and the policy behind it. A vCPU's registers live in its
 * struct vcpu, so it can move to another CPU as soon as `running` is false.
 *
 * Locks: each CPU has a run queue with a lock; a vCPU belongs to the queue of v->cpu, whose lock guards
 * state, pause_count, run_link and runstate. v->cpu changes only while that lock is held.
 */
#pragma once

#include "cpu/clock.h"
#include "guest/domain.h"

#define SLICE_NS 10000000ull /* how long one vCPU may keep a CPU that others wait for */

void sched_init(void); /* boot CPU, before its sched_cpu_init(): choose the policy */
/* Each CPU: its queue; @idle, a vCPU of dom_idle, NULL: no memory, becomes current. */
void sched_cpu_init(struct vcpu *idle);
int sched_domain_init(struct domain *d);  /* before its vCPUs. -ENOMEM */
void sched_domain_free(struct domain *d); /* after its vCPUs; no-op if sched_domain_init() did nothing */
int sched_vcpu_init(struct vcpu *v);      /* a new vCPU, offline, where the policy places it. -ENOMEM */
void sched_vcpu_free(struct vcpu *v);     /* what sched_vcpu_init() made; no-op if it did not */

/* May a CPU run it? (Whether one does is v->running.) */
static inline bool vcpu_runnable(const struct vcpu *v)
{
	return v->state == VCPU_RUNNABLE && !v->sched.pause_count && !v->domain->sched.pause_count;
}

void vcpu_wake(struct vcpu *v);  /* an event came, or unpaused: make it runnable if nothing holds it */
void vcpu_block(struct vcpu *v); /* current: until an event comes (already pending: no-op) */
/* current, SCHEDOP_poll: until @port (0: any) becomes pending, masked or not, or an upcall is due. */
void vcpu_poll_begin(struct vcpu *v, uint32_t port);
void vcpu_yield(void);
void vcpu_online(struct vcpu *v);  /* offline to runnable (VCPUOP_up) */
void vcpu_offline(struct vcpu *v); /* asynchronous (VCPUOP_down) */
void vcpu_pause(struct vcpu *v);   /* counted; returns when it does not run. Not current */
void vcpu_pause_nosync(struct vcpu *v);
void vcpu_unpause(struct vcpu *v);
/* The domain's pause count changed: take all its vCPUs off their CPUs, or let them on again. */
void vcpu_reconsider(struct vcpu *v);
void vcpu_sync(struct vcpu *v); /* wait until it does not run */
void vcpu_kick(struct vcpu *v); /* make it pass its exit path soon if it runs on another CPU */
void vcpu_set_affinity(struct vcpu *v, uint32_t cpus);
/* Its times up to now, as VCPUOP_get_runstate_info reports them. */
void vcpu_runstate_get(struct vcpu *v, struct vcpu_runstate_info *info);
void vcpu_runstate_publish(struct vcpu *v); /* current, which has registered an area: write it */

/* Choose and switch: called by the exit path with PENDING_SCHEDULE. On return `current` is the vCPU to run;
 * if it is the idle vCPU the caller goes to idle_loop(). */
void schedule(void);
void sched_dump(void); /* debug key r */

/* Per-vCPU timers (sched/vcpu_timer.c). */
void vcpu_timers_init(struct vcpu *v);
void vcpu_timers_resume(struct vcpu *v); /* at switch-in of a guest's: the periodic tick goes on */
/* Inside vcpu_timer.c: @t goes on, on this CPU; if it is not set, @period begins now. */
void vcpu_timer_take(struct timer *t, ns_t period) __rare;
/* @v or its domain was unpaused: periodic timers go on, whether @v is about to run or blocked. */
void vcpu_timers_go_on(struct vcpu *v);
/* Paused, offline, or its domain at an end: a periodic timer must not be set again. For handlers of timers. */
bool vcpu_stands_still(const struct vcpu *v);
void vcpu_timers_stop(struct vcpu *v);
void vcpu_set_periodic(struct vcpu *v, ns_t period); /* 0 stops it */
void vcpu_set_singleshot(struct vcpu *v, ns_t expires);

/* Time (sched/time.c). */
void time_init(void);                  /* boot CPU, after TSC calibration and the RTC */
void time_update_vcpu(struct vcpu *v); /* write vcpu_time_info */
/* Both clocks for a vCPU that starts: libxc zeroes all of shared_info before it sets the first context. */
void time_restart_vcpu(struct vcpu *v);
static inline bool time_is_stale(const struct vcpu *v) /* did the clock's rate change since? */
{
	return v->sched.time_stamp != system_clock.generation;
}
/* current: write its registered copy of vcpu_time_info (version already even). */
void vcpu_time_publish(struct vcpu *v, const struct vcpu_time_info *info);
void time_update_wallclock(struct domain *d); /* write its copy of the time since 1970 */
uint64_t wallclock_seconds(void);
/* It was @seconds and @ns since 1970 at system time @at. Guests see it at their next time_update_wallclock(). False: no such
 * time can be kept. */
bool wallclock_set(uint64_t seconds, uint32_t ns, ns_t at);
