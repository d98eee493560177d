/* SPDX-License-Identifier: MIT */
/*
 * physdev_op: the virtual IOPL is accepted from 0 to 3; bad levels, commands, pointers, interrupts, functions and
 * registers are refused, each with its error. A PIRQ belongs to the domain it was mapped for, until it is unmapped or
 * the domain ends. (pv-interrupts has devices.)
 */
#include "control.h"
#include "fw.h"
#include "xen/physdev.h"

const char test_title[] = "hc-physdev-op";

#define PIRQS 512

/* Interrupts that do not exist. */
static void interrupts(void)
{
	for (uint32_t irq = 1u << 9; irq; irq <<= 1) {
		struct physdev_eoi eoi = {.irq = irq};
		struct physdev_irq_status_query query = {.irq = irq};
		struct physdev_irq vector = {.irq = irq};
		struct physdev_map_pirq map = {.domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI, .index = irq};
		struct physdev_unmap_pirq unmap = {.domid = DOMID_SELF, .pirq = irq};
		struct physdev_setup_gsi setup = {.gsi = irq};

		check_eq(hypercall_physdev_op(PHYSDEVOP_eoi, &eoi), -XEN_EINVAL);
		check_eq(hypercall_physdev_op(PHYSDEVOP_irq_status_query, &query), -XEN_EINVAL);
		check_eq(hypercall_physdev_op(PHYSDEVOP_alloc_irq_vector, &vector), -XEN_EINVAL);
		check_eq(hypercall_physdev_op(PHYSDEVOP_map_pirq, &map), -XEN_EINVAL);
		check_eq(hypercall_physdev_op(PHYSDEVOP_unmap_pirq, &unmap), -XEN_EINVAL);
		check_eq(hypercall_physdev_op(PHYSDEVOP_setup_gsi, &setup), -XEN_EINVAL);
	}
}

/* All agree on which is the last one. A line is set up once, and not while it is used. */
static void the_last_interrupt(void)
{
	struct evtchn_bind_pirq bind = {.pirq = 7};
	struct evtchn_close close;
	struct physdev_setup_gsi setup = {.gsi = 7, .triggering = 1, .polarity = 1};
	int count, rc;

	check_eq(hypercall_event_channel_op(EVTCHNOP_bind_pirq, &bind), 0);
	check_eq(hypercall_physdev_op(PHYSDEVOP_setup_gsi, &setup), -XEN_EEXIST);
	close.port = bind.port;
	check_eq(hypercall_event_channel_op(EVTCHNOP_close, &close), 0);
	check_eq(hypercall_physdev_op(PHYSDEVOP_setup_gsi, &setup), 0);
	check_eq(hypercall_physdev_op(PHYSDEVOP_setup_gsi, &setup), -XEN_EEXIST);
	setup.gsi = 0;
	while ((rc = hypercall_physdev_op(PHYSDEVOP_setup_gsi, &setup)) == 0 || rc == -XEN_EEXIST)
		setup.gsi++;
	check_eq(rc, -XEN_EINVAL);
	count = setup.gsi;
	check(count >= 16 && count <= 255);
	for (int irq = count - 1; irq <= count; irq++) {
		struct physdev_irq vector = {.irq = irq};
		struct physdev_map_pirq map = {
		    .domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI, .index = irq, .pirq = -1};
		struct physdev_unmap_pirq unmap = {.domid = DOMID_SELF, .pirq = irq};
		struct evtchn_bind_pirq line = {.pirq = irq};

		rc = irq < count ? 0 : -XEN_EINVAL;
		check_eq(hypercall_physdev_op(PHYSDEVOP_alloc_irq_vector, &vector), rc);
		check_eq(hypercall_physdev_op(PHYSDEVOP_map_pirq, &map), rc);
		check_eq(map.pirq, rc ? -1 : irq);
		check_eq(hypercall_event_channel_op(EVTCHNOP_bind_pirq, &line), rc);
		check_eq(hypercall_physdev_op(PHYSDEVOP_unmap_pirq, &unmap), rc);
	}
}

