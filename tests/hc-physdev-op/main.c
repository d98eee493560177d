/* SPDX-License-Identifier: MIT */
/* physdev_op: the virtual IOPL is accepted from 0 to 3; bad levels, commands and pointers are refused. */
#include "fw.h"
#include "xen/physdev.h"

const char test_title[] = "hc-physdev-op";

void test_main(void)
{
	struct physdev_set_iopl iopl = {.iopl = 1};

	check_eq(hypercall_physdev_op(PHYSDEVOP_set_iopl, &iopl), 0);
	iopl.iopl = 3;
	check_eq(hypercall_physdev_op(PHYSDEVOP_set_iopl, &iopl), 0);
	iopl.iopl = 4;
	check_eq(hypercall_physdev_op(PHYSDEVOP_set_iopl, &iopl), -XEN_EINVAL);
	check_eq(hypercall_physdev_op(PHYSDEVOP_set_iopl, (void *)8), -XEN_EFAULT);
	check_eq(hypercall_physdev_op(9999, &iopl), -XEN_ENOSYS);
}
