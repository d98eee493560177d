/* SPDX-License-Identifier: MIT */
/*
 * Hypercall 7, platform_op (xen/platform.h): Dom0 and the machine. The dispatcher has checked that the caller may.
 * Its processors can be looked at, which is what Linux needs for /sys/devices/system/xen_cpu; the wall clock that guests are
 * told can be set. It does not sleep.
 */
#include "cpu/percpu.h"
#include "dev/acpi.h"
#include "guest/hypercall.h"
#include "lib/errno.h"
#include "lib/loglevel.h"
#include "mm/guest_copy.h"
#include "mm/page.h"
#include "sched/sched.h"
#include "xen/platform.h"

#define BIOS_KEYBOARD_FLAGS 0x417 /* in the BIOS's data area; what INT 16h, AH 2 reads */
#define SOFT_OFF            5     /* S5, which Linux asks for first; then it calls SCHEDOP_shutdown */

static uint32_t uid_of(uint32_t apic_id)
{
	for (uint32_t i = 0; i < acpi.cpu_count; i++)
		if (acpi.cpu[i].apic_id == apic_id)
			return acpi.cpu[i].uid;
	return 0; /* no ACPI tables: the only processor */
}

static long cpu_info(struct xenpf_pcpuinfo *p)
{
	p->max_present = nr_cpus - 1;
	if (p->xen_cpuid >= nr_cpus) {
		p->flags = XEN_PCPU_FLAGS_INVALID;
		return 0;
	}
	p->flags = XEN_PCPU_FLAGS_ONLINE;
	p->apic_id = cpu_table[p->xen_cpuid]->apic_id;
	p->acpi_id = uid_of(p->apic_id);
	return 0;
}

static long set_time(uint64_t seconds, uint32_t ns, uint64_t at)
{
	struct domain *d;

	if (!wallclock_set(seconds, ns, at))
		return -EINVAL;
	for (domid_t next = 0; (d = domain_next(next)) != NULL;) {
		next = d->id + 1;
		time_update_wallclock(d);
		domain_put(d);
	}
	hypercall_was_long();
	return 0;
}

/* The boot loader left no more than the BIOS's data area. */
static long firmware_info(struct xenpf_firmware_info *f)
{
	switch (f->type) {
	case XEN_FW_DISK_INFO:
	case XEN_FW_DISK_MBR_SIGNATURE:
	case XEN_FW_VBEDDC_INFO:
		return -ESRCH; /* none of this index, and none before it */
	case XEN_FW_EFI_INFO:
		return -ENOSYS;
	case XEN_FW_KBD_SHIFT_FLAGS:
		if (f->index)
			return -ESRCH;
		f->u.kbd_shift_flags = *(const uint8_t *)paddr_to_virt(BIOS_KEYBOARD_FLAGS);
		return 0;
	default:
		return -EINVAL;
	}
}

static long enter_sleep(const struct xenpf_enter_acpi_sleep *s)
{
	if (s->sleep_state < SOFT_OFF)
		log_warning("Dom0 asks for ACPI state S%u: refused, since this hypervisor does not sleep\n",
			    s->sleep_state);
	return -EOPNOTSUPP;
}

static long platform_do(struct xen_platform_op *op)
{
	switch (op->cmd) {
	case XENPF_settime32:
		return set_time(op->u.settime32.secs, op->u.settime32.nsecs, op->u.settime32.system_time);
	case XENPF_settime64:
		return op->u.settime64.mbz ? -EINVAL
					   : set_time(op->u.settime64.secs, op->u.settime64.nsecs,
						      op->u.settime64.system_time);
	case XENPF_firmware_info:
		return firmware_info(&op->u.firmware_info);
	case XENPF_enter_acpi_sleep:
		return enter_sleep(&op->u.enter_acpi_sleep);
	case XENPF_get_cpuinfo:
		return cpu_info(&op->u.pcpu_info);
	default:
		return -ENOSYS;
	}
}

long hc_platform_op(uint64_t arg)
{
	struct xen_platform_op op;
	long rc;

	if (guest_read(&op, arg, sizeof(op)))
		return -EFAULT;
	if (op.interface_version != XENPF_INTERFACE_VERSION)
		return -EACCES;
	rc = platform_do(&op);
	return !rc && guest_write(arg, &op, sizeof(op)) ? -EFAULT : rc;
}