static void numbers(void)
{
	struct physdev_eoi eoi = {.irq = PIRQS - 1};
	struct physdev_irq_status_query query = {.irq = PIRQS - 1};

	check_eq(hypercall_physdev_op(PHYSDEVOP_eoi, &eoi), 0); /* of none: nothing to do */
	check_eq(hypercall_physdev_op(PHYSDEVOP_irq_status_query, &query), 0);
	eoi.irq = query.irq = PIRQS;
	check_eq(hypercall_physdev_op(PHYSDEVOP_eoi, &eoi), -XEN_EINVAL);
	check_eq(hypercall_physdev_op(PHYSDEVOP_irq_status_query, &query), -XEN_EINVAL);
}

/* The domain that an interrupt is mapped for, and its kind. */
static void mappings(void)
{
	struct physdev_map_pirq map = {.domid = 0, .type = MAP_PIRQ_TYPE_GSI, .index = 5, .pirq = -1};
	struct physdev_unmap_pirq unmap = {.domid = 77, .pirq = 5};

	check_eq(hypercall_physdev_op(PHYSDEVOP_map_pirq, &map), 0);
	check_eq(map.pirq, 5);
	check_eq(hypercall_physdev_op(PHYSDEVOP_map_pirq, &map), 0);
	map.pirq = 6;
	check_eq(hypercall_physdev_op(PHYSDEVOP_map_pirq, &map), -XEN_EEXIST);
	map.domid = 77;
	check_eq(hypercall_physdev_op(PHYSDEVOP_map_pirq, &map), -XEN_ESRCH);
	check_eq(hypercall_physdev_op(PHYSDEVOP_unmap_pirq, &unmap), -XEN_ESRCH);
	map.domid = DOMID_SELF;
	map.type = MAP_PIRQ_TYPE_UNKNOWN;
	check_eq(hypercall_physdev_op(PHYSDEVOP_map_pirq, &map), -XEN_EINVAL);
	map.type = MAP_PIRQ_TYPE_GSI;
	map.index = -1;
	check_eq(hypercall_physdev_op(PHYSDEVOP_map_pirq, &map), -XEN_EINVAL);
	unmap.domid = DOMID_SELF;
	check_eq(hypercall_physdev_op(PHYSDEVOP_unmap_pirq, &unmap), 0);
	unmap.pirq = -1;
	check_eq(hypercall_physdev_op(PHYSDEVOP_unmap_pirq, &unmap), -XEN_EINVAL);
	check_eq(hypercall_physdev_op(PHYSDEVOP_setup_gsi, &(struct physdev_setup_gsi){.gsi = -1}),
		 -XEN_EINVAL);
}

/* Functions that do not exist, or that have no messages: the machine's bridge is 0:0.0. */
static void functions(void)
{
	static const int types[] = {MAP_PIRQ_TYPE_MSI, MAP_PIRQ_TYPE_MSI_SEG, MAP_PIRQ_TYPE_MULTI_MSI};

	for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
		struct physdev_map_pirq map = {
		    .domid = DOMID_SELF, .type = types[i], .index = -1, .pirq = -1, .entry_nr = 1};

		check_eq(hypercall_physdev_op(PHYSDEVOP_map_pirq, &map), -XEN_ENODEV);
		map.bus = 0x7f;
		check_eq(hypercall_physdev_op(PHYSDEVOP_map_pirq, &map), -XEN_ENODEV);
		map.bus = 0x10000;
		check_eq(hypercall_physdev_op(PHYSDEVOP_map_pirq, &map),
			 types[i] == MAP_PIRQ_TYPE_MSI ? -XEN_EINVAL : -XEN_ENODEV);
		map.bus = 0x100;
		check_eq(hypercall_physdev_op(PHYSDEVOP_map_pirq, &map), -XEN_EINVAL);
		map.bus = 0;
		map.devfn = 0x100;
		check_eq(hypercall_physdev_op(PHYSDEVOP_map_pirq, &map), -XEN_EINVAL);
		map.devfn = 0;
		map.domid = 0;
		map.table_base = 0xfe000000;
		check_eq(hypercall_physdev_op(PHYSDEVOP_map_pirq, &map),
			 types[i] == MAP_PIRQ_TYPE_MULTI_MSI ? -XEN_EINVAL : -XEN_ENODEV);
	}
}

