/* SPDX-License-Identifier: MIT */
/*
 * A client of the store with a single wish: to be told when Dom0 wants this domain to power off or reboot. It
 * is a machine of three messages, driven by the ring's event: watch control/shutdown; when the watch fires,
 * read it; when the answer is a request, acknowledge it by writing the empty text, and do it.
 *
 * The ring carries messages (xen/io/xs_wire.h) as a stream of bytes, so one may come in several pieces. Only
 * one question is under way at a time, hence there is always room for the next.
 */
#include "drivers/xenstore.h"
#include "cpu_ops.h"
#include "kern/console/log.h"
#include "kern/lib/string.h"
#include "machine.h"
#include "xen/io/xs_wire.h"

static const char node[] = "control/shutdown";
static const char watch[] = "control/shutdown\0shutdown"; /* path and token */

static struct xenstore_domain_interface *ring;
static evtchn_port_t port;

/* The message being received: its head, and the first bytes of what follows. */
static struct {
	struct xsd_sockmsg head;
	char text[32];
	size_t have;
} in;

static void put(const void *data, size_t len)
{
	const char *from = data;
	XENSTORE_RING_IDX prod = ring->req_prod;

	while (len--)
		ring->req[MASK_XENSTORE_IDX(prod++)] = *from++;
	__atomic_store_n(&ring->req_prod, prod, __ATOMIC_RELEASE);
}

static void ask(uint32_t type, const void *payload, size_t len)
{
	struct xsd_sockmsg head = {.type = type, .req_id = type, .len = len};

	put(&head, sizeof(head));
	put(payload, len);
	evtchn_notify(port);
}

static void obey(const char *request)
{
	bool off = !strcmp(request, "poweroff") || !strcmp(request, "halt");

	if (!off && strcmp(request, "reboot"))
		return;
	ask(XS_WRITE, node, sizeof(node));
	log_print("store: Dom0 asks for %s\n", request);
	if (off)
		machine_poweroff();
	machine_reboot();
}

static void message(void)
{
	in.text[MIN(in.head.len, sizeof(in.text) - 1)] = '\0';
	if (in.head.type == XS_WATCH_EVENT)
		ask(XS_READ, node, sizeof(node));
	else if (in.head.type == XS_READ)
		obey(in.text);
}

static void take(char byte)
{
	if (in.have < sizeof(in.head))
		((char *)&in.head)[in.have] = byte;
	else if (in.have - sizeof(in.head) < sizeof(in.text) - 1)
		in.text[in.have - sizeof(in.head)] = byte;
	in.have++;
	if (in.have >= sizeof(in.head) && in.have == sizeof(in.head) + in.head.len) {
		in.have = 0;
		message();
	}
}

static void store_irq(void *data)
{
	XENSTORE_RING_IDX cons = ring->rsp_cons;
	XENSTORE_RING_IDX prod = __atomic_load_n(&ring->rsp_prod, __ATOMIC_ACQUIRE);

	if (cons == prod)
		return;
	while (cons != prod) {
		char byte = ring->rsp[MASK_XENSTORE_IDX(cons++)];

		/* Free the byte first: take() may not return. */
		__atomic_store_n(&ring->rsp_cons, cons, __ATOMIC_RELEASE);
		take(byte);
	}
	evtchn_notify(port);
}

void xenstore_init(void *page, unsigned event_port)
{
	ring = page;
	port = event_port;
	irq_register(port, store_irq, NULL);
	ask(XS_WATCH, watch, sizeof(watch));
}
