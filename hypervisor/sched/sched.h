/* SPDX-License-Identifier: MIT */
/*
 * The scheduler: vCPU states, waking and blocking, and the policy behind it. A vCPU's registers live in its
 * struct vcpu, so it can move to another CPU as soon as `running` is false.
 */
#pragma once

#include "dom/domain.h"

struct sched_policy {
	const char *name;
	void (*cpu_init)(struct percpu *cpu);
	void (*enqueue)(struct vcpu *v); /* became runnable; lock of v->cpu held */
	void (*dequeue)(struct vcpu *v);
	struct vcpu *(*pick)(struct percpu *cpu, ns_t *slice); /* NULL: idle */
};
extern const struct sched_policy sched_rr; /* round robin with stealing between CPUs; `sched=rr` */

void sched_init(void); /* boot CPU; then sched_cpu_init on each */
void sched_cpu_init(void);
void vcpu_wake(struct vcpu *v);  /* an event came, or unpaused: make it runnable if nothing holds it */
void vcpu_block(struct vcpu *v); /* current: until an event comes (already pending: no-op) */
void vcpu_yield(void);
void vcpu_pause(struct vcpu *v); /* counted; returns when it does not run. Not current */
void vcpu_pause_nosync(struct vcpu *v);
void vcpu_unpause(struct vcpu *v);
void vcpu_kick(struct vcpu *v); /* make it pass its exit path soon if it runs on another CPU */

/* Choose and switch: called by the exit path with PENDING_SCHEDULE. On return `current` is the vCPU to run;
 * if it is the idle vCPU the caller goes to idle_loop(). */
void schedule(void);
void idle_loop(void) __noreturn; /* hlt, interrupts, schedule, leave to guests by entry/exit.asm */

/* Time (sched/time.c). */
ns_t now(void);                        /* system time: ns since boot, same on all CPUs */
void time_update_vcpu(struct vcpu *v); /* write vcpu_time_info; at each switch_in and calibration */
void time_update_wallclock(struct domain *d);
uint64_t wallclock_seconds(void);
extern uint64_t tsc_hz;
