/* SPDX-License-Identifier: MIT */
/*
 * Writable page tables: a kernel stores into a page of its L1 tables as if that were writable, faults, and
 * the store is done for it under the rules of mm/ (mm/ptwr.c). For a read-modify-write, mm/ reads the old value from
 * the table under its lock: the TLB may still lead the guest's address elsewhere.
 */
#include "cpu/x86.h"
#include "dom/domain.h"
#include "emul/pv.h"
#include "emul/operand.h"
#include "lib/errno.h"
#include "mm/guest_copy.h"
#include "mm/mm.h"

#define ARITHMETIC_FLAGS 0x8d5ul /* OF SF ZF AF PF CF */
#define FLAG_CF          0x001ul
#define FLAG_ZF          0x040ul

/* What the store does: the new value and the flags, from the old value. */
struct store {
	unsigned bytes;
	uint64_t source, accumulator;
	uint64_t old;    /* what the last computation found, */
	uint64_t rflags; /* and its flags */
	bool sets_flags;
	bool write; /* cmpxchg: only if equal */
	uint64_t (*compute)(struct store *s, uint64_t old);
	const struct emul *e; /* its instruction and flags */
	struct ptwr_change change;
};

/* Let the processor compute, at the width of the operand: value and flags are then right by themselves. */
#define ALU(op, width, reg_type)                               \
	{                                                      \
		reg_type d = old;                              \
		__asm__(op width " %2, %0\n\tpushfq\n\tpop %1" \
			: "+r"(d), "=r"(s->rflags)             \
			: "r"((reg_type)s->source)             \
			: "cc");                               \
		return d;                                      \
	}
#define ALU_FUNCTION(name, op)                              \
	static uint64_t name(struct store *s, uint64_t old) \
	{                                                   \
		switch (s->bytes) {                         \
		case 1:                                     \
			ALU(op, "b", uint8_t)               \
		case 2:                                     \
			ALU(op, "w", uint16_t)              \
		case 4:                                     \
			ALU(op, "l", uint32_t)              \
		default:                                    \
			ALU(op, "q", uint64_t)              \
		}                                           \
	}
ALU_FUNCTION(alu_add, "add")
ALU_FUNCTION(alu_or, "or")
ALU_FUNCTION(alu_and, "and")
ALU_FUNCTION(alu_sub, "sub")
ALU_FUNCTION(alu_xor, "xor")

static uint64_t move(struct store *s, uint64_t old)
{
	return s->source;
}

/* Bits 4-3 of the opcode (or of the reg field of 0f ba): bts, btr, btc. */
static uint64_t bit_op(struct store *s, uint64_t old)
{
	uint64_t bit = 1ull << (s->source & (8 * s->bytes - 1));
	unsigned op = s->e->insn.opcode == OP_0F(0xba) ? s->e->insn.reg & 3 : s->e->insn.opcode >> 3 & 3;

	s->rflags = (s->e->regs->rflags & ~FLAG_CF) | (old & bit ? FLAG_CF : 0);
	return op == 1 ? old | bit : op == 2 ? old & ~bit : old ^ bit;
}

/* Compare the accumulator with memory; equal: store the source. */
static uint64_t compare_exchange(struct store *s, uint64_t old)
{
	struct store compare = {.bytes = s->bytes, .source = old};

	alu_sub(&compare, s->accumulator);
	s->rflags = compare.rflags;
	s->write = s->accumulator == old;
	return s->source;
}

static uint64_t compare_exchange_8b(struct store *s, uint64_t old)
{
	s->write = s->accumulator == old;
	s->rflags = s->write ? s->e->regs->rflags | FLAG_ZF : s->e->regs->rflags & ~FLAG_ZF;
	return s->source;
}

static uint64_t (*const alu_ops[8])(struct store *, uint64_t) = {
    [0] = alu_add, [1] = alu_or, [4] = alu_and, [5] = alu_sub, [6] = alu_xor,
};

