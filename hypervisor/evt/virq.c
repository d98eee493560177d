/* SPDX-License-Identifier: MIT */
/*
 * Virtual interrupts: numbered sources inside the hypervisor, each bound by a guest to a port of its choice.
 *
 * Per-vCPU ones (timer, debug) belong to the vCPU that bound them; global ones (console input, a domain's
 * end) go to Dom0. virq_lock guards virq_port against the port's closing; evt.lock is not needed.
 */
#include "evt/port.h"
#include "xen/xen.h"

bool virq_is_global(uint32_t virq)
{
	switch (virq) {
	case VIRQ_TIMER:
	case VIRQ_DEBUG:
	case VIRQ_XENOPROF:
	case VIRQ_XENPMU:
		return false;
	default:
		return true;
	}
}

void send_virq(struct vcpu *v, uint32_t virq)
{
	uint32_t port;

	spin_lock(&v->evt.virq_lock);
	port = v->evt.virq_port[virq];
	if (port)
		evtchn_set_pending(v, port);
	spin_unlock(&v->evt.virq_lock);
}

void send_global_virq(uint32_t virq)
{
	struct vcpu *v = dom0 ? dom0->vcpu[0] : NULL;
	uint32_t port;

	if (!v)
		return;
	spin_lock(&v->evt.virq_lock);
	port = v->evt.virq_port[virq];
	if (port) /* EVTCHNOP_bind_vcpu may have moved it; the index is valid at any time */
		port_notify(dom0, port, port_channel(dom0, port));
	spin_unlock(&v->evt.virq_lock);
}
