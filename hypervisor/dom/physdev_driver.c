/* SPDX-License-Identifier: MIT */
/*
 * physdev_op of Dom0, which drives the machine's devices: interrupts of I/O APICs and messages of PCI functions become
 * PIRQs. Without an IOMMU there is nothing else to do for a device.
 */
#include "dev/ioapic.h"
#include "dev/msi.h"
#include "dev/pci.h"
#include "dom/domain.h"
#include "dom/physdev.h"
#include "evt/pirq.h"
#include "hypercalls.h"
#include "lib/errno.h"
#include "mm/guest_copy.h"
#include "xen/physdev.h"
#include "xen/xen.h"

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

static int map_message(const struct physdev_map_pirq *m)
{
	bool wide = m->type == MAP_PIRQ_TYPE_MSI_SEG || m->type == MAP_PIRQ_TYPE_MULTI_MSI;
	struct pirq_message msg = {.function = (m->bus & 0xff) << 8 | (m->devfn & 0xff)};

	if (m->devfn & ~0xff || (m->bus & ~0xff && (!wide || m->bus & 0xff00)))
		return -EINVAL;
	if (wide && (uint32_t)m->bus >> 16)
		return -ENODEV; /* configuration space of other segments cannot be reached by ports */
	if (m->type == MAP_PIRQ_TYPE_MULTI_MSI) {
		if (m->entry_nr < 1 || m->entry_nr > 32 || m->table_base)
			return -EINVAL;
		/* As on Xen without remapping of interrupts; drivers then take one. */
		if (m->entry_nr > 1)
			return -EOPNOTSUPP;
	} else if (m->table_base) {
		msg.table_base = m->table_base;
		msg.number = m->entry_nr;
	}
	return pirq_map_msi(current->domain, &msg, m->pirq);
}

static int map_own(const struct physdev_map_pirq *m)
{
	switch (m->type) {
	case MAP_PIRQ_TYPE_GSI:
		return m->index < 0 ? -EINVAL : pirq_map_gsi(current->domain, m->index, m->pirq);
	case MAP_PIRQ_TYPE_MSI:
	case MAP_PIRQ_TYPE_MSI_SEG:
	case MAP_PIRQ_TYPE_MULTI_MSI:
		return map_message(m);
	default:
		return -EINVAL;
	}
}

/* Another domain may be told of an interrupt; devices, whose messages are more, are Dom0's alone. */
static int map_for(struct domain *d, const struct physdev_map_pirq *m)
{
	if (m->type != MAP_PIRQ_TYPE_GSI)
		return -EPERM;
	return m->index < 0 ? -EINVAL : pirq_map_gsi(d, m->index, m->pirq);
}

static int map_pirq(gva_t arg)
{
	struct physdev_map_pirq m;
	struct domain *d;

	if (guest_get(&m, arg, physdev_map_pirq))
		return -EFAULT;
	d = domain_by_id(m.domid);
	if (!d)
		return -ESRCH;
	m.pirq = d == current->domain ? map_own(&m) : map_for(d, &m);
	domain_put(d);
	if (m.pirq < 0)
		return m.pirq;
	return guest_put(arg, &m, physdev_map_pirq) ? -EFAULT : 0;
}

static int unmap_pirq(gva_t arg)
{
	struct physdev_unmap_pirq u;
	struct domain *d;
	int rc;

	if (guest_get(&u, arg, physdev_unmap_pirq))
		return -EFAULT;
	d = domain_by_id(u.domid);
	if (!d)
		return -ESRCH;
	rc = pirq_unmap(d, u.pirq);
	domain_put(d);
	return rc;
}

static int get_free_pirq(gva_t arg)
{
	struct physdev_get_free_pirq f;
	int number;

	if (guest_get(&f, arg, physdev_get_free_pirq))
		return -EFAULT;
	if (f.type != MAP_PIRQ_TYPE_MSI && f.type != MAP_PIRQ_TYPE_GSI)
		return -EINVAL;
	number = pirq_reserve(current->domain);
	if (number < 0)
		return number;
	f.pirq = number;
	return guest_put(arg, &f, physdev_get_free_pirq) ? -EFAULT : 0;
}

