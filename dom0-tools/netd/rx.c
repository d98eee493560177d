/* SPDX-License-Identifier: MIT */
/* What a guest is given: see netring.h. */
#include "err.h"
#include "grants.h"
#include "netring.h"

#include <string.h>

#define PIECES_MAX (NET_SLOTS + 3 * RX_BATCH) /* a tag splits its slot in three */

static struct batch {
	struct rx_response responses[NET_SLOTS];
	unsigned slots, pieces;
	struct grant_piece piece[PIECES_MAX];
	unsigned owner[PIECES_MAX]; /* the first slot of its frame */
	uint32_t refs[NET_SLOTS];
	unsigned length[NET_SLOTS]; /* slots of the frame that begins here */
	uint8_t tags[RX_BATCH][ETH_TAG];
} batch; /* one thread serves all rings, each batch whole */

void netring_attach(struct netring *r, void *tx, void *rx)
{
	r->tx = tx;
	r->rx = rx;
	r->tx_cons = r->tx->rsp_prod;
	r->rx_cons = r->rx->rsp_prod;
	r->halted = false;
}

static struct waiting *head_of(struct netring *r)
{
	return &r->queue[r->first];
}

static void pop(struct netring *r)
{
	struct waiting *w = head_of(r);

	r->bytes -= w->frame->len + FRAME_COST;
	frame_drop(w->frame);
	r->first = (r->first + 1) % QUEUE_FRAMES;
	r->count--;
}

void netring_detach(struct netring *r)
{
	while (r->count)
		pop(r);
	r->tx = r->rx = NULL;
}

/* ---- Queueing ---- */

struct queueing {
	struct netring *r;
	uint64_t now_ms;
	bool tagged, whole;
};

/* Takes @f over. */
static bool append(struct netring *r, struct frame *f, bool tagged, uint64_t now_ms)
{
	size_t cost = f->len + FRAME_COST;

	if (r->count == QUEUE_FRAMES || r->bytes + cost > QUEUE_BYTES ||
	    (!r->can.sg && f->len + (tagged ? ETH_TAG : 0) > NET_PAGE)) {
		frame_drop(f);
		return false;
	}
	r->queue[(r->first + r->count++) % QUEUE_FRAMES] = (struct waiting){f, now_ms, tagged};
	r->bytes += cost;
	return true;
}

static void append_segment(void *arg, struct frame *f)
{
	struct queueing *q = arg;

	q->whole &= append(q->r, f, q->tagged, q->now_ms);
}

static bool takes_blank(const struct netring *r, const struct frame *f)
{
	return frame_type(f) == ETH_IPV4 ? !r->can.no_csum4 : r->can.csum6;
}

/* A front end finds the headers of a large segment behind the Ethernet header: not behind a tag. */
static bool takes_large(const struct netring *r, const struct frame *f, bool tagged)
{
	return r->can.sg && !tagged && takes_blank(r, f) && (f->gso == GSO_TCP4 ? r->can.gso4 : r->can.gso6);
}

bool netring_queue(struct netring *r, struct frame *f, bool tagged, uint64_t now_ms)
{
	struct queueing q = {r, now_ms, tagged, true};
	bool finish;

	if (!r->rx || r->halted)
		return false;
	if (!f->blank || (f->gso && takes_large(r, f, tagged)))
		return append(r, frame_ref(f), tagged, now_ms);
	finish = tagged || !takes_blank(r, f);
	if (f->gso)
		return frame_segment(f, finish, append_segment, &q) && q.whole;
	f = finish ? frame_finished(f) : frame_ref(f);
	return f && append(r, f, tagged, now_ms);
}

/* ---- Giving ---- */

static uint32_t length_of(const struct waiting *w)
{
	return w->frame->len + (w->tagged ? ETH_TAG : 0);
}

static unsigned slots_for(const struct waiting *w)
{
	return (length_of(w) + NET_PAGE - 1) / NET_PAGE + (w->frame->gso ? 1 : 0);
}

static struct rx_request read_request(const struct netring *r, unsigned slot)
{
	struct rx_request q;

	memcpy(&q, net_slot(r->rx, r->rx_cons + slot, sizeof(q)), sizeof(q));
	compiler_barrier();
	return q;
}

/* The bytes of a frame as it leaves, in up to three runs. */
struct run {
	uint8_t *at;
	uint32_t bytes;
};

static unsigned runs_of(const struct waiting *w, uint8_t tag[ETH_TAG], struct run runs[3])
{
	struct frame *f = w->frame;

	if (!w->tagged) {
		runs[0] = (struct run){f->data, f->len};
		return 1;
	}
	frame_tag(f, tag);
	runs[0] = (struct run){f->data, 2 * ETH_ADDRESS};
	runs[1] = (struct run){tag, ETH_TAG};
	runs[2] = (struct run){f->data + 2 * ETH_ADDRESS, f->len - 2 * ETH_ADDRESS};
	return 3;
}

/* The slot of a frame's @k-th page: behind the first one lies the extra of a large segment. */
static unsigned slot_of(const struct frame *f, unsigned first, unsigned k)
{
	return first + k + (f->gso && k ? 1 : 0);
}

