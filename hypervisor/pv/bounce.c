/* SPDX-License-Identifier: MIT */
/* See bounce.h. Which entry point, what extra words, and what if there is none. */
#include "pv/bounce.h"
#include "cpu/x86.h"
#include "dom/domain.h"
#include "dom/guest_ops.h"
#include "pv/walk.h"
#include "xen/callback.h"

#define SYSCALL_LENGTH 2 /* 0f 05 */

static void enter_trap(struct vcpu *v, uint8_t vector, const uint64_t *error, unsigned n)
{
	const struct trap_info *ti = &v->traps[vector];
	struct callback to = {
	    .address = ti->address, .cs = ti->cs, .flags = TI_GET_IF(ti) ? CALLBACKF_mask_events : 0};

	if (unlikely(!to.address)) {
		domain_crash(v->domain, "exception %u (error code %x), for which it has set no handler",
			     vector, n ? (uint32_t)*error : 0);
		return;
	}
	v->domain->ops->enter(v, &to, error, n);
}

void bounce_trap(struct vcpu *v, uint8_t vector)
{
	enter_trap(v, vector, NULL, 0);
}

void bounce_trap_error(struct vcpu *v, uint8_t vector, uint32_t error)
{
	uint64_t word = error;

	enter_trap(v, vector, &word, 1);
}

void bounce_page_fault(struct vcpu *v, gva_t addr, uint32_t error)
{
	const struct guest_ops *ops = v->domain->ops;

	error &= ~PF_USER;
	if (!ops->in_kernel(v))
		error |= PF_USER;
	ops->set_cr2(v, addr);
	bounce_trap_error(v, TRAP_PF, error);
}

void bounce_event(struct vcpu *v)
{
	struct callback to = v->event_cb;

	if (unlikely(!to.address)) {
		domain_crash(v->domain, "an event for which it has set no callback");
		return;
	}
	to.flags = CALLBACKF_mask_events;
	v->domain->ops->enter(v, &to, NULL, 0);
}

void bounce_nmi(struct vcpu *v)
{
	v->nmi_pending = false;
	if (v->nmi_cb.address)
		v->domain->ops->enter(v, &v->nmi_cb, NULL, 0);
}

/* The instruction was executed: it faults at its own address as if there were none. */
static void refuse_syscall(struct vcpu *v)
{
	v->regs.rip -= SYSCALL_LENGTH;
	bounce_trap(v, TRAP_UD);
}

void bounce_syscall(struct vcpu *v)
{
	if (unlikely(!v->syscall_cb.address)) {
		refuse_syscall(v);
		return;
	}
	v->regs.rflags &= ~RFLAGS_DF; /* a kernel relies on it, as it would on the processor's flag mask */
	v->domain->ops->enter(v, &v->syscall_cb, NULL, 0);
}

void bounce_syscall32(struct vcpu *v)
{
	if (!v->syscall32_cb.address) {
		refuse_syscall(v);
		return;
	}
	v->regs.rflags &= ~RFLAGS_DF;
	v->domain->ops->enter(v, &v->syscall32_cb, NULL, 0);
}

void bounce_failsafe(struct vcpu *v, const struct segment_selectors *sel)
{
	const uint64_t words[] = {sel->ds, sel->es, sel->fs, sel->gs};

	if (!v->failsafe_cb.address) {
		domain_crash(v->domain,
			     "segments ds %04x es %04x fs %04x gs %04x cannot be loaded, and there is no "
			     "failsafe callback",
			     sel->ds, sel->es, sel->fs, sel->gs);
		return;
	}
	v->domain->ops->enter(v, &v->failsafe_cb, words, ARRAY_SIZE(words));
}
