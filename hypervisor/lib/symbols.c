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

static void print_frame(uint64_t rip)
{
	uint64_t offset = 0;
	const char *name = symbol_lookup(rip, &offset);

	if (name)
		printk("  [%016lx] %s+0x%lx\n", rip, name, offset);
	else
		printk("  [%016lx]\n", rip);
}

/* A frame pointer worth following: kernel half, aligned, further up the same stack. */
static bool plausible(uint64_t frame, uint64_t previous)
{
	return frame > previous && frame - previous < 65536 && frame % 8 == 0;
}

void backtrace_print(uint64_t rip, uint64_t rbp)
{
	uint64_t frame = rbp;

	printk("Backtrace:\n");
	print_frame(rip);
	if (frame < IMAGE_BASE || frame % 8)
		return;
	for (int i = 0; i < BACKTRACE_MAX; i++) {
		const uint64_t *f = (const uint64_t *)frame;

		if (f[1] < (uint64_t)text_start || f[1] >= (uint64_t)text_end)
			return;
		print_frame(f[1]);
		if (!plausible(f[0], frame))
			return;
		frame = f[0];
	}
}
