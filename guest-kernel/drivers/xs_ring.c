/* SPDX-License-Identifier: MIT */
/*
 * The store ring: two streams of bytes in a shared page (xen/io/xs_wire.h). Requests carry numbers
 * from this kernel, by which it finds a reply's client; it puts the client's number in front of tokens of
 * watches ("7:token"), by which it finds an event's client. Each index in the page has one writer: the
 * producer writes data before its index, the reader reads data after the index.
 *
 * Locking: none, interrupts are off outside of sleeps (kern/proc/wait.h), and nothing here sleeps.
 */
#include "drivers/xs_ring.h"
#include "cpu_ops.h"
#include "kern/console/log.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/kmalloc.h"
#include "machine.h"

#define TAG_MAX 12 /* "4294967295:" */

/* A request whose reply has not come. */
struct request {
	struct list list;
	struct xs_client *client; /* NULL: gone, drop the reply */
	u32 number, their_number, type;
};

static struct xenstore_domain_interface *ring;
static evtchn_port_t port;
static u32 last_request, last_client;
static struct list clients = LIST_INIT(clients), requests = LIST_INIT(requests), out = LIST_INIT(out);
static size_t out_sent; /* bytes of the first message in `out` that are in the ring */

/* The message being received. */
static struct {
	struct xsd_sockmsg head;
	size_t have; /* of head and payload together */
	struct xs_message *message;
} in;

/* ---- Messages ---- */

struct xs_message *xs_message(u32 type, u32 tx_id, const void *payload, size_t len)
{
	struct xs_message *m = kmalloc(sizeof(*m) + len + 1);

	if (!m)
		return NULL;
	m->head = (struct xsd_sockmsg){.type = type, .tx_id = tx_id, .len = len};
	if (payload)
		memcpy(m->payload, payload, len);
	m->payload[len] = '\0';
	return m;
}

/* The token in a payload of path and token; NULL: there is none. */
static char *token_of(struct xs_message *m)
{
	size_t path = strlen(m->payload) + 1;

	return path < m->head.len ? m->payload + path : NULL;
}

/* The same message with the client's number before the token. */
static struct xs_message *add_tag(struct xs_message *m, u32 number)
{
	char tag[TAG_MAX];
	size_t len = snprintf(tag, sizeof(tag), "%u:", number), path;
	struct xs_message *tagged;

	if (!token_of(m))
		return m; /* the store answers with an error */
	path = token_of(m) - m->payload;
	tagged = m->head.len + len <= XENSTORE_PAYLOAD_MAX
		     ? xs_message(m->head.type, m->head.tx_id, NULL, m->head.len + len)
		     : NULL;
	if (tagged) {
		tagged->head.req_id = m->head.req_id;
		memcpy(tagged->payload, m->payload, path);
		memcpy(tagged->payload + path, tag, len);
		memcpy(tagged->payload + path + len, m->payload + path, m->head.len - path);
	}
	kfree(m);
	return tagged;
}

/* Takes the number out of an event's token. */
static struct xs_client *remove_tag(struct xs_message *m)
{
	char *token = token_of(m);
	const char *text = token;
	u64 number = token ? parse_number(&text, 10) : 0;
	struct xs_client *c;

	list_for_each (c, &clients, list) {
		if (token && *text == ':' && c->number == number) {
			text++;
			m->head.len -= text - token;
			memmove(token, text, strlen(text) + 1);
			return c;
		}
	}
	return NULL;
}

/* ---- To the store ---- */

/* False: the kernel waits for the store to start. */
static bool connected(void)
{
	return __atomic_load_n(&ring->connection, __ATOMIC_ACQUIRE) == XENSTORE_CONNECTED;
}

static size_t put(const void *data, size_t len)
{
	XENSTORE_RING_IDX prod = ring->req_prod;
	size_t used = prod - __atomic_load_n(&ring->req_cons, __ATOMIC_ACQUIRE);
	size_t room = XENSTORE_RING_SIZE - MIN(used, (size_t)XENSTORE_RING_SIZE), n = MIN(len, room);

	for (size_t i = 0; i < n; i++)
		ring->req[MASK_XENSTORE_IDX(prod++)] = ((const char *)data)[i];
	__atomic_store_n(&ring->req_prod, prod, __ATOMIC_RELEASE);
	return n;
}

/* True: bytes were sent. */
static bool pump(void)
{
	bool moved = false;

	while (connected() && !list_empty(&out)) {
		struct xs_message *m = list_entry(out.next, struct xs_message, list);
		size_t size = sizeof(m->head) + m->head.len, before = out_sent;

		/* In memory the payload follows the head. */
		out_sent += put((const char *)&m->head + out_sent, size - out_sent);
		moved |= out_sent != before;
		if (out_sent != size)
			break;
		out_sent = 0;
		list_del(&m->list);
		kfree(m);
	}
	return moved;
}

