/* SPDX-License-Identifier: MIT */
/*
 * multicall: every entry's own result is written, a failing one does not stop the others, unknown numbers
 * give -ENOSYS there, a multicall inside a multicall fails. A bad list gives -EFAULT.
 */
#include "fw.h"

const char test_title[] = "hc-multicall";

void test_main(void)
{
	static struct multicall_entry list[32];

	for (unsigned i = 0; i < 32; i++)
		list[i] = (struct multicall_entry){
		    .op = __HYPERVISOR_xen_version, .result = 77, .args = {XENVER_version}};
	list[3] = (struct multicall_entry){.op = __HYPERVISOR_xen_version, .args = {999}};
	list[4] = (struct multicall_entry){.op = 63};
	list[5] = (struct multicall_entry){.op = __HYPERVISOR_multicall, .args = {(unsigned long)list, 1}};
	list[6].op = ~0ul;
	check_eq(hypercall_multicall(list, 32), 0);
	check_eq(list[0].result, 4 << 16 | 17);
	check_eq(list[31].result, 4 << 16 | 17);
	check_eq(list[3].result, -XEN_ENOSYS);
	check_eq(list[4].result, -XEN_ENOSYS);
	check_eq(list[5].result, -XEN_EINVAL);
	check_eq(list[6].result, -XEN_ENOSYS);
	check_eq(hypercall_multicall(list, 0), 0);
	check_eq(hypercall_multicall((void *)8, 1), -XEN_EFAULT);
}