/* Which computation an instruction is. False: not a store that is emulated. */
static bool plan(struct emul *e, struct store *s)
{
	struct insn *i = &e->insn;

	*s = (struct store){.e = e, .bytes = i->operand, .write = true, .sets_flags = true};
	s->source = reg_read(e->regs, i->reg, s->bytes, i->rex);
	switch (i->opcode) {
	case 0x00 ... 0x3f:
		s->compute = alu_ops[i->opcode >> 3 & 7];
		break;
	case 0x80 ... 0x83:
		s->compute = alu_ops[i->reg & 7];
		s->source = i->immediate;
		break;
	case 0x86:
	case 0x87:
	case 0x88:
	case 0x89:
		s->compute = move;
		s->sets_flags = false;
		break;
	case 0xa2:
	case 0xa3:
	case 0xaa:
	case 0xab:
		s->compute = move;
		s->sets_flags = false;
		s->source = reg_read(e->regs, REG_RAX, s->bytes, true);
		break;
	case 0xc6:
	case 0xc7:
		s->compute = (i->reg & 7) == 0 ? move : NULL;
		s->sets_flags = false;
		s->source = i->immediate;
		break;
	case OP_0F(0xab):
	case OP_0F(0xb3):
	case OP_0F(0xbb):
		/* With a register the bit may lie beyond the operand: the address moves with it. */
		s->compute = bit_op;
		break;
	case OP_0F(0xba):
		s->compute = (i->reg & 7) >= 5 ? bit_op : NULL;
		s->source = i->immediate;
		break;
	case OP_0F(0xb0):
	case OP_0F(0xb1):
		s->compute = compare_exchange;
		s->accumulator = reg_read(e->regs, REG_RAX, s->bytes, true);
		break;
	case OP_0F(0xc7):
		s->compute = (i->reg & 7) == 1 && i->operand != 8 ? compare_exchange_8b : NULL;
		s->bytes = 8;
		s->source = (uint32_t)e->regs->rbx | e->regs->rcx << 32;
		s->accumulator = (uint32_t)e->regs->rax | e->regs->rdx << 32;
		break;
	}
	return s->compute;
}

/* MOVS and STOS have no operand but their registers. */
static bool is_string(const struct insn *i)
{
	return i->opcode >= 0xa4 && i->opcode <= 0xab;
}

static bool string_destination(struct emul *e, gva_t *va)
{
	if (!segment_base(e, SEG_ES, va))
		return false;
	*va += e->regs->rdi & size_mask(e->insn.address);
	if (e->insn.mode != 64)
		*va = (uint32_t)*va;
	return true;
}

static bool movs_source(struct emul *e, struct store *s)
{
	gva_t at;

	if (!segment_base(e, e->insn.segment == SEG_NONE ? SEG_DS : e->insn.segment, &at))
		return false;
	at += e->regs->rsi & size_mask(e->insn.address);
	if (e->insn.mode != 64)
		at = (uint32_t)at;
	*s = (struct store){.e = e, .bytes = e->insn.operand, .write = true, .compute = move};
	return !guest_read(&s->source, at, s->bytes);
}

/* Where BT* with a register operand really goes: the operand that holds the bit. */
static void bit_address(struct emul *e, const struct store *s, gva_t *va)
{
	uint16_t op = e->insn.opcode;
	int64_t bit;

	if (op != OP_0F(0xab) && op != OP_0F(0xb3) && op != OP_0F(0xbb))
		return;
	bit = (int64_t)(s->source << (64 - 8 * s->bytes)) >> (64 - 8 * s->bytes);
	*va += (bit >> (s->bytes == 8 ? 6 : s->bytes == 4 ? 5 : 4)) * s->bytes;
}

static bool compute(struct ptwr_change *c, uint64_t old, uint64_t *value)
{
	struct store *s = container_of(c, struct store, change);

	s->old = old;
	*value = s->compute(s, old) & size_mask(s->bytes);
	return s->write;
}

/* 0 or -errno of ptwr_modify. */
static int perform(struct emul *e, struct store *s, gva_t va)
{
	s->change = (struct ptwr_change){.bytes = s->bytes, .compute = compute};
	return ptwr_modify(e->v, va, &s->change);
}

static void finish_exchange(struct emul *e, const struct store *s)
{
	struct cpu_user_regs *r = e->regs;

	switch (e->insn.opcode) {
	case 0x86:
	case 0x87:
		reg_write(r, e->insn.reg, s->bytes, e->insn.rex, s->old);
		break;
	case OP_0F(0xb0):
	case OP_0F(0xb1):
		if (!s->write)
			reg_write(r, REG_RAX, s->bytes, true, s->old);
		break;
	case OP_0F(0xc7):
		if (!s->write) {
			r->rax = (uint32_t)s->old;
			r->rdx = s->old >> 32;
		}
		break;
	}
}

