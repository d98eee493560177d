/* SPDX-License-Identifier: MIT */
/*
 * sched_op: yield returns; block returns at once with an event pending and unmasks; poll returns for a
 * pending port even if it is masked, and at its timeout; bad commands, ports and pointers are refused.
 */
#include "fw.h"
#include "time.h"

const char test_title[] = "hc-sched-op";

static long watchdog(uint32_t id, uint32_t timeout)
{
	struct sched_watchdog w = {id, timeout};

	return hypercall_sched_op(SCHEDOP_watchdog, &w);
}

/* Two of them, numbered from 1; 0 asks for a new one. None bites in this test. */
static void watchdogs(void)
{
	static const uint32_t none[] = {1, 2, 3, 4, 100, 0x80000000u, ~0u};

	for (unsigned i = 0; i < ARRAY_SIZE(none); i++) {
		check_eq(watchdog(none[i], 1000), -XEN_EINVAL);
		check_eq(watchdog(none[i], 0), -XEN_EINVAL);
	}
	check_eq(watchdog(0, 0), -XEN_EINVAL);
	check_eq(watchdog(0, 1000), 1);
	check_eq(watchdog(0, ~0u), 2);
	check_eq(watchdog(0, 1000), -XEN_ENOSPC);
	check_eq(watchdog(3, 1000), -XEN_EINVAL);
	check_eq(watchdog(1, 2000), 0);
	check_eq(watchdog(1, 0), 0);
	check_eq(watchdog(1, 0), -XEN_EINVAL);
	check_eq(watchdog(0, 1000), 1);
	check_eq(watchdog(1, 0), 0);
	check_eq(watchdog(2, 0), 0);
}

void test_main(void)
{
	static const unsigned long bad[] = BAD_POINTERS;
	struct evtchn_bind_ipi ipi = {.vcpu = 0};
	evtchn_port_t ports[1];
	struct sched_poll poll = {.nr_ports = 1};

	watchdogs();
	bind_timer();
	check_eq(hypercall_sched_op(SCHEDOP_yield, NULL), 0);
	check_eq(hypercall_event_channel_op(EVTCHNOP_bind_ipi, &ipi), 0);
	ports[0] = ipi.port;
	set_xen_guest_handle(poll.ports, ports);

	check_eq(hypercall_event_channel_op(EVTCHNOP_send, &ipi.port), 0);
	check_eq(hypercall_sched_op(SCHEDOP_block, NULL), 0);
	check_eq(upcalls, 1);
	check_eq(shared->vcpu_info[0].evtchn_upcall_mask, 0);
	check(event_test_and_clear(ipi.port));
	events_off();

	uint64_t start = system_time();
	poll.timeout = start + 5000000;
	check_eq(hypercall_sched_op(SCHEDOP_poll, &poll), 0);
	check(system_time() >= poll.timeout);

	event_mask(ipi.port, true);
	check_eq(hypercall_event_channel_op(EVTCHNOP_send, &ipi.port), 0);
	poll.timeout = 0;
	check_eq(hypercall_sched_op(SCHEDOP_poll, &poll), 0);

	ports[0] = ~0u;
	check_eq(hypercall_sched_op(SCHEDOP_poll, &poll), -XEN_EINVAL);
	static evtchn_port_t many[129]; /* all good, but too many */
	for (unsigned i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = ipi.port;
	set_xen_guest_handle(poll.ports, many);
	poll.nr_ports = ARRAY_SIZE(many);
	check_eq(hypercall_sched_op(SCHEDOP_poll, &poll), -XEN_EINVAL);
	check_eq(hypercall_sched_op(99, NULL), -XEN_ENOSYS);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		check_eq(hypercall_sched_op(SCHEDOP_poll, (void *)bad[i]), -XEN_EFAULT);
		check_eq(hypercall_sched_op(SCHEDOP_shutdown, (void *)bad[i]), -XEN_EFAULT);
	}
}