static int setup_gsi(gva_t arg)
{
	struct physdev_setup_gsi s;

	if (guest_get(&s, arg, physdev_setup_gsi))
		return -EFAULT;
	return s.gsi < 0 ? -EINVAL : ioapic_setup(s.gsi, s.triggering, s.polarity);
}

static int apic(uint32_t cmd, gva_t arg)
{
	struct physdev_apic a;
	int rc;

	if (guest_get(&a, arg, physdev_apic))
		return -EFAULT;
	if (cmd == PHYSDEVOP_apic_write)
		return ioapic_guest_write(a.apic_physbase, a.reg, a.value);
	rc = ioapic_guest_read(a.apic_physbase, a.reg, &a.value);
	if (rc)
		return rc;
	return guest_put(arg, &a, physdev_apic) ? -EFAULT : 0;
}

/* Which function the argument of @cmd names: 0 to 0xffff. -EFAULT; -ENODEV: of a segment that there is not. */
static int named_function(uint32_t cmd, gva_t arg)
{
	struct physdev_pci_device_add add;
	struct physdev_manage_pci_ext ext;
	struct physdev_pci_device dev;
	struct physdev_manage_pci pci;

	switch (cmd) {
	case PHYSDEVOP_manage_pci_add:
	case PHYSDEVOP_manage_pci_remove:
	case PHYSDEVOP_restore_msi:
		if (guest_get(&pci, arg, physdev_manage_pci))
			return -EFAULT;
		return pci.bus << 8 | pci.devfn;
	case PHYSDEVOP_manage_pci_add_ext:
		if (guest_get(&ext, arg, physdev_manage_pci_ext))
			return -EFAULT;
		return ext.bus << 8 | ext.devfn;
	case PHYSDEVOP_pci_device_add:
		if (guest_get(&add, arg, physdev_pci_device_add))
			return -EFAULT;
		return add.seg ? -ENODEV : add.bus << 8 | add.devfn;
	default:
		if (guest_get(&dev, arg, physdev_pci_device))
			return -EFAULT;
		return dev.seg ? -ENODEV : dev.bus << 8 | dev.devfn;
	}
}

static int function_op(uint32_t cmd, gva_t arg)
{
	int function = named_function(cmd, arg);

	if (function < 0)
		return function;
	switch (cmd) {
	case PHYSDEVOP_manage_pci_remove:
	case PHYSDEVOP_pci_device_remove: /* it may be gone already */
		pirq_unmap_function(current->domain, function);
		return 0;
	case PHYSDEVOP_restore_msi:
	case PHYSDEVOP_restore_msi_ext:
		if (!pci_present(function))
			return -ENODEV;
		msi_restore(function);
		return 0;
	case PHYSDEVOP_prepare_msix:
	case PHYSDEVOP_release_msix:
		if (!pci_find_capability(function, PCI_CAP_MSIX))
			return -ENODEV;
		return msi_in_use(function) ? -EBUSY : 0;
	default:
		return pci_present(function) ? 0 : -ENODEV;
	}
}

long physdev_driver_op(uint32_t cmd, gva_t arg)
{
	switch (cmd) {
	case PHYSDEVOP_alloc_irq_vector:
		return alloc_irq_vector(arg);
	case PHYSDEVOP_map_pirq:
		return map_pirq(arg);
	case PHYSDEVOP_unmap_pirq:
		return unmap_pirq(arg);
	case PHYSDEVOP_get_free_pirq:
		return get_free_pirq(arg);
	case PHYSDEVOP_setup_gsi:
		return setup_gsi(arg);
	case PHYSDEVOP_apic_read:
	case PHYSDEVOP_apic_write:
		return apic(cmd, arg);
	case PHYSDEVOP_manage_pci_add:
	case PHYSDEVOP_manage_pci_add_ext:
	case PHYSDEVOP_manage_pci_remove:
	case PHYSDEVOP_pci_device_add:
	case PHYSDEVOP_pci_device_remove:
	case PHYSDEVOP_restore_msi:
	case PHYSDEVOP_restore_msi_ext:
	case PHYSDEVOP_prepare_msix:
	case PHYSDEVOP_release_msix:
		return function_op(cmd, arg);
	default:
		return -ENOSYS;
	}
}
