/* SPDX-License-Identifier: MIT */
/*
 * Instructions that the guest's kernel executes in ring 1 and that must have the effect of ring 0: those that
 * trap by themselves, and those that patch.c made trap. The instruction is read from the guest's own frame, so
 * patches are not seen here. docs/fv.md has the list, fv/policy.def says what happens to the silent ones.
 *
 * The stack segment of ring 0 is assumed to be flat, as it is in every kernel that uses paging.
 */
#include "emul/face.h"
#include "cpu/descriptor.h"
#include "cpu/x86.h"
#include "emul/operand.h"
#include "fv/fv.h"
#include "mm/mm.h"
#include "pv/desc.h"
#include "pv/walk.h"
#include "sched/sched.h"

#define MAX_ROUNDS 8 /* instructions carried out in one visit, if each would trap */

#define OPCODE_PUSH_CS 0x0e
#define OPCODE_CLI     0xfa
#define OPCODE_STI     0xfb

/* Whose rights count: an application has only its own, and SGDT and similar instructions store for it too. */
static uint32_t rights(const struct vcpu *v)
{
	return fv_in_kernel(v) ? 0 : PF_USER;
}

static bool permitted(struct emul *e, uint32_t va, unsigned n, uint32_t access)
{
	struct fv_place place;
	uint32_t at = va;

	access |= rights(e->v);
	e->fault_error = fv_walk(fv_of(e->v), at, access, &place);
	if (e->fault_error == FV_OK && ((va ^ (va + n - 1)) & (uint32_t)PAGE_MASK)) {
		at = (va + n - 1) & (uint32_t)PAGE_MASK;
		e->fault_error = fv_walk(fv_of(e->v), at, access, &place);
	}
	e->fault_address = at;
	return e->fault_error == FV_OK;
}

static __always_inline bool load(struct emul *e, uint32_t va, void *to, unsigned n)
{
	uint32_t fault;

	if (rights(e->v) && !permitted(e, va, n, 0))
		return false;
	e->fault_error = fv_read(fv_of(e->v), va, to, n, &fault);
	if (likely(e->fault_error == FV_OK))
		return true;
	e->fault_address = fault;
	return false;
}

static bool store(struct emul *e, uint32_t va, const void *from, unsigned n)
{
	uint32_t fault;

	if (rights(e->v) && !permitted(e, va, n, PF_WRITE))
		return false;
	e->fault_error = fv_write(fv_of(e->v), va, from, n, &fault);
	if (likely(e->fault_error == FV_OK))
		return true;
	e->fault_address = fault;
	return false;
}

static enum emul_result push(struct emul *e, uint32_t value)
{
	uint32_t sp = e->regs->rsp - e->insn.operand;

	if (!store(e, sp, &value, e->insn.operand))
		return EMUL_FAULT;
	e->regs->rsp = sp;
	return EMUL_DONE;
}

/* Without moving ESP: the caller does that, when nothing can fail any more. */
static bool peek(struct emul *e, uint32_t *value)
{
	*value = 0;
	return load(e, e->regs->rsp, value, e->insn.operand);
}

static void popped(struct emul *e)
{
	e->regs->rsp = (uint32_t)(e->regs->rsp + e->insn.operand);
}

static enum emul_result pushf(struct emul *e)
{
	return push(e, fv_flags_get(e->v));
}

static enum emul_result popf(struct emul *e)
{
	const uint32_t low = RFLAGS_ARITHMETIC | RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_IOPL | RFLAGS_NT;
	uint32_t mask = e->insn.operand == 2 ? low : low | RFLAGS_AC | RFLAGS_ID, flags;

	if (!peek(e, &flags))
		return EMUL_FAULT;
	popped(e);
	fv_flags_set(e->v, flags, fv_in_kernel(e->v) ? mask : mask & ~(RFLAGS_IF | RFLAGS_IOPL));
	return EMUL_DONE;
}

/* MOV or POP to SS: RPL 0 is not the CPL. Other segment registers load by themselves. */
static enum emul_result load_ss(struct emul *e, uint16_t selector)
{
	uint64_t d;

	if ((selector & SELECTOR_RPL) || !fv_descriptor(fv_of(e->v), selector, &d) || !(d & DESC_P))
		return EMUL_REFUSED;
	e->regs->ss = selector | 1;
	return EMUL_DONE;
}

static enum emul_result mov_to_segment(struct emul *e)
{
	uint16_t selector;
	gva_t va;

