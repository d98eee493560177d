/* SPDX-License-Identifier: MIT */
/* See bounce.h. Which entry point, which extra words, and what happens without an entry point. */
#include "pv/bounce.h"
#include "cpu/percpu.h"
#include "cpu/x86.h"
#include "dom/domain.h"
#include "guest/kind.h"
#include "lib/tracepoint.h"
#include "xen/callback.h"

#define SYSCALL_LENGTH 2 /* 0f 05 */

void bounce_nowhere(struct vcpu *v, const struct callback *to, unsigned n)
{
	if (!to->address && to >= v->traps && to < v->traps + ARRAY_SIZE(v->traps))
		domain_crash(v->domain, "exception %u (error code %lx), for which it has set no handler",
			     (unsigned)(to - v->traps), n ? v->pv.entry_words[0] : 0);
	else
		domain_crash(v->domain, "an entry point at %08lx with a null code selector", to->address);
}

void bounce_trap(struct vcpu *v, uint8_t vector)
{
	v->domain->pv->enter(v, &v->traps[vector], 0);
}

void bounce_trap_error(struct vcpu *v, uint8_t vector, uint32_t error)
{
	v->pv.entry_words[0] = error;
	v->domain->pv->enter(v, &v->traps[vector], 1);
}

void bounce_page_fault(struct vcpu *v, gva_t addr, uint32_t error)
{
	v->domain->pv->page_fault(v, addr, error);
}

void bounce_no_callback(struct vcpu *v)
{
	domain_crash(v->domain, "an event for which it has set no callback");
}

void bounce_upcall(struct vcpu *v)
{
	if (unlikely(!v->entry.event_cb.address)) {
		v->domain->doors->deliver(v);
		return;
	}
	v->entry.event_cb.flags = CALLBACKF_mask_events;
	v->domain->pv->enter(v, &v->entry.event_cb, 0);
}

void bounce_event(struct vcpu *v)
{
	if (v->entry.event_cb.address)
		trace_point(TRACE_UPCALL, 0);
	bounce_upcall(v);
}

void bounce_nmi(struct vcpu *v)
{
	const struct callback *handler = &v->traps[TRAP_NMI];

	v->entry.nmi_pending = false;
	if (!handler->address)
		return;
	v->entry.special.nmi = true;
	v->domain->pv->enter(v, handler, 0);
}

void bounce_nmi_done(struct vcpu *v)
{
	v->entry.special.nmi = false;
	if (v->entry.nmi_pending)
		cpu_raise(this_cpu->self, PENDING_SCHEDULE);
}

/* The instruction was executed: make it fault at its own address, as on a processor without SYSCALL. */
static void refuse_syscall(struct vcpu *v)
{
	v->regs.rip -= SYSCALL_LENGTH;
	bounce_trap(v, TRAP_UD);
}

void bounce_syscall(struct vcpu *v)
{
	if (unlikely(!v->entry.syscall_cb.address)) {
		refuse_syscall(v);
		return;
	}
	v->domain->pv->enter(v, &v->entry.syscall_cb, 0);
	v->regs.rflags &= ~RFLAGS_DF; /* a kernel relies on it, as it would on the processor's flag mask */
}

void bounce_syscall32(struct vcpu *v)
{
	if (!v->entry.syscall32_cb.address) {
		refuse_syscall(v);
		return;
	}
	v->domain->pv->enter(v, &v->entry.syscall32_cb, 0);
	v->regs.rflags &= ~RFLAGS_DF;
}

void bounce_failsafe(struct vcpu *v, const struct segment_selectors *sel)
{
	if (!v->entry.failsafe_cb.address) {
		domain_crash(v->domain,
			     "segments ds %04x es %04x fs %04x gs %04x cannot be loaded, and there is no "
			     "failsafe callback",
			     sel->ds, sel->es, sel->fs, sel->gs);
		return;
	}
	v->pv.entry_words[0] = sel->ds;
	v->pv.entry_words[1] = sel->es;
	v->pv.entry_words[2] = sel->fs;
	v->pv.entry_words[3] = sel->gs;
	v->domain->pv->enter(v, &v->entry.failsafe_cb, 4);
}
