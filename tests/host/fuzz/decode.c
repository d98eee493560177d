/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target of the reader of instructions (emul/decode.c): what is emulated, in all three modes, and the lengths of all
 * others. It does not look behind the bytes there are; with fewer bytes the answer is "more" or the same; and what it
 * decodes of 32-bit code has the length and the opcode that it says.
 */
#include "input.h"

#include <stdlib.h>
#include <string.h>

#include "emul/decode.h"

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void decode(const uint8_t *bytes, unsigned n, unsigned mode)
{
	struct insn whole, part;
	enum decode_result found = insn_decode(&whole, bytes, n, mode);

	if (found != DECODE_OK)
		return;
	must(whole.length && whole.length <= n && whole.length <= INSN_MAX && whole.mode == mode);
	must(insn_segment(&whole) <= SEG_GS);
	(void)insn_offset(&whole, 0x1000, 0x2000, 0x3000);
	must(insn_decode(&part, bytes, whole.length, mode) == DECODE_OK && part.length == whole.length);
	for (unsigned cut = 0; cut < whole.length; cut++)
		must(insn_decode(&part, bytes, cut, mode) == DECODE_SHORT);
}

static void lengths(const uint8_t *bytes, unsigned n)
{
	uint16_t opcode, again;
	uint8_t reg, reg_again;
	unsigned length = insn_length(bytes, n, &opcode, &reg);
	struct insn insn;

	must(length <= n && length <= INSN_MAX);
	if (!length)
		return;
	must(insn_length(bytes, length, &again, &reg_again) == length && again == opcode && reg_again == reg);
	must(!insn_length(bytes, length - 1, &again, &reg_again));
	if (insn_decode(&insn, bytes, n, 32) == DECODE_OK)
		must(insn.length == length && insn.opcode == opcode);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned n = size > 24 ? 24 : size;
	uint8_t *copy = malloc(n ? n : 1);

	memcpy(copy, data, n);
	decode(copy, n, 16);
	decode(copy, n, 32);
	decode(copy, n, 64);
	lengths(copy, n);
	free(copy);
	return 0;
}
