/* SPDX-License-Identifier: MIT */
/* See net_ring.h. */
#include "drivers/net_ring.h"
#include "cpu_ops.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"

/* Tell the other side of what was put on a ring up to @prod, if it waits for something in it. Both sides look after they
 * have written, so one of them sees the other. */
static void push(u32 *shared_prod, u32 *shared_event, u32 before, u32 prod, evtchn_port_t port)
{
	__atomic_store_n(shared_prod, prod, __ATOMIC_SEQ_CST);
	if (prod - __atomic_load_n(shared_event, __ATOMIC_SEQ_CST) < prod - before)
		evtchn_notify(port);
}

/* ---- Sending ---- */

static const char *sent(struct net_ring *r, const struct netif_tx_response *a)
{
	if (a->status == NETIF_RSP_NULL)
		return "answers for an extra that it was not given";
	if (a->id >= NET_TX_PAGES || !r->sent[a->id])
		return "answers what nobody has sent";
	r->sent[a->id] = false;
	r->unused[r->unused_count++] = a->id;
	return NULL;
}

/* Asks for an event when half of what is under way has been sent, or @soon: with the next one. */
static const char *take_back(struct net_ring *r, bool soon)
{
	const char *wrong = NULL;
	u32 prod;

	while (!wrong && (prod = __atomic_load_n(&r->tx->rsp_prod, __ATOMIC_ACQUIRE)) != r->tx_cons) {
		if (prod - r->tx_cons > r->tx_prod - r->tx_cons)
			return "answers more than was sent";
		while (!wrong && r->tx_cons != prod) {
			struct netif_tx_response a = r->tx->ring[r->tx_cons++ % NET_SLOTS].rsp;

			__atomic_signal_fence(__ATOMIC_SEQ_CST); /* from here on, the copy */
			wrong = sent(r, &a);
		}
	}
	if (!wrong)
		__atomic_store_n(&r->tx->rsp_event,
				 r->tx_cons + 1 + (soon ? 0 : (r->tx_prod - r->tx_cons) / 2),
				 __ATOMIC_SEQ_CST);
	return wrong;
}

bool net_ring_send(struct net_ring *r, const struct net_frame *f)
{
	struct netif_tx_request *q;
	u8 n, *to;

	if (!r->runs || f->len > PAGE_SIZE)
		return false;
	/* What is wrong is found again in the interrupt. The second time, an answer has come before the event was asked for. */
	if (!r->unused_count)
		take_back(r, true);
	if (!r->unused_count)
		take_back(r, true);
	if (!r->unused_count)
		return false;
	n = r->unused[--r->unused_count];
	to = pfn_to_virt(r->tx_pages[n].page);
	for (u32 i = 0; i < f->count; i++) {
		memcpy(to, f->pieces[i].at, f->pieces[i].len);
		to += f->pieces[i].len;
	}
	r->sent[n] = true;
	q = &r->tx->ring[r->tx_prod % NET_SLOTS].req;
	*q = (struct netif_tx_request){.gref = r->tx_pages[n].ref, .id = n, .size = f->len};
	if (f->checksum == NET_SUM_BLANK)
		q->flags = NETTXF_csum_blank | NETTXF_data_validated;
	r->tx_prod++;
	push(&r->tx->req_prod, &r->tx->req_event, r->tx_prod - 1, r->tx_prod, r->tx_port);
	return true;
}

/* ---- Receiving ---- */

/* What stands in the slots of one frame. */
struct arrived {
	struct net_piece pieces[NET_RX_PIECES];
	struct net_frame frame;
	u32 slots;
	bool dropped; /* the back end has no data for it, or more than fits */
};

static const char *add_piece(struct net_ring *r, struct arrived *a, u32 at, const struct netif_rx_response *s)
{
	const u8 *page = pfn_to_virt(r->rx_pages[r->posted[at % NET_SLOTS]].page);

	if (s->id != at % NET_SLOTS)
		return "answers for another page than the slot's";
	if (s->status < 0 || a->frame.count == NET_RX_PIECES) {
		a->dropped = true;
		return NULL;
	}
	if (s->offset + s->status > (s32)PAGE_SIZE)
		return "has written beyond a page";
	if (s->status)
		a->pieces[a->frame.count++] = (struct net_piece){page + s->offset, s->status};
	a->frame.len += s->status;
	return NULL;
}

static enum net_checksum checksum_of(u16 flags)
{
	if (flags & NETRXF_csum_blank)
		return NET_SUM_BLANK;
	return flags & NETRXF_data_validated ? NET_SUM_GOOD : NET_SUM_UNKNOWN;
}

/* Reads the frame that begins at rx_cons. a->slots is 0 if not all of it is there yet. What its extras say is of no use here: large
 * segments are taken as they are. */
static const char *read_frame(struct net_ring *r, u32 prod, struct arrived *a)
{
	bool more = true, extra = false;
	u32 at = r->rx_cons;

	*a = (struct arrived){.frame = {.pieces = a->pieces}};
	while (more || extra) {
		const union netif_rx_sring_entry s = r->rx->ring[at % NET_SLOTS];
		const char *wrong;

		__atomic_signal_fence(__ATOMIC_SEQ_CST); /* from here on, the copy */
		if (at == prod)
			return NULL;
		if (extra) {
			extra = ((const struct netif_extra_info *)&s)->flags & XEN_NETIF_EXTRA_FLAG_MORE;
			at++;
			continue;
		}
		wrong = add_piece(r, a, at, &s.rsp);
		if (wrong)
			return wrong;
		if (at++ == r->rx_cons) {
			a->frame.checksum = checksum_of(s.rsp.flags);
			extra = s.rsp.flags & NETRXF_extra_info;
		}
		more = s.rsp.flags & NETRXF_more_data;
	}
	a->slots = at - r->rx_cons;
	return NULL;
}

