/* SPDX-License-Identifier: MIT */
/*
 * xenpmu_op: there are no performance counters for guests, and every operation says so, whatever comes with it: -EOPNOTSUPP, as
 * on a Xen whose counters are switched off.
 */
#include "fw.h"
#include "xen/pmu.h"

const char test_title[] = "hc-xenpmu-op";

void test_main(void)
{
	static char parameters[64];

	for (unsigned op = XENPMU_mode_get; op <= XENPMU_flush; op++)
		check_eq(hypercall_xenpmu_op(op, parameters), -XEN_EOPNOTSUPP);
	check_eq(hypercall_xenpmu_op(XENPMU_init, NULL), -XEN_EOPNOTSUPP);
	check_eq(hypercall_xenpmu_op(~0u, (void *)8), -XEN_EOPNOTSUPP);
}
