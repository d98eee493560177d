/* SPDX-License-Identifier: MIT */
/*
 * Exceptions and interrupts in C (traps.asm says how they get here). An exception of a guest is the guest's:
 * it is bounced to its handler, unless it is a privileged instruction to emulate or something the hypervisor
 * itself arranged. In the hypervisor only accesses to guest memory may fault, and the exception table knows
 * them.
 */
#include "cpu/gdt.h"
#include "cpu/ipi.h"
#include "cpu/panic.h"
#include "cpu/x86.h"
#include "dom/domain.h"
#include "emul/pv.h"
#include "entry/entry.h"
#include "guest/kind.h"
#include "lib/string.h"
#include "mm/guest_copy.h"
#include "pv/bounce.h"
#include "pv/debugreg.h"
#include "pv/taskswitch.h"

#define FIRST_INTERRUPT 0x20
#define VECTOR_INT80    0x80

/* Bits of a selector's error code (SDM 3A 6.13, Error Code). */
#define ERROR_IDT 2u

static void bounce(struct vcpu *v, struct cpu_user_regs *regs)
{
	bounce_trap(v, regs->entry_vector);
}

static void bounce_with_error(struct vcpu *v, struct cpu_user_regs *regs)
{
	bounce_trap_error(v, regs->entry_vector, regs->error_code);
}

static void debug(struct vcpu *v, struct cpu_user_regs *regs)
{
	debugreg_report(v);
	bounce_trap(v, TRAP_DB);
}

static void invalid_opcode(struct vcpu *v, struct cpu_user_regs *regs)
{
	enum emul_after_ud after = emul_undefined(v);

	if (after == UD_FAULT)
		bounce_trap(v, TRAP_UD);
	else if (unlikely(v->regs.rflags & RFLAGS_TF) && after == UD_DONE) /* it was to be stepped */
		debugreg_bounce(v, DR6_BS);
}

/* The guest itself set its CR0.TS; its handler finds it clear. */
static void device_not_available(struct vcpu *v, struct cpu_user_regs *regs)
{
	taskswitch_set(v, false);
	bounce_trap(v, TRAP_NM);
}

/* INT n through a gate that is closed to the guest: its own gate decides. Compare the DPL of that with the guest's
 * privilege as the guest sees it. False: it is no INT n. */
static __attribute__((noinline)) bool software_interrupt(struct vcpu *v)
{
	unsigned length;
	int vector = emul_pv_int(v, &length);

	if (vector < 0)
		return false;
	if (v->traps[vector].dpl < (v->domain->doors->in_kernel(v) ? 1 : 3)) {
		bounce_trap_error(v, TRAP_GP, vector * 8u | ERROR_IDT);
		return true;
	}
	emul_advance(v, length);
	bounce_trap(v, vector);
	return true;
}

static void privileged_instruction(struct vcpu *v)
{
	struct emul e;

	emul_conclude(&e, &emul_pv_face, emul_privileged(&e, v), TRAP_GP, 0);
}

/* INT3 and INTO come through gates open to all rings; the guest's own may be closed to its applications. Then
 * they fault. */
static void software_exception(struct vcpu *v, struct cpu_user_regs *regs)
{
	uint8_t vector = regs->entry_vector;

	if (likely(v->domain->doors->in_kernel(v) || v->traps[vector].dpl == 3)) {
		bounce_trap(v, vector);
		return;
	}
	emul_back_to_int(v, &emul_pv_face, vector);
	bounce_trap_error(v, TRAP_GP, vector * 8u | ERROR_IDT);
}

static void general_protection(struct vcpu *v, struct cpu_user_regs *regs)
{
	if (!regs->error_code)
		privileged_instruction(v);
	else if (!(regs->error_code & ERROR_IDT) || !software_interrupt(v))
		bounce_with_error(v, regs);
}

/* What cannot come from a guest. */
static void impossible(struct vcpu *v, struct cpu_user_regs *regs)
{
	panic_trap(regs);
}

static void (*const handlers[FIRST_INTERRUPT])(struct vcpu *v, struct cpu_user_regs *regs) = {
    [TRAP_DE] = bounce,
    [TRAP_DB] = debug,
    [TRAP_NMI] = impossible, /* trap_paranoid */
    [TRAP_BP] = software_exception,
    [TRAP_OF] = software_exception,
    [TRAP_BR] = bounce,
    [TRAP_UD] = invalid_opcode,
    [TRAP_NM] = device_not_available,
    [TRAP_DF] = impossible, /* trap_paranoid */
    [9] = impossible,
    [TRAP_TS] = bounce_with_error,
    [TRAP_NP] = bounce_with_error,
    [TRAP_SS] = bounce_with_error,
    [TRAP_GP] = general_protection,
    [TRAP_PF] = page_fault_guest,
    [15] = impossible,
    [TRAP_MF] = bounce,
    [TRAP_AC] = bounce_with_error,
    [TRAP_MC] = impossible, /* trap_paranoid */
    [TRAP_XM] = bounce,
    [20 ... 31] = impossible,
};