static int send(struct xs_client *c, struct xs_client *replies_to, struct xs_message *m)
{
	struct request *r = kmalloc(sizeof(*r));

	if (m && (m->head.type == XS_WATCH || m->head.type == XS_UNWATCH))
		m = add_tag(m, c->number);
	if (!m || !r) {
		kfree(m);
		kfree(r);
		return -ENOMEM;
	}
	*r = (struct request){

	    .client = replies_to,
	    .number = ++last_request,
	    .their_number = m->head.req_id,
	    .type = m->head.type};
	m->head.req_id = r->number;
	list_add_tail(&requests, &r->list);
	list_add_tail(&out, &m->list);
	if (pump())
		evtchn_notify(port);
	return 0;
}

int xs_send(struct xs_client *c, struct xs_message *m)
{
	return send(c, c, m);
}

int xs_send_quietly(struct xs_client *c, struct xs_message *m)
{
	return send(c, NULL, m);
}

/* ---- From the store ---- */

/* The client that began it is gone. */
static void abort_transaction(const struct xs_message *m)
{
	const char *text = m->payload;

	xs_send_quietly(NULL, xs_message(XS_TRANSACTION_END, parse_number(&text, 10), "F", 2));
}

static struct request *request_of(u32 number)
{
	struct request *r;

	list_for_each (r, &requests, list) {
		if (r->number == number)
			return r;
	}
	return NULL;
}

static void deliver(struct xs_message *m)
{
	struct request *r = m->head.type == XS_WATCH_EVENT ? NULL : request_of(m->head.req_id);
	struct xs_client *c = r ? r->client : m->head.type == XS_WATCH_EVENT ? remove_tag(m) : NULL;

	if (r) {
		m->head.req_id = r->their_number;
		list_del(&r->list);
		kfree(r);
	}
	if (c) {
		c->receive(c, m);
		return;
	}
	if (m->head.type == XS_TRANSACTION_START)
		abort_transaction(m);
	kfree(m);
}

/* Take what has arrived of one part of a message: `size` bytes in all, `have` of them before. */
static size_t take(void *to, size_t have, size_t size)
{
	XENSTORE_RING_IDX cons = ring->rsp_cons;
	size_t there = __atomic_load_n(&ring->rsp_prod, __ATOMIC_ACQUIRE) - cons, n = MIN(there, size - have);

	for (size_t i = 0; i < n; i++, cons++)
		if (to)
			((char *)to)[have + i] = ring->rsp[MASK_XENSTORE_IDX(cons)];
	__atomic_store_n(&ring->rsp_cons, cons, __ATOMIC_RELEASE);
	return n;
}

/* Go on with the message under way; false: the ring is empty. */
static bool receive_some(void)
{
	const size_t head = sizeof(in.head);
	size_t n;

	if (in.have < head) {
		n = take(&in.head, in.have, head);
		in.have += n;
		if (in.have == head && in.head.len <= XENSTORE_PAYLOAD_MAX) {
			in.message = xs_message(in.head.type, in.head.tx_id, NULL, in.head.len);
			if (in.message)
				in.message->head.req_id = in.head.req_id;
		}
	} else {
		n = take(in.message ? in.message->payload : NULL, in.have - head, in.head.len);
		in.have += n;
	}
	if (in.have >= head && in.have == head + in.head.len) {
		struct xs_message *m = in.message;

		in.have = 0;
		in.message = NULL;
		if (m)
			deliver(m); /* may not return: a request to power off */
		return true;
	}
	return n;
}

/* The store says that it cannot continue with the requests under way: it has lost them, or found nonsense. None of them
 * will be answered. */
static void begin_anew(void)
{
	static const char eio[] = "EIO";
	struct xs_client *c;

	log_warn("store: it has lost what it knew of this kernel, and starts again\n");
	while (!list_empty(&out)) {
		struct xs_message *m = list_entry(out.next, struct xs_message, list);

		list_del(&m->list);
		kfree(m);
	}
	kfree(in.message);
	in.message = NULL;
	in.have = out_sent = 0;
	__atomic_store_n(&ring->connection, XENSTORE_RECONNECT, __ATOMIC_RELEASE);
	while (!list_empty(&requests)) {
		struct request *r = list_entry(requests.next, struct request, list);
		struct xs_message *m = xs_message(XS_ERROR, 0, eio, sizeof(eio));

		if (m) {
			m->head.req_id = r->number;
			deliver(m);
		} else {
			list_del(&r->list);
			kfree(r);
		}
	}
	list_for_each (c, &clients, list)
		c->again(c);
	evtchn_notify(port);
}

static void store_irq(void *data)
{
	bool moved = false;

	if (!connected())
		return;
	if (ring->error != XENSTORE_ERROR_NONE &&
	    ring->server_features & XENSTORE_SERVER_FEATURE_RECONNECTION)
		return begin_anew();
	while (receive_some())
		moved = true;
	moved |= pump();
	if (moved)
		evtchn_notify(port);
}

/* ---- Clients, beginning and end ---- */

void xs_client_add(struct xs_client *c)
{
	c->number = ++last_client;
	list_add_tail(&clients, &c->list);
}

void xs_client_remove(struct xs_client *c)
{
	struct request *r;

	list_del(&c->list);
	list_for_each (r, &requests, list) {
		if (r->client == c)
			r->client = NULL;
	}
}

bool xs_ring_present(void)
{
	return ring;
}

void xs_ring_init(void *page, unsigned event_port)
{
	ring = page;
	port = event_port;
	irq_register(port, store_irq, NULL);
}
