/* SPDX-License-Identifier: MIT */
/* See blk_ring.h. */
#include "drivers/blk_ring.h"
#include "cpu_ops.h"
#include "kern/console/log.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"

#define RESERVE         4u /* own pages from the beginning: with them, each request can end */
#define PAGE_SECTORS    (PAGE_SIZE >> SECTOR_SHIFT)
#define DIRECT_SEGMENTS BLKIF_MAX_SEGMENTS_PER_REQUEST

/* ---- Memory that the back end may use ---- */

static bool own_take(struct blk_ring *r, struct granted *g)
{
	if (r->unused_count) {
		*g = r->unused[--r->unused_count];
		return true;
	}
	if (r->own_count == BLK_PAGES || !granted_new(g, r->backend))
		return false;
	r->own_count++;
	return true;
}

/* Can the frame be lent as it is? A slab's frames have other contents, too, and no count of their references. */
static bool whole_page(const struct block_piece *p)
{
	const struct page *page = &pages[virt_to_pfn(p->at)];

	return p->len == PAGE_SIZE && !((uintptr_t)p->at & ~PAGE_MASK) && page->kind == PAGE_USED &&
	       !page->order;
}

static bool piece_grant(struct blk_ring *r, struct blk_slot *s, u32 i)
{
	const struct block_piece *p = &s->request->pieces[s->first + i];
	bool writes = s->request->op == BLOCK_WRITE;
	struct granted *g = &s->piece[i].granted;
	long ref = -1;

	if (!r->persistent && whole_page(p))
		ref = grant_access(r->backend, virt_to_pfn(p->at), writes);
	s->piece[i].own = ref < 0;
	if (ref >= 0) {
		*g = (struct granted){virt_to_pfn(p->at), ref};
		return true;
	}
	if (!own_take(r, g))
		return false;
	if (writes)
		memcpy(pfn_to_virt(g->page), p->at, p->len);
	return true;
}

/* False: the back end still has a page that is not the ring's. Nobody may get that again. */
static bool piece_end(struct blk_ring *r, struct blk_slot *s, u32 i, bool arrived)
{
	const struct block_piece *p = &s->request->pieces[s->first + i];
	struct granted *g = &s->piece[i].granted;

	if (!s->piece[i].own) {
		if (grant_end(g->ref))
			return true;
		page_get(g->page);
		return false;
	}
	if (arrived && s->request->op == BLOCK_READ)
		memcpy(p->at, pfn_to_virt(g->page), p->len);
	r->unused[r->unused_count++] = *g;
	return true;
}

/* ---- Requests ---- */

static void push(struct blk_ring *r)
{
	u32 before = r->req_prod++;

	__atomic_store_n(&r->shared->req_prod, r->req_prod, __ATOMIC_SEQ_CST);
	if (r->req_prod - __atomic_load_n(&r->shared->req_event, __ATOMIC_SEQ_CST) < r->req_prod - before)
		evtchn_notify(r->port);
}

/* Where the request's next part begins. */
static u64 sector_of(const struct blk_slot *s)
{
	u64 sector = s->request->sector;

	for (u32 i = 0; i < s->first; i++)
		sector += s->request->pieces[i].len >> SECTOR_SHIFT;
	return sector;
}

static void fill_segments(struct blk_slot *s, struct blkif_request_segment *segment)
{
	for (u32 i = 0; i < s->n; i++)
		segment[i] = (struct blkif_request_segment){
		    .gref = s->piece[i].granted.ref,
		    .last_sect = (s->request->pieces[s->first + i].len >> SECTOR_SHIFT) - 1,
		};
}

/* The slot of the ring has old answers in it: all of it is written anew. */
static void fill_transfer(struct blk_slot *s, union blkif_sring_entry *entry, u64 id)
{
	bool indirect = s->n > DIRECT_SEGMENTS;

	s->op = s->request->op == BLOCK_WRITE ? BLKIF_OP_WRITE : BLKIF_OP_READ;
	if (!indirect) {
		entry->req = (struct blkif_request){
		    .operation = s->op, .nr_segments = s->n, .id = id, .sector_number = sector_of(s)};
		return fill_segments(s, entry->req.seg);
	}
	*(struct blkif_request_indirect *)entry =
	    (struct blkif_request_indirect){.operation = BLKIF_OP_INDIRECT,
					    .indirect_op = s->op,
					    .nr_segments = s->n,
					    .id = id,
					    .sector_number = sector_of(s),
					    .indirect_grefs = {s->table.ref}};
	fill_segments(s, pfn_to_virt(s->table.page));
}