/* Each operation that names a function, on one that is there (the bridge), one that is not, one of another segment. */
static void each_function_op(void)
{
	static const struct {
		unsigned op;
		int there, absent;
		bool segment;
	} ops[] = {{PHYSDEVOP_manage_pci_add, 0, -XEN_ENODEV, false},
		   {PHYSDEVOP_manage_pci_remove, 0, 0, false},
		   {PHYSDEVOP_manage_pci_add_ext, 0, -XEN_ENODEV, false},
		   {PHYSDEVOP_pci_device_add, 0, -XEN_ENODEV, true},
		   {PHYSDEVOP_pci_device_remove, 0, 0, true},
		   {PHYSDEVOP_restore_msi, 0, -XEN_ENODEV, false},
		   {PHYSDEVOP_restore_msi_ext, 0, -XEN_ENODEV, true},
		   {PHYSDEVOP_prepare_msix, -XEN_ENODEV, -XEN_ENODEV, true},
		   {PHYSDEVOP_release_msix, -XEN_ENODEV, -XEN_ENODEV, true}};

	for (unsigned i = 0; i < ARRAY_SIZE(ops); i++) {
		union {
			struct physdev_manage_pci short_form;
			struct physdev_pci_device with_segment;
			char bytes[32];
		} a = {.bytes = {0}};

		check_eq(hypercall_physdev_op(ops[i].op, &a), ops[i].there);
		if (ops[i].segment)
			a.with_segment.bus = 0x7f;
		else
			a.short_form.bus = 0x7f;
		check_eq(hypercall_physdev_op(ops[i].op, &a), ops[i].absent);
		if (ops[i].segment) {
			a.with_segment = (struct physdev_pci_device){.seg = 1};
			check_eq(hypercall_physdev_op(ops[i].op, &a), -XEN_ENODEV);
		}
		check_eq(hypercall_physdev_op(ops[i].op, (void *)8), -XEN_EFAULT);
	}
}

/* Its registers are read as they are; of what is written only a free line's trigger and polarity count. */
static void registers(void)
{
	struct physdev_apic a = {.apic_physbase = 0xfec00000, .reg = 1};
	uint32_t route;
	unsigned pins;

	check_eq(hypercall_physdev_op(PHYSDEVOP_apic_read, &a), 0);
	pins = (a.value >> 16 & 0xff) + 1;
	check(pins >= 16 && pins <= 240);
	a.reg = 0x10 + 2 * pins;
	check_eq(hypercall_physdev_op(PHYSDEVOP_apic_read, &a), -XEN_EINVAL);
	check_eq(hypercall_physdev_op(PHYSDEVOP_apic_write, &a), -XEN_EINVAL);
	a.reg = 3;
	check_eq(hypercall_physdev_op(PHYSDEVOP_apic_read, &a), -XEN_EINVAL);
	a.reg = 0x10 + 2 * 14;
	check_eq(hypercall_physdev_op(PHYSDEVOP_apic_read, &a), 0);
	route = a.value;
	check(route & 1u << 16); /* no domain uses it: masked */
	a.value = 0x82;
	check_eq(hypercall_physdev_op(PHYSDEVOP_apic_write, &a), 0);
	check_eq(hypercall_physdev_op(PHYSDEVOP_apic_read, &a), 0);
	check_eq(a.value, route);
	a.reg++;
	a.value = 0xff000000;
	check_eq(hypercall_physdev_op(PHYSDEVOP_apic_write, &a), 0);
	check_eq(hypercall_physdev_op(PHYSDEVOP_apic_read, &a), 0);
	check(a.value != 0xff000000);
	a.apic_physbase += 4096;
	check_eq(hypercall_physdev_op(PHYSDEVOP_apic_read, &a), -XEN_EINVAL);
	check_eq(hypercall_physdev_op(PHYSDEVOP_apic_write, &a), -XEN_EINVAL);
	check_eq(hypercall_physdev_op(PHYSDEVOP_apic_read, (void *)8), -XEN_EFAULT);
	check_eq(hypercall_physdev_op(PHYSDEVOP_apic_write, (void *)8), -XEN_EFAULT);
}

