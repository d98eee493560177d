/* SPDX-License-Identifier: MIT */
/* The length of an instruction and nothing else: 32-bit code, every opcode. Pure. SDM 2D A, Opcode Map. */
#pragma once

#include "lib/types.h"

#define INSN_LENGTH_MAX 15

/* The instruction at @bytes: its length; 0 if it is none or longer than @n. *opcode: as in emul/decode.h, first
 * byte or 0x100 | second; *reg: ModRM.reg, 0 without. */
unsigned insn_length(const uint8_t *bytes, unsigned n, uint16_t *opcode, uint8_t *reg);
