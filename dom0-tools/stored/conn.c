/* SPDX-License-Identifier: MIT */
/* Connections: how they come, go and start again; the queue of messages to each. */
#include "store.h"
#include "alloc.h"
#include "journal.h"
#include "work.h"

#include <errno.h>

void store_init(struct store *s, const struct store_ops *ops)
{
	*s = (struct store){.ops = ops};
	tree_init(&s->tree);
	for (int i = 0; i < SPECIALS; i++)
		s->special[i].n = 1; /* Dom0's alone */
}

struct conn *conn_find(struct store *s, unsigned id)
{
	struct conn *c = s->conns;

	while (c && c->id != id)
		c = c->next;
	return c;
}

void conn_ready(struct conn *c)
{
	if (queue_add(&c->store->ready, &c->ready))
		c->ready_round = c->store->rounds;
}

void conn_touch(struct conn *c)
{
	queue_add(&c->store->touched, &c->touched);
}

struct conn *conn_new(struct store *s, unsigned id)
{
	struct conn *c = alloc(sizeof(*c)), **link = &s->conns;

	c->store = s;
	c->id = id;
	c->target = NO_DOMAIN;
	c->privileged = id == 0;
	c->quota = c->privileged ? &quota_dom0 : &quota_guest;
	c->out_end = &c->out;
	c->port = -1;
	while (*link)
		link = &(*link)->next;
	*link = c;
	return c;
}

static void drop_messages(struct conn *c)
{
	while (c->out)
		conn_sent(c);
	c->have = 0;
}

void conn_reset(struct conn *c)
{
	watch_remove_all(c);
	txn_drop_all(c);
	drop_messages(c);
	c->broken = false;
	c->error = XENSTORE_ERROR_NONE;
}

/* Take @c out of the store and free it. */
static void conn_free(struct conn *c)
{
	struct conn **link = &c->store->conns;

	while (*link != c)
		link = &(*link)->next;
	*link = c->next;
	conn_reset(c);
	queue_remove(&c->store->ready, &c->ready);
	queue_remove(&c->store->touched, &c->touched);
	free(c);
}

/* A ring that was in use under a store that is lost: this store does not know the client's watches, and what was
 * under way is lost. The client is told, and may start again; until then it is served only if nothing was under way. */
static void take_over(struct conn *c)
{
	const struct xenstore_domain_interface *ring = c->ring;

	c->error = XENSTORE_ERROR_COMM;
	c->broken = ring->req_prod != c->req_cons || ring->rsp_cons != c->rsp_prod;
	conn_touch(c);
}

/* Map and bind; its indices are those of the ring. */
static int attach(struct conn *c)
{
	struct store *s = c->store;
	int rc = s->ops->attach(c);
	uint32_t note[4] = {rc};

	if (!rc) {
		note[1] = c->req_cons = c->ring->req_cons;
		note[2] = c->rsp_prod = c->ring->rsp_prod;
		c->ring->server_features =
		    XENSTORE_SERVER_FEATURE_RECONNECTION | XENSTORE_SERVER_FEATURE_ERROR;
		if (c->req_cons || c->rsp_prod)
			take_over(c);
		note[3] = c->broken;
	}
	journal_note(s, NOTE_ATTACHED, c->id, note, sizeof(note));
	return rc;
}

int conn_introduce(struct store *s, unsigned id, uint64_t mfn, unsigned port, struct conn **out)
{
	struct conn *c = conn_find(s, id);
	bool again = c;
	int rc;

	if (again) { /* the same domain with another page or port */
		s->ops->detach(c);
		conn_reset(c);
	} else {
		c = conn_new(s, id);
	}
	c->mfn = mfn;
	c->remote_port = port;
	rc = attach(c);
	if (rc) {
		if (again)
			conn_release(c);
		else
			conn_free(c);
		return rc;
	}
	*out = c;
	conn_ready(c); /* what it wrote before the port was bound */
	if (!again)
		watch_fire_special(s, INTRODUCE_DOMAIN);
	return 0;
}

void conn_release(struct conn *c)
{
	struct store *s = c->store;
	unsigned id = c->id;

	s->ops->detach(c);
	conn_free(c);
	tree_forget_domain(&s->tree, id);
	for (int i = 0; i < SPECIALS; i++)
		perms_forget(&s->special[i], id);
	for (c = s->conns; c; c = c->next)
		if (c->target == id)
			c->target = NO_DOMAIN;
	watch_fire_special(s, RELEASE_DOMAIN);
}

void conn_shutdown(struct conn *c)
{
	journal_note(c->store, NOTE_SHUTDOWN, c->id, NULL, 0);
	c->seen_shutdown = true;
	watch_fire_special(c->store, RELEASE_DOMAIN);
}

void conn_gone(struct conn *c)
{
	journal_note(c->store, NOTE_RELEASED, c->id, NULL, 0);
	conn_release(c);
}

struct message *conn_send(struct conn *c, const struct xsd_sockmsg *head, const void *data, size_t len)
{
	struct message *m = alloc(sizeof(*m) + sizeof(*head) + len);

	m->size = sizeof(*head) + len;
	memcpy(m->data, head, sizeof(*head));
	if (len)
		memcpy(m->data + sizeof(*head), data, len);
	*c->out_end = m;
	c->out_end = &m->next;
	conn_ready(c);
	if (head->type == XS_WATCH_EVENT)
		c->events++;
	else
		c->replies++;
	return m;
}

void conn_sent(struct conn *c)
{
	struct message *m = c->out;
	struct xsd_sockmsg head;

	memcpy(&head, m->data, sizeof(head));
	if (head.type == XS_WATCH_EVENT)
		c->events--;
	else
		c->replies--;
	event_settled(m);
	c->out = m->next;
	if (!c->out)
		c->out_end = &c->out;
	free(m);
}

void store_free(struct store *s)
{
	while (s->conns) {
		s->ops->detach(s->conns);
		conn_free(s->conns);
	}
	tree_free(&s->tree);
}
