/* SPDX-License-Identifier: MIT */
/*
 * Instructions that the guest's kernel executes in ring 1 and that must have the effect of ring 0: those that
 * trap by themselves, and those that patch.c made trap. The instruction is read from the guest's own frame, so
 * patches are not seen here. docs/fv.md has the list, fv/policy.def says what happens to the silent ones.
 *
 * The stack segment of ring 0 is assumed to be flat, as it is in every kernel that uses paging.
 */
#include "emul/emul.h"
#include "cpu/descriptor.h"
#include "cpu/x86.h"
#include "emul/operand.h"
#include "fv/fv.h"
#include "lib/tracepoint.h"
#include "mm/mm.h"
#include "pv/desc.h"
#include "pv/walk.h"
#include "sched/sched.h"

#define MAX_ROUNDS 8 /* instructions carried out in one visit, if each would trap */
#define SEL_INDEX  (~3u)

/* An application has only its own rights: SGDT and similar instructions store for it too. */
static bool permitted(struct emul *e, uint32_t va, unsigned n, uint32_t access)
{
	struct fv_place place;
	uint32_t at = va;

	if (fv_in_kernel(e->v))
		return true;
	e->fault_error = fv_walk(fv_of(e->v), at, access | PF_USER, &place);
	if (e->fault_error == FV_OK && ((va ^ (va + n - 1)) & (uint32_t)PAGE_MASK)) {
		at = (va + n - 1) & (uint32_t)PAGE_MASK;
		e->fault_error = fv_walk(fv_of(e->v), at, access | PF_USER, &place);
	}
	e->fault_address = at;
	return e->fault_error == FV_OK;
}

bool fv_emul_read(struct emul *e, uint32_t va, void *to, unsigned n)
{
	uint32_t error;

	if (!permitted(e, va, n, 0))
		return false;
	error = fv_read(fv_of(e->v), va, to, n, (uint32_t *)&e->fault_address);

	e->fault_error = error;
	return error == FV_OK;
}

bool fv_emul_write(struct emul *e, uint32_t va, const void *from, unsigned n)
{
	uint32_t error;

	if (!permitted(e, va, n, PF_WRITE))
		return false;
	error = fv_write(fv_of(e->v), va, from, n, (uint32_t *)&e->fault_address);

	e->fault_error = error;
	return error == FV_OK;
}

enum fv_result fv_emul_fault(struct emul *e)
{
	fv_inject_page_fault(e->v, e->fault_address, e->fault_error);
	return FV_STAY;
}

static enum fv_result push(struct emul *e, uint32_t value)
{
	uint32_t sp = e->regs->rsp - e->insn.operand;

	if (!fv_emul_write(e, sp, &value, e->insn.operand))
		return fv_emul_fault(e);
	e->regs->rsp = sp;
	return FV_DONE;
}

/* Without moving ESP: the caller does that, when nothing can fail any more. */
static bool peek(struct emul *e, uint32_t *value)
{
	*value = 0;
	return fv_emul_read(e, e->regs->rsp, value, e->insn.operand);
}

static void popped(struct emul *e)
{
	e->regs->rsp = (uint32_t)(e->regs->rsp + e->insn.operand);
}

static enum fv_result pushf(struct emul *e)
{
	return push(e, fv_flags_get(e->v));
}

static enum fv_result popf(struct emul *e)
{
	const uint32_t low = RFLAGS_ARITHMETIC | RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_IOPL | RFLAGS_NT;
	uint32_t mask = e->insn.operand == 2 ? low : low | RFLAGS_AC | RFLAGS_ID, flags;

	if (!peek(e, &flags))
		return fv_emul_fault(e);
	popped(e);
	fv_flags_set(e->v, flags, fv_in_kernel(e->v) ? mask : mask & ~(RFLAGS_IF | RFLAGS_IOPL));
	return FV_DONE;
}

/* MOV or POP to SS: RPL 0 is not the CPL. Other segment registers load by themselves. */
static enum fv_result load_ss(struct emul *e, uint16_t selector)
{
	uint64_t d;

	if ((selector & 3) || !fv_descriptor(fv_of(e->v), selector, &d) || !(d & DESC_P))
		return FV_REFUSED;
	e->regs->ss = selector | 1;
	return FV_DONE;
}

static enum fv_result mov_to_segment(struct emul *e)
{
	uint16_t selector;
	gva_t va;

