/* SPDX-License-Identifier: MIT */
/*
 * A client's page: two rings of bytes, one for each direction (xen/io/xs_wire.h). Whatever the client writes
 * there, at whatever moment: its indices are read once and checked, ours are kept in private, and the length
 * in a message's head is looked at only in our copy.
 */
#include "store.h"

#include <string.h>

/* The client made nonsense of its ring: say so in the page, and be silent until it connects anew. */
static void give_up(struct conn *c, uint32_t error)
{
	c->broken = true;
	c->have = 0;
	c->ring->error = error;
}

/* Bytes wanted to complete the head, then the message. */
static size_t wanted(const struct conn *c)
{
	struct xsd_sockmsg head;

	if (c->have < sizeof(head))
		return sizeof(head) - c->have;
	memcpy(&head, c->in, sizeof(head));
	return head.len > XENSTORE_PAYLOAD_MAX ? 0 : sizeof(head) + head.len - c->have;
}

/* As far as they are there now and belong to the message; false: none. */
static bool take_some(struct conn *c)
{
	XENSTORE_RING_IDX prod = __atomic_load_n(&c->ring->req_prod, __ATOMIC_ACQUIRE);
	XENSTORE_RING_IDX cons = c->req_cons;
	size_t n;

	if (prod - cons > XENSTORE_RING_SIZE) {
		give_up(c, XENSTORE_ERROR_RINGIDX);
		return false;
	}
	for (n = wanted(c); n && cons != prod; n = wanted(c))
		for (; n && cons != prod; n--)
			c->in[c->have++] = c->ring->req[MASK_XENSTORE_IDX(cons++)];
	if (cons == c->req_cons)
		return false;
	c->req_cons = cons;
	__atomic_store_n(&c->ring->req_cons, cons, __ATOMIC_RELEASE); /* after the bytes were read */
	return true;
}

/* A client need not send an event for bytes that it puts behind others that have not been taken, nor for room that it makes
 * while there is some. So each index is looked at again after ours is written, for nobody may tell us of it. */
static bool again(bool moved)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return moved;
}

bool ring_take(struct conn *c)
{
	bool any = false;

	while (again(take_some(c)))
		any = true;
	return any || c->broken;
}

bool ring_request(struct conn *c, struct xsd_sockmsg *head)
{
	if (c->broken || c->have < sizeof(*head))
		return false;
	memcpy(head, c->in, sizeof(*head));
	if (head->len > XENSTORE_PAYLOAD_MAX) {
		give_up(c, XENSTORE_ERROR_PROTO);
		return false;
	}
	return c->have == sizeof(*head) + head->len;
}

static bool give_some(struct conn *c)
{
	XENSTORE_RING_IDX cons = __atomic_load_n(&c->ring->rsp_cons, __ATOMIC_ACQUIRE), prod = c->rsp_prod;

	if (c->broken || !c->out)
		return false;
	if (prod - cons > XENSTORE_RING_SIZE) {
		give_up(c, XENSTORE_ERROR_RINGIDX);
		return false;
	}
	while (c->out && prod - cons < XENSTORE_RING_SIZE) {
		struct message *m = c->out;

		event_settled(m); /* under way: no longer to be merged or taken back */
		while (m->sent < m->size && prod - cons < XENSTORE_RING_SIZE)
			c->ring->rsp[MASK_XENSTORE_IDX(prod++)] = m->data[m->sent++];
		if (m->sent == m->size)
			conn_sent(c);
	}
	if (prod == c->rsp_prod)
		return false;
	c->rsp_prod = prod;
	__atomic_store_n(&c->ring->rsp_prod, prod, __ATOMIC_RELEASE); /* after the bytes were written */
	return true;
}

bool ring_give(struct conn *c)
{
	bool was_broken = c->broken, any = false;

	while (again(give_some(c)))
		any = true;
	return any || c->broken != was_broken;
}

bool ring_reconnect(struct conn *c)
{
	if (__atomic_load_n(&c->ring->connection, __ATOMIC_ACQUIRE) != XENSTORE_RECONNECT)
		return false;
	conn_reset(c);
	c->req_cons = c->rsp_prod = 0;
	c->ring->req_cons = c->ring->req_prod = c->ring->rsp_cons = c->ring->rsp_prod = 0;
	c->ring->error = XENSTORE_ERROR_NONE;
	__atomic_store_n(&c->ring->connection, XENSTORE_CONNECTED, __ATOMIC_RELEASE);
	return true;
}
