/* SPDX-License-Identifier: MIT */
/*
 * Interrupts and exceptions through the guest's own IDT, as the processor does it (SDM 3A 6.12.1, Exception- or
 * Interrupt-Handler Procedures), and the way back, IRET (SDM 2A). Frames show the guest what it expects to see:
 * selectors of ring 0, its own IF and IOPL.
 *
 *	high	[ss  esp]	when ring 3 was interrupted, on the stack that the TSS names
 *		eflags  cs  eip
 *	low	[error code]	<- ESP
 */
#include "cpu/descriptor.h"
#include "cpu/x86.h"
#include "dom/domain.h"
#include "evt/port.h"
#include "fv/fv.h"
#include "pv/bounce.h"
#include "pv/flags.h"
#include "pv/segments.h"

#define GATE_TYPE(g)   ((g) >> DESC_TYPE_SHIFT & 0x1f) /* a gate's S bit is clear */
#define GATE_INTERRUPT 0x0e                            /* 32 bits, clears IF */
#define GATE_TRAP      0x0f
#define DESC_CODE_P    (DESC_P | DESC_S | DESC_CODE)

#define TSS_ESP0 4

uint32_t fv_flags_get(const struct vcpu *v)
{
	uint32_t flags = v->regs.rflags & ~(RFLAGS_IF | RFLAGS_IOPL | RFLAGS_RF | RFLAGS_VM);

	return flags | (v->info->upcall_mask ? 0 : RFLAGS_IF) | (uint32_t)v->dom.iopl << RFLAGS_IOPL_SHIFT;
}

/* The real IF stays set and the real IOPL 0. @mask: what the instruction and the CPL let change. */
void fv_flags_set(struct vcpu *v, uint32_t flags, uint32_t mask)
{
	uint32_t now = (fv_flags_get(v) & ~mask) | (flags & mask);

	v->info->upcall_mask = !(now & RFLAGS_IF);
	v->dom.iopl = RFLAGS_IOPL_OF(now);
	v->regs.rflags = (now & FLAGS_SETTABLE) | RFLAGS_IF | RFLAGS_MBS;
}

/* The guest's selector for a real one: in ring 1 the guest believes that it is in ring 0. */
static uint32_t seen(uint16_t selector)
{
	return (selector & SELECTOR_RPL) == 1 ? selector & ~SELECTOR_RPL : selector;
}

static bool kernel_stack(struct fv *fv, uint32_t *sp, uint16_t *ss)
{
	struct {
		uint32_t esp, ss;
	} inner;
	uint32_t fault;
	uint64_t d;

	if (fv->tss.limit < TSS_ESP0 + sizeof(inner) - 1 ||
	    fv_read(fv, fv->tss.base + TSS_ESP0, &inner, sizeof(inner), &fault) != FV_OK)
		return false;
	*sp = inner.esp;
	*ss = inner.ss;
	return fv_descriptor(fv, *ss, &d);
}

/* What a handler finds on its stack, from the lowest address up; the last two only if ring 3 was interrupted. */
struct frame {
	uint32_t error, eip, cs, flags, esp, ss;
};

/* All of it or nothing. False: the guest cannot take it. */
static bool enter(struct vcpu *v, uint64_t gate, bool has_error, uint32_t error)
{
	struct fv *fv = fv_of(v);
	struct cpu_user_regs *r = &v->regs;
	bool from_user = !fv_in_kernel(v);
	struct frame f = {error, r->rip, seen(r->cs), fv_flags_get(v), r->rsp, r->ss};
	unsigned skipped = has_error ? 0 : offsetof(struct frame, eip);
	unsigned size = (from_user ? sizeof(f) : offsetof(struct frame, esp)) - skipped;
	uint32_t sp = r->rsp, fault;
	uint16_t ss = r->ss, cs = gate >> 16;
	uint64_t d;

	if (!fv_descriptor(fv, cs, &d) || (d & DESC_CODE_P) != DESC_CODE_P || (d & DESC_DPL))
		return false;
	if (from_user && !kernel_stack(fv, &sp, &ss))
		return false;
	sp -= size;
	if (fv_write(fv, sp, (uint8_t *)&f + skipped, size, &fault) != FV_OK)
		return false;
	fv_segments_user_code(fv, false);
	r->rsp = sp;
	r->ss = (ss & ~3u) | 1;
	r->cs = (cs & ~3u) | 1;
	r->rip = (gate & 0xffff) | (gate >> 32 & 0xffff0000);
	r->rflags &= ~(RFLAGS_TF | RFLAGS_NT | RFLAGS_RF | RFLAGS_VM);
	if (GATE_TYPE(gate) == GATE_INTERRUPT)
		v->info->upcall_mask = 1;
	return true;
}

