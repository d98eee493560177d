/* SPDX-License-Identifier: MIT */
/* See ring.h. */
#include "ring.h"
#include "err.h"
#include "execute.h"
#include "grants.h"

#include <string.h>

#define NOTE_MAGIC 0x646b6c72u /* "rlkd" */
#define PIECES_MAX 1024        /* copied for one batch */

/* x86 keeps loads, and stores, in order; a load may overtake a store. A test is killed at each of these. */
#ifndef compiler_barrier
#define compiler_barrier() __asm__ __volatile__("" ::: "memory")
#endif
#define full_barrier() __sync_synchronize()

static struct batch {
	struct request requests[BATCH_REQUESTS];
	unsigned count, pieces;
	size_t bytes;
	struct grant_piece piece[PIECES_MAX];
	struct request *owner[PIECES_MAX];
} batch; /* a worker has one ring */

static uint8_t *slot_of(const struct ring *r, uint32_t index)
{
	return (uint8_t *)(uintptr_t)r->head + sizeof(*r->head) + (index & (r->slots - 1)) * r->layout->slot;
}

static size_t response_size(const struct ring *r)
{
	return r->layout->id == 8 ? sizeof(struct blk_response) : BLK_RESPONSE;
}

void ring_attach(struct ring *r, void *pages, unsigned count, const struct blk_layout *layout)
{
	r->head = pages;
	r->layout = layout;
	r->slots = blk_slots(layout, count);
	r->cons = r->head->rsp_prod;
	r->broken = false;
	r->torn = r->head->note_magic == NOTE_MAGIC && r->head->note_index == r->cons;
	if (r->torn) {
		memcpy(r->kept, (const void *)(uintptr_t)r->head->note, sizeof(r->kept));
		return;
	}
	r->head->note_index = r->cons - 1;
	compiler_barrier();
	r->head->note_magic = NOTE_MAGIC;
}

/* ---- Taking ---- */

static void add_piece(struct request *owner, void *at, uint32_t ref, uint16_t offset, uint16_t bytes)
{
	batch.owner[batch.pieces] = owner;
	batch.piece[batch.pieces++] =
	    (struct grant_piece){.at = at, .ref = ref, .offset = offset, .bytes = bytes};
}

/* Copies what is in batch.piece. A request that misses a piece has failed. */
static void copy_pieces(struct ring *r, bool to_guest)
{
	if (batch.pieces)
		grants_copy(r->grants, r->dom, batch.piece, batch.pieces, to_guest);
	for (unsigned i = 0; i < batch.pieces; i++)
		if (batch.piece[i].failed)
			batch.owner[i]->status = BLK_ERROR;
	batch.pieces = 0;
}

/* The segments of an indirect request, which is the only one in batch.piece. */
static void fetch_segments(struct ring *r, struct request *q)
{
	unsigned n;

	for (unsigned page = 0; q->status == BLK_OKAY && (n = request_page_count(q, page)); page++)
		add_piece(q, &q->segments[page * BLK_PAGE_MAX], q->refs[page], 0,
			  (uint16_t)(n * sizeof(struct blk_segment)));
	copy_pieces(r, false);
}

static bool alone(const struct request *q)
{
	return q->op != BLK_READ && q->op != BLK_WRITE && q->status == BLK_OKAY;
}

/* Copy the request of @index out of its slot and look at it. */
static void take(struct ring *r, uint32_t index, struct request *q)
{
	uint8_t slot[BLK_SLOT_MAX];

	memcpy(slot, slot_of(r, index), r->layout->slot);
	compiler_barrier(); /* only the copy is looked at */
	if (r->torn && index == r->head->rsp_prod)
		memcpy(slot, r->kept, response_size(r));
	request_parse(r->layout, slot, q);
	if (q->indirect)
		fetch_segments(r, q);
	request_check(q, r->image);
}

/* Requests from r->cons on, as many as go together: what waits for others, or others for it, goes alone. */
static void collect(struct ring *r, uint32_t prod)
{
	unsigned pieces = 0;

	batch.count = 0;
	batch.bytes = 0;
	while (r->cons + batch.count != prod && batch.count < BATCH_REQUESTS) {
		struct request *q = &batch.requests[batch.count];
		size_t bytes;

		take(r, r->cons + batch.count, q);
		bytes = q->status == BLK_OKAY && q->count ? (size_t)q->sectors << SECTOR_SHIFT : 0;
		if (batch.count &&
		    (alone(q) || batch.bytes + bytes > BATCH_BYTES || pieces + q->count > PIECES_MAX))
			break;
		if (bytes)
			q->data = r->buffer + batch.bytes;
		batch.bytes += bytes;
		pieces += q->count;
		batch.count++;
		if (alone(q))
			break;
	}
}

/* ---- Doing ---- */

static void copy_data(struct ring *r, bool to_guest)
{
	for (unsigned i = 0; i < batch.count; i++) {
		struct request *q = &batch.requests[i];
		uint8_t *at = q->data;

		if (q->status != BLK_OKAY || !q->data || (q->op == BLK_READ) != to_guest)
			continue;
		for (unsigned s = 0; s < q->count; s++) {
			add_piece(q, at, q->segments[s].ref, segment_offset(&q->segments[s]),
				  segment_bytes(&q->segments[s]));
			at += segment_bytes(&q->segments[s]);
		}
	}
	copy_pieces(r, to_guest);
}

/* ---- Answering ---- */

/* The response takes the place of the request. Until rsp_prod counts it, what it overwrites is in the note. */
static void answer(struct ring *r, const struct request *q)
{
	struct blk_response response = {.id = q->id, .operation = q->wire_op, .status = q->status};
	uint8_t *slot = slot_of(r, r->cons);

	if (!r->torn)
		memcpy((void *)(uintptr_t)r->head->note, slot, sizeof(response));
	r->torn = false;
	compiler_barrier();
	r->head->note_index = r->cons;
	compiler_barrier();
	memcpy(slot, &response, response_size(r));
	compiler_barrier();
	r->head->rsp_prod = ++r->cons;
}

static bool answer_all(struct ring *r)
{
	uint32_t old = r->cons;

	for (unsigned i = 0; i < batch.count; i++)
		answer(r, &batch.requests[i]);
	full_barrier();
	return r->cons - r->head->rsp_event < r->cons - old;
}

enum ring_state ring_serve(struct ring *r, bool *tell)
{
	uint32_t prod = r->head->req_prod;

	*tell = false;
	if (r->broken)
		return RING_BROKEN;
	compiler_barrier();
	if (prod - r->cons > r->slots) {
		warn("%s: the front end says that it has made %u requests, in a ring of %u; its ring is "
		     "halted",
		     r->name, prod - r->cons, r->slots);
		r->broken = true;
		return RING_BROKEN;
	}
	if (prod != r->cons) {
		collect(r, prod);
		copy_data(r, false);
		execute(r, batch.requests, batch.count);
		copy_data(r, true);
		*tell = answer_all(r);
	}
	r->head->req_event = r->cons + 1;
	full_barrier();
	return r->head->req_prod == r->cons ? RING_IDLE : RING_MORE;
}
