/* SPDX-License-Identifier: MIT */
/*
 * Every exception that the guest raises, in ring 1 or 3. Few are the hypervisor's: page faults by which shadows
 * fill, privileged instructions, and the loading of selectors that the copy of the GDT refuses and the guest's
 * own table does not. The rest is the guest's, as it would be on the bare machine.
 */
#include "cpu/x86.h"
#include "dom/domain.h"
#include "emul/face.h"
#include "fv/fv.h"
#include "lib/tracepoint.h"
#include "pv/debugreg.h"

#define ERROR_IDT    2u
#define VECTOR_INT80 0x80
#define VECTOR_INT82 0x82
#define OPCODE_IRET  0xcf

/* @vector, @error: the fault that it is for the guest, if it is not the hypervisor's. */
static void emulate(struct vcpu *v, uint8_t vector, uint32_t error)
{
	struct emul e;

	emul_conclude(&e, &fv_face, fv_emulate(&e, v), vector, error);
}

/* IRETD in ring 1, by far the most frequent: carried out after these few checks alone. */
static bool plain_iret(struct vcpu *v)
{
	struct fv *fv = fv_of(v);
	uint32_t base, fault;
	uint8_t opcode;

	if (!fv_in_kernel(v) || !fv_code32(fv, v->regs.cs, &base) ||
	    fv_read(fv, base + v->regs.rip, &opcode, sizeof(opcode), &fault) != FV_OK ||
	    opcode != OPCODE_IRET || !fv_iret(v, true))
		return false;
	trace_point(TRACE_EMULATED, OPCODE_IRET);
	return true;
}

/* #GP or #NP with a selector, #SS: IRET, a stack segment of ring 0, or a descriptor that was changed. */
static void selector_fault(struct vcpu *v, uint8_t vector, uint32_t error)
{
	if (plain_iret(v))
		return;
	if (fv_segments_sync(fv_of(v)))
		return; /* try again */
	if (!fv_in_kernel(v))
		fv_inject_error(v, vector, error & 0xffff);
	else
		emulate(v, vector, error & 0xffff);
}

/* INT n, INT3, INTO: they fault where they begin. */
static void int_refused(struct vcpu *v, uint8_t vector, unsigned length, uint8_t instead)
{
	if (length)
		v->regs.rip = (uint32_t)(v->regs.rip - length);
	else
		emul_back_to_int(v, &fv_face, vector);
	fv_inject_error(v, instead, vector * 8u | ERROR_IDT);
}

/* INT n through a closed gate of the hypervisor: the guest's own gate decides. */
static void software_interrupt(struct vcpu *v, uint32_t error)
{
	unsigned length;
	int vector = fv_int(v, &length);

	if (vector < 0) {
		fv_inject_error(v, TRAP_GP, error);
		return;
	}
	v->regs.rip = (uint32_t)(v->regs.rip + length);
	fv_inject_int(v, vector, length, int_refused);
}

static void general_protection(struct vcpu *v, uint32_t error)
{
	if (!error)
		emulate(v, TRAP_GP, 0);
	else if (error & ERROR_IDT)
		software_interrupt(v, error);
	else
		selector_fault(v, TRAP_GP, error);
}

static void debug(struct vcpu *v)
{
	debugreg_report(v);
	fv_inject(v, TRAP_DB);
}

static void dispatch(struct vcpu *v, uint32_t vector, uint32_t error)
{
	switch (vector) {
	case TRAP_PF:
		fv_page_fault(v, read_cr2(), error);
		return;
	case TRAP_GP:
		general_protection(v, error);
		return;
	case TRAP_NP:
	case TRAP_SS:
		if (error)
			selector_fault(v, vector, error);
		else
			fv_inject_error(v, vector, error);
		return;
	case TRAP_DB:
		debug(v);
		return;
	case TRAP_BP:
	case TRAP_OF:
	case VECTOR_INT80:
	case VECTOR_INT82:
		fv_inject_int(v, vector, 0, int_refused);
		return;
	case TRAP_TS:
	case TRAP_AC:
		fv_inject_error(v, vector, error);
		return;
	default:
		fv_inject(v, vector);
	}
}

void fv_trap(struct vcpu *v, struct cpu_user_regs *regs)
{
	dispatch(v, regs->entry_vector, regs->error_code);
	fv_shadow_sync(fv_of(v));
}
