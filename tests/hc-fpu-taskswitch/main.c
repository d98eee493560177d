/* SPDX-License-Identifier: MIT */
/* fpu_taskswitch: with TS set the next FPU instruction raises #NM, once: the hypervisor clears TS as it
 * delivers it. */
#include "fw.h"

const char test_title[] = "hc-fpu-taskswitch";

void test_main(void)
{
	check_eq(hypercall_fpu_taskswitch(0), 0);
	check_no_fault(__asm__ volatile("fnop"));
	check_eq(hypercall_fpu_taskswitch(1), 0);
	check_fault(VEC_NM, __asm__ volatile("fnop"));
	check_no_fault(__asm__ volatile("fnop"));
	check_eq(hypercall_fpu_taskswitch(1), 0);
	check_eq(hypercall_fpu_taskswitch(0), 0);
	check_no_fault(__asm__ volatile("fnop"));
}
