/* SPDX-License-Identifier: MIT */
/* Hypercall 7, platform_op: settings of the machine by Dom0. None is offered; Linux asks and goes on. */
#include "hypercalls.h"
#include "lib/errno.h"

long hc_platform_op(uint64_t op)
{
	return -ENOSYS;
}
