/* SPDX-License-Identifier: MIT */
/* Backtraces. The table comes from the second link (lib/mksymbols.awk): offsets ascending, names in their
 * order. */
#include "lib/symbols.h"
#include "lib/image.h"
#include "lib/printk.h"
#include "lib/string.h"

/* Generated; in the first link an empty table stands in. */
extern const uint32_t symbol_count;
extern const uint32_t symbol_offsets[];
extern const char symbol_names[];

#define BACKTRACE_MAX 24
#define LONGEST_CALL  7 /* bytes */

const char *symbol_lookup(uint64_t addr, uint64_t *offset)
{
	const char *name = symbol_names;
	uint32_t low = 0, high, want;

	if (addr < (uint64_t)text_start || addr >= (uint64_t)text_end || !symbol_count)
		return NULL;
	want = (uint32_t)(addr - (uint64_t)text_start);
	high = symbol_count;
	while (high - low > 1) {
		uint32_t middle = (low + high) / 2;

		if (symbol_offsets[middle] <= want)
			low = middle;
		else
			high = middle;
	}
	for (uint32_t i = 0; i < low; i++)
		name += strlen(name) + 1;
	*offset = want - symbol_offsets[low];
	return name;
}

static uint64_t symbol_offset(uint64_t addr)
{
	uint64_t offset = 0;

	symbol_lookup(addr, &offset);
	return offset;
}

static void print_frame(const char *mark, uint64_t rip)
{
	uint64_t offset = 0;
	const char *name = symbol_lookup(rip, &offset);

	if (name)
		printk("  [%016lx] %s%s+0x%lx\n", rip, mark, name, offset);
	else
		printk("  [%016lx] %s\n", rip, mark);
}

/* The displacement of CALL rel32 (SDM 2A, CALL: E8) before @back, or of none. */
static bool direct_call(const uint8_t *back, uint64_t *callee)
{
	int32_t displacement;

	memcpy(&displacement, back - 4, 4);
	*callee = (uint64_t)back + displacement;
	return back[-5] == 0xe8 && *callee >= (uint64_t)text_start && *callee < (uint64_t)text_end;
}

/* CALL r/m64 (FF /2) before @back: register, or memory with no, one or four bytes of displacement, maybe SIB.
 */
static bool indirect_call(const uint8_t *back)
{
	static const uint8_t lengths[] = {2, 3, 4, 6, 7};

	for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++)
		if (back[-lengths[i]] == 0xff && (back[1 - lengths[i]] & 0x38) == 0x10)
			return true;
	return false;
}

/*
 * Without frame pointers (they cost every hypercall a few percent) the callers are found by reading the
 * stack: a word that points just after a CALL is a return address, of this chain or left over from an earlier
 * one. If that call goes to the function below it in the chain it certainly belongs; a "?" marks the others
 * (calls by pointer, functions left by a jump, leftovers).
 */
void backtrace_print(uint64_t rip, uint64_t rsp, uint64_t stack_end)
{
	uint64_t inner = rip - symbol_offset(rip), callee;
	int lines = 0;

	printk("Backtrace:\n");
	print_frame("", rip);
	for (uint64_t p = ROUND_UP(rsp, 8); p + 8 <= stack_end && lines < BACKTRACE_MAX; p += 8) {
		uint64_t back = *(const uint64_t *)p;
		bool direct, certain;

		if (back < (uint64_t)text_start + LONGEST_CALL || back >= (uint64_t)text_end)
			continue;
		direct = direct_call((const uint8_t *)back, &callee);
		if (!direct && !indirect_call((const uint8_t *)back))
			continue;
		certain = direct && callee == inner;
		print_frame(certain ? "" : "? ", back);
		lines++;
		inner = back - symbol_offset(back);
	}
}
