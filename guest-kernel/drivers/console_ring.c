/* SPDX-License-Identifier: MIT */
/*
 * The shared console ring. Each index has one writer, so ordered accesses are all the locking needed:
 * the producer writes data before its index, the reader reads data after the index.
 */
#include "drivers/console_ring.h"
#include "cpu_ops.h"
#include "machine.h"
#include "xen/io/console.h"

#define NAP_NS   1000000u
#define PATIENCE 1000u /* naps */

static struct xencons_interface *ring;
static evtchn_port_t port;
static bool stalled; /* the other side does not read: drop output until it does */

void console_ring_init(void *page, unsigned event_port)
{
	ring = page;
	port = event_port;
}

bool console_ring_present(void)
{
	return ring;
}

static size_t room(void)
{
	return sizeof(ring->out) - (ring->out_prod - __atomic_load_n(&ring->out_cons, __ATOMIC_ACQUIRE));
}

/* Poll without ports: sleep, and leave events pending. */
static void nap(void)
{
	struct sched_poll poll = {.nr_ports = 0, .timeout = system_time() + NAP_NS};

	hypercall_sched_op(SCHEDOP_poll, &poll);
}

static bool wait_for_room(void)
{
	for (unsigned i = 0; !room() && !stalled; i++) {
		evtchn_notify(port);
		nap();
		stalled = i == PATIENCE;
	}
	if (room())
		stalled = false;
	return !stalled;
}

void console_ring_write(const char *text, size_t len)
{
	while (len && wait_for_room()) {
		XENCONS_RING_IDX prod = ring->out_prod;

		for (size_t n = room(); n && len; n--, len--)
			ring->out[MASK_XENCONS_IDX(prod++, ring->out)] = *text++;
		__atomic_store_n(&ring->out_prod, prod, __ATOMIC_RELEASE);
	}
}

void console_ring_tell(void)
{
	evtchn_notify(port);
}

static void input_irq(void *data)
{
	XENCONS_RING_IDX cons = ring->in_cons;
	XENCONS_RING_IDX prod = __atomic_load_n(&ring->in_prod, __ATOMIC_ACQUIRE);

	if (cons == prod)
		return; /* the event was about room for output */
	while (cons != prod)
		console_input(ring->in[MASK_XENCONS_IDX(cons++, ring->in)]);
	__atomic_store_n(&ring->in_cons, cons, __ATOMIC_RELEASE);
	evtchn_notify(port);
}

void console_ring_start_input(void)
{
	irq_register(port, input_irq, NULL);
	input_irq(NULL);
}
