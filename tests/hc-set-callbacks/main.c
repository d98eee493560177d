/* SPDX-License-Identifier: MIT */
/* set_callbacks: the old form of callback_op sets the event callback; an event sent to ourselves arrives
 * there. */
#include "fw.h"

const char test_title[] = "hc-set-callbacks";

extern char event_entry[], failsafe_entry[];

void test_main(void)
{
	struct evtchn_bind_ipi ipi = {.vcpu = 0};
	struct evtchn_send send;

	check_eq(hypercall_event_channel_op(EVTCHNOP_bind_ipi, &ipi), 0);
#ifdef __x86_64__
	check_eq(hypercall_set_callbacks((unsigned long)event_entry, (unsigned long)failsafe_entry, 0, 0), 0);
#else
	check_eq(hypercall_set_callbacks(FLAT_KERNEL_CS, (unsigned long)event_entry, FLAT_KERNEL_CS,
					 (unsigned long)failsafe_entry),
		 0);
#endif
	events_on();
	send.port = ipi.port;
	check_eq(hypercall_event_channel_op(EVTCHNOP_send, &send), 0);
	check_eq(upcalls, 1);
}
