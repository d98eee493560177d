/* SPDX-License-Identifier: MIT */
/* sysctl: physinfo and the domain list are plausible; a wrong interface version gives -EACCES. So many debug keys as could
 * keep the processor for hours are refused (by Xen they are not). */
#include "fw.h"
#include "xen/sysctl.h"

const char test_title[] = "hc-sysctl";

void test_main(void)
{
	static struct xen_sysctl op;
	static char keys[257];

	op.cmd = XEN_SYSCTL_physinfo;
	op.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	check_eq(hypercall_sysctl(&op), 0);
	check(op.u.physinfo.total_pages > op.u.physinfo.free_pages);
	check(op.u.physinfo.free_pages > 0);
	check(op.u.physinfo.cpu_khz > 0);
	check(op.u.physinfo.nr_cpus >= 1);

	op.cmd = XEN_SYSCTL_debug_keys;
	set_xen_guest_handle(op.u.debug_keys.keys, keys);
	op.u.debug_keys.nr_keys = sizeof(keys);
	check_eq(hypercall_sysctl(&op), -XEN_E2BIG);
	op.u.debug_keys.nr_keys = 0;
	check_eq(hypercall_sysctl(&op), 0);

	op.interface_version++;
	check_eq(hypercall_sysctl(&op), -XEN_EACCES);
	op.interface_version--;
	op.cmd = 9999;
	check(hypercall_sysctl(&op) < 0);
	check_eq(hypercall_sysctl((void *)8), -XEN_EFAULT);
}
