/* SPDX-License-Identifier: MIT */
/*
 * Instruction decoder for what the hypervisor emulates: privileged instructions, those that should be, port I/O, and
 * stores that a kernel may make to its page tables; of all others it knows the length. Pure: bytes in, structure out.
 * SDM 2A 2, Instruction Format.
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

/* What an instruction is to the emulator. */
enum insn_operation {
	INSN_OTHER, /* not emulated */
	INSN_STORE, /* to memory, as kernels do to their page tables */
	INSN_IO,    /* IN, OUT */
	INSN_STRING_IO,
	INSN_INT,
	INSN_INTERRUPT_FLAG, /* CLI, STI */
	INSN_HLT,
	INSN_IRET,
	INSN_PUSHF,
	INSN_POPF,
	INSN_PUSH_SEGMENT, /* CS or SS */
	INSN_POP_SS,
	INSN_MOV_FROM_SEGMENT,
	INSN_MOV_TO_SEGMENT,
	INSN_GROUP_0F00,
	INSN_GROUP_0F01,
	INSN_LAR_LSL,
	INSN_CLTS,
	INSN_CACHES, /* INVD, WBINVD */
	INSN_MOV_CR,
	INSN_MOV_DR,
	INSN_RDMSR,
	INSN_WRMSR,
	INSN_CPUID,
	INSN_OPERATIONS,
};

/* Attributes of an opcode (insn.def). */
#define INSN_OPERATION 0xffu       /* enum insn_operation */
#define INSN_KERNEL    0x10000000u /* emulated for kernels only */
#define INSN_TRAPS \
	0x20000000u /* traps by itself wherever kernels do not run in ring 0, as its neighbours often do */
extern const uint32_t insn_attributes[512];

#define OP_0F(second) (0x100 | (second)) /* insn.opcode of a two-byte one */

struct insn {
	uint32_t attributes;
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

/* The length of any instruction of 32-bit code; 0 if it is none or longer than @n. *reg: ModRM.reg, 0 without. */
unsigned insn_length(const uint8_t *bytes, unsigned n, uint16_t *opcode, uint8_t *reg);

static inline enum insn_operation insn_operation(const struct insn *i)
{
	return i->attributes & INSN_OPERATION;
}

/* Offset of the memory operand within its segment, from the contents of its registers base and index (those
 * that it has) and the address after the instruction. */
uint64_t insn_offset(const struct insn *insn, uint64_t base, uint64_t index, uint64_t next_rip);
/* The segment register of the memory operand. */
enum segment_register insn_segment(const struct insn *insn);
