/* SPDX-License-Identifier: MIT */
/*
 * Hypercall 33, physdev_op (xen/physdev.h): interrupts and I/O privilege. Every guest has a virtual I/O
 * privilege level; the machine's interrupt lines are Dom0's. Its pirq numbers are the lines' own.
 */
#include "dev/ioapic.h"
#include "dom/domain.h"
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

static int eoi(gva_t arg)
{
	struct physdev_eoi e;

	if (guest_get(&e, arg, physdev_eoi))
		return -EFAULT;
	if (e.irq >= ioapic_gsi_count())
		return -EINVAL;
	irq_unmask(e.irq);
	return 0;
}

static int irq_status_query(gva_t arg)
{
	struct physdev_irq_status_query q;

	if (guest_get(&q, arg, physdev_irq_status_query))
		return -EFAULT;
	if (q.irq >= ioapic_gsi_count())
		return -EINVAL;
	q.flags = XENIRQSTAT_needs_eoi;
	return guest_put(arg, &q, physdev_irq_status_query) ? -EFAULT : 0;
}

/* Vectors are ours to give; the guest only wants to hear that there is one. */
static int alloc_irq_vector(gva_t arg)
{
	struct physdev_irq irq;

	if (guest_get(&irq, arg, physdev_irq))
		return -EFAULT;
	if (irq.irq >= ioapic_gsi_count())
		return -EINVAL;
	irq.vector = irq.irq;
	return guest_put(arg, &irq, physdev_irq) ? -EFAULT : 0;
}

static int map_pirq(gva_t arg)
{
	struct physdev_map_pirq m;

	if (guest_get(&m, arg, physdev_map_pirq))
		return -EFAULT;
	if (m.domid != DOMID_SELF && m.domid != current->domain->id)
		return -EPERM;
	if (m.type != MAP_PIRQ_TYPE_GSI)
		return -EOPNOTSUPP;
	if (m.index < 0 || (unsigned)m.index >= ioapic_gsi_count())
		return -EINVAL;
	m.pirq = m.index;
	return guest_put(arg, &m, physdev_map_pirq) ? -EFAULT : 0;
}

/* Nothing was recorded, so nothing is to be undone; the port is closed by itself. */
static int unmap_pirq(gva_t arg)
{
	struct physdev_unmap_pirq u;

	if (guest_get(&u, arg, physdev_unmap_pirq))
		return -EFAULT;
	return u.pirq >= 0 && (unsigned)u.pirq < ioapic_gsi_count() ? 0 : -EINVAL;
}

/* Trigger and polarity come from the ACPI tables (dev/ioapic.c), which Dom0 has read too. */
static int setup_gsi(gva_t arg)
{
	struct physdev_setup_gsi s;

	if (guest_get(&s, arg, physdev_setup_gsi))
		return -EFAULT;
	return s.gsi >= 0 && (unsigned)s.gsi < ioapic_gsi_count() ? 0 : -EINVAL;
}

static long driver_op(uint32_t cmd, gva_t arg)
{
	switch (cmd) {
	case PHYSDEVOP_eoi:
		return eoi(arg);
	case PHYSDEVOP_irq_status_query:
		return irq_status_query(arg);
	case PHYSDEVOP_alloc_irq_vector:
		return alloc_irq_vector(arg);
	case PHYSDEVOP_map_pirq:
		return map_pirq(arg);
	case PHYSDEVOP_unmap_pirq:
		return unmap_pirq(arg);
	case PHYSDEVOP_setup_gsi:
		return setup_gsi(arg);
	case PHYSDEVOP_manage_pci_add:
	case PHYSDEVOP_manage_pci_add_ext:
	case PHYSDEVOP_manage_pci_remove:
	case PHYSDEVOP_pci_device_add:
	case PHYSDEVOP_pci_device_remove:
		return 0; /* without an IOMMU there is nothing to do for a device */
	default:
		return -ENOSYS;
	}
}

long hc_physdev_op(uint64_t cmd, uint64_t arg)
{
	switch ((uint32_t)cmd) {
	case PHYSDEVOP_set_iopl:
		return set_iopl(arg);
	case PHYSDEVOP_set_iobitmap:
		return set_iobitmap(arg);
	default:
		return current->domain->privileged ? driver_op(cmd, arg) : -EPERM;
	}
}