	if (e->insn.reg != SEG_SS)
		return FV_REFUSED;
	if (!e->insn.memory)
		return load_ss(e, *reg_ptr(e->regs, e->insn.rm));
	if (!operand_address(e, &va))
		return FV_REFUSED;
	if (!fv_emul_read(e, va, &selector, sizeof(selector)))
		return fv_emul_fault(e);
	return load_ss(e, selector);
}

static enum fv_result pop_ss(struct emul *e)
{
	enum fv_result result;
	uint32_t selector;

	if (!peek(e, &selector))
		return fv_emul_fault(e);
	result = load_ss(e, selector);
	if (result == FV_DONE)
		popped(e);
	return result;
}

/* The result of an instruction that reads state: 16 bits in memory, the operand's size in a register. */
static enum fv_result store_word(struct emul *e, uint32_t value)
{
	gva_t va;

	if (!e->insn.memory) {
		reg_write(e->regs, e->insn.rm, e->insn.operand, false, value);
		return FV_DONE;
	}
	if (!operand_address(e, &va))
		return FV_REFUSED;
	return fv_emul_write(e, va, &value, 2) ? FV_DONE : fv_emul_fault(e);
}

static uint16_t seen_selector(const struct emul *e, unsigned segment)
{
	uint16_t selector = segment == SEG_CS ? e->regs->cs : e->regs->ss;

	return (selector & 3) == 1 ? selector & SEL_INDEX : selector;
}

static enum fv_result mov_from_segment(struct emul *e)
{
	if (e->insn.reg != SEG_CS && e->insn.reg != SEG_SS)
		return FV_REFUSED;
	return store_word(e, seen_selector(e, e->insn.reg));
}

static enum fv_result load_tr(struct vcpu *v, uint16_t selector)
{
	struct fv *fv = fv_of(v);
	uint64_t d;

	if (!fv_descriptor(fv, selector, &d) || !(d & DESC_P) || (d & DESC_SYSTEM) != DESC_OF_TYPE(DESC_TSS))
		return FV_REFUSED;
	fv->tr = selector;
	fv->tss = (struct fv_table){.base = fv_descriptor_base(d), .limit = d & 0xffff};
	return FV_DONE;
}

/* SLDT, STR, LLDT, LTR. There is no LDT: EXERCISE. */
static enum fv_result group_0f00(struct emul *e)
{
	struct fv *fv = fv_of(e->v);
	uint16_t selector = *reg_ptr(e->regs, e->insn.rm);
	gva_t va;

	if (e->insn.reg == 0)
		return store_word(e, fv->ldtr);
	if (e->insn.reg == 1)
		return store_word(e, fv->tr);
	if (!fv_in_kernel(e->v) || e->insn.reg > 3)
		return FV_REFUSED;
	if (e->insn.memory && (!operand_address(e, &va) || !fv_emul_read(e, va, &selector, sizeof(selector))))
		return FV_REFUSED;
	if (e->insn.reg == 3)
		return load_tr(e->v, selector);
	fv->ldtr = selector;
	return selector <= 3 ? FV_DONE : FV_REFUSED;
}

#define LAR_TYPES 0x1a3eu /* system segments that LAR knows, by type; LSL those that have a limit */
#define LSL_TYPES 0x0a0eu
#define LAR_MASK  0x00f0ff00u

/* May code of this privilege ask about it? (SDM 2A, LAR) */
static bool may_look(const struct emul *e, uint16_t selector, uint64_t d, uint32_t system_types)
{
	unsigned cpl = fv_in_kernel(e->v) ? 0 : 3, rpl = selector & 3, dpl = DESC_DPL_OF(d);

	if (!(d & DESC_S))
		return (system_types >> DESC_TYPE(d) & 1) && MAX(cpl, rpl) <= dpl;
	if ((d & DESC_CODE) && (d & DESC_DOWN)) /* conforming code */
		return true;
	return MAX(cpl, rpl) <= dpl;
}

static uint32_t segment_limit(uint64_t d)
{
	uint32_t limit = (d & 0xffff) | (d >> 32 & 0xf0000);

	return d & DESC_G ? limit << 12 | 0xfff : limit;
}

/* LAR, LSL: on the guest's own descriptor; ZF tells whether there is an answer. */
static enum fv_result look_at_segment(struct emul *e)
{
	bool rights = e->insn.opcode == OP_0F(0x02);
	uint16_t selector = *reg_ptr(e->regs, e->insn.rm);
	uint64_t d;
	gva_t va;

