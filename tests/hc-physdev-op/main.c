/* SPDX-License-Identifier: MIT */
/* physdev_op: the virtual IOPL is accepted from 0 to 3; bad levels, commands, pointers and interrupts are
 * refused. */
#include "fw.h"
#include "xen/physdev.h"

const char test_title[] = "hc-physdev-op";

/* Interrupts that there are not. */
static void interrupts(void)
{
	for (uint32_t irq = 1u << 8; irq; irq <<= 1) {
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

/* All agree on which is the last one. */
static void the_last_interrupt(void)
{
	struct physdev_setup_gsi setup = {.gsi = 0};
	int count;

	while (!hypercall_physdev_op(PHYSDEVOP_setup_gsi, &setup))
		setup.gsi++;
	count = setup.gsi;
	check(count >= 16 && count <= 255);
	for (int irq = count - 1; irq <= count; irq++) {
		struct physdev_eoi eoi = {.irq = irq};
		struct physdev_irq_status_query query = {.irq = irq};
		struct physdev_irq vector = {.irq = irq};
		struct physdev_map_pirq map = {
		    .domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI, .index = irq, .pirq = -1};
		struct physdev_unmap_pirq unmap = {.domid = DOMID_SELF, .pirq = irq};
		const int rc = irq < count ? 0 : -XEN_EINVAL;

		check_eq(hypercall_physdev_op(PHYSDEVOP_irq_status_query, &query), rc);
		check_eq(hypercall_physdev_op(PHYSDEVOP_alloc_irq_vector, &vector), rc);
		check_eq(hypercall_physdev_op(PHYSDEVOP_map_pirq, &map), rc);
		check_eq(map.pirq, rc ? -1 : irq);
		check_eq(hypercall_physdev_op(PHYSDEVOP_unmap_pirq, &unmap), rc);
		check_eq(hypercall_physdev_op(PHYSDEVOP_eoi, &eoi), rc);
	}
}

/* Whom an interrupt is mapped for, and of what kind. */
static void mappings(void)
{
	struct physdev_map_pirq map = {.domid = 0, .type = MAP_PIRQ_TYPE_GSI, .index = 5, .pirq = -1};

	check_eq(hypercall_physdev_op(PHYSDEVOP_map_pirq, &map), 0);
	check_eq(map.pirq, 5);
	map.domid = 77;
	check_eq(hypercall_physdev_op(PHYSDEVOP_map_pirq, &map), -XEN_EPERM);
	map.domid = DOMID_SELF;
	map.type = MAP_PIRQ_TYPE_MSI;
	check_eq(hypercall_physdev_op(PHYSDEVOP_map_pirq, &map), -XEN_EOPNOTSUPP);
	map.type = MAP_PIRQ_TYPE_GSI;
	map.index = -1;
	check_eq(hypercall_physdev_op(PHYSDEVOP_map_pirq, &map), -XEN_EINVAL);
	check_eq(hypercall_physdev_op(PHYSDEVOP_unmap_pirq,
				      &(struct physdev_unmap_pirq){.domid = DOMID_SELF, .pirq = -1}),
		 -XEN_EINVAL);
	check_eq(hypercall_physdev_op(PHYSDEVOP_setup_gsi, &(struct physdev_setup_gsi){.gsi = -1}),
		 -XEN_EINVAL);
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

/* What is answered for those that there are. */
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
	check_eq(hypercall_physdev_op(9999, &iopl), -XEN_ENOSYS);
	interrupts();
	the_last_interrupt();
	mappings();
	bitmaps();
	answers();
}
