/* SPDX-License-Identifier: MIT */
/* What a guest sends: see netring.h. */
#include "err.h"
#include "grants.h"
#include "netring.h"

#include <string.h>

static struct batch {
	struct tx_packet packets[TX_BATCH];
	struct frame *frames[TX_BATCH]; /* NULL: refused */
	unsigned count, pieces;
	struct grant_piece piece[TX_BATCH * TX_SLOTS_MAX];
	unsigned owner[TX_BATCH * TX_SLOTS_MAX];
} batch; /* one thread serves all rings, each batch whole */

static void halt(struct netring *r, const char *why)
{
	warn("%s: %s; it is halted", r->name, why);
	r->halted = true;
}

static void add_piece(unsigned owner, uint8_t *at, const struct tx_request *s, uint32_t bytes)
{
	if (!bytes)
		return;
	batch.owner[batch.pieces] = owner;
	batch.piece[batch.pieces++] =
	    (struct grant_piece){.at = at, .ref = s->ref, .offset = s->offset, .bytes = (uint16_t)bytes};
}

/* The frame of packet @i, with its data still to come. */
static void prepare(unsigned i)
{
	struct tx_packet *p = &batch.packets[i];
	struct frame *f = p->bad ? NULL : frame_new(p->size);
	uint32_t at = 0;

	batch.frames[i] = f;
	if (!f)
		return;
	f->blank = p->slots[0].flags & TX_BLANK;
	f->validated = p->slots[0].flags & TX_VALIDATED;
	f->gso = p->gso;
	f->gso_size = p->gso_size;
	for (unsigned s = 0; s < p->count; s++) {
		uint32_t bytes = s ? p->slots[s].size : p->first;

		if (p->extra[s])
			continue;
		add_piece(i, f->data + at, &p->slots[s], bytes);
		at += bytes;
	}
}

static void collect(struct netring *r, uint32_t prod, uint64_t now_ns, struct net_result *result)
{
	uint32_t index = r->tx_cons;

	batch.count = batch.pieces = 0;
	while (batch.count < TX_BATCH) {
		struct tx_packet *p = &batch.packets[batch.count];
		const char *why;
		enum tx_found found = tx_parse(r, index, prod, p, &why);

		if (found == TX_HALT)
			halt(r, why);
		if (found != TX_PACKET)
			return;
		result->wait_ns = rate_take(&r->rate, p->size, now_ns);
		if (result->wait_ns)
			return;
		index += p->count;
		prepare(batch.count++);
	}
	result->more = true;
}

static void copy_data(struct netring *r)
{
	if (batch.pieces)
		grants_copy(r->grants, r->dom, batch.piece, batch.pieces, false);
	for (unsigned i = 0; i < batch.pieces; i++) {
		if (!batch.piece[i].failed)
			continue;
		frame_drop(batch.frames[batch.owner[i]]);
		batch.frames[batch.owner[i]] = NULL;
	}
}

static void answer(struct netring *r, const struct tx_packet *p, bool okay)
{
	for (unsigned s = 0; s < p->count; s++) {
		struct tx_response response = {.id = p->slots[s].id, .status = okay ? NET_OKAY : NET_ERROR};

		if (p->extra[s])
			response = (struct tx_response){.status = NET_NULL};
		memcpy(net_slot(r->tx, r->tx_cons++, sizeof(response)), &response, sizeof(response));
	}
}

static bool answer_all(struct netring *r)
{
	uint32_t old = r->tx_cons;

	for (unsigned i = 0; i < batch.count; i++)
		answer(r, &batch.packets[i], batch.frames[i] != NULL);
	compiler_barrier();
	r->tx->rsp_prod = r->tx_cons;
	full_barrier();
	return r->tx_cons - r->tx->rsp_event < r->tx_cons - old;
}

void netring_take(struct netring *r, uint64_t now_ns, void (*take)(void *arg, struct frame *f), void *arg,
		  struct net_result *result)
{
	uint32_t prod;

	if (!r->tx || r->halted)
		return;
	prod = r->tx->req_prod;
	compiler_barrier();
	if (prod - r->tx_cons > NET_SLOTS) {
		halt(r, "it says that it has sent more slots than its ring has");
		return;
	}
	collect(r, prod, now_ns, result);
	copy_data(r);
	if (batch.count)
		result->tell_tx |= answer_all(r);
	for (unsigned i = 0; i < batch.count; i++)
		if (batch.frames[i])
			take(arg, batch.frames[i]);
	if (result->wait_ns || r->halted)
		return;
	r->tx->req_event =
	    prod + 1; /* what lies there is taken, or the rest of its packet is still to come */
	full_barrier();
	result->more |= r->tx->req_prod != prod;
}
