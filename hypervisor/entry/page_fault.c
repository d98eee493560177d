/* SPDX-License-Identifier: MIT */
/*
 * Page faults (SDM 3A 4.7, Page-Fault Exceptions). Of a guest's, few concern the hypervisor:
 *   - the processor read a descriptor in a part of the LDT window that is not mapped yet (pv/desc.c);
 *   - the guest's kernel stored into one of its live L1 tables (writable page tables, emul/ptwr.c).
 * Everything else goes to the guest, with the user bit of its own view: a pv64 kernel runs in ring 3 too.
 * The guest gets a fault by a stale translation as it would on the bare machine (SDM 3A 4.10.4.3, Optional
 * Invalidation). In the hypervisor, a fault is such a stale one, a guest address that was bad (the exception
 * table knows), or a bug of the hypervisor.
 */
#include "cpu/tsc.h"
#include "cpu/x86.h"
#include "dom/domain.h"
#include "emul/pv.h"
#include "entry/entry.h"
#include "guest/kind.h"
#include "lib/tracepoint.h"
#include "mm/mm.h"
#include "pv/bounce.h"
#include "pv/debugreg.h"
#include "pv/desc.h"
#include "pv/walk.h"

static bool is_hypervisor_address(gva_t va)
{
	unsigned slot = pt_slot(va, 4);

	return slot >= SLOT_FIRST && slot <= SLOT_LAST;
}

/* The exception's selector is in the window address; the guest is to see the address in its own LDT. */
static void bounce_ldt_fault(struct vcpu *v, uint32_t error, gva_t addr)
{
	bounce_page_fault(v, v->pv.ldt_base + (addr - LDT_WINDOW(v->id)), error);
}

static bool is_refused_store(uint32_t error)
{
	return (error & (PF_PRESENT | PF_WRITE | PF_RESERVED | PF_FETCH)) == (PF_PRESENT | PF_WRITE);
}

static bool wants_ptwr(struct vcpu *v)
{
	return (v->domain->vm_assist & 1u << VMASST_TYPE_writable_pagetables) &&
	       v->domain->doors->in_kernel(v);
}

/* Perhaps the fault concerns the hypervisor: look closely. */
static void page_fault_unusual(struct vcpu *v, gva_t addr, uint32_t error)
{
	if (is_hypervisor_address(addr)) {
		/* Not from an instruction of ring 3 or 1: those have the user bit or 32-bit addresses. */
		if (!(error & PF_USER) && desc_in_ldt_window(v, addr)) {
			if (!desc_ldt_fault(v, addr))
				bounce_ldt_fault(v, error, addr);
			return;
		}
	} else if (wants_ptwr(v) && emul_ptwr(v, addr)) {
		trace_point(TRACE_EMULATED, TRACE_PT_WRITE);
		if (unlikely(v->regs.rflags & RFLAGS_TF))
			debugreg_bounce(v, DR6_BS);
		return;
	}
	bounce_page_fault(v, addr, error);
}

void page_fault_guest(struct vcpu *v, struct cpu_user_regs *regs)
{
	gva_t addr = read_cr2();
	uint32_t error = regs->error_code;

	if (unlikely(is_hypervisor_address(addr)) || unlikely(is_refused_store(error)))
		page_fault_unusual(v, addr, error);
	else
		bounce_page_fault(v, addr, error);
}

#define STALE_TRIES  64
#define STALE_WINDOW 1000 /* parts of a second */

/*
 * The tables permit what the processor refused: its translation was older. It forgets that, and the access is made
 * again. It can be refused again only if another CPU changed the tables meanwhile, and changed them back before this
 * CPU looked at them. A guest that tries that may not keep this CPU here. So many in a row are no coincidence.
 */
static bool was_stale(gva_t addr, uint64_t rip)
{
	static struct {
		uint64_t rip, began;
		gva_t addr;
		unsigned tries;
	} last[MAX_CPUS], *l;
	uint64_t tsc = rdtsc();

	l = &last[this_cpu->id];
	if (l->rip != rip || l->addr != addr || tsc - l->began > tsc_hz / STALE_WINDOW) {
		l->rip = rip;
		l->addr = addr;
		l->began = tsc;
		l->tries = 0;
	}
	tlb_flush_page_local(addr);
	cpu_service_requests();
	return l->tries++ < STALE_TRIES;
}

bool page_fault_hypervisor(struct cpu_user_regs *regs)
{
	gva_t addr = read_cr2();
	struct vcpu *v = current;

	if (desc_in_ldt_window(v, addr))
		return desc_ldt_fault(v, addr);
	return !is_hypervisor_address(addr) && walk_permits(this_cpu->cr3, addr, regs->error_code) &&
	       was_stale(addr, regs->rip);
}
