/* SPDX-License-Identifier: MIT */
/*
 * Mechanism of memory_op: a domain's allotment grows, shrinks, and is traded. What takes long is done in steps, between
 * which the caller looks for other work.
 * Locking: none of its own; frames change hands by their reference counts (mm/page.c).
 */
#include "mm/memory.h"
#include "guest/domain.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/page.h"

/* What a step may cost, and what each frame costs in it, in units of some 40 instructions. */
#define STEP       400
#define COST_TAKE  16 /* of which clearing is most */
#define COST_STEAL 2
#define COST_SWAP  10
#define COST_UNDO  6

#define FREED_PER_STEP 32

mfn_t memory_populate(struct domain *d, pfn_t gpfn, unsigned addr_bits)
{
	struct page_info *pg = domain_alloc_pages(d, 0, addr_bits);

	if (!pg)
		return INVALID_MFN;
	m2p_set_of(d, page_to_mfn(pg), gpfn);
	return page_to_mfn(pg);
}

int memory_decrease(struct domain *d, mfn_t mfn, unsigned order, uint32_t *at)
{
	for (unsigned n = 0; *at < 1ull << order; n++, ++*at) {
		struct page_info *pg;

		if (n == FREED_PER_STEP)
			return -ERESTART;
		pg = page_get_mfn(mfn + *at, d);
		if (!pg)
			return -EINVAL;
		/* Shared hypervisor pages are not the guest's to give away. */
		if (!(pg->count & PGC_HEAP))
			page_disown(pg);
		page_put(pg);
	}
	return 0;
}

/* Make the reference taken here the only one to @mfn: no mapping, pin or grant is left, and none can begin from
 * the owner's reference. */
static bool steal(struct domain *d, mfn_t mfn)
{
	struct page_info *pg = page_get_mfn(mfn, d);
	uint32_t sole = PGC_ALLOCATED | 2;

	if (!pg)
		return false;
	if (__atomic_compare_exchange_n(&pg->count, &sole, 1, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return true;
	page_put(pg);
	return false;
}

/* Undo steal: restore the owner's reference. mm_relinquish may have passed this frame meanwhile. */
static void give_back(struct domain *d, mfn_t mfn)
{
	__atomic_or_fetch(&mfn_to_page(mfn)->count, PGC_ALLOCATED, __ATOMIC_SEQ_CST);
	if (unlikely(d->state >= DOMAIN_DYING))
		page_disown(mfn_to_page(mfn));
}

static uint32_t extent(const struct exchange *x)
{
	return 1u << x->out_order;
}

static mfn_t new_frame(const struct exchange *x, uint32_t i)
{
	return x->out[i >> x->out_order] + (i & (extent(x) - 1));
}

static int take(struct domain *d, struct exchange *x)
{
	if (!(x->at & (extent(x) - 1))) {
		mfn_t mfn = domain_take_frames(d, x->out_order, x->addr_bits, x->grows ? 0 : x->n);

		if (!mfn)
			return -ENOMEM;
		x->out[x->at >> x->out_order] = mfn;
	}
	memset(mfn_to_virt(new_frame(x, x->at)), 0, PAGE_SIZE);
	return 0;
}

static int swap(struct domain *d, struct exchange *x)
{
	mfn_t mfn = new_frame(x, x->at);

	if (!domain_own_frames(d, mfn, 1))
		return -EINVAL;
	if (x->grows)
		m2p_set_of(d, mfn, x->gpfn == INVALID_PFN ? INVALID_PFN : x->gpfn + x->at);
	else
		page_put(mfn_to_page(x->in[x->at]));
	return 0;
}

/* Frames not stolen for good are @d's own again; new frames that it does not own yet will go back. */
static void undo_begin(struct domain *d, struct exchange *x, int rc)
{
	uint32_t from = x->stage == EXCHANGE_SWAP ? x->at : 0;

	if (!x->grows && x->stage != EXCHANGE_TAKE)
		for (uint32_t i = from; i < (x->stage == EXCHANGE_SWAP ? x->n : x->at); i++)
			give_back(d, x->in[i]);
	x->undo_end = x->stage == EXCHANGE_TAKE ? (x->at + extent(x) - 1) & -extent(x) : x->n;
	x->at = from;
	x->stage = EXCHANGE_UNDO;
	x->rc = rc;
}

/* One extent goes back, or the rest of one. */
static void undo(struct domain *d, struct exchange *x)
{
	uint32_t n = extent(x) - (x->at & (extent(x) - 1));

	domain_return_frames(d, new_frame(x, x->at), n);
	x->at += n;
}

/* One step of undoing. False: it is not done. */
static bool undo_some(struct domain *d, struct exchange *x, int left)
{
	for (; x->at < x->undo_end && left > 0; left -= COST_UNDO)
		undo(d, x);
	if (x->at < x->undo_end)
		return false;
	x->stage = EXCHANGE_TAKE;
	x->at = 0;
	return true;
}

bool memory_exchange_cancel(struct domain *d, struct exchange *x)
{
	if (x->stage != EXCHANGE_UNDO)
		undo_begin(d, x, 0);
	return undo_some(d, x, STEP);
}

/* The next frame in the present stage. */
static int one_frame(struct domain *d, struct exchange *x, int *left)
{
	switch (x->stage) {
	case EXCHANGE_TAKE:
		*left -= COST_TAKE;
		return take(d, x);
	case EXCHANGE_STEAL:
		*left -= COST_STEAL;
		return x->grows || steal(d, x->in[x->at]) ? 0 : -EINVAL;
	default:
		*left -= COST_SWAP;
		return swap(d, x);
	}
}

/* Go on through the stages. 0: the last one is done. */
static int go_on(struct domain *d, struct exchange *x, int *left)
{
	while (*left > 0) {
		int rc = one_frame(d, x, left);

		if (rc) {
			undo_begin(d, x, rc);
			return -ERESTART;
		}
		if (++x->at < x->n)
			continue;
		x->at = 0;
		if (x->stage == EXCHANGE_SWAP) {
			x->stage = EXCHANGE_TAKE;
			return 0;
		}
		x->stage++;
	}
	return -ERESTART;
}

int memory_exchange(struct domain *d, struct exchange *x)
{
	int left = STEP, rc = -ERESTART;

	if (x->stage != EXCHANGE_UNDO)
		rc = go_on(d, x, &left);
	if (rc != -ERESTART || x->stage != EXCHANGE_UNDO)
		return rc;
	return undo_some(d, x, left) ? x->rc : -ERESTART;
}

uint64_t memory_exchange_audit(const struct exchange *x, void (*stolen)(mfn_t mfn))
{
	bool swapping = x->stage == EXCHANGE_SWAP;
	uint32_t from = swapping ? x->at : 0, end = swapping ? x->n : x->at;

	if (x->stage == EXCHANGE_UNDO)
		return x->undo_end - x->at;
	if (x->stage == EXCHANGE_TAKE)
		return (x->at + extent(x) - 1) & -extent(x);
	if (!x->grows)
		for (uint32_t i = from; i < end; i++)
			stolen(x->in[i]);
	return x->n - from;
}
