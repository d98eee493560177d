/* SPDX-License-Identifier: MIT */
/*
 * Physical interrupts as event channels. Only Dom0 may have them, so one table from interrupt line to port
 * does. Guarded by Dom0's evt_lock for writing; send_pirq() reads a word.
 */
#include "dev/ioapic.h"
#include "evt/port.h"
#include "lib/errno.h"

static uint32_t pirq_port[MAX_GSI];

int evtchn_bind_pirq(struct domain *d, uint32_t pirq)
{
	struct evtchn *ch;
	int port;

	if (!d->privileged)
		return -EPERM;
	if (pirq >= MAX_GSI)
		return -EINVAL;
	spin_lock(&d->evt_lock);
	port = pirq_port[pirq] ? -EEXIST : irq_bind_pirq(pirq);
	if (!port) {
		port = port_alloc(d, &ch);
		if (port < 0)
			irq_unbind_pirq(pirq);
	}
	if (port >= 0) {
		*ch = (struct evtchn){.state = ECS_PIRQ, .pirq = pirq};
		pirq_port[pirq] = port;
		irq_unmask(pirq);
	}
	spin_unlock(&d->evt_lock);
	return port;
}

void pirq_release(uint32_t pirq)
{
	pirq_port[pirq] = 0;
	irq_unbind_pirq(pirq);
}

void send_pirq(uint32_t pirq)
{
	uint32_t port = pirq < MAX_GSI ? pirq_port[pirq] : 0;

	if (port)
		port_notify(dom0, port, port_channel(dom0, port));
}
