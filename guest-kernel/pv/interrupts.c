/* SPDX-License-Identifier: MIT */
/*
 * Interrupts of a PV guest: events. The interrupt flag is a byte in shared memory, the interrupt controller
 * a bitmap of pending ports there; the hypervisor makes an upcall (entry_32 in entry.asm) when a port is
 * pending and the byte is clear. Handlers run with events masked.
 *
 * The flag and the first level of the bitmap exist once for each vCPU, the bitmap itself only once. So a vCPU
 * that scans a word leaves the ports of others alone: they have been called too.
 */
#include "x86/internal.h"
#include "cpu_ops.h"
#include "kern/lib/errno.h"

#define PORTS     1024u /* as many as a 32-bit guest can have; a selector word has one bit for each word */
#define WORD_BITS (sizeof(unsigned long) * 8)

static struct {
	void (*handler)(void *data);
	void *data;
	unsigned cpu;  /* that is notified */
	unsigned pirq; /* an interrupt of the machine, masked until its handler has run; 0: none */
} ports[PORTS];

void interrupts_init(void)
{
}

unsigned long irq_save(void)
{
	unsigned long on = !VCPU->evtchn_upcall_mask;

	irq_disable();
	return on;
}

void irq_restore(unsigned long was)
{
	if (was)
		irq_enable();
}

/* An event that came while events were masked does not cause an upcall when the mask is cleared: any hypercall
 * makes the hypervisor look. One that comes between the two lines causes an upcall as usual. */
void irq_enable(void)
{
	__atomic_store_n(&VCPU->evtchn_upcall_mask, 0, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&VCPU->evtchn_upcall_pending, __ATOMIC_SEQ_CST))
		hypercall_xen_version(XENVER_version, NULL);
}

void irq_disable(void)
{
	__atomic_store_n(&VCPU->evtchn_upcall_mask, 1, __ATOMIC_SEQ_CST);
}

/* The call clears the mask and sleeps in one step; a pending event ends it at once. */
void cpu_idle(void)
{
	hypercall_sched_op(SCHEDOP_block, NULL);
	irq_disable();
}

void irq_register(unsigned line, void (*handler)(void *data), void *data)
{
	ports[line].handler = handler;
	ports[line].data = data;
	evtchn_unmask(line);
}

void irq_unregister(unsigned line)
{
	evtchn_mask(line);
	ports[line].handler = NULL;
}

static void dispatch_port(evtchn_port_t port)
{
	struct physdev_eoi eoi;

	if (port < PORTS && ports[port].cpu != cpu_id())
		return;
	evtchn_clear(port);
	if (port < PORTS && ports[port].handler)
		ports[port].handler(ports[port].data);
	else
		evtchn_mask(port); /* no handler: no further upcalls for it */
	if (port < PORTS && ports[port].pirq) {
		eoi.irq = ports[port].pirq;
		hypercall_physdev_op(PHYSDEVOP_eoi, &eoi);
	}
}

/* Two levels: a selector bit for each word of the pending bitmap. The pending flag is cleared before the
 * selector is read, so an event that comes meanwhile causes another upcall, after trap_exit(), even if a
 * handler itself caused it (a timer set to the past). */
void irq_dispatch(unsigned vector)
{
	unsigned long words, bits;

	__atomic_store_n(&VCPU->evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST);
	words = __atomic_exchange_n(&VCPU->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
	for (; words; words &= words - 1) {
		unsigned w = __builtin_ctzl(words);

		bits = __atomic_load_n(&shared_info.evtchn_pending[w], __ATOMIC_SEQ_CST) &
		       ~shared_info.evtchn_mask[w];
		for (; bits; bits &= bits - 1)
			dispatch_port(w * WORD_BITS + __builtin_ctzl(bits));
	}
}

static int bound(int rc, evtchn_port_t port, unsigned cpu)
{
	if (rc)
		return rc;
	ports[port].cpu = cpu;
	return port;
}

int evtchn_bind_virq(uint32_t virq, unsigned cpu)
{
	struct evtchn_bind_virq bind = {.virq = virq, .vcpu = cpu};
	int rc = hypercall_event_channel_op(EVTCHNOP_bind_virq, &bind);

	return bound(rc, bind.port, cpu);
}

int evtchn_bind_ipi(unsigned cpu)
{
	struct evtchn_bind_ipi bind = {.vcpu = cpu};
	int rc = hypercall_event_channel_op(EVTCHNOP_bind_ipi, &bind);

	return bound(rc, bind.port, cpu);
}

int evtchn_bind_unbound(domid_t remote)
{
	struct evtchn_alloc_unbound alloc = {.dom = DOMID_SELF, .remote_dom = remote};
	int rc = hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &alloc);

	if (!rc && alloc.port >= PORTS) {
		evtchn_close(alloc.port);
		return -ENOSPC;
	}
	return bound(rc, alloc.port, 0);
}

/* The line's number is that of a pin of the I/O APICs: the firmware has led the function's pin there too. */
bool pci_irq_register(unsigned line, void (*handler)(void *data), void *data)
{
	struct physdev_map_pirq map = {
	    .domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI, .index = line, .pirq = line};
	struct evtchn_bind_pirq bind = {.pirq = line, .flags = BIND_PIRQ__WILL_SHARE};

	if (!line || hypercall_physdev_op(PHYSDEVOP_map_pirq, &map) ||
	    hypercall_event_channel_op(EVTCHNOP_bind_pirq, &bind) || bind.port >= PORTS)
		return false;
	ports[bind.port].pirq = line;
	irq_register(bind.port, handler, data);
	return true;
}

void evtchn_notify(evtchn_port_t port)
{
	struct evtchn_send send = {.port = port};

	hypercall_event_channel_op(EVTCHNOP_send, &send);
}

void evtchn_clear(evtchn_port_t port)
{
	__atomic_and_fetch(&shared_info.evtchn_pending[port / WORD_BITS], ~(1ul << port % WORD_BITS),
			   __ATOMIC_SEQ_CST);
}

void evtchn_mask(evtchn_port_t port)
{
	__atomic_or_fetch(&shared_info.evtchn_mask[port / WORD_BITS], 1ul << port % WORD_BITS,
			  __ATOMIC_SEQ_CST);
}

/* The hypervisor looks whether it became pending meanwhile. */
void evtchn_unmask(evtchn_port_t port)
{
	struct evtchn_unmask unmask = {.port = port};

	hypercall_event_channel_op(EVTCHNOP_unmask, &unmask);
}

void evtchn_close(evtchn_port_t port)
{
	struct evtchn_close close = {.port = port};

	hypercall_event_channel_op(EVTCHNOP_close, &close);
}
