/* SPDX-License-Identifier: MIT */
/*
 * Hypercall 33, physdev_op (xen/physdev.h): interrupts and I/O privilege. Every guest has a virtual I/O
 * privilege level; the machine's interrupts are Dom0's, and those of other domains for which it maps them.
 */
#include "guest/domain.h"
#include "dom/physdev.h"
#include "hypercalls.h"
#include "lib/errno.h"
#include "mm/guest_copy.h"
#include "xen/physdev.h"
#include "xen/xen.h"

#define IO_PORTS 65536

static int set_iopl(gva_t arg)
{
	struct physdev_set_iopl s;

	if (guest_get(&s, arg, physdev_set_iopl))
		return -EFAULT;
	if (s.iopl > 3)
		return -EINVAL;
	current->iopl = s.iopl;
	return 0;
}

/* The bitmap stays in the guest; emulation of IN and OUT reads it when an application does I/O. */
static int set_iobitmap(gva_t arg)
{
	struct physdev_set_iobitmap s;

	if (guest_get(&s, arg, physdev_set_iobitmap))
		return -EFAULT;
	if (s.nr_ports > IO_PORTS)
		return -EINVAL;
	current->iobitmap = s.bitmap;
	current->iobitmap_ports = s.nr_ports;
	return 0;
}

long hc_physdev_op(uint64_t cmd, uint64_t arg)
{
	struct domain *d = current->domain;

	switch ((uint32_t)cmd) {
	case PHYSDEVOP_set_iopl:
		return set_iopl(arg);
	case PHYSDEVOP_set_iobitmap:
		return set_iobitmap(arg);
	case PHYSDEVOP_eoi:
	case PHYSDEVOP_irq_status_query:
	case PHYSDEVOP_pirq_eoi_gmfn_v1:
	case PHYSDEVOP_pirq_eoi_gmfn_v2:
		/* An ordinary domain, for interrupts that Dom0 has mapped for it. */
		return d->privileged || d->pirqs ? physdev_irq_op(cmd, arg) : -EPERM;
	default:
		return d->privileged ? physdev_driver_op(cmd, arg) : -EPERM;
	}
}
