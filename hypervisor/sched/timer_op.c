/* SPDX-License-Identifier: MIT */
/* Hypercall 15, set_timer_op: the single-shot timer of the calling vCPU; 0 stops it. */
#include "hypercalls.h"
#include "sched/sched.h"

long hc_set_timer_op(uint64_t timeout)
{
	if (timeout)
		vcpu_set_singleshot(current, timeout);
	else
		timer_stop(&current->sched.singleshot);
	return 0;
}
