/* SPDX-License-Identifier: MIT */
/* See netring.h. A packet that is wrong in itself is answered by an error; only what cannot be told apart halts the vif. */
#include "netring.h"

#include <string.h>

/* Copy one slot; only the copy is looked at. */
static void read_slot(const struct netring *r, uint32_t index, struct tx_request *out)
{
	memcpy(out, net_slot(r->tx, index, sizeof(*out)), sizeof(*out));
	compiler_barrier();
}

static void read_extra(struct tx_packet *p, const struct net_extra *e)
{
	if (e->type != EXTRA_GSO || (e->gso != GSO_TCP4 && e->gso != GSO_TCP6) || !e->size || e->features)
		p->bad = true;
	p->gso = e->gso;
	p->gso_size = e->size;
}

/* A slot with data; those behind the first say what is theirs of the whole. */
static void read_data(struct tx_packet *p, const struct tx_request *s, unsigned *pieces)
{
	if (++*pieces > TX_SLOTS_MAX)
		p->bad = true;
	if (*pieces == 1) {
		p->size = p->first = s->size;
	} else if (s->size > p->first) {
		p->bad = true;
	} else {
		p->first -= s->size;
		p->bad |= s->offset + s->size > NET_PAGE;
	}
}

enum tx_found tx_parse(const struct netring *r, uint32_t index, uint32_t prod, struct tx_packet *p,
		       const char **why)
{
	bool more = true, extra = false, first_extra;
	unsigned pieces = 0;

	*p = (struct tx_packet){0};
	while (more || extra) {
		struct tx_request *s = &p->slots[p->count];
		struct net_extra e;

		if (index == prod)
			return TX_NOTHING;
		if (p->count == TX_FATAL) {
			*why = "it has sent a packet in more slots than there can be";
			return TX_HALT;
		}
		read_slot(r, index++, s);
		p->extra[p->count++] = extra;
		if (extra) {
			memcpy(&e, s, sizeof(e));
			read_extra(p, &e);
			extra = e.flags & EXTRA_MORE;
			continue;
		}
		read_data(p, s, &pieces);
		more = s->flags & TX_MORE;
		first_extra = s->flags & TX_EXTRA;
		extra = first_extra && pieces == 1;
		p->bad |= first_extra && pieces > 1;
	}
	p->bad |= p->size < ETH_HEAD || p->slots[0].offset + p->first > NET_PAGE;
	return TX_PACKET;
}