	if (e->insn.reg != SEG_SS)
		return EMUL_REFUSED;
	if (!e->insn.memory)
		return load_ss(e, *reg_ptr(e->regs, e->insn.rm));
	if (!operand_address(e, &va))
		return EMUL_REFUSED;
	if (!load(e, va, &selector, sizeof(selector)))
		return EMUL_FAULT;
	return load_ss(e, selector);
}

static enum emul_result pop_ss(struct emul *e)
{
	enum emul_result result;
	uint32_t selector;

	if (!peek(e, &selector))
		return EMUL_FAULT;
	result = load_ss(e, selector);
	if (result == EMUL_DONE)
		popped(e);
	return result;
}

/* The result of an instruction that reads state: 16 bits in memory, the operand's size in a register. */
static enum emul_result store_word(struct emul *e, uint32_t value)
{
	gva_t va;

	if (!e->insn.memory) {
		reg_write(e->regs, e->insn.rm, e->insn.operand, false, value);
		return EMUL_DONE;
	}
	if (!operand_address(e, &va))
		return EMUL_REFUSED;
	return store(e, va, &value, 2) ? EMUL_DONE : EMUL_FAULT;
}

static uint16_t seen_selector(const struct emul *e, unsigned segment)
{
	uint16_t selector = segment == SEG_CS ? e->regs->cs : e->regs->ss;

	return (selector & SELECTOR_RPL) == 1 ? selector & ~SELECTOR_RPL : selector;
}

static enum emul_result mov_from_segment(struct emul *e)
{
	if (e->insn.reg != SEG_CS && e->insn.reg != SEG_SS)
		return EMUL_REFUSED;
	return store_word(e, seen_selector(e, e->insn.reg));
}

static enum emul_result load_tr(struct vcpu *v, uint16_t selector)
{
	struct fv *fv = fv_of(v);
	uint64_t d;

	if (!fv_descriptor(fv, selector, &d) || !(d & DESC_P) || (d & DESC_SYSTEM) != DESC_OF_TYPE(DESC_TSS))
		return EMUL_REFUSED;
	fv->tr = selector;
	fv->tss = (struct fv_table){.base = fv_descriptor_base(d), .limit = d & 0xffff};
	return EMUL_DONE;
}

/* SLDT, STR, LLDT, LTR. There is no LDT: EXERCISE. */
static enum emul_result group_0f00(struct emul *e)
{
	struct fv *fv = fv_of(e->v);
	uint16_t selector = *reg_ptr(e->regs, e->insn.rm);
	gva_t va;

	if (e->insn.reg == 0)
		return store_word(e, fv->ldtr);
	if (e->insn.reg == 1)
		return store_word(e, fv->tr);
	if (!fv_in_kernel(e->v) || e->insn.reg > 3)
		return EMUL_REFUSED;
	if (e->insn.memory && (!operand_address(e, &va) || !load(e, va, &selector, sizeof(selector))))
		return EMUL_REFUSED;
	if (e->insn.reg == 3)
		return load_tr(e->v, selector);
	fv->ldtr = selector;
	return selector <= 3 ? EMUL_DONE : EMUL_REFUSED;
}

#define LAR_TYPES 0x1a3eu /* system segments that LAR knows, by type; LSL those that have a limit */
#define LSL_TYPES 0x0a0eu
#define LAR_MASK  0x00f0ff00u

