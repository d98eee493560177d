/* SPDX-License-Identifier: MIT */
/* set_trap_table, stack_switch, iret: how the guest's kernel is entered by exceptions, and left. */
#include "dom/domain.h"
#include "guest/hypercall.h"
#include "guest/kind.h"
#include "hypercalls.h"
#include "lib/errno.h"
#include "lib/rare.h"
#include "lib/string.h"
#include "mm/guest_copy.h"
#include "pv/bounce.h"
#include "pv/context.h"

#define PREEMPT_EVERY 32 /* entries */

static int set_trap(struct vcpu *v, struct trap_info *ti)
{
	const struct domain *d = v->domain;

	if (!range_ok(d->abi, ti->address, 1))
		return -EINVAL;
	v->traps[ti->vector] = callback_of_trap(ti, d->pv);
	return 0;
}

long hc_set_trap_table(uint64_t traps)
{
	struct vcpu *v = current;
	struct trap_info ti;
	int rc;

	if (!traps) {
		memset(v->traps, 0, sizeof(v->traps));
		return 0;
	}
	for (unsigned n = 1;; n++, traps += guest_sizeof(trap_info)) {
		if (guest_get(&ti, traps, trap_info))
			return -EFAULT;
		if (!ti.address)
			return 0;
		rc = set_trap(v, &ti);
		if (rc)
			return rc;
		if (n % PREEMPT_EVERY == 0 && hypercall_preempt_check())
			return HYPERCALL_RESTART(set_trap_table, traps + guest_sizeof(trap_info));
	}
}

long hc_stack_switch(uint64_t ss, uint64_t sp)
{
	struct vcpu *v = current;

	v->entry.kernel_ss = v->domain->pv->fix_selector(ss);
	v->entry.kernel_sp = sp;
	context_entry_changed(v);
	return 0;
}

long hc_iret(void)
{
	struct vcpu *v = current;

	if (unlikely(v->entry.special.nmi))
		rare_call(bounce_nmi_done, v);
	v->multicall_interrupted = MULTICALL_STOP;
	return v->domain->pv->iret(v);
}
