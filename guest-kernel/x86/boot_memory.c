/* SPDX-License-Identifier: MIT */
/* The list of free page frames that is handed to the kernel's allocator. Used only while starting. */
#include "x86/internal.h"

static void add_range(pfn_t first, pfn_t end)
{
	if (first < end && boot_info.free_count < ARRAY_SIZE(boot_info.free))
		boot_info.free[boot_info.free_count++] = (struct frame_range){first, end};
}

void boot_add_free(pfn_t first, pfn_t end, const struct frame_range *used, unsigned used_count)
{
	for (unsigned i = 0; i < used_count; i++) {
		if (used[i].end <= first || used[i].first >= end)
			continue;
		add_range(first, used[i].first);
		first = used[i].end;
	}
	add_range(first, end);
}

pfn_t boot_take_frames(unsigned count)
{
	for (unsigned i = 0; i < boot_info.free_count; i++) {
		struct frame_range *r = &boot_info.free[i];

		if (r->end - r->first >= count) {
			r->first += count;
			return r->first - count;
		}
	}
	early_print("machine: not enough memory to map the memory\n");
	machine_crash();
}