/* May code of this privilege ask about it? (SDM 2A, LAR) */
static bool may_look(const struct emul *e, uint16_t selector, uint64_t d, uint32_t system_types)
{
	unsigned cpl = fv_in_kernel(e->v) ? 0 : 3, rpl = selector & SELECTOR_RPL, dpl = DESC_DPL_OF(d);

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
static enum emul_result look_at_segment(struct emul *e)
{
	bool rights = e->insn.opcode == OP_0F(0x02);
	uint16_t selector = *reg_ptr(e->regs, e->insn.rm);
	uint64_t d;
	gva_t va;

	if (e->insn.memory) {
		if (!operand_address(e, &va))
			return EMUL_REFUSED;
		if (!load(e, va, &selector, sizeof(selector)))
			return EMUL_FAULT;
	}
	e->regs->rflags &= ~RFLAGS_ZF;
	if (!fv_descriptor(fv_of(e->v), selector, &d) ||
	    !may_look(e, selector, d, rights ? LAR_TYPES : LSL_TYPES))
		return EMUL_DONE;
	e->regs->rflags |= RFLAGS_ZF;
	reg_write(e->regs, e->insn.reg, e->insn.operand, false,
		  rights ? (d >> 32) & LAR_MASK : segment_limit(d));
	return EMUL_DONE;
}

static enum emul_result store_table(struct emul *e, const struct fv_table *t)
{
	struct {
		uint16_t limit;
		uint32_t base;
	} __packed m = {t->limit, t->base};
	gva_t va;

	if (!operand_address(e, &va))
		return EMUL_REFUSED;
	return store(e, va, &m, sizeof(m)) ? EMUL_DONE : EMUL_FAULT;
}

static enum emul_result load_table(struct emul *e, struct fv_table *t)
{
	struct {
		uint16_t limit;
		uint32_t base;
	} __packed m;
	gva_t va;

	if (!operand_address(e, &va))
		return EMUL_REFUSED;
	if (!load(e, va, &m, sizeof(m)))
		return EMUL_FAULT;
	*t = (struct fv_table){.base = e->insn.operand == 2 ? m.base & 0xffffff : m.base, .limit = m.limit};
	fv_segments_sync(fv_of(e->v));
	return EMUL_DONE;
}

static enum emul_result lmsw(struct emul *e)
{
	const uint32_t settable = CR0_PE | CR0_MP | CR0_EM | CR0_TS;
	uint32_t cr0 = fv_of(e->v)->cr0;
	uint16_t value = *reg_ptr(e->regs, e->insn.rm);
	gva_t va;

	if (e->insn.memory && (!operand_address(e, &va) || !load(e, va, &value, sizeof(value))))
		return EMUL_REFUSED;
	return fv_write_cr0(e->v, (cr0 & (~settable | CR0_PE)) | (value & settable));
}

static enum emul_result group_0f01(struct emul *e)
{
	struct fv *fv = fv_of(e->v);
	gva_t va;

	if (e->insn.reg == 4)
		return store_word(e, fv->cr0);
	if (e->insn.memory && e->insn.reg <= 1)
		return store_table(e, e->insn.reg ? &fv->idtr : &fv->gdtr);
	if (!fv_in_kernel(e->v))
		return EMUL_REFUSED;
	if (e->insn.reg == 6)
		return lmsw(e);
	if (!e->insn.memory)
		return emul_xsetbv(e);
	if (e->insn.reg == 2 || e->insn.reg == 3)
		return load_table(e, e->insn.reg == 3 ? &fv->idtr : &fv->gdtr);
	if (e->insn.reg != 7 || !operand_address(e, &va))
		return EMUL_REFUSED;
	fv_shadow_invlpg(fv, va);
	return EMUL_DONE;
}

/* The virtual I/O privilege (IN, OUT, CLI, STI). EXERCISE: the bitmap of the TSS, by which an application may use single
 * ports. */
static bool iopl_ok(const struct vcpu *v)
{
	return fv_in_kernel(v) || v->dom.iopl == 3;
}

static enum emul_result halt(struct emul *e)
{
	if (e->v->info->upcall_mask)
		domain_crash(e->v->domain, "HLT with interrupts off: it has stopped for good");
	else
		vcpu_block(e->v);
	return EMUL_DONE;
}

static enum emul_result interrupt_flag(struct emul *e)
{
	if (!iopl_ok(e->v))
		return EMUL_REFUSED;
	e->v->info->upcall_mask = e->insn.opcode == OPCODE_CLI;
	return EMUL_DONE;
}

static enum emul_result clts_op(struct emul *e)
{
	return fv_write_cr0(e->v, fv_of(e->v)->cr0 & ~CR0_TS);
}

static enum emul_result iret(struct emul *e)
{
	return fv_iret(e->v, e->insn.operand == 4) ? EMUL_AGAIN : EMUL_REFUSED;
}

static enum emul_result push_segment(struct emul *e)
{
	return push(e, seen_selector(e, e->insn.opcode == OPCODE_PUSH_CS ? SEG_CS : SEG_SS));
}

/* ---- the face ---- */

static __always_inline unsigned fetch(struct emul *e, uint8_t bytes[FETCH_BYTES], unsigned *mode)
{
	return emul_fetch_by_segment(e, &fv_face, bytes, mode);
}

static inline enum emul_result read(struct emul *e, gva_t at, void *to, unsigned n)
{
	return load(e, at, to, n) ? EMUL_DONE : EMUL_FAULT;
}

static enum emul_result may_write(struct emul *e, gva_t at, unsigned n)
{
	return permitted(e, at, n, PF_WRITE) ? EMUL_DONE : EMUL_FAULT;
}

static enum emul_result write(struct emul *e, gva_t at, const void *from, unsigned n)
{
	return store(e, at, from, n) ? EMUL_DONE : EMUL_FAULT;
}

static bool port_permitted(struct vcpu *v, uint16_t port, unsigned size)
{
	return iopl_ok(v);
}

static uint32_t port_read(struct vcpu *v, uint16_t port, unsigned size)
{
	return pc_read(&fv_of(v)->pc, port, size);
}

static void port_write(struct vcpu *v, uint16_t port, unsigned size, uint32_t value)
{
	pc_write(&fv_of(v)->pc, port, size, value);
}

static const struct emul_ports ports = {
    .permitted = port_permitted,
    .read = port_read,
    .write = port_write,
};

static enum emul_result io(struct emul *e)
{
	return emul_io(e, &ports);
}

static void debug_trap(struct vcpu *v, uint64_t dr6)
{
	v->pv.debugreg[6] |= dr6;
	fv_inject(v, TRAP_DB);
}

const struct emul_face fv_face = {
    .in_kernel = fv_in_kernel,
    .fetch = fetch,
    .read = read,
    .may_write = may_write,
    .write = write,
    .ports = &ports,
    .exception = fv_inject,
    .exception_with_error = fv_inject_error,
    .page_fault = fv_inject_page_fault,
    .debug = debug_trap,
    .operation =
	{
	    [INSN_IO] = io,
	    [INSN_STRING_IO] = emul_string_io,
	    [INSN_INTERRUPT_FLAG] = interrupt_flag,
	    [INSN_HLT] = halt,
	    [INSN_IRET] = iret,
	    [INSN_PUSHF] = pushf,
	    [INSN_POPF] = popf,
	    [INSN_PUSH_SEGMENT] = push_segment,
	    [INSN_POP_SS] = pop_ss,
	    [INSN_MOV_FROM_SEGMENT] = mov_from_segment,
	    [INSN_MOV_TO_SEGMENT] = mov_to_segment,
	    [INSN_GROUP_0F00] = group_0f00,
	    [INSN_GROUP_0F01] = group_0f01,
	    [INSN_LAR_LSL] = look_at_segment,
	    [INSN_CLTS] = clts_op,
	    [INSN_CACHES] = emul_nothing,
	    [INSN_MOV_CR] = fv_mov_cr,
	    [INSN_MOV_DR] = emul_mov_dr,
	    [INSN_RDMSR] = fv_rdmsr,
	    [INSN_WRMSR] = fv_wrmsr,
	    [INSN_CPUID] = fv_cpuid,
	},
};

/* The instruction at EIP, and the byte after it, where the next one begins, or -1. */
static bool decode_next(struct emul *e, int *behind)
{
	uint8_t bytes[FETCH_BYTES];
	unsigned mode, n = emul_fetch_by_segment(e, &fv_face, bytes, &mode);

	if (!n || insn_decode(&e->insn, bytes, n, mode) != DECODE_OK)
		return false;
	*behind = e->insn.length < n ? bytes[e->insn.length] : -1;
	return true;
}

/* STI and HLT belong together: with an interrupt between them, HLT would sleep on. */
enum emul_result fv_emulate(struct emul *e, struct vcpu *v)
{
	enum emul_result result;
	int byte;

	emul_begin(e, v, &fv_face);
	for (unsigned round = 0;; round++) {
		if (!decode_next(e, &byte))
			return round ? EMUL_DONE : EMUL_REFUSED;
		if (round && !(e->insn.attributes & INSN_TRAPS))
			return EMUL_DONE;
		result = emul_execute(e, &fv_face);
		if (result == EMUL_REFUSED && round)
			return EMUL_AGAIN; /* let it fault by itself */
		if (result != EMUL_DONE)
			return result;
		if (insn_operation(&e->insn) == INSN_HLT || round == MAX_ROUNDS || !fv_in_kernel(v) ||
		    (v->regs.rflags & RFLAGS_TF) || e->dr6)
			return EMUL_DONE;
		/* An interrupt that is due comes first, unless STI still holds it off. */
		if (v->info->upcall_pending && !v->info->upcall_mask && e->insn.opcode != OPCODE_STI)
			return EMUL_DONE;
		/* Would the next one trap here at once? */
		if (v->domain->dom.shut_down || (byte >= 0 && !(insn_attributes[byte] & INSN_TRAPS)))
			return EMUL_DONE;
	}
}

int fv_int(struct vcpu *v, unsigned *length)
{
	return emul_int(v, &fv_face, length);
}