static bool read_gate(struct fv *fv, uint8_t vector, uint64_t *gate)
{
	uint32_t fault;

	if (vector * 8u + 7 > fv->idtr.limit)
		return false;
	return fv_read(fv, fv->idtr.base + vector * 8u, gate, sizeof(*gate), &fault) == FV_OK;
}

static bool is_handler_gate(uint64_t gate)
{
	return (GATE_TYPE(gate) | 1) == GATE_TRAP;
}

/* What INT n raises instead, if its gate cannot be used: the number of an exception, or 0 (SDM 2A, INT n). */
static uint8_t refused_gate(struct vcpu *v, bool there, uint64_t gate)
{
	if (!there || !is_handler_gate(gate) || (!fv_in_kernel(v) && DESC_DPL_OF(gate) < 3))
		return TRAP_GP;
	return gate & DESC_P ? 0 : TRAP_NP;
}

/* @refused NULL: no instruction asks for it, and the gate's DPL does not count. */
static void inject(struct vcpu *v, uint8_t vector, fv_refused_fn *refused, unsigned length, bool has_error,
		   uint32_t error)
{
	uint64_t gate = 0;
	bool there = read_gate(fv_of(v), vector, &gate);
	uint8_t instead = refused ? refused_gate(v, there, gate) : 0;

	if (instead) {
		refused(v, vector, length, instead);
		return;
	}
	if (there && (gate & DESC_P) && is_handler_gate(gate) && enter(v, gate, has_error, error))
		return;
	domain_crash(
	    v->domain,
	    "triple fault: exception %u (error code %x, CR2 %08x) finds no handler that can be entered",
	    vector, error, fv_of(v)->cr2);
}

void fv_inject(struct vcpu *v, uint8_t vector)
{
	inject(v, vector, NULL, 0, false, 0);
}

void fv_inject_int(struct vcpu *v, uint8_t vector, unsigned length, fv_refused_fn *refused)
{
	inject(v, vector, refused, length, false, 0);
}

void fv_inject_error(struct vcpu *v, uint8_t vector, uint32_t error)
{
	inject(v, vector, NULL, 0, true, error);
}

void fv_inject_page_fault(struct vcpu *v, gva_t va, uint32_t error)
{
	fv_of(v)->cr2 = va;
	fv_inject_error(v, TRAP_PF, error);
}

void fv_deliver(struct vcpu *v)
{
	struct fv *fv = fv_of(v);
	bool more;
	int vector;

	v->info->upcall_pending = 0; /* before the look: a later interrupt sets it again */
	if (fv->console_port)
		bit_test_and_clear(v->domain->evt.pending, fv->console_port);
	*(uint32_t *)vcpu_selector(v->domain, v) = 0;
	vector = pc_interrupt(&fv->pc, &more);
	if (more)
		v->info->upcall_pending = 1;
	if (vector >= 0)
		fv_inject(v, vector);
	fv_shadow_sync(fv);
}

/* Segment registers of ring 3 follow descriptors that have changed meanwhile (segments.c). */
static void reload_segments(struct vcpu *v)
{
	struct segment_selectors wanted;

	segments_save(v);
	if (!segments_load(v))
		segments_forget(v, &wanted);
}

#define IRET_SAME_RING  12u       /* bytes of its frame: EIP, CS, EFLAGS */
#define CHANGED_BY_IRET 0x257fd5u /* at CPL 0: all but VM, VIF, VIP */

bool fv_iret(struct vcpu *v, bool wide)
{
	struct fv *fv = fv_of(v);
	struct cpu_user_regs *r = &v->regs;
	struct {
		uint32_t eip, cs, flags, esp, ss;
	} f;
	uint32_t fault, error = fv_read(fv, r->rsp, &f, IRET_SAME_RING, &fault);
	unsigned rpl;

	if (error == FV_OK && (f.cs & SELECTOR_RPL) == 3)
		error = fv_read(fv, r->rsp + IRET_SAME_RING, &f.esp, sizeof(f) - IRET_SAME_RING, &fault);
	if (error != FV_OK) {
		fv_inject_page_fault(v, fault, error);
		return true;
	}
	rpl = f.cs & SELECTOR_RPL;
	if (!wide || (f.flags & RFLAGS_VM) || (rpl != 0 && rpl != 3) ||
	    (rpl == 3 && (f.ss & SELECTOR_RPL) != 3))
		return false;
	if (rpl == 3) {
		fv_segments_sync(fv);
		fv_segments_user_code(fv, true);
		if (fv->gdt_changed)
			reload_segments(v);
		fv->gdt_changed = false;
		r->rsp = f.esp;
		r->ss = (uint16_t)f.ss;
	} else {
		r->rsp = (uint32_t)(r->rsp + IRET_SAME_RING);
	}
	r->rip = f.eip;
	r->cs = (uint16_t)f.cs | (rpl ? 0 : 1);
	fv_flags_set(v, f.flags, CHANGED_BY_IRET);
	return true;
}
