/* SPDX-License-Identifier: MIT */
/* sched_op_compat: yield, and block with an event pending, return at once; other commands -ENOSYS. */
#include "fw.h"

const char test_title[] = "hc-sched-op-compat";

void test_main(void)
{
	struct evtchn_bind_ipi ipi = {.vcpu = 0};

	check_eq(hypercall_sched_op_compat(SCHEDOP_yield, 0), 0);
	check_eq(hypercall_event_channel_op(EVTCHNOP_bind_ipi, &ipi), 0);
	check_eq(hypercall_event_channel_op(EVTCHNOP_send, &ipi.port), 0);
	check_eq(hypercall_sched_op_compat(SCHEDOP_block, 0), 0);
	check_eq(upcalls, 1);
	check_eq(shared->vcpu_info[0].evtchn_upcall_mask, 0);
	check_eq(hypercall_sched_op_compat(77, 0), -XEN_ENOSYS);
}