/* Numbers that are kept: each once, until none is left, and all come back. */
static void reservations(void)
{
	static int kept[PIRQS];

	for (unsigned round = 0; round < 2; round++) {
		struct physdev_get_free_pirq f = {.type = MAP_PIRQ_TYPE_MSI};
		unsigned n = 0;
		int rc;

		while ((rc = hypercall_physdev_op(PHYSDEVOP_get_free_pirq, &f)) == 0 && n < PIRQS)
			kept[n++] = f.pirq;
		check_eq(rc, -XEN_ENOSPC);
		check(n > 255 && n < PIRQS);
		check_eq(kept[0], PIRQS - 1);
		check_eq(hypercall_event_channel_op(EVTCHNOP_bind_pirq,
						    &(struct evtchn_bind_pirq){.pirq = kept[0]}),
			 -XEN_EINVAL);
		while (n) {
			struct physdev_unmap_pirq unmap = {.domid = DOMID_SELF, .pirq = kept[--n]};

			check_eq(hypercall_physdev_op(PHYSDEVOP_unmap_pirq, &unmap), 0);
			check_eq(hypercall_physdev_op(PHYSDEVOP_unmap_pirq, &unmap), -XEN_EINVAL);
		}
		f.type = MAP_PIRQ_TYPE_UNKNOWN;
		check_eq(hypercall_physdev_op(PHYSDEVOP_get_free_pirq, &f), -XEN_EINVAL);
	}
	check_eq(hypercall_physdev_op(PHYSDEVOP_get_free_pirq, (void *)8), -XEN_EFAULT);
}

/* Another domain gets interrupts, but no messages; it ends with some (audit=exit counts what it had). */
static void for_another(void)
{
	struct physdev_map_pirq map = {.type = MAP_PIRQ_TYPE_GSI, .pirq = -1};
	struct physdev_unmap_pirq unmap;
	int rc;

	op.u.createdomain.max_vcpus = 1;
	op.u.createdomain.max_evtchn_port = -1;
	op.u.createdomain.max_grant_frames = 4;
	op.u.createdomain.max_maptrack_frames = 4;
	check_eq(domctl(XEN_DOMCTL_createdomain, DOMID_INVALID), 0);
	map.domid = op.domain;
	unmap = (struct physdev_unmap_pirq){.domid = map.domid, .pirq = 6};
	check_eq(hypercall_physdev_op(PHYSDEVOP_unmap_pirq, &unmap), -XEN_EINVAL);
	for (map.index = 5; map.index < 12; map.index++, map.pirq = -1) {
		check_eq(hypercall_physdev_op(PHYSDEVOP_map_pirq, &map), 0);
		check_eq(map.pirq, map.index);
	}
	check_eq(hypercall_physdev_op(PHYSDEVOP_unmap_pirq, &unmap), 0);
	check_eq(hypercall_physdev_op(PHYSDEVOP_unmap_pirq, &unmap), -XEN_EINVAL);
	map.type = MAP_PIRQ_TYPE_MSI;
	check_eq(hypercall_physdev_op(PHYSDEVOP_map_pirq, &map), -XEN_EPERM);
	do
		rc = domctl(XEN_DOMCTL_destroydomain, map.domid);
	while (rc == -XEN_ERESTART);
	check_eq(rc, 0);
}

