/* SPDX-License-Identifier: MIT */
/* See sub_op.h. */
#include "mm/sub_op.h"
#include "lib/string.h"
#include "mm/guest_copy.h"

long sub_op_run(const struct sub_op *ops, unsigned n, uint32_t cmd, struct vcpu *v, gva_t arg)
{
	uint64_t native[XLAT_MAX_SIZE / sizeof(uint64_t)];
	const struct sub_op *op = &ops[cmd];
	long rc;

	if (cmd >= n || !op->run)
		return -ENOSYS;
	if ((op->flags & SUB_PRIVILEGED) && !current->domain->privileged)
		return -EPERM;
	if (!(op->flags & SUB_READS))
		memset(native, 0, sizeof(native));
	else if (guest_get_xlat(native, arg, op->layout))
		return -EFAULT;
	rc = op->run(v, native);
	if (rc == -ERESTART || !(op->flags & (rc < 0 ? SUB_TELLS : SUB_TELLS | SUB_ANSWERS)))
		return rc;
	return guest_put_xlat(arg, native, op->layout) ? -EFAULT : rc;
}
