/* SPDX-License-Identifier: MIT */
/* See decode.h. One table entry per opcode byte says what follows it; 0 is an opcode that is not emulated. */
#include "emul/decode.h"

#define KNOWN  0x01 /* nothing but the opcode */
#define MODRM  0x02
#define BYTE   0x04 /* operand of one byte; without it, 2, 4 or 8 by prefixes */
#define IMM8   0x08 /* sign-extended */
#define IMM    0x10 /* operand-sized, at most 4 bytes */
#define MOFFS  0x20 /* an address follows */
#define MEMORY 0x40 /* only with a memory operand */
#define NO_W   0x80 /* operand never 8 bytes: port I/O */

#define OPERANDS (MODRM | IMM8 | IMM | MOFFS) /* something follows the opcode */

#define RM8  (KNOWN | MODRM | BYTE | MEMORY)
#define RM   (KNOWN | MODRM | MEMORY)
#define LONE KNOWN

static const uint8_t one_byte[256] = {
    [0x00] = RM8,
    [0x01] = RM,
    [0x08] = RM8,
    [0x09] = RM, /* add, or */
    [0x0e] = LONE,
    [0x16] = LONE,
    [0x17] = LONE, /* push cs, push ss, pop ss */
    [0x20] = RM8,
    [0x21] = RM,
    [0x28] = RM8,
    [0x29] = RM, /* and, sub */
    [0x30] = RM8,
    [0x31] = RM, /* xor */
    [0x6c] = LONE | BYTE,
    [0x6d] = LONE | NO_W, /* ins */
    [0x6e] = LONE | BYTE,
    [0x6f] = LONE | NO_W, /* outs */
    [0x80] = RM8 | IMM8,
    [0x81] = RM | IMM,
    [0x83] = RM | IMM8, /* the same with a constant */
    [0x86] = RM8,
    [0x87] = RM, /* xchg */
    [0x88] = RM8,
    [0x89] = RM, /* mov */
    [0x8c] = KNOWN | MODRM,
    [0x8e] = KNOWN | MODRM, /* mov from and to a segment register */
    [0x9c] = LONE,
    [0x9d] = LONE, /* pushf, popf */
    [0xa2] = LONE | BYTE | MOFFS,
    [0xa3] = LONE | MOFFS,
    [0xa4] = LONE | BYTE,
    [0xa5] = LONE, /* movs */
    [0xaa] = LONE | BYTE,
    [0xab] = LONE, /* stos */
    [0xc6] = RM8 | IMM8,
    [0xc7] = RM | IMM, /* mov constant */
    [0xcf] = LONE,     /* iret */
    [0xe4] = LONE | BYTE | IMM8,
    [0xe5] = LONE | NO_W | IMM8, /* in, out */
    [0xe6] = LONE | BYTE | IMM8,
    [0xe7] = LONE | NO_W | IMM8,
    [0xec] = LONE | BYTE,
    [0xed] = LONE | NO_W,
    [0xee] = LONE | BYTE,
    [0xef] = LONE | NO_W,
    [0xf4] = LONE, /* hlt */
    [0xfa] = LONE,
    [0xfb] = LONE, /* cli, sti */
};

static const uint8_t two_byte[256] = {
    [0x00] = KNOWN | MODRM, /* sldt, str, lldt, ltr */
    [0x01] = KNOWN | MODRM, /* xsetbv; sgdt, sidt, lgdt, lidt, smsw, lmsw, invlpg */
    [0x02] = KNOWN | MODRM,
    [0x03] = KNOWN | MODRM, /* lar, lsl */
    [0x06] = LONE,
    [0x08] = LONE,
    [0x09] = LONE, /* clts, invd, wbinvd */
    [0x20] = KNOWN | MODRM,
    [0x21] = KNOWN | MODRM, /* mov from and to CR, DR */
    [0x22] = KNOWN | MODRM,
    [0x23] = KNOWN | MODRM,
    [0x30] = LONE,
    [0x32] = LONE, /* wrmsr, rdmsr */
    [0xa2] = LONE, /* cpuid */
    [0xab] = RM,
    [0xb3] = RM,
    [0xbb] = RM,
    [0xba] = RM | IMM8, /* bts, btr, btc */
    [0xb0] = RM8,
    [0xb1] = RM, /* cmpxchg */
    [0xc7] = RM, /* cmpxchg8b */
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
static bool number(struct cursor *c, unsigned size, int64_t *value)
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

/* Is @b an opcode, as far as the tables know? Then it is no prefix. */
static inline bool is_opcode(int b)
{
	return b == 0x0f || one_byte[b];
}

/* From the prefix @b on: returns the first byte that is none, or -1. */
static int decode_prefixes(struct insn *i, struct cursor *c, int b, unsigned *p)
{
	for (; b >= 0 && !is_opcode(b); b = next(c)) {
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

static inline void set_sizes(struct insn *i, unsigned prefixes, uint8_t attributes)
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
static bool decode_memory16(struct insn *i, struct cursor *c, unsigned mod, unsigned rm)
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
static bool decode_memory(struct insn *i, struct cursor *c, unsigned mod, unsigned rm, uint8_t rex)
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

static bool decode_modrm(struct insn *i, struct cursor *c, uint8_t rex)
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
static bool decode_operands(struct insn *i, struct cursor *c, uint8_t attributes, uint8_t rex)
{
	int64_t value;

	if ((attributes & MODRM) && !decode_modrm(i, c, rex))
		return false;
	if (attributes & MOFFS) {
		i->memory = true;
		if (!number(c, i->address, &i->displacement))
			return false;
	}
	if (attributes & (IMM8 | IMM)) {
		if (!number(c, attributes & IMM8 ? 1 : i->operand == 8 ? 4 : i->operand, &value))
			return false;
		i->immediate = value;
	}
	return true;
}

enum decode_result insn_decode(struct insn *i, const uint8_t *bytes, unsigned n, unsigned mode)
{
	struct cursor c = {bytes, 0, n < INSN_MAX ? n : INSN_MAX};
	enum decode_result at_end = n < INSN_MAX ? DECODE_SHORT : DECODE_UNKNOWN;
	unsigned prefixes = 0;
	uint8_t attributes;
	int b;

	*i =
	    (struct insn){.mode = mode, .segment = SEG_NONE, .base = REG_NONE, .index = REG_NONE, .scale = 1};
	b = next(&c);
	if (b >= 0 && !is_opcode(b))
		b = decode_prefixes(i, &c, b, &prefixes);
	if (b < 0)
		return at_end;
	if (b == 0x0f) {
		b = next(&c);
		if (b < 0)
			return at_end;
		i->opcode = OP_0F(b);
		attributes = two_byte[b];
	} else {
		i->opcode = b;
		attributes = one_byte[b];
	}
	if (!attributes)
		return DECODE_UNKNOWN;
	i->rex = prefixes & 0xff;
	set_sizes(i, prefixes, attributes);
	if (attributes & OPERANDS) {
		if (!decode_operands(i, &c, attributes, prefixes))
			return at_end;
		if ((attributes & MEMORY) && !i->memory)
			return DECODE_UNKNOWN;
	}
	i->length = c.at;
	return DECODE_OK;
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