static void bitmaps(void)
{
	static char bits[8192];
	struct physdev_set_iobitmap map = {.nr_ports = 65536};

	set_xen_guest_handle(map.bitmap, (uint8_t *)bits);
	check_eq(hypercall_physdev_op(PHYSDEVOP_set_iobitmap, &map), 0);
	map.nr_ports++;
	check_eq(hypercall_physdev_op(PHYSDEVOP_set_iobitmap, &map), -XEN_EINVAL);
	check_eq(hypercall_physdev_op(PHYSDEVOP_set_iobitmap, (void *)8), -XEN_EFAULT);
	map.nr_ports = 0;
	check_eq(hypercall_physdev_op(PHYSDEVOP_set_iobitmap, &map), 0);
}

/* The answers for those that exist. */
static void answers(void)
{
	for (uint32_t irq = 1; irq < 16; irq++) {
		struct physdev_irq vector = {.irq = irq};
		struct physdev_irq_status_query query = {.irq = irq};

		check_eq(hypercall_physdev_op(PHYSDEVOP_alloc_irq_vector, &vector), 0);
		check_eq(vector.irq, irq);
		check_eq(vector.vector, irq);
		check_eq(hypercall_physdev_op(PHYSDEVOP_irq_status_query, &query), 0);
		check_eq(query.irq, irq);
		check_eq(query.flags, XENIRQSTAT_needs_eoi);
	}
}

/* This machine has none in memory (host-physdev has). */
static void configuration_space(void)
{
	struct physdev_pci_mmcfg_reserved m = {
	    .address = 0xb0000000, .end_bus = 255, .flags = XEN_PCI_MMCFG_RESERVED};

	check_eq(hypercall_physdev_op(PHYSDEVOP_pci_mmcfg_reserved, &m), -XEN_ENODEV);
	m.flags = ~0u;
	check_eq(hypercall_physdev_op(PHYSDEVOP_pci_mmcfg_reserved, &m), -XEN_EINVAL);
}

void test_main(void)
{
	struct physdev_set_iopl iopl = {.iopl = 1};

	check_eq(hypercall_physdev_op(PHYSDEVOP_set_iopl, &iopl), 0);
	iopl.iopl = 3;
	check_eq(hypercall_physdev_op(PHYSDEVOP_set_iopl, &iopl), 0);
	iopl.iopl = 4;
	check_eq(hypercall_physdev_op(PHYSDEVOP_set_iopl, &iopl), -XEN_EINVAL);
	check_eq(hypercall_physdev_op(PHYSDEVOP_set_iopl, (void *)8), -XEN_EFAULT);
	check_eq(hypercall_physdev_op(PHYSDEVOP_eoi, (void *)8), -XEN_EFAULT);
	check_eq(hypercall_physdev_op(PHYSDEVOP_irq_status_query, (void *)8), -XEN_EFAULT);
	check_eq(hypercall_physdev_op(PHYSDEVOP_alloc_irq_vector, (void *)8), -XEN_EFAULT);
	check_eq(hypercall_physdev_op(PHYSDEVOP_map_pirq, (void *)8), -XEN_EFAULT);
	check_eq(hypercall_physdev_op(PHYSDEVOP_unmap_pirq, (void *)8), -XEN_EFAULT);
	check_eq(hypercall_physdev_op(PHYSDEVOP_setup_gsi, (void *)8), -XEN_EFAULT);
	check_eq(hypercall_physdev_op(PHYSDEVOP_pirq_eoi_gmfn_v1, (void *)8), -XEN_EFAULT);
	check_eq(hypercall_physdev_op(PHYSDEVOP_pirq_eoi_gmfn_v2, (void *)8), -XEN_EFAULT);
	check_eq(hypercall_physdev_op(PHYSDEVOP_pci_mmcfg_reserved, (void *)8), -XEN_EFAULT);
	check_eq(hypercall_physdev_op(9999, &iopl), -XEN_ENOSYS);
	configuration_space();
	interrupts();
	the_last_interrupt();
	numbers();
	mappings();
	functions();
	each_function_op();
	registers();
	reservations();
	for_another();
	bitmaps();
	answers();
}
