/* SPDX-License-Identifier: MIT */
/* event_channel_op_compat: command and arguments in one structure, with the same results as the new form. */
#include "fw.h"

const char test_title[] = "hc-event-channel-op-compat";

void test_main(void)
{
	struct evtchn_op op = {.cmd = EVTCHNOP_alloc_unbound};

	op.u.alloc_unbound.dom = DOMID_SELF;
	op.u.alloc_unbound.remote_dom = DOMID_SELF;
	check_eq(hypercall_event_channel_op_compat(&op), 0);
	check(op.u.alloc_unbound.port > 0);
	unsigned port = op.u.alloc_unbound.port;
	op = (struct evtchn_op){.cmd = EVTCHNOP_close};
	op.u.close.port = port;
	check_eq(hypercall_event_channel_op_compat(&op), 0);
	check_eq(hypercall_event_channel_op_compat(&op), -XEN_EINVAL);
	op.cmd = EVTCHNOP_reset; /* younger than this form */
	op.u.close.port = 0;
	check_eq(hypercall_event_channel_op_compat(&op), -XEN_ENOSYS);
	op.cmd = 99;
	check(hypercall_event_channel_op_compat(&op) < 0);
	check_eq(hypercall_event_channel_op_compat((void *)8), -XEN_EFAULT);
}