	if (e->insn.memory) {
		if (!operand_address(e, &va))
			return FV_REFUSED;
		if (!fv_emul_read(e, va, &selector, sizeof(selector)))
			return fv_emul_fault(e);
	}
	e->regs->rflags &= ~RFLAGS_ZF;
	if (!fv_descriptor(fv_of(e->v), selector, &d) ||
	    !may_look(e, selector, d, rights ? LAR_TYPES : LSL_TYPES))
		return FV_DONE;
	e->regs->rflags |= RFLAGS_ZF;
	reg_write(e->regs, e->insn.reg, e->insn.operand, false,
		  rights ? (d >> 32) & LAR_MASK : segment_limit(d));
	return FV_DONE;
}

static enum fv_result store_table(struct emul *e, const struct fv_table *t)
{
	struct {
		uint16_t limit;
		uint32_t base;
	} __packed m = {t->limit, t->base};
	gva_t va;

	if (!operand_address(e, &va))
		return FV_REFUSED;
	return fv_emul_write(e, va, &m, sizeof(m)) ? FV_DONE : fv_emul_fault(e);
}

static enum fv_result load_table(struct emul *e, struct fv_table *t)
{
	struct {
		uint16_t limit;
		uint32_t base;
	} __packed m;
	gva_t va;

	if (!operand_address(e, &va))
		return FV_REFUSED;
	if (!fv_emul_read(e, va, &m, sizeof(m)))
		return fv_emul_fault(e);
	*t = (struct fv_table){.base = e->insn.operand == 2 ? m.base & 0xffffff : m.base, .limit = m.limit};
	fv_segments_sync(fv_of(e->v));
	return FV_DONE;
}

static enum fv_result lmsw(struct emul *e)
{
	const uint32_t settable = CR0_PE | CR0_MP | CR0_EM | CR0_TS;
	uint32_t cr0 = fv_of(e->v)->cr0;
	uint16_t value = *reg_ptr(e->regs, e->insn.rm);
	gva_t va;

	if (e->insn.memory && (!operand_address(e, &va) || !fv_emul_read(e, va, &value, sizeof(value))))
		return FV_REFUSED;
	return fv_write_cr0(e->v, (cr0 & (~settable | CR0_PE)) | (value & settable));
}

static enum fv_result group_0f01(struct emul *e)
{
	struct fv *fv = fv_of(e->v);
	gva_t va;

	if (e->insn.reg == 4)
		return store_word(e, fv->cr0);
	if (e->insn.memory && e->insn.reg <= 1)
		return store_table(e, e->insn.reg ? &fv->idtr : &fv->gdtr);
	if (!fv_in_kernel(e->v))
		return FV_REFUSED;
	if (e->insn.reg == 6)
		return lmsw(e);
	if (!e->insn.memory)
		return FV_REFUSED;
	if (e->insn.reg == 2 || e->insn.reg == 3)
		return load_table(e, e->insn.reg == 3 ? &fv->idtr : &fv->gdtr);
	if (e->insn.reg != 7 || !operand_address(e, &va))
		return FV_REFUSED;
	fv_shadow_invlpg(fv, va);
	return FV_DONE;
}

static bool port_permitted(const struct vcpu *v)
{
	return fv_in_kernel(v) || v->iopl == 3;
}

static enum fv_result port_io(struct emul *e)
{
	uint16_t port = e->insn.opcode & 8 ? (uint16_t)e->regs->rdx : (uint8_t)e->insn.immediate;
	unsigned size = e->insn.operand;

	if (!port_permitted(e->v))
		return FV_REFUSED;
	if (e->insn.opcode & 2)
		pc_write(&fv_of(e->v)->pc, port, size, e->regs->rax & size_mask(size));
	else
		reg_write(e->regs, REG_RAX, size, false, pc_read(&fv_of(e->v)->pc, port, size));
	return FV_DONE;
}

static enum fv_result halt(struct emul *e)
{
	if (e->v->info->upcall_mask)
		domain_crash(e->v->domain, "HLT with interrupts off: it has stopped for good");
	else
		vcpu_block(e->v);
	return FV_DONE;
}

static enum fv_result set_if(struct emul *e, bool on)
{
	e->v->info->upcall_mask = !on;
	return FV_DONE;
}

static enum fv_result clts_op(struct emul *e)
{
	return fv_write_cr0(e->v, fv_of(e->v)->cr0 & ~CR0_TS);
}

static enum fv_result iret(struct emul *e)
{
	return fv_iret(e->v, e->insn.operand == 4) ? FV_STAY : FV_REFUSED;
}

