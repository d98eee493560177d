/* SPDX-License-Identifier: MIT */
/*
 * What is done between the hypervisor and a guest (exit.asm tests whether anything is): requests of other
 * CPUs, due timers, console and device interrupts, a switch to another vCPU, and the delivery of events. The
 * exit path tests again afterwards, so one round need not finish everything.
 */
#include "dev/console.h"
#include "dev/irq.h"
#include "dom/domain.h"
#include "entry/entry.h"
#include "lib/tracepoint.h"
#include "pv/bounce.h"
#include "sched/sched.h"

/* Everything but the switch to another vCPU. */
static void serve(uint32_t pending)
{
	if (pending & PENDING_CALL)
		cpu_service_requests();
	if (pending & PENDING_TIMER)
		timers_run();
	if (pending & PENDING_DEBUG)
		console_work();
	if (pending & PENDING_IRQ)
		irq_work();
	if (pending & PENDING_NMI && dom0 && dom0->vcpu[0])
		vcpu_send_nmi(dom0->vcpu[0]);
}

void exit_work(void)
{
	uint32_t pending;
	struct vcpu *v;

	/* No lock is held here: interrupts that wait are for this round. They come in at the NOP (SDM 2B, STI). */
	__asm__ volatile("sti; nop; cli" ::: "memory");
	pending = __atomic_exchange_n(&this_cpu->self->pending, 0, __ATOMIC_SEQ_CST);
	trace_point(TRACE_WORK, 0);
	if (pending & ~PENDING_SCHEDULE)
		serve(pending);
	if (pending & PENDING_SCHEDULE)
		schedule();

	v = current;
	if (vcpu_is_idle(v)) {
		trace_point(TRACE_IDLE, 0);
		enter_idle();
	}
	if (v->entry.nmi_pending && !v->entry.special.nmi)
		bounce_nmi(v);
	if (v->info->upcall_pending && !v->info->upcall_mask)
		bounce_event(v);
}
