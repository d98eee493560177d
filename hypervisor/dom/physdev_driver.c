/* SPDX-License-Identifier: MIT */
/*
 * physdev_op of Dom0, which drives the machine's devices: interrupts of I/O APICs and messages of PCI functions become
 * PIRQs. Without an IOMMU there is nothing else to do for a device.
 */
#include "dev/acpi.h"
#include "dev/ioapic.h"
#include "dev/msi.h"
#include "dev/pci.h"
#include "dom/physdev.h"
#include "evt/pirq.h"
#include "lib/errno.h"
#include "xen/physdev.h"
#include "xen/xen.h"

/* The hypervisor assigns vectors; the guest only needs to hear that there is one. */
static long alloc_irq_vector(struct vcpu *v, struct physdev_irq *irq)
{
	if (irq->irq >= ioapic_gsi_count())
		return -EINVAL;
	irq->vector = irq->irq;
	return 0;
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

/* Another domain may be told of an interrupt line; messages belong to devices, which are Dom0's alone. */
static int map_for(struct domain *d, const struct physdev_map_pirq *m)
{
	if (m->type != MAP_PIRQ_TYPE_GSI)
		return -EPERM;
	return m->index < 0 ? -EINVAL : pirq_map_gsi(d, m->index, m->pirq);
}

static long map_pirq(struct vcpu *v, struct physdev_map_pirq *m)
{
	struct domain *d = domain_by_id(m->domid);

	if (!d)
		return -ESRCH;
	m->pirq = d == v->domain ? map_own(m) : map_for(d, m);
	domain_put(d);
	return MIN(m->pirq, 0);
}

static long unmap_pirq(struct vcpu *v, struct physdev_unmap_pirq *u)
{
	struct domain *d = domain_by_id(u->domid);
	int rc;

	if (!d)
		return -ESRCH;
	rc = pirq_unmap(d, u->pirq);
	domain_put(d);
	return rc;
}

static long get_free_pirq(struct vcpu *v, struct physdev_get_free_pirq *f)
{
	int number;

	if (f->type != MAP_PIRQ_TYPE_MSI && f->type != MAP_PIRQ_TYPE_GSI)
		return -EINVAL;
	number = pirq_reserve(v->domain);
	f->pirq = number;
	return MIN(number, 0);
}

static long setup_gsi(struct vcpu *v, struct physdev_setup_gsi *s)
{
	return s->gsi < 0 ? -EINVAL : ioapic_setup(s->gsi, s->triggering, s->polarity);
}

static long apic_read(struct vcpu *v, struct physdev_apic *a)
{
	return ioapic_guest_read(a->apic_physbase, a->reg, &a->value);
}

static long apic_write(struct vcpu *v, struct physdev_apic *a)
{
	return ioapic_guest_write(a->apic_physbase, a->reg, a->value);
}

static uint16_t function_at(uint8_t bus, uint8_t devfn)
{
	return bus << 8 | devfn;
}

static long add(uint16_t function)
{
	return pci_present(function) ? 0 : -ENODEV;
}

/* It may be gone already. */
static long remove(struct domain *d, uint16_t function)
{
	pirq_unmap_function(d, function);
	return 0;
}

static long restore(uint16_t function)
{
	if (!pci_present(function))
		return -ENODEV;
	msi_restore(function);
	return 0;
}

static long manage_pci_add(struct vcpu *v, struct physdev_manage_pci *p)
{
	return add(function_at(p->bus, p->devfn));
}

static long manage_pci_add_ext(struct vcpu *v, struct physdev_manage_pci_ext *p)
{
	return add(function_at(p->bus, p->devfn));
}

static long pci_device_add(struct vcpu *v, struct physdev_pci_device_add *p)
{
	return p->seg ? -ENODEV : add(function_at(p->bus, p->devfn));
}

static long manage_pci_remove(struct vcpu *v, struct physdev_manage_pci *p)
{
	return remove(v->domain, function_at(p->bus, p->devfn));
}

static long pci_device_remove(struct vcpu *v, struct physdev_pci_device *p)
{
	return p->seg ? -ENODEV : remove(v->domain, function_at(p->bus, p->devfn));
}

static long restore_msi(struct vcpu *v, struct physdev_restore_msi *p)
{
	return restore(function_at(p->bus, p->devfn));
}

static long restore_msi_ext(struct vcpu *v, struct physdev_pci_device *p)
{
	return p->seg ? -ENODEV : restore(function_at(p->bus, p->devfn));
}

/* Dom0 may say whether the firmware keeps configuration space in memory free of other uses; the hypervisor goes by ports. */
static long mmconfig_is_known(struct vcpu *v, struct physdev_pci_mmcfg_reserved *p)
{
	if (p->flags & ~XEN_PCI_MMCFG_RESERVED)
		return -EINVAL;
	for (uint32_t i = 0; i < acpi.mmconfig_count; i++) {
		const struct acpi_mmconfig *m = &acpi.mmconfig[i];

		if (m->segment == p->segment && m->start_bus == p->start_bus && m->end_bus == p->end_bus)
			return m->address == p->address ? 0 : -EIO;
	}
	return -ENODEV;
}

/* prepare_msix, release_msix: where its table lies may change only while none of it is used. */
static long msix_is_free(struct vcpu *v, struct physdev_pci_device *p)
{
	uint16_t function = function_at(p->bus, p->devfn);

	if (p->seg || !pci_find_capability(function, PCI_CAP_MSIX))
		return -ENODEV;
	return msi_in_use(function) ? -EBUSY : 0;
}

#define DRIVER     (SUB_PRIVILEGED | SUB_READS)
#define DRIVER_GET (DRIVER | SUB_ANSWERS)

const struct sub_op physdev_driver_ops[PHYSDEV_DRIVER_OPS] = {
    [PHYSDEVOP_apic_read] = SUB_OP(apic_read, physdev_apic, DRIVER_GET),
    [PHYSDEVOP_apic_write] = SUB_OP(apic_write, physdev_apic, DRIVER),
    [PHYSDEVOP_alloc_irq_vector] = SUB_OP(alloc_irq_vector, physdev_irq, DRIVER_GET),
    [PHYSDEVOP_map_pirq] = SUB_OP(map_pirq, physdev_map_pirq, DRIVER_GET),
    [PHYSDEVOP_unmap_pirq] = SUB_OP(unmap_pirq, physdev_unmap_pirq, DRIVER),
    [PHYSDEVOP_get_free_pirq] = SUB_OP(get_free_pirq, physdev_get_free_pirq, DRIVER_GET),
    [PHYSDEVOP_setup_gsi] = SUB_OP(setup_gsi, physdev_setup_gsi, DRIVER),
    [PHYSDEVOP_manage_pci_add] = SUB_OP(manage_pci_add, physdev_manage_pci, DRIVER),
    [PHYSDEVOP_manage_pci_add_ext] = SUB_OP(manage_pci_add_ext, physdev_manage_pci_ext, DRIVER),
    [PHYSDEVOP_manage_pci_remove] = SUB_OP(manage_pci_remove, physdev_manage_pci, DRIVER),
    [PHYSDEVOP_pci_mmcfg_reserved] = SUB_OP(mmconfig_is_known, physdev_pci_mmcfg_reserved, DRIVER),
    [PHYSDEVOP_pci_device_add] = SUB_OP(pci_device_add, physdev_pci_device_add, DRIVER),
    [PHYSDEVOP_pci_device_remove] = SUB_OP(pci_device_remove, physdev_pci_device, DRIVER),
    [PHYSDEVOP_restore_msi] = SUB_OP(restore_msi, physdev_restore_msi, DRIVER),
    [PHYSDEVOP_restore_msi_ext] = SUB_OP(restore_msi_ext, physdev_pci_device, DRIVER),
    [PHYSDEVOP_prepare_msix] = SUB_OP(msix_is_free, physdev_pci_device, DRIVER),
    [PHYSDEVOP_release_msix] = SUB_OP(msix_is_free, physdev_pci_device, DRIVER),
};
