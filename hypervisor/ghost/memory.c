/* SPDX-License-Identifier: MIT */
/*
 * The ghost of memory_op (see ghost.h). The allocator chooses the frames: the ghost says how many new ones there must
 * be, and that only the owner refers to each. It cannot say whether there is memory, so a list may end early; a frame
 * that the call takes away must have been the owner's. A call that begins or ends in the middle of an extent
 * (mm/memory_work.c) is not judged.
 */
#include "dom/domain.h"
#include "ghost/ghost.h"
#include "ghost/wrapped.h"
#include "lib/errno.h"
#include "mm/guest_copy.h"
#include "mm/page.h"
#include "xen/memory.h"

#define COMMAND(arg) ((arg)&63)
#define START(arg)   ((uint32_t)(arg) >> 6) /* extents done before a restart */
#define ORDER_DOMU   9
#define ORDER_DOM0   18

static struct {
	struct xen_memory_reservation r;
	struct xen_memory_exchange x;
	struct domain *d;
	uint64_t start;
	uint64_t in
	    [GHOST_ENTRIES]; /* frames that are offered for others, from the first that is still to be traded */
} op;

static bool reservation_read(uint64_t cmd, gva_t arg)
{
	unsigned most = current->domain->privileged ? ORDER_DOM0 : ORDER_DOMU;

	op.start = START(cmd);
	op.d = NULL;
	if (guest_get(&op.r, arg, xen_memory_reservation) || op.r.nr_extents > ~0u >> 6 ||
	    op.start >= op.r.nr_extents || op.r.extent_order > most)
		return false;
	op.d = ghost_owner(op.r.domid);
	return op.d;
}

/* What the owner gives up; of an extent not wholly its own, the frames before the first foreign one. */
static enum ghost_outcome decrease(uint32_t i)
{
	uint64_t mfn;

	if (guest_get_word(&mfn, op.r.extent_start, op.start + i))
		return GHOST_REFUSED;
	for (uint64_t end = mfn + (1ull << op.r.extent_order); mfn < end; mfn++) {
		const struct ghost_frame *f = ghost_frame(mfn);

		if (!f->refs || f->owner != op.d)
			return GHOST_REFUSED;
		if ((f->flags & (GF_HEAP | GF_ALLOCATED)) != GF_ALLOCATED)
			continue;
		ghost_change(mfn)->flags &= ~GF_ALLOCATED;
		ghost_unref(mfn);
	}
	return GHOST_DONE;
}

/* Extents that came or went in this call, by its result. */
static uint64_t extents(long rc)
{
	uint64_t next;

	return (ghost_restarted(0, &next) ? START(next) : (uint64_t)rc) - op.start;
}

static void judge_decrease(long rc)
{
	uint64_t done = extents(rc), next;
	/* A restart may stop just before the extent that will be refused: then nothing of that has been done. */
	bool refused = !ghost_restarted(0, &next) && op.start + done != op.r.nr_extents;

	ghost_list_judge(done, refused && done == ghost_list_end());
}

static void judge_populate(uint64_t total, long rc)
{
	uint64_t n = extents(rc) << op.r.extent_order;

	if (n > op.r.nr_extents << op.r.extent_order)
		ghost_wrong("%lu extents of %lu", (unsigned long)extents(rc), (unsigned long)op.r.nr_extents);
	if (n && op.d->mm.tot_pages > op.d->mm.max_pages)
		ghost_wrong("%s has %lu frames of %lu", op.d->name, (unsigned long)op.d->mm.tot_pages,
			    (unsigned long)op.d->mm.max_pages);
	ghost_expect(&op.d->mm.tot_pages, total + n, ~0ull);
	ghost_expect_fresh(op.d, n, false);
	ghost_compare();
}

/* Only the owner may have held a frame that it trades away. If the owner got the frame earlier in this call, there is
 * one new frame less in the end. Returns 1 for a frame that was there before, otherwise 0. */
static unsigned traded(uint64_t mfn)
{
	const struct ghost_frame *f = ghost_frame(mfn);

	if (!f->refs)
		return 0;
	if (f->refs != 1 || f->owner != op.d || (f->flags & (GF_HEAP | GF_ALLOCATED)) != GF_ALLOCATED)
		ghost_wrong("frame %lx is traded away; it had %u references", (unsigned long)mfn, f->refs);
	else
		ghost_unref(mfn);
	return 1;
}

static void judge_exchange(gva_t arg, uint64_t total)
{
	struct xen_memory_exchange now;
	uint64_t n = 0, order = op.x.in.extent_order;

	if (guest_get(&now, arg, xen_memory_exchange) || now.nr_exchanged < op.x.nr_exchanged) {
		ghost_give_up();
		return;
	}
	for (uint64_t i = 0; i < now.nr_exchanged - op.x.nr_exchanged; i++) {
		uint64_t mfn;

		/* Too many; or the numbers of new frames were written over those of old ones, before these were read. */
		if (i == GHOST_ENTRIES || guest_get_word(&mfn, op.x.in.extent_start, op.x.nr_exchanged + i) ||
		    mfn != op.in[i]) {
			ghost_give_up();
			return;
		}
		for (uint64_t j = 0; j < 1ull << order; j++)
			n += traded(mfn + j);
	}
	if (n)
		ghost_expect(&op.d->mm.tot_pages, total, ~0ull);
	ghost_expect_fresh(op.d, n, false);
	ghost_compare();
}

static void judge(uint64_t cmd, gva_t arg, uint64_t total, long rc)
{
	switch (COMMAND(cmd)) {
	case XENMEM_decrease_reservation:
		if (op.d)
			return judge_decrease(rc);
		break;
	case XENMEM_increase_reservation:
	case XENMEM_populate_physmap:
		if (op.d)
			return judge_populate(total, rc);
		break;
	case XENMEM_exchange:
		if (op.d && rc != -EFAULT)
			return judge_exchange(arg, total);
		if (op.d)
			ghost_give_up();
	}
	ghost_compare();
}

static void offered(void)
{
	uint64_t n = op.x.in.nr_extents - op.x.nr_exchanged;

	for (uint64_t i = 0; i < MIN(n, (uint64_t)GHOST_ENTRIES); i++)
		if (guest_get_word(&op.in[i], op.x.in.extent_start, op.x.nr_exchanged + i))
			return;
}

static void predict(uint64_t cmd, gva_t arg)
{
	op.d = NULL;
	switch (COMMAND(cmd)) {
	case XENMEM_decrease_reservation:
		if (reservation_read(cmd, arg))
			ghost_list(op.r.nr_extents - op.start, decrease);
		break;
	case XENMEM_increase_reservation:
	case XENMEM_populate_physmap:
		reservation_read(cmd, arg);
		break;
	case XENMEM_exchange:
		if (!guest_get(&op.x, arg, xen_memory_exchange) && op.x.in.extent_order <= ORDER_DOMU)
			op.d = ghost_owner(op.x.in.domid);
		if (op.d)
			offered();
	}
}

long __wrap_hc_memory_op(uint64_t cmd, uint64_t arg)
{
	bool judging = ghost_enter("memory_op");
	uint64_t total = 0;
	long rc;

	if (judging && current->mm.memory_work) {
		ghost_give_up();
	} else if (judging) {
		predict(cmd, arg);
		total = op.d ? op.d->mm.tot_pages : 0;
	}
	rc = __real_hc_memory_op(cmd, arg);
	if (judging && current->mm.memory_work)
		ghost_give_up();
	if (judging && !ghost_gave_up())
		judge(cmd, arg, total, rc);
	ghost_leave(judging);
	return rc;
}
