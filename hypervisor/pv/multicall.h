/* SPDX-License-Identifier: MIT */
/* The loop of a multicall, into which each kind puts its step. */
#pragma once

#include "guest/hypercall.h"

/* After an entry that needs a restart or ended the batch: what multicall_step returns. */
int multicall_interrupted(struct vcpu *v, gva_t at);

#define MULTICALL_PREEMPT_EVERY 8 /* entries; a power of two */

/* A kind's hypercall_abi.multicall around its @step, which runs the entry at @at: 0, -EFAULT, or 1 to restart the
 * batch with it. */
static __always_inline int multicall_run(struct vcpu *v, gva_t *list, uint32_t *left,
					 int (*step)(struct vcpu *v, gva_t at), unsigned stride)
{
	gva_t at = *list;
	uint32_t n = *left;
	int rc;

	for (;;) {
		rc = step(v, at);
		bool look = false;

		if (unlikely(rc || v->multicall_interrupted)) {
			if (rc || v->multicall_interrupted != MULTICALL_LOOK)
				break;
			look = true;
		}
		at += stride;
		n--;
		if (look && n)
			v->multicall_interrupted = MULTICALL_GOES_ON;
		if ((look || !(n & (MULTICALL_PREEMPT_EVERY - 1))) && (!n || hypercall_preempt_check()))
			break;
	}
	*list = at;
	*left = n;
	return rc;
}
