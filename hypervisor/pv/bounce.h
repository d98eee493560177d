/* SPDX-License-Identifier: MIT */
/*
 * Bouncing: making the guest's kernel go on at one of its entry points, with a frame on its stack that says
 * where it was. The frames themselves are the guest kind's (pv_doors.enter; drawn in pv64_entry.c and
 * pv32_entry.c). All act on the current vCPU. Afterwards either its registers are those of the handler, or
 * the domain has crashed; the caller just goes on to the exit path.
 */
#pragma once

#include "lib/types.h"

struct callback;
struct vcpu;

void bounce_trap(struct vcpu *v, uint8_t vector);
void bounce_trap_error(struct vcpu *v, uint8_t vector, uint32_t error);
void bounce_page_fault(struct vcpu *v, gva_t addr, uint32_t error); /* the user bit is made the guest's */
void bounce_event(struct vcpu *v);
void bounce_upcall(struct vcpu *v); /* the same, where tracing already knows (entry/exit.asm) */
void bounce_nmi(struct vcpu *v);    /* the handler of exception 2, if there is one, with events masked */
/* IRET: the next NMI may come; one that waits comes now. */
void bounce_nmi_done(struct vcpu *v) __rare;
void bounce_syscall(struct vcpu *v);   /* pv64: the application's SYSCALL */
void bounce_syscall32(struct vcpu *v); /* the same from compatibility mode */

/* guest_doors.deliver of a guest that was to set a callback. Ends the domain. */
void bounce_no_callback(struct vcpu *v) __cold;

/* For pv_doors.enter: @to cannot be entered, since it was never set or, in pv32, has no selector. Ends the domain. */
void bounce_nowhere(struct vcpu *v, const struct callback *to, unsigned n) __cold;

/* Selectors that could not be loaded. */
struct segment_selectors {
	uint16_t ds, es, fs, gs;
};
void bounce_failsafe(struct vcpu *v, const struct segment_selectors *sel);