static void finish_string(struct emul *e, const struct store *s)
{
	struct cpu_user_regs *r = e->regs;
	struct insn *i = &e->insn;
	uint64_t step = r->rflags & RFLAGS_DF ? -(uint64_t)s->bytes : s->bytes;

	reg_write(r, REG_RDI, i->address, true, r->rdi + step);
	if (i->opcode <= 0xa5)
		reg_write(r, REG_RSI, i->address, true, r->rsi + step);
	if (i->rep || i->repne)
		reg_write(r, REG_RCX, i->address, true, r->rcx - 1);
}

/* Registers that the instruction changes besides memory. */
static void finish(struct emul *e, const struct store *s)
{
	struct cpu_user_regs *r = e->regs;

	if (s->sets_flags)
		r->rflags = (r->rflags & ~ARITHMETIC_FLAGS) | (s->rflags & ARITHMETIC_FLAGS);
	if (is_string(&e->insn))
		finish_string(e, s);
	else
		finish_exchange(e, s);
}

/* After one round of a REP the instruction is executed again, by the processor; it faults again if it must.
 */
static bool is_over(const struct emul *e)
{
	bool repeated = is_string(&e->insn) && (e->insn.rep || e->insn.repne);

	return !repeated || !(e->regs->rcx & size_mask(e->insn.address));
}

/* Decode the instruction at RIP and find out what it stores and where. */
static bool prepare(struct emul *e, struct store *s, gva_t *va)
{
	uint8_t bytes[FETCH_BYTES] __aligned(8);
	unsigned mode, n = emul_fetch(e->v, bytes, &mode);
	bool movs;

	if (insn_decode(&e->insn, bytes, n, mode) != DECODE_OK)
		return false;
	movs = e->insn.opcode == 0xa4 || e->insn.opcode == 0xa5;
	if (!(movs ? movs_source(e, s) : plan(e, s)))
		return false;
	if (!(is_string(&e->insn) ? string_destination(e, va) : operand_address(e, va)))
		return false;
	bit_address(e, s, va);
	return true;
}

/*
 * What compilers make of `*entry = value`: MOV of a register to memory at another one, with or without a
 * displacement. No segment is looked at: if its base is not 0, the fault was elsewhere. @length 0: another
 * instruction.
 */
struct plain_store {
	gva_t va;
	uint64_t value;
	unsigned bytes, length;
};

static inline struct plain_store plain_store(struct vcpu *v)
{
	typedef int32_t __attribute__((aligned(1))) disp32;
	uint8_t bytes[FETCH_BYTES] __aligned(8), *p = bytes, rex = 0;
	unsigned mode, mod, rm;
	struct plain_store s;
	int64_t displacement = 0;

	if (unlikely(emul_fetch(v, bytes, &mode) != INSN_MAX || mode == 16))
		return (struct plain_store){.length = 0};
	if (mode == 64 && (*p & 0xf0) == 0x40)
		rex = *p++;
	mod = p[1] >> 6;
	rm = p[1] & 7;
	if (p[0] != 0x89 || mod == 3 || rm == REG_RSP || (!mod && rm == REG_RBP))
		return (struct plain_store){.length = 0};
	s.bytes = rex & 8 ? 8 : 4;
	s.value = *reg_ptr(&v->regs, (p[1] >> 3 & 7) | (rex & 4) << 1);
	p += 2;
	if (mod == 1)
		displacement = (int8_t)*p++;
	else if (mod == 2)
		displacement = *(const disp32 *)p, p += 4;
	s.va = *reg_ptr(&v->regs, rm | (rex & 1) << 3) + displacement;
	if (mode == 32)
		s.va = (uint32_t)s.va;
	s.length = p - bytes;
	return s;
}

static bool any_store(struct vcpu *v, gva_t addr);

bool emul_ptwr(struct vcpu *v, gva_t addr)
{
	struct plain_store s = plain_store(v);

	if (unlikely(!s.length))
		return any_store(v, addr);
	if (s.va != addr || (addr & (s.bytes - 1)) || ptwr_write(v, addr, s.value, s.bytes))
		return false;
	emul_advance(v, s.length);
	return true;
}

static bool any_store(struct vcpu *v, gva_t addr)
{
	struct emul e = {.v = v, .regs = &v->regs};
	struct store s;
	gva_t va;

	/* The fault must be this store's, and within one entry. */
	if (!prepare(&e, &s, &va) || va != addr || (va & (s.bytes - 1)))
		return false;
	if (perform(&e, &s, va))
		return false;
	finish(&e, &s);
	if (is_over(&e))
		emul_advance(v, e.insn.length);
	return true;
}