/* As many pieces as can be granted now. */
static u32 grant_pieces(struct blk_ring *r, struct blk_slot *s)
{
	u32 most = MIN(s->request->count - s->first, r->max_pieces);

	if (most > DIRECT_SEGMENTS && !s->table.page && !granted_new(&s->table, r->backend))
		most = DIRECT_SEGMENTS;
	for (s->n = 0; s->n < most && piece_grant(r, s, s->n); s->n++)
		;
	return s->n;
}

/* Puts the next part of a request on the ring, which has room for all slots. False: no memory for it now; there will be some when
 * others have ended. */
static bool issue(struct blk_ring *r, struct blk_slot *s)
{
	union blkif_sring_entry *entry = &r->shared->ring[r->req_prod % BLK_SLOTS];
	u64 id = s - r->slots;

	if (s->request->op == BLOCK_READ || s->request->op == BLOCK_WRITE) {
		if (!grant_pieces(r, s))
			return false;
		fill_transfer(s, entry, id);
	} else if (s->request->op == BLOCK_DISCARD) {
		s->op = BLKIF_OP_DISCARD;
		*(struct blkif_request_discard *)entry = (struct blkif_request_discard){
		    .operation = s->op,
		    .id = id,
		    .sector_number = s->request->sector,
		    .nr_sectors = s->request->sectors,
		};
	} else {
		s->op = r->flush_op ? r->flush_op
				    : BLKIF_OP_FLUSH_DISKCACHE; /* which it refuses, and that is fine */
		entry->req = (struct blkif_request){.operation = s->op, .id = id};
	}
	s->on_ring = true;
	push(r);
	return true;
}

static void issue_waiting(struct blk_ring *r)
{
	for (struct blk_slot *s = r->slots; r->runs && s < r->slots + BLK_SLOTS; s++)
		if (s->request && !s->on_ring)
			issue(r, s);
}

bool blk_ring_submit(struct blk_ring *r, struct block_request *request)
{
	struct blk_slot *s = r->slots;

	while (s < r->slots + BLK_SLOTS && s->request)
		s++;
	if (r->refuses || s == r->slots + BLK_SLOTS)
		return false;
	s->request = request;
	s->first = s->n = 0;
	if (r->runs)
		issue(r, s);
	return true;
}

/* ---- Answers ---- */

/* The back end lets the pieces go. */
static bool slot_end(struct blk_ring *r, struct blk_slot *s, bool arrived)
{
	bool whole = true;

	for (u32 i = 0; i < s->n; i++)
		whole &= piece_end(r, s, i, arrived);
	s->on_ring = false;
	return whole;
}

/* It offered to flush, and cannot. A barrier without sectors is the same; else what is below has nothing to flush. */
static void flush_otherwise(struct blk_ring *r)
{
	r->flush_op = r->flush_op == BLKIF_OP_FLUSH_DISKCACHE && r->has_barrier ? BLKIF_OP_WRITE_BARRIER : 0;
	if (!r->flush_op)
		log_warn("%s: the back end does not flush after all\n", r->name);
}

/* True: the request goes on. */
static bool goes_on(struct blk_ring *r, struct blk_slot *s, int16_t status)
{
	if (s->request->op == BLOCK_FLUSH && status == BLKIF_RSP_EOPNOTSUPP) {
		if (s->op == r->flush_op) /* not yet told by another one's answer */
			flush_otherwise(r);
		return r->flush_op;
	}
	s->first += s->n;
	s->n = 0;
	return !status && s->first < s->request->count;
}

static int error_of(const struct blk_slot *s, int16_t status)
{
	if (status == BLKIF_RSP_EOPNOTSUPP)
		return s->request->op == BLOCK_FLUSH ? 0 : -EOPNOTSUPP;
	return status ? -EIO : 0;
}

