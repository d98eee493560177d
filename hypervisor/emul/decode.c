/* SPDX-License-Identifier: MIT */
/* See decode.h. One table entry per opcode says what follows it, and what the emulator is to do. */
#include "emul/decode.h"

#define MODRM  0x000100u
#define BYTE   0x000200u /* operand of one byte; without it, 2, 4 or 8 by prefixes */
#define IMM8   0x000400u /* sign-extended */
#define IMM    0x000800u /* operand-sized, at most 4 bytes */
#define MOFFS  0x001000u /* an address follows */
#define MEMORY 0x002000u /* emulated only with a memory operand */
#define NO_W   0x004000u /* operand never 8 bytes: port I/O */
#define IMM16  0x008000u /* two bytes, before other constants */
#define FAR    0x010000u /* IMM and a selector */
#define GROUP3 0x020000u /* a constant only with reg 0 and 1 (TEST) */
#define THREE  0x040000u /* another byte of opcode follows */
#define PREFIX 0x080000u
#define NONE   0x100000u /* no instruction */
#define KERNEL INSN_KERNEL
#define TRAPS  INSN_TRAPS
#define DO(op) INSN_##op

#define OPERANDS (MODRM | IMM8 | IMM | MOFFS | IMM16 | FAR) /* something follows the opcode */

#define RM8 (MODRM | BYTE | MEMORY)
#define RM  (MODRM | MEMORY)

const uint32_t insn_attributes[512] = {
#define INSN(first, last, attributes) [first... last] = attributes,
#include "emul/insn.def"
#undef INSN
};

struct cursor {
	const uint8_t *bytes;
	unsigned at, end;
};

/* The next byte, or -1 at the end. */
static int next(struct cursor *c)
{
	return c->at < c->end ? c->bytes[c->at++] : -1;
}

/* x86 reads words at any address. */
typedef int16_t __attribute__((aligned(1), may_alias)) unaligned_s16;
typedef int32_t __attribute__((aligned(1), may_alias)) unaligned_s32;
typedef int64_t __attribute__((aligned(1), may_alias)) unaligned_s64;

/* A little-endian number of @size bytes, sign-extended. */
static inline bool number(struct cursor *c, unsigned size, int64_t *value)
{
	const uint8_t *p = c->bytes + c->at;

	if (unlikely(c->end - c->at < size))
		return false;
	c->at += size;
	switch (size) {
	case 0:
		*value = 0;
		break;
	case 1:
		*value = (int8_t)*p;
		break;
	case 2:
		*value = *(const unaligned_s16 *)p;
		break;
	case 4:
		*value = *(const unaligned_s32 *)p;
		break;
	default:
		*value = *(const unaligned_s64 *)p;
	}
	return true;
}

/* Prefixes that matter for sizes and registers: a REX in the low byte, and these. */
#define OPERAND_SIZE 0x100u
#define ADDRESS_SIZE 0x200u

/* From the prefix @b on: returns the first byte that is none, or -1. */
static int decode_prefixes(struct insn *i, struct cursor *c, int b, unsigned *p)
{
	for (; b >= 0 && (insn_attributes[b] & PREFIX); b = next(c)) {
		switch (b) {
		case 0x26:
			i->segment = SEG_ES;
			break;
		case 0x2e:
			i->segment = SEG_CS;
			break;
		case 0x36:
			i->segment = SEG_SS;
			break;
		case 0x3e:
			i->segment = SEG_DS;
			break;
		case 0x64:
			i->segment = SEG_FS;
			break;
		case 0x65:
			i->segment = SEG_GS;
			break;
		case 0x66:
			*p |= OPERAND_SIZE;
			break;
		case 0x67:
			*p |= ADDRESS_SIZE;
			break;
		case 0xf0:
			i->lock = true;
			break;
		case 0xf2:
			i->repne = true;
			break;
		case 0xf3:
			i->rep = true;
			break;
		default:
			if (i->mode != 64 || (b & 0xf0) != 0x40)
				return b;
			/* REX counts only directly before the opcode. */
			*p = (*p & ~0xffu) | b;
			continue;
		}
		*p &= ~0xffu;
	}
	return b;
}

static inline void set_sizes(struct insn *i, unsigned prefixes, uint32_t attributes)
{
	i->operand = attributes & BYTE ? 1 : i->mode == 16 ? 2 : 4;
	i->address = i->mode / 8;
	if (likely(!prefixes))
		return;
	if (prefixes & ADDRESS_SIZE)
		i->address = i->mode == 32 ? 2 : 4;
	if (attributes & BYTE)
		return;
	if ((prefixes & 8) && !(attributes & NO_W))
		i->operand = 8;
	else if (prefixes & OPERAND_SIZE)
		i->operand = i->mode == 16 ? 4 : 2;
}

/* 16-bit forms (SDM 2A table 2-1). */
static inline bool decode_memory16(struct insn *i, struct cursor *c, unsigned mod, unsigned rm)
{
	static const uint8_t base[8] = {REG_RBX, REG_RBX, REG_RBP, REG_RBP,
					REG_RSI, REG_RDI, REG_RBP, REG_RBX};
	static const uint8_t index[8] = {REG_RSI,  REG_RDI,  REG_RSI,  REG_RDI,
					 REG_NONE, REG_NONE, REG_NONE, REG_NONE};
	bool absolute = mod == 0 && rm == 6;

	i->base = absolute ? REG_NONE : base[rm];
	i->index = index[rm];
	return number(c, absolute || mod == 2 ? 2 : mod, &i->displacement);
}

