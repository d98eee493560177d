/* SPDX-License-Identifier: MIT */
/*
 * platform_op: XENPF_get_cpuinfo tells of each processor, and says which numbers are invalid. A bad pointer, another
 * version of the interface and an unknown operation are refused.
 */
#include "fw.h"
#include "xen/platform.h"

const char test_title[] = "hc-platform-op";

static struct xen_platform_op op;

static long ask(uint32_t cpu)
{
	op = (struct xen_platform_op){.cmd = XENPF_get_cpuinfo, .interface_version = XENPF_INTERFACE_VERSION};
	op.u.pcpu_info.xen_cpuid = cpu;
	return hypercall_platform_op(&op);
}

static void test_processors(void)
{
	uint32_t seen = 0;

	check_eq(ask(0), 0);
	for (uint32_t cpu = 0, last = op.u.pcpu_info.max_present; cpu <= last; cpu++) {
		check_eq(ask(cpu), 0);
		check_eq(op.u.pcpu_info.max_present, last);
		check_eq(op.u.pcpu_info.flags, XEN_PCPU_FLAGS_ONLINE);
		check(op.u.pcpu_info.apic_id < 32 && !(seen & 1u << op.u.pcpu_info.apic_id));
		seen |= 1u << op.u.pcpu_info.apic_id;
	}
	check_eq(ask(op.u.pcpu_info.max_present + 1), 0);
	check_eq(op.u.pcpu_info.flags, XEN_PCPU_FLAGS_INVALID);
	check_eq(ask(~0u), 0);
	check_eq(op.u.pcpu_info.flags, XEN_PCPU_FLAGS_INVALID);
}

void test_main(void)
{
	test_processors();
	check_eq(hypercall_platform_op((void *)8), -XEN_EFAULT);
	op.interface_version = XENPF_INTERFACE_VERSION - 1;
	check_eq(hypercall_platform_op(&op), -XEN_EACCES);
	op = (struct xen_platform_op){.cmd = 9999, .interface_version = XENPF_INTERFACE_VERSION};
	check_eq(hypercall_platform_op(&op), -XEN_ENOSYS);
}