static const char *answer(struct blk_ring *r, const struct blkif_response *a)
{
	struct blk_slot *s = &r->slots[a->id % BLK_SLOTS];
	struct block_request *request = s->request;
	int rc;

	if (a->id >= BLK_SLOTS || !s->on_ring)
		return "answers what nobody asked";
	if (a->operation != s->op)
		return "answers another operation than was asked";
	if (a->status > BLKIF_RSP_OKAY || a->status < BLKIF_RSP_EOPNOTSUPP)
		return "answers with a status that there is not";
	if (!slot_end(r, s, !a->status))
		return "keeps pages that it has answered for";
	if (goes_on(r, s, a->status)) /* at the latest when others have ended */
		return NULL;
	rc = error_of(s, a->status);
	s->request = NULL;
	block_done(request, rc);
	return NULL;
}

const char *blk_ring_answers(struct blk_ring *r)
{
	const char *wrong = NULL;
	u32 prod;

	while (!wrong && r->runs &&
	       (prod = __atomic_load_n(&r->shared->rsp_prod, __ATOMIC_ACQUIRE)) != r->rsp_cons) {
		if (prod - r->rsp_cons > r->req_prod - r->rsp_cons)
			return "answers more than was asked";
		while (!wrong && r->rsp_cons != prod) {
			struct blkif_response a = r->shared->ring[r->rsp_cons++ % BLK_SLOTS].rsp;

			__atomic_signal_fence(__ATOMIC_SEQ_CST); /* from here on, the copy */
			wrong = answer(r, &a);
		}
		__atomic_store_n(&r->shared->rsp_event, r->rsp_cons + 1, __ATOMIC_SEQ_CST);
		if (!wrong)
			issue_waiting(r);
	}
	return wrong;
}

bool blk_ring_idle(const struct blk_ring *r)
{
	return r->req_prod == r->rsp_cons;
}

/* ---- Beginning and end ---- */

void blk_ring_fail(struct blk_ring *r)
{
	r->refuses = true;
	for (struct blk_slot *s = r->slots; s < r->slots + BLK_SLOTS; s++) {
		struct block_request *request = s->request;

		s->request = NULL;
		if (request)
			block_done(request, -EIO);
	}
}

void blk_ring_run(struct blk_ring *r)
{
	r->runs = true;
	issue_waiting(r);
}

void blk_ring_close(struct blk_ring *r)
{
	struct granted shared = {.ref = r->ref};

	if (!r->shared)
		return;
	irq_unregister(r->port);
	evtchn_close(r->port);
	for (struct blk_slot *s = r->slots; s < r->slots + BLK_SLOTS; s++) {
		if (s->on_ring)
			slot_end(r, s, false);
		granted_end(&s->table);
	}
	while (r->unused_count)
		granted_end(&r->unused[--r->unused_count]);
	shared.page = virt_to_pfn(r->shared);
	granted_end(&shared);
	r->shared = NULL;
	r->runs = false;
	r->own_count = r->req_prod = r->rsp_cons = 0;
}

static int ring_page(struct blk_ring *r)
{
	struct granted shared;

	if (!granted_new(&shared, r->backend))
		return -ENOMEM;
	r->shared = pfn_to_virt(shared.page);
	r->shared->req_event = r->shared->rsp_event = 1;
	r->ref = shared.ref;
	return 0;
}

int blk_ring_open(struct blk_ring *r, void (*interrupt)(void *data), void *data)
{
	struct granted g;
	int port = evtchn_bind_unbound(r->backend);

	if (port < 0)
		return port;
	r->port = port;
	if (ring_page(r)) {
		evtchn_close(r->port);
		return -ENOMEM;
	}
	irq_register(r->port, interrupt, data);
	for (u32 i = 0; i < RESERVE && granted_new(&g, r->backend); i++, r->own_count++)
		r->unused[r->unused_count++] = g;
	if (r->own_count == RESERVE)
		return 0;
	blk_ring_close(r);
	return -ENOMEM;
}
