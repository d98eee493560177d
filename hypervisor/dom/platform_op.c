/* SPDX-License-Identifier: MIT */
/*
 * Hypercall 7, platform_op (xen/platform.h): Dom0 and the machine. The dispatcher has checked that the caller may.
 * Its processors can be looked at, which is what Linux needs for /sys/devices/system/xen_cpu; nothing can be set.
 */
#include "cpu/percpu.h"
#include "dev/acpi.h"
#include "hypercalls.h"
#include "lib/errno.h"
#include "mm/guest_copy.h"
#include "xen/platform.h"

static uint32_t uid_of(uint32_t apic_id)
{
	for (uint32_t i = 0; i < acpi.cpu_count; i++)
		if (acpi.cpu[i].apic_id == apic_id)
			return acpi.cpu[i].uid;
	return 0; /* no ACPI tables: the only processor */
}

static void cpu_info(struct xenpf_pcpuinfo *p)
{
	p->max_present = nr_cpus - 1;
	if (p->xen_cpuid >= nr_cpus) {
		p->flags = XEN_PCPU_FLAGS_INVALID;
		return;
	}
	p->flags = XEN_PCPU_FLAGS_ONLINE;
	p->apic_id = cpu_table[p->xen_cpuid]->apic_id;
	p->acpi_id = uid_of(p->apic_id);
}

long hc_platform_op(uint64_t arg)
{
	struct xen_platform_op op;

	if (guest_read(&op, arg, sizeof(op)))
		return -EFAULT;
	if (op.interface_version != XENPF_INTERFACE_VERSION)
		return -EACCES;
	if (op.cmd != XENPF_get_cpuinfo)
		return -ENOSYS;
	cpu_info(&op.u.pcpu_info);
	return guest_write(arg, &op, sizeof(op)) ? -EFAULT : 0;
}