/* The back end may fill the page. */
static void post(struct net_ring *r, u32 page)
{
	u32 slot = r->rx_prod++ % NET_SLOTS;

	r->posted[slot] = page;
	r->rx->ring[slot].req = (struct netif_rx_request){.id = slot, .gref = r->rx_pages[page].ref};
}

static const char *take_frame(struct net_ring *r, u32 prod)
{
	struct arrived a;
	const char *wrong = read_frame(r, prod, &a);

	if (wrong || !a.slots) {
		if (!wrong && prod - r->rx_cons == r->rx_count)
			wrong = "has filled all pages for one frame";
		return wrong;
	}
	if (!a.dropped && a.frame.len && a.frame.len <= NET_RX_FRAME_MAX)
		r->receive(r, &a.frame);
	for (u32 i = 0; r->runs && i < a.slots; i++)
		post(r, r->posted[r->rx_cons++ % NET_SLOTS]);
	return NULL;
}

static const char *receive(struct net_ring *r, bool *more)
{
	const char *wrong = NULL;
	u32 before = r->rx_prod, from = r->rx_cons, prod = from;

	for (u32 n = 0; n < NET_BURST && r->runs && !wrong; n++) {
		prod = __atomic_load_n(&r->rx->rsp_prod, __ATOMIC_ACQUIRE);
		if (prod - r->rx_cons > r->rx_count)
			return "answers more than was asked";
		from = r->rx_cons;
		if (prod != from)
			wrong = take_frame(r, prod);
		if (!wrong && r->runs &&
		    r->rx_cons == from) { /* nothing, or not all of it: look once more, after saying so */
			__atomic_store_n(&r->rx->rsp_event, prod + 1, __ATOMIC_SEQ_CST);
			if (__atomic_load_n(&r->rx->rsp_prod, __ATOMIC_SEQ_CST) == prod)
				break;
		}
	}
	*more = !wrong && r->runs && r->rx_cons != from;
	if (r->runs && r->rx_prod != before)
		push(&r->rx->req_prod, &r->rx->req_event, before, r->rx_prod, r->rx_port);
	return wrong;
}

const char *net_ring_answers(struct net_ring *r, bool *more)
{
	const char *wrong = NULL;

	*more = false;
	if (r->runs)
		wrong = take_back(r, false);
	return wrong || !r->runs ? wrong : receive(r, more);
}

/* ---- Beginning and end ---- */

void net_ring_run(struct net_ring *r)
{
	if (r->runs)
		return;
	r->runs = true;
	for (u32 i = 0; i < r->rx_count; i++)
		post(r, i);
	push(&r->rx->req_prod, &r->rx->req_event, 0, r->rx_prod, r->rx_port);
}

static void end_page(void *shared, grant_ref_t ref)
{
	struct granted g = {virt_to_pfn(shared), ref};

	granted_end(&g);
}

static void end_ports(struct net_ring *r)
{
	irq_unregister(r->tx_port);
	evtchn_close(r->tx_port);
	if (r->rx_port == r->tx_port)
		return;
	irq_unregister(r->rx_port);
	evtchn_close(r->rx_port);
}

void net_ring_close(struct net_ring *r)
{
	if (!r->tx)
		return;
	end_ports(r);
	for (u32 i = 0; i < NET_TX_PAGES; i++)
		granted_end(&r->tx_pages[i]);
	for (u32 i = 0; i < r->rx_count; i++)
		granted_end(&r->rx_pages[i]);
	end_page(r->tx, r->tx_ref);
	if (r->rx)
		end_page(r->rx, r->rx_ref);
	r->tx = NULL;
	r->rx = NULL;
	r->runs = false;
}

static void *shared_page(struct net_ring *r, grant_ref_t *ref)
{
	struct granted g;

	if (!granted_new(&g, r->backend))
		return NULL;
	*ref = g.ref;
	return pfn_to_virt(g.page);
}

static bool make_pages(struct net_ring *r)
{
	r->tx = shared_page(r, &r->tx_ref);
	r->rx = r->tx ? shared_page(r, &r->rx_ref) : NULL;
	if (!r->rx)
		return false;
	r->tx->req_event = r->tx->rsp_event = r->rx->req_event = r->rx->rsp_event = 1;
	r->tx_prod = r->tx_cons = r->rx_prod = r->rx_cons = 0;
	memset(r->sent, 0, sizeof(r->sent));
	for (r->unused_count = 0; r->unused_count < NET_TX_PAGES; r->unused_count++) {
		if (!granted_new(&r->tx_pages[r->unused_count], r->backend))
			return false;
		r->unused[r->unused_count] = r->unused_count;
	}
	for (r->rx_count = 0; r->rx_count < NET_RX_PAGES; r->rx_count++)
		if (!granted_new(&r->rx_pages[r->rx_count], r->backend))
			break;
	return r->rx_count >= NET_RX_LEAST;
}

int net_ring_open(struct net_ring *r, bool split, void (*interrupt)(void *data), void *data)
{
	int tx = evtchn_bind_unbound(r->backend),
	    rx = split && tx >= 0 ? evtchn_bind_unbound(r->backend) : tx;

	if (rx < 0) {
		if (tx >= 0)
			evtchn_close(tx);
		return rx;
	}
	r->tx_port = tx;
	r->rx_port = rx;
	irq_register(tx, interrupt, data);
	if (rx != tx)
		irq_register(rx, interrupt, data);
	if (make_pages(r))
		return 0;
	if (r->tx)
		net_ring_close(r);
	else
		end_ports(r);
	return -ENOMEM;
}
