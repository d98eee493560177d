/* SPDX-License-Identifier: MIT */
/*
 * multicall: a list of hypercalls in one. Only the result of each entry is written back. An entry that must
 * be restarted gets its new number and arguments, and the batch restarts with it. iret ends the batch:
 * the guest goes on where it says.
 */
#include "dom/domain.h"
#include "guest/abi.h"
#include "lib/errno.h"
#include "lib/tracepoint.h"
#include "mm/guest_copy.h"
#include "pv/multicall.h"

int multicall_interrupted(struct vcpu *v, gva_t at)
{
	if (v->multicall_interrupted == MULTICALL_STOP)
		return 0;
	return guest_put(at, v->multicall, multicall_entry) ? -EFAULT : 1;
}

/* While a tracepoint is set, one by one: each is counted and traced by its number. */
static __cold int run_watched(struct vcpu *v, gva_t *list, uint32_t *left)
{
	int rc = 0;

	while (*left && !rc && v->multicall_interrupted <= MULTICALL_LOOK) {
		uint32_t one = 1;
		uint64_t nr;

		if (guest_get_word(&nr, *list, 0))
			return -EFAULT;
		v->multicall_interrupted = MULTICALL_GOES_ON;
		trace_point(TRACE_CALL, nr);
		rc = v->domain->calls->multicall(v, list, &one);
		*left -= !one;
		if ((*left % MULTICALL_PREEMPT_EVERY == 0 || v->multicall_interrupted == MULTICALL_LOOK) &&
		    *left && hypercall_preempt_check())
			break;
	}
	return rc;
}

long hc_multicall(uint64_t call_list, uint64_t nr_calls)
{
	struct vcpu *v = current;
	uint32_t left = nr_calls;
	struct multicall_entry entry = {0};
	int rc;

	if (v->multicall)
		return -EINVAL;
	if (!left)
		return 0;
	v->multicall = &entry;
	v->multicall_interrupted = MULTICALL_GOES_ON;
	if (unlikely(tracepoint))
		rc = run_watched(v, &call_list, &left);
	else
		rc = v->domain->calls->multicall(v, &call_list, &left);
	v->multicall = NULL;
	if (v->multicall_interrupted == MULTICALL_STOP)
		return v->regs.rax;
	if (rc < 0)
		return rc;
	return left ? HYPERCALL_RESTART(multicall, call_list, left) : 0;
}
