/* SPDX-License-Identifier: MIT */
/* set_segment_base: FS and GS bases take effect at once; non-canonical and hypervisor addresses are refused.
 */
#include "fw.h"

const char test_title[] = "hc-set-segment-base";

static unsigned long cell = 0x1122334455667788ull & ~0ul;

void test_main(void)
{
#ifdef __x86_64__
	unsigned long got;

	check_eq(hypercall_set_segment_base(SEGBASE_FS, (unsigned long)&cell), 0);
	__asm__ volatile("mov %%fs:0, %0" : "=r"(got));
	check_eq(got, cell);
	check_eq(hypercall_set_segment_base(SEGBASE_GS_KERNEL, (unsigned long)&cell - 8), 0);
	__asm__ volatile("mov %%gs:8, %0" : "=r"(got));
	check_eq(got, cell);
	/* The user's GS base is kept apart. */
	check_eq(hypercall_set_segment_base(SEGBASE_GS_USER, 0x1000), 0);
	__asm__ volatile("mov %%gs:8, %0" : "=r"(got));
	check_eq(got, cell);
	check_eq(hypercall_set_segment_base(SEGBASE_GS_USER_SEL, 0), 0);

	check(hypercall_set_segment_base(SEGBASE_FS, 0x0000800000000000ul) < 0);
	check(hypercall_set_segment_base(SEGBASE_GS_KERNEL, 0x8000000000000000ul) < 0);
	check(hypercall_set_segment_base(9, 0) < 0);
#else
	check(hypercall_set_segment_base(0, (unsigned long)&cell) < 0);
#endif
}
