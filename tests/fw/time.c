/* SPDX-License-Identifier: MIT */
#include "time.h"

uint64_t system_time(void)
{
	const volatile struct vcpu_time_info *t = &shared->vcpu_info[0].time;
	uint64_t delta, result;
	uint32_t version, low, high;

	do {
		version = t->version;
		barrier();
		__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
		delta = ((uint64_t)high << 32 | low) - t->tsc_timestamp;
		delta = t->tsc_shift < 0 ? delta >> -t->tsc_shift : delta << t->tsc_shift;
		/* (delta * mul) >> 32 without 128-bit arithmetic. */
		result = t->system_time + (delta >> 32) * t->tsc_to_system_mul +
			 (((delta & 0xffffffff) * t->tsc_to_system_mul) >> 32);
		barrier();
	} while ((version & 1) || version != t->version);
	return result;
}

unsigned bind_timer(void)
{
	struct evtchn_bind_virq bind = {.virq = VIRQ_TIMER, .vcpu = 0};

	if (hypercall_event_channel_op(EVTCHNOP_bind_virq, &bind))
		error("bind_virq TIMER");
	if (hypercall_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL))
		error("stop_periodic_timer");
	event_test_and_clear(bind.port);
	return bind.port;
}

bool wait_for_port(unsigned port, uint64_t until)
{
	evtchn_port_t ports[1] = {port};
	struct sched_poll poll = {.nr_ports = 1, .timeout = until};

	set_xen_guest_handle(poll.ports, ports);
	while (!event_test_and_clear(port)) {
		if (system_time() >= until)
			return false;
		hypercall_sched_op(SCHEDOP_poll, &poll);
	}
	return true;
}

void nap(unsigned port)
{
	evtchn_port_t ports[1] = {port};
	struct sched_poll poll = {.nr_ports = 1};

	set_xen_guest_handle(poll.ports, ports);
	for (uint64_t ns = 1000000; ns < 100000000; ns *= 3) {
		poll.timeout = system_time() + ns;
		hypercall_sched_op(SCHEDOP_poll, &poll);
	}
}
