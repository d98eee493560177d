/* SPDX-License-Identifier: MIT */
/*
 * Instruction decoder for what the hypervisor emulates: privileged instructions, port I/O, and stores that a
 * kernel may make to its page tables. Pure: bytes in, structure out. SDM 2A 2, Instruction Format.
 */
#pragma once

#include "lib/types.h"

#define INSN_MAX 15 /* bytes in an instruction */

enum segment_register {
	SEG_ES,
	SEG_CS,
	SEG_SS,
	SEG_DS,
	SEG_FS,
	SEG_GS,
	SEG_NONE
};
enum insn_register {
	REG_RAX,
	REG_RCX,
	REG_RDX,
	REG_RBX,
	REG_RSP,
	REG_RBP,
	REG_RSI,
	REG_RDI,
	REG_NONE = 16
};

#define OP_0F(second) (0x100 | (second)) /* insn.opcode of a two-byte one */

struct insn {
	uint16_t opcode;       /* first byte, or OP_0F(second byte) */
	uint8_t length;        /* bytes in all */
	uint8_t mode;          /* 16, 32 or 64: what it was decoded for */
	uint8_t operand;       /* size of its operand: 1, 2, 4 or 8 bytes */
	uint8_t address;       /* size of addresses: 2, 4 or 8 bytes */
	uint8_t segment;       /* override, or SEG_NONE */
	bool lock, rep, repne; /* prefixes */
	bool rex;              /* a REX prefix: byte registers 4 to 7 are SPL to DIL */
	bool memory;           /* r/m is memory: base + index * scale + displacement */
	uint8_t mod_rm;        /* the byte itself, 0 without */
	uint8_t reg, rm;       /* register numbers 0 to 15; rm only if !memory */
	uint8_t base, index;   /* REG_NONE: absent */
	uint8_t scale;         /* 1, 2, 4, 8 */
	bool rip_relative;
	int64_t displacement; /* also the address of MOV moffs */
	uint64_t immediate;   /* sign-extended to the operand's size */
};

enum decode_result {
	DECODE_OK,
	DECODE_UNKNOWN, /* not one that is emulated */
	DECODE_SHORT,   /* more bytes are needed than the @n there are */
};

/* Decode at @bytes for code of @mode bits. Never looks beyond bytes[n - 1] or bytes[INSN_MAX - 1]. */
enum decode_result insn_decode(struct insn *insn, const uint8_t *bytes, unsigned n, unsigned mode);

/* Offset of the memory operand within its segment, from the contents of its registers base and index (those
 * that it has) and the address after the instruction. */
uint64_t insn_offset(const struct insn *insn, uint64_t base, uint64_t index, uint64_t next_rip);
/* The segment register of the memory operand. */
enum segment_register insn_segment(const struct insn *insn);
