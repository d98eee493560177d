/* SPDX-License-Identifier: MIT */
/* Hypercall 40, xenpmu_op (xen/pmu.h): performance counters, of which guests have none. -EOPNOTSUPP, as on a Xen with its
 * counters switched off: kernels then use none, and say so in one line. */
#include "hypercalls.h"
#include "lib/errno.h"

long hc_xenpmu_op(uint64_t op, uint64_t arg)
{
	return -EOPNOTSUPP;
}