/* INT 0x80 has a gate open to applications: system calls of 32-bit ones need no detour by #GP. */
static void int80(struct vcpu *v)
{
	uint8_t dpl = v->traps[VECTOR_INT80].dpl;

	if (likely(dpl == 3) || (dpl && v->domain->doors->in_kernel(v))) {
		bounce_trap(v, VECTOR_INT80);
		return;
	}
	v->regs.rip -= 2;
	bounce_trap_error(v, TRAP_GP, VECTOR_INT80 * 8u | ERROR_IDT);
}

/* Out of line: ordinary traps only look whether there is such a function. */
static __cold __attribute__((noinline)) void trap_of_kind(struct vcpu *v, struct cpu_user_regs *regs)
{
	v->entry.trap(v, regs);
}

static void gate_from_guest(struct vcpu *v, struct cpu_user_regs *regs)
{
	if (regs->entry_vector != VECTOR_INT80)
		irq_handler(regs->entry_vector);
	else if (unlikely(v->entry.trap != NULL))
		trap_of_kind(v, regs);
	else
		int80(v);
}

/* docs/tricks.md, "Virtual-8086 mode". An interrupt is handled all the same. */
static __cold __attribute__((noinline)) void virtual8086(struct vcpu *v, struct cpu_user_regs *regs)
{
	domain_crash(v->domain, "virtual-8086 mode, which a processor does not have in long mode");
	if (regs->entry_vector >= FIRST_INTERRUPT && regs->entry_vector != VECTOR_INT80)
		irq_handler(regs->entry_vector);
}

void trap_from_guest(struct vcpu *v, struct cpu_user_regs *regs)
{
	uint32_t vector = regs->entry_vector;

	if (unlikely(regs->rflags & RFLAGS_VM))
		virtual8086(v, regs);
	else if (unlikely(vector >= FIRST_INTERRUPT))
		gate_from_guest(v, regs);
	else if (unlikely(v->entry.trap != NULL))
		trap_of_kind(v, regs);
	else
		handlers[vector](v, regs);
}

void trap_from_hypervisor(struct cpu_user_regs *regs)
{
	uint64_t fixup;

	if (regs->entry_vector >= FIRST_INTERRUPT) {
		irq_handler(regs->entry_vector);
		return;
	}
	if (regs->entry_vector == TRAP_PF && page_fault_hypervisor(regs))
		return;
	fixup = ex_table_lookup(regs->rip);
	if (!fixup)
		panic_trap(regs);
	regs->rip = fixup;
}

void trap_paranoid(struct cpu_user_regs *regs)
{
	switch (regs->entry_vector) {
	case TRAP_NMI:
		nmi_handler(regs);
		/* Dom0 must be told, but no lock can be taken here: the exit path does it. */
		__atomic_or_fetch(&this_cpu->self->pending, PENDING_NMI, __ATOMIC_SEQ_CST);
		return;
	case TRAP_DB:
		/* A guest's breakpoint on memory that we touched for it, or delayed by MOV SS. */
		write_dr6(DR6_FIXED);
		return;
	}
	panic_trap(regs);
}

/*
 * The exit path's IRETQ faulted: the guest's CS or SS is bad, or its descriptor is in an LDT page not yet
 * mapped.
 * @frame lies over current->regs, lower by some words, and holds the guest's general registers; RIP to SS in
 * regs were not touched. The fault becomes the guest's, at the instruction it was to return to. That is not
 * decoded: it did not fault.
 */
void exit_fault(struct cpu_user_regs *frame)
{
	struct vcpu *v = current;
	struct cpu_user_regs *regs = &v->regs;
	uint64_t rsp = regs->rsp;

	memmove(regs, frame, offsetof(struct cpu_user_regs, rip));
	v->entry.way_back = BACK_BY_IRET;
	/* The handler of the last such fault cannot be entered either: nor could the next one's. */
	if (regs->rip == v->entry.refused_rip && rsp == v->entry.refused_rsp) {
		domain_crash(v->domain, "exception %u at the entry of a handler (error code %x)",
			     regs->entry_vector, regs->error_code);
		return;
	}
	if (regs->entry_vector == TRAP_GP && !v->entry.trap)
		bounce_with_error(v, regs);
	else
		trap_from_guest(v, regs);
	if (regs->rsp != rsp) {
		v->entry.refused_rip = regs->rip;
		v->entry.refused_rsp = regs->rsp;
	}
}

void app_syscall(struct vcpu *v)
{
	bounce_syscall(v);
}

void app_bad_stack(struct vcpu *v)
{
	domain_crash(v->domain, "its kernel stack at %016lx cannot take a system call", v->entry.kernel_sp);
}

void app_syscall32(struct vcpu *v)
{
	v->regs.cs = v->domain->pv->syscall32_cs;
	v->regs.ss = v->domain->pv->syscall32_ss;
	bounce_syscall32(v);
}
