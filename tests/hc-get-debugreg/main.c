/* SPDX-License-Identifier: MIT */
/* get_debugreg: each register reads back as set; a fresh DR7 enables nothing; 4, 5 and 8 are no registers to
 * set. */
#include "fw.h"

const char test_title[] = "hc-get-debugreg";

void test_main(void)
{
	check_eq(hypercall_get_debugreg(7) & 0xff, 0);
	for (unsigned reg = 0; reg < 4; reg++) {
		check_eq(hypercall_set_debugreg(reg, 0x1000 * (reg + 1)), 0);
		check_eq(hypercall_get_debugreg(reg), 0x1000 * (reg + 1));
	}
	for (unsigned reg = 0; reg < 4; reg++)
		check_eq(hypercall_set_debugreg(reg, 0), 0);
	check(hypercall_get_debugreg(9) < 0);
	check(hypercall_get_debugreg(~0u) < 0);
}