/* Responses for one frame of @len bytes; the first one has @flags. */
static void lay_slots(struct netring *r, const struct frame *f, uint32_t len, uint16_t flags)
{
	unsigned first = batch.slots, pages = (len + NET_PAGE - 1) / NET_PAGE;

	for (unsigned k = 0; k < pages; k++) {
		unsigned slot = slot_of(f, first, k);
		struct rx_request q = read_request(r, slot);
		bool last = k + 1 == pages;

		batch.refs[slot] = q.ref;
		batch.responses[slot] = (struct rx_response){
		    .id = q.id,
		    .flags = (uint16_t)((k ? 0 : flags) | (last ? 0 : RX_MORE)),
		    .status = (int16_t)(last ? len - k * NET_PAGE : NET_PAGE),
		};
	}
	if (f->gso) {
		struct net_extra e = {.type = EXTRA_GSO, .size = f->gso_size, .gso = f->gso};

		memcpy(&batch.responses[first + 1], &e, sizeof(struct rx_response));
	}
	batch.length[first] = pages + (f->gso ? 1 : 0);
	batch.slots += batch.length[first];
}

/* Its bytes into the pages of the slots from @first on. */
static void lay_pieces(const struct waiting *w, unsigned n, unsigned first)
{
	struct run runs[3];
	unsigned count = runs_of(w, batch.tags[n], runs);
	uint32_t at = 0;

	for (unsigned i = 0; i < count; i++) {
		for (struct run *run = &runs[i]; run->bytes;) {
			uint32_t room = NET_PAGE - at % NET_PAGE,
				 bytes = run->bytes < room ? run->bytes : room;

			batch.owner[batch.pieces] = first;
			batch.piece[batch.pieces++] = (struct grant_piece){
			    .at = run->at,
			    .ref = batch.refs[slot_of(w->frame, first, at / NET_PAGE)],
			    .offset = (uint16_t)(at % NET_PAGE),
			    .bytes = (uint16_t)bytes,
			};
			run->at += bytes;
			run->bytes -= bytes;
			at += bytes;
		}
	}
}

static void collect(struct netring *r, uint32_t free_slots)
{
	batch.slots = batch.pieces = 0;
	for (unsigned n = 0; n < RX_BATCH && n < r->count; n++) {
		const struct waiting *w = &r->queue[(r->first + n) % QUEUE_FRAMES];
		const struct frame *f = w->frame;
		uint16_t flags = 0;

		if (batch.slots + slots_for(w) > free_slots)
			break;
		if (f->blank)
			flags = RX_BLANK | RX_VALIDATED;
		else if (f->validated)
			flags = RX_VALIDATED;
		lay_slots(r, f, length_of(w), flags | (f->gso ? RX_EXTRA : 0));
		lay_pieces(w, n, batch.slots - slots_for(w));
	}
}

/* A frame that misses a piece is an error in each of its slots. */
static void mark_failed(void)
{
	for (unsigned i = 0; i < batch.pieces; i++) {
		unsigned first = batch.owner[i];

		if (!batch.piece[i].failed)
			continue;
		for (unsigned s = first; s < first + batch.length[first]; s++)
			if (s != first + 1 || !(batch.responses[first].flags & RX_EXTRA))
				batch.responses[s].status = NET_ERROR;
	}
}

static bool answer_all(struct netring *r)
{
	uint32_t old = r->rx_cons;

	for (unsigned s = 0; s < batch.slots; s++)
		memcpy(net_slot(r->rx, r->rx_cons++, sizeof(struct rx_response)), &batch.responses[s],
		       sizeof(struct rx_response));
	compiler_barrier();
	r->rx->rsp_prod = r->rx_cons;
	full_barrier();
	return r->rx_cons - r->rx->rsp_event < r->rx_cons - old;
}

static void forget_old(struct netring *r, uint64_t now_ms)
{
	while (r->count && now_ms - head_of(r)->since_ms > QUEUE_AGE_MS)
		pop(r);
}

static unsigned frames_of_batch(void)
{
	unsigned frames = 0;

	for (unsigned s = 0; s < batch.slots; s += batch.length[s])
		frames++;
	return frames;
}

void netring_give(struct netring *r, uint64_t now_ms, struct net_result *result)
{
	uint32_t prod;

	if (!r->rx || r->halted)
		return;
	forget_old(r, now_ms);
	if (!r->count)
		return;
	prod = r->rx->req_prod;
	compiler_barrier();
	if (prod - r->rx_cons > NET_SLOTS) {
		warn("%s: it says that it has more buffers than its ring has slots; it is halted", r->name);
		r->halted = true;
		return;
	}
	collect(r, prod - r->rx_cons);
	if (batch.slots) {
		unsigned frames = frames_of_batch();

		grants_copy(r->grants, r->dom, batch.piece, batch.pieces, true);
		mark_failed();
		result->tell_rx |= answer_all(r);
		for (; frames; frames--)
			pop(r);
	}
	if (!r->count)
		return;
	r->rx->req_event = prod + 1; /* tell when there is more room */
	full_barrier();
	result->more |= r->rx->req_prod != prod || slots_for(head_of(r)) <= prod - r->rx_cons;
}
