/* SPDX-License-Identifier: MIT */
/*
 * Exit accounting and tracing: which vCPU was in the hypervisor, why, and for how long (docs/tracing.md).
 *
 * hooks.c     writes the hooks into the text and takes them out again, all CPUs standing still
 * crossing.c  the listeners: they charge the vCPU's counters and write the CPU's ring
 * ring.c      that ring
 * stays.c     the longest stays with interrupts off
 * switch.c    switching on and off, the counters' memory
 * trace_op.c  Dom0's sysctls
 */
#pragma once

#include "lib/tracepoint.h"
#include "lib/types.h"
#include "ringlet/sysctl.h"
#include "trace/ring.h"

struct cpu_user_regs;
struct percpu;
struct vcpu;

/* One vCPU's counters. Written by the CPU that runs it, read by any CPU. */
struct trace_counter {
	uint64_t count, ticks;
};
struct trace_counters {
	struct trace_counter reason[RINGLET_REASONS];
};

/* Per CPU, beside the cursor in struct percpu. */
struct trace_cpu {
	struct trace_ring ring;
	uint64_t since; /* accounting: what began then is on account of: */
	uint32_t reason;
	struct ringlet_stay stay; /* stays.c: ticks: when it began; 0: none */
};
extern struct trace_cpu trace_cpus[];
extern bool accounting, tracing, stays;
extern uint16_t trace_domain; /* the domain whose records are wanted, or RINGLET_TRACE_ALL */

/* Boot, once. */
void trace_init(void);

/* hooks.c: put in the hooks that this needs, and set the three variables, while all CPUs stand still; @each then runs
 * on every CPU before it goes on. */
#define LISTEN_ACCOUNTING 1u
#define LISTEN_TRACING    2u
#define LISTEN_STAYS      4u
extern uint32_t listening;
void hooks_init(void);
void hooks_set(uint32_t listen, void (*each)(struct percpu *cpu));

/* crossing.c: listeners of hook.asm, and of lib/tracepoint.h. */
void trace_enter(uint32_t reason);
void trace_enter_trap(const struct cpu_user_regs *regs);
void trace_leave(void);
void trace_upcall(void);
void trace_commit(void);
void trace_moment(enum tracepoint_kind kind, uint64_t arg);
/* Begin on @cpu, in the middle of whatever it does. */
void accounting_begin(struct percpu *cpu);
void tracing_begin(struct percpu *cpu);

/* stays.c: of this CPU. */
void stay_begin(struct trace_cpu *c, uint64_t now, uint32_t reason);
void stay_moment(struct trace_cpu *c, uint64_t now, enum tracepoint_kind kind, uint64_t arg);
void stay_end(struct trace_cpu *c, uint64_t now);
/* Boot: the option, and the debug key. */
void stays_init(void);
/* For Dom0: -EFAULT, or up to s->count of them in its buffer. */
long stays_read(struct ringlet_stays *s);

/* switch.c. trace_lock held by the caller (trace_op.c). */
void accounting_set(bool on);
void accounting_reset(void);
int tracing_start(uint16_t domain, uint32_t size);
void tracing_stop(void);
void tracing_free(void);
