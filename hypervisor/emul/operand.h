/* SPDX-License-Identifier: MIT */
/* Registers and memory operands of an instruction being emulated. */
#pragma once

#include "emul/emul.h"

/* The 64-bit register @number (enum insn_register) in the frame. */
uint64_t *reg_ptr(struct cpu_user_regs *r, unsigned number);
/* Its low @size bytes; byte registers 4 to 7 are AH to BH unless @rex. Writing 4 bytes clears the upper half.
 */
uint64_t reg_read(struct cpu_user_regs *r, unsigned number, unsigned size, bool rex);
void reg_write(struct cpu_user_regs *r, unsigned number, unsigned size, bool rex, uint64_t value);

/* Base of a segment register of the running guest. False: it is null or not there. */
bool segment_base(struct emul *e, enum segment_register s, gva_t *base);
/* Linear address of @size bytes at @offset, for a load or a store, as far as segmentation permits it. False: #GP. */
bool segment_permits(struct emul *e, enum segment_register s, uint64_t offset, unsigned size, bool store,
		     gva_t *va);
/* Linear address of the memory operand. */
bool operand_address(struct emul *e, gva_t *va);

static inline uint64_t size_mask(unsigned size)
{
	return size == 8 ? ~0ull : (1ull << (8 * size)) - 1;
}