/* What every ring may do, or what is refused by the flags alone. */
static enum fv_result execute_any(struct emul *e)
{
	switch (e->insn.opcode) {
	case 0x0e:
		return push(e, seen_selector(e, SEG_CS));
	case 0x16:
		return push(e, seen_selector(e, SEG_SS));
	case 0x8c:
		return mov_from_segment(e);
	case 0x9c:
		return pushf(e);
	case 0x9d:
		return popf(e);
	case 0x6c ... 0x6f:
		return port_permitted(e->v) ? fv_string_io(e) : FV_REFUSED;
	case 0xe4 ... 0xe7:
	case 0xec ... 0xef:
		return port_io(e);
	case OP_0F(0x00):
		return group_0f00(e);
	case OP_0F(0x01):
		return group_0f01(e);
	case OP_0F(0x02):
	case OP_0F(0x03):
		return look_at_segment(e);
	}
	return FV_REFUSED;
}

static enum fv_result execute(struct emul *e)
{
	if (!fv_in_kernel(e->v))
		return execute_any(e);
	switch (e->insn.opcode) {
	case 0x17:
		return pop_ss(e);
	case 0x8e:
		return mov_to_segment(e);
	case 0xcf:
		return iret(e);
	case 0xf4:
		return halt(e);
	case 0xfa:
	case 0xfb:
		return set_if(e, e->insn.opcode & 1);
	case OP_0F(0x06):
		return clts_op(e);
	case OP_0F(0x08): /* INVD, WBINVD: caches stay coherent without the guest's help */
	case OP_0F(0x09):
		return FV_DONE;
	case OP_0F(0x20):
	case OP_0F(0x22):
		return fv_mov_cr(e);
	case OP_0F(0x21):
	case OP_0F(0x23):
		return emul_mov_dr(e) == EMUL_DONE ? FV_DONE : FV_REFUSED;
	case OP_0F(0x30):
		return fv_wrmsr(e->v);
	case OP_0F(0x32):
		return fv_rdmsr(e->v);
	}
	return execute_any(e);
}

/* The instruction at EIP, and the byte after it, where the next one begins, or -1. */
static bool fetch(struct emul *e, int *next)
{
	uint8_t bytes[INSN_MAX];
	struct segment cs;
	unsigned n;
	uint32_t va, unused;

	if (!desc_segment(e->v, e->regs->cs, &cs))
		return false;
	va = cs.base + e->regs->rip;
	n = MIN((unsigned)INSN_MAX, (unsigned)(PAGE_SIZE - (va & ~PAGE_MASK)));
	if (fv_read(fv_of(e->v), va, bytes, n, &unused) != FV_OK)
		return false;
	if (n < INSN_MAX && fv_read(fv_of(e->v), va + n, bytes + n, INSN_MAX - n, &unused) == FV_OK)
		n = INSN_MAX;
	if (insn_decode(&e->insn, bytes, n, cs.big ? 32 : 16) != DECODE_OK)
		return false;
	*next = e->insn.length < n ? bytes[e->insn.length] : -1;
	return true;
}

/* Would it trap here at once? STI and HLT belong together: with an interrupt between them, HLT would sleep on. */
static bool traps_too(unsigned opcode)
{
	switch (opcode) {
	case 0xcf:
	case 0xe4 ... 0xe7:
	case 0xec ... 0xef:
	case 0xf4:
	case 0xfa:
	case 0xfb:
		return true;
	}
	return false;
}

enum fv_result fv_emulate(struct vcpu *v)
{
	struct emul e = {.v = v, .regs = &v->regs};
	enum fv_result result;
	int byte;

	if (!fetch(&e, &byte))
		return FV_REFUSED;
	for (unsigned round = 0;; round++) {
		uint32_t next = e.regs->rip + e.insn.length;
		bool halted = e.insn.opcode == 0xf4;

		result = execute(&e);
		if (result == FV_REFUSED && round)
			return FV_STAY; /* let it fault by itself */
		if (result != FV_REFUSED)
			trace_point(TRACE_EMULATED, e.insn.opcode);
		if (result != FV_DONE)
			return result;
		e.regs->rip = next;
		e.regs->rflags &= ~RFLAGS_RF;
		if (halted || round == MAX_ROUNDS || !fv_in_kernel(v) || (e.regs->rflags & RFLAGS_TF))
			return FV_DONE;
		/* An interrupt that is due comes first, unless STI still holds it off. */
		if (v->info->upcall_pending && !v->info->upcall_mask && e.insn.opcode != 0xfb)
			return FV_DONE;
		if (v->domain->shut_down || (byte >= 0 && !traps_too(byte)) || !fetch(&e, &byte) ||
		    !traps_too(e.insn.opcode))
			return FV_DONE;
	}
}
