/* SPDX-License-Identifier: MIT */
/* callback_op: known types register and unregister, unknown ones and bad pointers do not, nor do the two that no guest can be
 * without; an event reaches the callback. */
#include "fw.h"

const char test_title[] = "hc-callback-op";

extern char event_entry[];

void test_main(void)
{
	static const unsigned long bad[] = BAD_POINTERS;
	struct callback_register reg = {.type = CALLBACKTYPE_event};
	static const uint16_t kept[] = {CALLBACKTYPE_event, CALLBACKTYPE_failsafe, 99};
	struct callback_unregister un;
	struct evtchn_bind_ipi ipi = {.vcpu = 0};

#ifdef __x86_64__
	reg.address = (unsigned long)event_entry;
#else
	reg.address.cs = FLAT_KERNEL_CS;
	reg.address.eip = (unsigned long)event_entry;
#endif
	check_eq(hypercall_callback_op(CALLBACKOP_register, &reg), 0);
	check_eq(hypercall_event_channel_op(EVTCHNOP_bind_ipi, &ipi), 0);
	events_on();
	check_eq(hypercall_event_channel_op(EVTCHNOP_send, &ipi.port), 0);
	check_eq(upcalls, 1);
	check(event_test_and_clear(ipi.port));
	events_off();

	reg.type = 99;
	check(hypercall_callback_op(CALLBACKOP_register, &reg) < 0);
	check_eq(hypercall_callback_op(99, &reg), -XEN_ENOSYS);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		check_eq(hypercall_callback_op(CALLBACKOP_register, (void *)bad[i]), -XEN_EFAULT);
	un.type = CALLBACKTYPE_syscall32;
	check_eq(hypercall_callback_op(CALLBACKOP_unregister, &un), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		check_eq(hypercall_callback_op(CALLBACKOP_unregister, (void *)bad[i]), -XEN_EFAULT);
	for (unsigned i = 0; i < ARRAY_SIZE(kept); i++) {
		un.type = kept[i];
		check_eq(hypercall_callback_op(CALLBACKOP_unregister, &un), -XEN_EINVAL);
	}
	events_on(); /* the event's is still there */
	check_eq(hypercall_event_channel_op(EVTCHNOP_send, &ipi.port), 0);
	check_eq(upcalls, 2);
	events_off();
#ifdef __x86_64__
	reg.type = CALLBACKTYPE_event;
	reg.address = 0x0000800000000000ul;
	check_eq(hypercall_callback_op(CALLBACKOP_register, &reg), -XEN_EINVAL);
#endif
}
