/* SPDX-License-Identifier: MIT */
/*
 * multicall: every entry's own result is written, a failing one does not stop the others, unknown numbers
 * give -ENOSYS there, a multicall inside a multicall fails. A bad list gives -EFAULT. An event that comes of an
 * entry is delivered before the rest of a long list, and then the rest is done.
 */
#include "fw.h"

const char test_title[] = "hc-multicall";

#define LONG 64
static struct multicall_entry batch[LONG];
static unsigned done_before; /* the first upcall that came of it */

static void on_event(struct frame *f)
{
	unsigned done = 0;

	while (done < LONG && batch[done].result != 77)
		done++;
	if (done && done_before == ~0u)
		done_before = done;
}

static void interrupted_by_an_event(void)
{
	struct evtchn_bind_ipi ipi = {.vcpu = 0};
	struct evtchn_send send;

	check_eq(hypercall_event_channel_op(EVTCHNOP_bind_ipi, &ipi), 0);
	send.port = ipi.port;
	for (unsigned masked = 0; masked < 2; masked++) {
		for (unsigned i = 0; i < LONG; i++)
			batch[i] = (struct multicall_entry){
			    .op = __HYPERVISOR_xen_version, .result = 77, .args = {XENVER_version}};
		batch[0] = (struct multicall_entry){.op = __HYPERVISOR_event_channel_op,
						    .result = 77,
						    .args = {EVTCHNOP_send, (unsigned long)&send}};
		if (masked)
			events_off();
		else
			events_on();
		done_before = ~0u;
		event_hook = on_event;
		check_eq(hypercall_multicall(batch, LONG), 0);
		event_hook = NULL;
		if (masked)
			check_eq(done_before, ~0u);
		else
			check(done_before >= 1 && done_before <= LONG / 2);
		event_test_and_clear(send.port);
		for (unsigned i = 1; i < LONG; i++)
			check_eq(batch[i].result, 4 << 16 | 17);
	}
	check_eq(hypercall_event_channel_op(EVTCHNOP_close, &ipi.port), 0);
}

void test_main(void)
{
	static struct multicall_entry list[32];

	for (unsigned i = 0; i < 32; i++)
		list[i] = (struct multicall_entry){
		    .op = __HYPERVISOR_xen_version, .result = 77, .args = {XENVER_version}};
	list[3] = (struct multicall_entry){.op = __HYPERVISOR_xen_version, .args = {999}};
	list[4] = (struct multicall_entry){.op = 63};
	list[5] = (struct multicall_entry){.op = __HYPERVISOR_multicall, .args = {(unsigned long)list, 1}};
	list[6].op = ~0ul;
	check_eq(hypercall_multicall(list, 32), 0);
	check_eq(list[0].result, 4 << 16 | 17);
	check_eq(list[31].result, 4 << 16 | 17);
	check_eq(list[3].result, -XEN_ENOSYS);
	check_eq(list[4].result, -XEN_ENOSYS);
	check_eq(list[5].result, -XEN_EINVAL);
	check_eq(list[6].result, -XEN_ENOSYS);
	check_eq(hypercall_multicall(list, 0), 0);
	check_eq(hypercall_multicall((void *)8, 1), -XEN_EFAULT);
	hypercall_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
	interrupted_by_an_event();
}
