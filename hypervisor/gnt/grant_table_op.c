/* SPDX-License-Identifier: MIT */
/* Hypercall 20, grant_table_op (xen/grant_table.h). No operation is offered yet: guests see a hypervisor
 * without grants. */
#include "hypercalls.h"
#include "lib/errno.h"

long hc_grant_table_op(uint64_t cmd, uint64_t uop, uint64_t count)
{
	return -ENOSYS;
}
