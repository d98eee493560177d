/* SPDX-License-Identifier: MIT */
/* fpu_taskswitch, set_debugreg, get_debugreg, vm_assist. */
#include "dom/domain.h"
#include "hypercalls.h"
#include "lib/errno.h"
#include "pv/context.h"
#include "pv/debugreg.h"
#include "pv/taskswitch.h"

#define VMASST_VALID                                                                  \
	(1u << VMASST_TYPE_4gb_segments | 1u << VMASST_TYPE_4gb_segments_notify |     \
	 1u << VMASST_TYPE_writable_pagetables | 1u << VMASST_TYPE_pae_extended_cr3 | \
	 1u << VMASST_TYPE_architectural_iopl | 1u << VMASST_TYPE_runstate_update_flag)

long hc_fpu_taskswitch(uint64_t set)
{
	taskswitch_set(current, (uint32_t)set);
	return 0;
}

long hc_set_debugreg(uint64_t reg, uint64_t value)
{
	return debugreg_set(current, reg, value);
}

long hc_get_debugreg(uint64_t reg)
{
	uint64_t value;
	int rc = debugreg_get(current, reg, &value);

	return rc ? rc : (long)value;
}

/* 4gb_segments and m2p_strict ask for what holds anyway: segments are not needed for protection here, and
 * applications do not see the M2P of a kernel that leaves it out of their tables. */
long hc_vm_assist(uint64_t cmd, uint64_t type)
{
	struct domain *d = current->domain;
	uint32_t bit;

	if ((uint32_t)type == VMASST_TYPE_m2p_strict)
		return (uint32_t)cmd <= VMASST_CMD_disable ? 0 : -ENOSYS;
	if ((uint32_t)type > 31 || !(VMASST_VALID & 1u << type))
		return -EINVAL;
	bit = 1u << type;
	switch ((uint32_t)cmd) {
	case VMASST_CMD_enable:
		__atomic_or_fetch(&d->vm_assist, bit, __ATOMIC_RELAXED);
		break;
	case VMASST_CMD_disable:
		__atomic_and_fetch(&d->vm_assist, ~bit, __ATOMIC_RELAXED);
		break;
	default:
		return -ENOSYS;
	}
	context_assist_changed(d);
	return 0;
}
