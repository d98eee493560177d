/* SPDX-License-Identifier: MIT */
/*
 * multicall: a list of hypercalls in one. Only the result of each entry is written back. An entry that wants
 * to be restarted is written back whole, and the batch restarts with it. iret ends the batch: what it set up
 * is where the guest goes on.
 */
#include "dom/domain.h"
#include "entry/hypercall.h"
#include "hypercalls.h"
#include "lib/errno.h"
#include "mm/guest_copy.h"

/* One entry at @at. 0; -EFAULT; 1: it is to be restarted. */
static int run_entry(struct vcpu *v, gva_t at)
{
	struct multicall_entry e;

	if (guest_get(&e, at, multicall_entry))
		return -EFAULT;
	v->multicall = &e;
	v->multicall_restarted = false;
	e.result = hypercall_call(v, e.op, e.args);
	v->multicall = NULL;
	if (v->multicall_restarted)
		return guest_put(at, &e, multicall_entry) ? -EFAULT : 1;
	/* Word 1 of the entry: op, result, args[6]. */
	return v->multicall_stop ? 0 : guest_put_word(at, 1, e.result);
}

long hc_multicall(uint64_t call_list, uint64_t nr_calls)
{
	struct vcpu *v = current;
	uint32_t left = nr_calls;
	int err = 0;

	if (v->multicall)
		return -EINVAL;
	v->multicall_stop = false;
	for (; left && !err; left--, call_list += guest_sizeof(multicall_entry)) {
		if (left != (uint32_t)nr_calls && hypercall_preempt_check())
			break;
		err = run_entry(v, call_list);
		if (v->multicall_stop)
			return v->regs.rax;
		if (err)
			break;
	}
	if (err < 0)
		return err;
	return left ? HYPERCALL_RESTART(__HYPERVISOR_multicall, call_list, left) : 0;
}
