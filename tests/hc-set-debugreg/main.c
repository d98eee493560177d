/* SPDX-License-Identifier: MIT */
/*
 * set_debugreg, get_debugreg: what is written is read back; a data breakpoint on our own memory raises #DB;
 * one on the hypervisor's memory, bad register numbers and reserved bits are refused.
 */
#include "fw.h"

const char test_title[] = "hc-set-debugreg";

static volatile long watched;
static unsigned hits;

static bool on_debug(struct frame *f)
{
	if (f->vector != VEC_DB)
		return false;
	hits++;
	return true;
}

void test_main(void)
{
	check_eq(hypercall_set_debugreg(0, (unsigned long)&watched), 0);
	check_eq(hypercall_get_debugreg(0), (unsigned long)&watched);
	trap_hook = on_debug;
	check_eq(hypercall_set_debugreg(7, 0x000d0001), 0); /* DR0: 4 bytes, writes, local enable */
	watched = 1;
	barrier();
	check_eq(hits, 1);
	check_eq(hypercall_set_debugreg(7, 0), 0);
	watched = 2;
	barrier();
	check_eq(hits, 1);
	trap_hook = NULL;

	check(hypercall_set_debugreg(8, 0) < 0);
	check(hypercall_get_debugreg(8) < 0);
#ifdef __x86_64__
	check(hypercall_set_debugreg(1, 0xffff830000000000ul) < 0);
	check(hypercall_set_debugreg(1, 0x0000800000000000ul) < 0);
	check(hypercall_set_debugreg(7, 1ul << 40) < 0);
#endif
}
