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
	answers();
}