/* 32- and 64-bit forms (tables 2-2 and 2-3). */
static inline bool decode_memory(struct insn *i, struct cursor *c, unsigned mod, unsigned rm, uint8_t rex)
{
	unsigned size = mod == 1 ? 1 : mod == 2 ? 4 : 0;

	i->base = rm | (rex & 1) << 3;
	if (rm == 4) {
		int sib = next(c);

		if (sib < 0)
			return false;
		i->base = (sib & 7) | (rex & 1) << 3;
		i->index = (sib >> 3 & 7) | (rex & 2) << 2;
		if (i->index == REG_RSP)
			i->index = REG_NONE;
		i->scale = 1 << (sib >> 6);
		rm = sib & 7;
		if (mod == 0 && rm == 5) {
			i->base = REG_NONE;
			size = 4;
		}
	} else if (mod == 0 && rm == 5) {
		i->base = REG_NONE;
		i->rip_relative = i->mode == 64;
		size = 4;
	}
	return number(c, size, &i->displacement);
}

static __always_inline bool decode_modrm(struct insn *i, struct cursor *c, uint8_t rex)
{
	int b = next(c);
	unsigned mod, rm;

	if (b < 0)
		return false;
	mod = b >> 6;
	rm = b & 7;
	i->mod_rm = b;
	i->reg = (b >> 3 & 7) | (rex & 4) << 1;
	if (mod == 3) {
		i->rm = rm | (rex & 1) << 3;
		return true;
	}
	i->memory = true;
	return i->address == 2 ? decode_memory16(i, c, mod, rm) : decode_memory(i, c, mod, rm, rex);
}

/* What follows the opcode. False: it ends too soon. */
static __always_inline bool decode_operands(struct insn *i, struct cursor *c, uint32_t attributes,
					    uint8_t rex, bool all)
{
	int64_t value;

	if ((attributes & MODRM) && !decode_modrm(i, c, rex))
		return false;
	if (attributes & MOFFS) {
		i->memory = true;
		if (!number(c, i->address, &i->displacement))
			return false;
	}
	if (all) {
		if ((attributes & IMM16) && !number(c, 2, &value))
			return false;
		if ((attributes & FAR) &&
		    !(number(c, i->operand == 2 ? 2 : 4, &value) && number(c, 2, &value)))
			return false;
		if ((attributes & GROUP3) && (i->reg & 7) > 1)
			return true;
	}
	if (attributes & (IMM8 | IMM)) {
		if (!number(c, attributes & IMM8 ? 1 : i->operand == 8 ? 4 : i->operand, &value))
			return false;
		i->immediate = value;
	}
	return true;
}

/* @all: of those too that are not emulated. */
static __always_inline enum decode_result decode(struct insn *i, const uint8_t *bytes, unsigned n,
						 unsigned mode, bool all)
{
	struct cursor c = {bytes, 0, n < INSN_MAX ? n : INSN_MAX};
	enum decode_result at_end = n < INSN_MAX ? DECODE_SHORT : DECODE_UNKNOWN;
	unsigned prefixes = 0;
	uint32_t attributes;
	int b;

	*i =
	    (struct insn){.mode = mode, .segment = SEG_NONE, .base = REG_NONE, .index = REG_NONE, .scale = 1};
	b = next(&c);
	if (b >= 0 && (insn_attributes[b] & PREFIX))
		b = decode_prefixes(i, &c, b, &prefixes);
	if (b == 0x0f) {
		b = next(&c);
		i->opcode = OP_0F(b);
	} else {
		i->opcode = b;
	}
	if (b < 0)
		return at_end;
	i->attributes = attributes = insn_attributes[i->opcode];
	if (all ? attributes & NONE : !(attributes & INSN_OPERATION))
		return DECODE_UNKNOWN;
	i->rex = prefixes & 0xff;
	set_sizes(i, prefixes, attributes);
	if ((attributes & THREE) && next(&c) < 0)
		return at_end;
	if (attributes & OPERANDS) {
		if (!decode_operands(i, &c, attributes, prefixes, all))
			return at_end;
		if (!all && (attributes & MEMORY) && !i->memory)
			return DECODE_UNKNOWN;
	}
	i->length = c.at;
	return DECODE_OK;
}

enum decode_result insn_decode(struct insn *i, const uint8_t *bytes, unsigned n, unsigned mode)
{
	return decode(i, bytes, n, mode, false);
}

unsigned insn_length(const uint8_t *bytes, unsigned n, uint16_t *opcode, uint8_t *reg)
{
	struct insn i;

	if (decode(&i, bytes, n, 32, true) != DECODE_OK)
		return 0;
	*opcode = i.opcode;
	*reg = i.reg;
	return i.length;
}

uint64_t insn_offset(const struct insn *i, uint64_t base, uint64_t index, uint64_t next_rip)
{
	uint64_t at = i->displacement;

	if (i->rip_relative)
		at += next_rip;
	if (i->base != REG_NONE)
		at += base;
	if (i->index != REG_NONE)
		at += index * i->scale;
	return i->address == 8 ? at : i->address == 4 ? (uint32_t)at : (uint16_t)at;
}

enum segment_register insn_segment(const struct insn *i)
{
	if (i->segment != SEG_NONE)
		return i->segment;
	return i->base == REG_RSP || i->base == REG_RBP ? SEG_SS : SEG_DS;
}
