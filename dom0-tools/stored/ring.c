/* SPDX-License-Identifier: MIT */
/*
 * A client's page: two rings of bytes, one for each direction (xen/io/xs_wire.h). The client may write anything there,
 * at any moment: its indices are read once and checked, the store's are kept in private, and the length in a message's
 * head is read only from the store's copy.
 */
#include "journal.h"

#include <string.h>

void ring_broke(struct conn *c, uint32_t error)
{
	c->broken = true;
	c->error = error;
	c->have = 0;
}

/* Say so in the page, and be silent until the client reconnects. */
static void give_up(struct conn *c, uint32_t error)
{
	ring_broke(c, error);
	conn_touch(c);
	journal_note(c->store, NOTE_BROKEN, c->id, &error, sizeof(error));
}

/* Bytes needed to complete the head, then the message. */
static size_t wanted(const struct conn *c)
{
	struct xsd_sockmsg head;

	if (c->have < sizeof(head))
		return sizeof(head) - c->have;
	memcpy(&head, c->in, sizeof(head));
	return head.len > XENSTORE_PAYLOAD_MAX ? 0 : sizeof(head) + head.len - c->have;
}

bool ring_take(struct conn *c)
{
	XENSTORE_RING_IDX prod = __atomic_load_n(&c->ring->req_prod, __ATOMIC_ACQUIRE);
	XENSTORE_RING_IDX cons = c->req_cons;
	size_t n, before = c->have;

	if (prod - cons > XENSTORE_RING_SIZE) {
		give_up(c, XENSTORE_ERROR_RINGIDX);
		return false;
	}
	for (n = wanted(c); n && cons != prod; n = wanted(c))
		for (; n && cons != prod; n--)
			c->in[c->have++] = c->ring->req[MASK_XENSTORE_IDX(cons++)];
	if (cons == c->req_cons)
		return false;
	journal_note(c->store, NOTE_TAKEN, c->id, c->in + before, c->have - before);
	c->req_cons = cons;
	conn_touch(c);
	return true;
}

bool ring_request(struct conn *c, struct xsd_sockmsg *head)
{
	if (c->broken || c->have < sizeof(*head))
		return false;
	memcpy(head, c->in, sizeof(*head));
	if (head->len > XENSTORE_PAYLOAD_MAX) {
		ring_broke(c, XENSTORE_ERROR_PROTO);
		return false;
	}
	return c->have == sizeof(*head) + head->len;
}

/* Pass on at most @room bytes of what is queued, into the page or (NULL) nowhere; how many. */
static size_t give(struct conn *c, size_t room, char *page)
{
	XENSTORE_RING_IDX prod = c->rsp_prod, from = prod;

	while (c->out && room) {
		struct message *m = c->out;

		event_settled(m); /* under way: can no longer be merged or taken back */
		for (; m->sent < m->size && room; room--, prod++, m->sent++)
			if (page)
				page[MASK_XENSTORE_IDX(prod)] = m->data[m->sent];
		if (m->sent == m->size)
			conn_sent(c);
	}
	c->rsp_prod = prod;
	return prod - from;
}

bool ring_give(struct conn *c)
{
	XENSTORE_RING_IDX used = c->rsp_prod - __atomic_load_n(&c->ring->rsp_cons, __ATOMIC_ACQUIRE);
	uint32_t n;

	if (c->broken || !c->out)
		return false;
	if (used > XENSTORE_RING_SIZE) {
		give_up(c, XENSTORE_ERROR_RINGIDX);
		return false;
	}
	n = give(c, XENSTORE_RING_SIZE - used, c->ring->rsp);
	if (!n)
		return false;
	journal_note(c->store, NOTE_GIVEN, c->id, &n, sizeof(n));
	conn_touch(c);
	return true;
}

bool ring_gave(struct conn *c, size_t n)
{
	return give(c, n, NULL) == n;
}

bool ring_reconnect(struct conn *c)
{
	if (__atomic_load_n(&c->ring->connection, __ATOMIC_ACQUIRE) != XENSTORE_RECONNECT)
		return false;
	journal_note(c->store, NOTE_RESET, c->id, NULL, 0);
	conn_reset(c);
	c->req_cons = c->rsp_prod = 0;
	c->anew = true;
	conn_touch(c);
	return true;
}

void ring_show(struct conn *c)
{
	struct xenstore_domain_interface *ring = c->ring;

	if (c->anew) {
		ring->req_cons = ring->req_prod = ring->rsp_cons = ring->rsp_prod = 0;
		ring->error = XENSTORE_ERROR_NONE;
		__atomic_store_n(&ring->connection, XENSTORE_CONNECTED, __ATOMIC_RELEASE);
		c->anew = false;
		return;
	}
	if (c->error)
		ring->error = c->error;
	__atomic_store_n(&ring->req_cons, c->req_cons, __ATOMIC_RELEASE); /* after the bytes were read */
	__atomic_store_n(&ring->rsp_prod, c->rsp_prod, __ATOMIC_RELEASE); /* after the bytes were written */
	/* A client need not send an event for bytes that it puts behind others that have not been taken, or for room that it
	 * makes while there is some. So each of its indices is read again after the store's is written: no event may
	 * announce it. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(&ring->req_prod, __ATOMIC_RELAXED) != c->req_cons ||
	    (c->out && c->rsp_prod - __atomic_load_n(&ring->rsp_cons, __ATOMIC_RELAXED) < XENSTORE_RING_SIZE))
		conn_ready(c);
}
