/* SPDX-License-Identifier: MIT */
/* See length.h. */
#include "fv/length.h"

/* What follows the opcode. */
#define MODRM  0x01
#define IMM8   0x02
#define IMM16  0x04
#define IMM    0x08 /* 4 bytes, 2 with a prefix */
#define MOFFS  0x10 /* an address */
#define FAR    0x20 /* IMM and a selector */
#define GROUP3 0x40 /* a constant only with reg 0 and 1 (TEST) */
#define NONE   0x80 /* no instruction */

static uint8_t arithmetic(uint8_t b)
{
	switch (b & 7) {
	case 4:
		return IMM8;
	case 5:
		return IMM;
	}
	return (b & 7) < 4 ? MODRM : 0;
}

static uint8_t one_byte(uint8_t b)
{
	switch (b) {
	case 0x00 ... 0x3f:
		return arithmetic(b);
	case 0x62 ... 0x63:
	case 0x84 ... 0x8f:
	case 0xd0 ... 0xd3:
	case 0xd8 ... 0xdf:
	case 0xfe ... 0xff:
		return MODRM;
	case 0xc4 ... 0xc5: /* LES, LDS; or a VEX prefix, of code that kernels do not have */
		return NONE;
	case 0x68:
	case 0xa9:
	case 0xb8 ... 0xbf:
	case 0xe8 ... 0xe9:
		return IMM;
	case 0x69:
	case 0x81:
	case 0xc7:
		return MODRM | IMM;
	case 0x6a:
	case 0x70 ... 0x7f:
	case 0xa8:
	case 0xb0 ... 0xb7:
	case 0xcd:
	case 0xd4 ... 0xd5:
	case 0xe0 ... 0xe7:
	case 0xeb:
		return IMM8;
	case 0x6b:
	case 0x80:
	case 0x82 ... 0x83:
	case 0xc0 ... 0xc1:
	case 0xc6:
		return MODRM | IMM8;
	case 0x9a:
	case 0xea:
		return FAR;
	case 0xa0 ... 0xa3:
		return MOFFS;
	case 0xc2:
	case 0xca:
		return IMM16;
	case 0xc8:
		return IMM16 | IMM8;
	case 0xf6:
		return MODRM | GROUP3 | IMM8;
	case 0xf7:
		return MODRM | GROUP3 | IMM;
	case 0xd6:
	case 0xf1:
		return NONE;
	}
	return 0;
}

static uint8_t two_byte(uint8_t b)
{
	switch (b) {
	case 0x05 ... 0x06:
	case 0x08 ... 0x09:
	case 0x0b:
	case 0x30 ... 0x37:
	case 0x77:
	case 0xa0 ... 0xa2:
	case 0xa8 ... 0xaa:
	case 0xc8 ... 0xcf:
		return 0;
	case 0x04:
	case 0x07:
	case 0x0a:
	case 0x0c:
	case 0x0e ... 0x0f:
	case 0x24 ... 0x27:
	case 0x39:
	case 0x3b ... 0x3f:
		return NONE;
	case 0x70 ... 0x73:
	case 0xa4:
	case 0xac:
	case 0xba:
	case 0xc2:
	case 0xc4 ... 0xc6:
		return MODRM | IMM8;
	case 0x80 ... 0x8f:
		return IMM;
	}
	return MODRM;
}

static bool is_prefix(uint8_t b)
{
	switch (b) {
	case 0x26:
	case 0x2e:
	case 0x36:
	case 0x3e:
	case 0x64 ... 0x67:
	case 0xf0:
	case 0xf2 ... 0xf3:
		return true;
	}
	return false;
}

/* Bytes of ModRM, SIB and displacement; at least one. */
static unsigned memory_length(const uint8_t *at, unsigned left, bool address16)
{
	unsigned mod, rm, base;

	if (!left)
		return INSN_LENGTH_MAX;
	mod = at[0] >> 6;
	rm = at[0] & 7;
	if (mod == 3)
		return 1;
	if (address16)
		return 1 + (mod == 0 ? (rm == 6 ? 2 : 0) : mod);
	if (rm != 4)
		return 1 + (mod == 0 ? (rm == 5 ? 4 : 0) : mod == 1 ? 1 : 4);
	base = left > 1 ? at[1] & 7 : 0;
	return 2 + (mod == 0 ? (base == 5 ? 4 : 0) : mod == 1 ? 1 : 4);
}

unsigned insn_length(const uint8_t *bytes, unsigned n, uint16_t *opcode, uint8_t *reg)
{
	bool operand16 = false, address16 = false;
	unsigned at = 0;
	uint8_t what;

	*reg = 0;
	n = n < INSN_LENGTH_MAX ? n : INSN_LENGTH_MAX;
	while (at < n && is_prefix(bytes[at])) {
		operand16 |= bytes[at] == 0x66;
		address16 |= bytes[at] == 0x67;
		at++;
	}
	if (at + 1 >= n + (at < n && bytes[at] != 0x0f))
		return 0;
	*opcode = bytes[at++];
	what = *opcode == 0x0f ? two_byte(bytes[at]) : one_byte(*opcode);
	if (*opcode == 0x0f) {
		uint8_t second = bytes[at++];

		*opcode = 0x100 | second;
		if (second == 0x38 || second == 0x3a) {
			at++;
			what = MODRM | (second == 0x3a ? IMM8 : 0);
		}
	}
	if (what & NONE)
		return 0;
	if (what & MODRM) {
		if (at >= n)
			return 0;
		*reg = bytes[at] >> 3 & 7;
		at += memory_length(bytes + at, n - at, address16);
	}
	if ((what & GROUP3) && *reg > 1)
		what &= ~(IMM8 | IMM);
	at += (what & IMM8 ? 1 : 0) + (what & IMM16 ? 2 : 0) + (what & IMM ? (operand16 ? 2 : 4) : 0);
	at += (what & MOFFS ? (address16 ? 2 : 4) : 0) + (what & FAR ? (operand16 ? 4 : 6) : 0);
	return at <= n ? at : 0;
}
