/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target of the store's protocol: the input is what two guests write into their rings. Each byte string is a
 * row of steps: a step's first byte chooses the guest and what it does (a well-formed request, raw bytes, indices,
 * taking replies, beginning again). Afterwards the tree must be sound and every quota kept.
 */
#include "store.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct xenstore_domain_interface ring[3];
static struct store store;

static int attach(struct conn *c)
{
	if (c->id > 2)
		return -22;
	c->ring = &ring[c->id];
	return 0;
}

static void detach(struct conn *c)
{
	c->ring = NULL;
}

static void tell(struct conn *c)
{
}

static const struct store_ops ops = {attach, detach};

static void put(struct xenstore_domain_interface *r, const void *from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		r->req[MASK_XENSTORE_IDX(r->req_prod++)] = ((const char *)from)[i];
}

/* A request of this type with the bytes behind it, "/" standing for what a path needs. */
static size_t well_formed(struct xenstore_domain_interface *r, const uint8_t *data, size_t size)
{
	struct xsd_sockmsg head = {.type = data[0] % (XS_TYPE_COUNT + 1), .tx_id = data[1] & 3};
	size_t len = size > 2 ? data[2] % 64 : 0;

	if (len + 3 > size)
		len = size > 3 ? size - 3 : 0;
	head.len = len;
	put(r, &head, sizeof(head));
	put(r, data + 3, len);
	return 3 + len;
}

/* One step; how many bytes it took. */
static size_t step(const uint8_t *data, size_t size)
{
	struct xenstore_domain_interface *r = &ring[1 + (data[0] & 1)];
	size_t n = data[0] >> 4;

	switch (data[0] >> 1 & 7) {
	case 0:
		put(r, data + 1, n < size ? n : size - 1);
		return 1 + n;
	case 1:
		r->req_prod += data[0] & 0x80 ? 5000 : n;
		return 1;
	case 2:
		r->rsp_cons = data[0] & 0x80 ? r->rsp_prod + n : r->rsp_prod;
		return 1;
	case 3:
		r->connection = XENSTORE_RECONNECT;
		return 1;
	case 4:
		r->req_cons = r->rsp_prod = n;
		return 1;
	}
	r->rsp_cons = r->rsp_prod;
	return size > 3 ? 1 + well_formed(r, data + 1, size - 1) : size;
}

static void check(void)
{
	if (!tree_is_sound(&store.tree))
		abort();
	for (struct conn *c = store.conns; c; c = c->next) {
		struct tally has = tree_tally(&store.tree, c->id);

		if (!c->privileged &&
		    (has.nodes > c->quota->nodes || has.bytes > c->quota->bytes ||
		     c->n_watches > c->quota->watches || c->n_txns > c->quota->transactions ||
		     c->events > c->quota->events + c->n_watches || c->replies > c->quota->replies))
			abort();
	}
}

static void begin(void)
{
	struct op home = {.type = XS_MKDIR};
	struct changes changes = {0};
	struct conn *c;

	memset(ring, 0, sizeof(ring));
	store_init(&store, &ops);
	for (unsigned id = 0; id <= 2; id++) {
		conn_introduce(&store, id, 1, 1, &c);
		home.path = id == 1 ? "/local/domain/1" : "/local/domain/2";
		if (id)
			op_apply(&store.tree, store.conns, &home, &changes);
		home.perms = (struct perms){.n = 1, .e[0] = {.id = id}};
		home.type = XS_SET_PERMS;
		if (id)
			op_apply(&store.tree, store.conns, &home, &changes);
		home.type = XS_MKDIR;
	}
	changes_free(&changes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	begin();
	for (size_t at = 0; at < size;) {
		at += step(data + at, size - at);
		for (struct conn *c = store.conns; c; c = c->next)
			conn_ready(c);
		for (int i = 0; i < 20 && store_round(&store, tell); i++)
			;
	}
	check();
	store_free(&store);
	return 0;
}
