/* SPDX-License-Identifier: MIT */
/*
 * Moments inside the hypervisor that tracing and accounting want to know (trace/hooks.c sets the listener). Any layer
 * may report one; without a listener that is one test, and none of them lies on the path of a plain hypercall.
 * The ways in and out of the hypervisor are not here but in trace/hook.inc, and cost nothing at all.
 */
#pragma once

#include "lib/rare.h"
#include "lib/types.h"

enum tracepoint_kind {
	TRACE_SWITCH, /* the CPU leaves current for the vCPU at address arg */
	TRACE_CALL,   /* current's multicall comes to hypercall number arg */
	TRACE_UPCALL, /* current's event callback is being entered */
	TRACE_EVENT,  /* domain << 16 | port became pending */
	TRACE_COPY,   /* as RINGLET_RECORD_copy's argument */
	TRACE_LOOK,   /* interrupts were let in, and nothing is due: current goes on with a long hypercall */
	TRACE_WORK,   /* what was due is being done (entry/exit_work.c) */
	TRACE_IDLE,   /* no guest runs here */
	TRACE_EXEMPT, /* the operator asked for what went on until now, however long it took */
	TRACE_EMULATED, /* the instruction with opcode arg was executed for current, or: */
};
#define TRACE_FORCED_CPUID 0x10000 /* CPUID after the ABI's prefix */
#define TRACE_PT_WRITE     0x10001 /* a store into a live page table */
#define TRACE_OTHER        0x10002 /* without a row in emulated.def */
#define TRACE_SHADOW       0x10003 /* fv: a page fault that filled a shadow page table */

extern void (*tracepoint)(enum tracepoint_kind kind, uint64_t arg);
void tracepoint_report(enum tracepoint_kind kind, uint64_t arg) __rare; /* calls it */

/*
 * Where even that test is too much: a length that must be checked against the size of a page is checked against this,
 * which is 0 while the trace is on, the only one that wants to know. What then seems too long is told, and checked again.
 */
extern uint32_t tracepoint_page;
#ifdef HOST_TEST
__attribute__((weak)) uint32_t tracepoint_page = 4096;
#endif

static inline void trace_point(enum tracepoint_kind kind, uint64_t arg)
{
#ifndef HOST_TEST
	if (unlikely(tracepoint))
		rare_call(tracepoint_report, kind, arg);
#endif
}
