/* SPDX-License-Identifier: MIT */
/*
 * The context switch. Registers of the outgoing vCPU are already in its struct vcpu, where the entry code
 * pushed them; what is left are the segments and bases (doors->switch_out), the FPU, and the address space. The
 * hypervisor's stack is the CPU's, not the vCPU's, so it stays.
 */
#include "cpu/fpu.h"
#include "cpu/gdt.h"
#include "guest/kind.h"
#include "mm/mm.h"
#include "sched/queue.h"

void vcpu_switch(struct vcpu *prev, struct vcpu *next)
{
	if (!vcpu_is_idle(prev)) {
		prev->domain->doors->switch_out(prev);
		gdt_load_idle(); /* its table goes away with its address space */
		fpu_save(prev->fpu);
	}
	this_cpu->vcpu = next;
	cpu_set_regs_top((uint64_t)&next->regs.es);
	vcpu_load_cr3(next);
	if (!vcpu_is_idle(next)) {
		fpu_restore(next->fpu);
		next->domain->doors->switch_in(next);
	}
	/* From here on another CPU may take @prev, or free it. */
	__atomic_store_n(&prev->running, false, __ATOMIC_RELEASE);
}
