/* SPDX-License-Identifier: MIT */
/*
 * Grant tables: why a granted frame is safe to give, and safe to take back.
 *
 * An entry of the shared table says "domain N may use my frame F, perhaps only for reading". The guest writes
 * it whenever it likes; the hypervisor reads it when a use begins, and notes in struct grant_use what it said
 * then. The hypervisor alone sets two flags of the entry: reading and writing tell the granter that its frame
 * is in use.
 *
 *	(1) A use begins by one compare-and-exchange of flags and domain together: the entry that is checked
 *	    is the entry that is marked. A guest that takes an entry back uses the same instruction, so either
 *	    it sees the mark or the hypervisor sees its change.
 *	(2) The marks go when the last use of their sort ends, and a mapping ends only after no TLB remembers
 *	    it (map.c). So a granter that sees no mark has its frame for itself.
 *	(3) Pins say nothing about the frame. Each use takes a reference from the frame's owner, the granter,
 *	    and for writing a use of PGT_WRITABLE, as any mapping of a frame does (mm/page.c). A granter
 *	    that lies about F, or gives F away meanwhile, cannot make others touch what is not its own.
 *
 * A pin count cannot overflow: pins are mappings, of which a domain has a limited number, and one running
 * copy for each processor.
 *
 * Locking: grant_table.lock. It is never held together with another grant table's, nor with a pt_lock: a
 * mapping takes first the one, then the other.
 */
#include "gnt/table.h"
#include "guest/domain.h"
#include "lib/errno.h"
#include "lib/printk.h"
#include "mm/page.h"

static bool grow_by_one(struct domain *d, struct grant_table *gt)
{
	union grant_slot *shared = heap_alloc_pages_for(d, 0);
	struct grant_use *uses = shared ? heap_alloc_pages_for(d, GRANT_USE_PAGE_ORDER) : NULL;

	if (!uses) {
		if (shared)
			heap_free_pages(shared, 0);
		return false;
	}
	share_heap_page(shared, d, false);
	gt->shared[gt->frames] = shared;
	gt->uses[gt->frames] = uses;
	gt->frames++;
	return true;
}

int grant_grow(struct domain *d, uint32_t frames)
{
	struct grant_table *gt = d->grants;
	int rc = GNTST_okay;

	spin_lock(&gt->lock);
	if (frames > gt->max_frames || gt->closed)
		rc = GNTST_general_error;
	while (!rc && gt->frames < frames)
		if (!grow_by_one(d, gt))
			rc = GNTST_no_space;
	spin_unlock(&gt->lock);
	return rc;
}

int grant_create(struct domain *d)
{
	struct grant_table *gt = heap_alloc_for(d, sizeof(*gt));

	if (!gt)
		return -ENOMEM;
	gt->domain = d;
	gt->max_frames = GRANT_FRAMES_MAX;
	gt->max_maptrack_frames = MAPTRACK_FRAMES_MAX;
	gt->maptrack_free = MAPTRACK_NONE;
	d->grants = gt;
	return grant_grow(d, 1) ? -ENOMEM : 0;
}

bool grant_limits_ok(int32_t frames, int32_t maptrack_frames)
{
	return frames && frames >= -1 && frames <= GRANT_FRAMES_MAX && maptrack_frames >= -1 &&
	       maptrack_frames <= MAPTRACK_FRAMES_MAX;
}

void grant_set_limits(struct domain *d, int32_t frames, int32_t maptrack_frames)
{
	d->grants->max_frames = frames < 0 ? GRANT_FRAMES_MAX : frames;
	d->grants->max_maptrack_frames = maptrack_frames < 0 ? MAPTRACK_FRAMES_MAX : maptrack_frames;
}

uint64_t grant_most(const struct domain *d)
{
	uint32_t frames = d->grants ? d->grants->max_frames : GRANT_FRAMES_MAX;
	uint32_t maptrack = d->grants ? d->grants->max_maptrack_frames : MAPTRACK_FRAMES_MAX;

	return frames * (PAGE_SIZE + (PAGE_SIZE << GRANT_USE_PAGE_ORDER)) + maptrack * PAGE_SIZE +
	       heap_size(maptrack * sizeof(struct maptrack *));
}

void grant_close(struct domain *d)
{
	spin_lock(&d->grants->lock);
	d->grants->closed = true;
	spin_unlock(&d->grants->lock);
}

void grant_unshare(struct domain *d)
{
	struct grant_table *gt = d->grants;

	for (uint32_t i = 0; i < gt->frames; i++) {
		unshare_heap_page(gt->shared[i]);
		gt->shared[i] = NULL;
	}
}

void grant_destroy(struct domain *d)
{
	struct grant_table *gt = d->grants;

	if (!gt)
		return;
	for (uint32_t i = 0; i < gt->frames; i++)
		heap_free_pages(gt->uses[i], GRANT_USE_PAGE_ORDER);
	heap_free(gt);
	d->grants = NULL;
}

/* An entry that its owner keeps changing while it is being marked is refused. */
#define MARK_TRIES 5

/* Rule (1): mark the entry as used by domain @who, if it allows that. */
static int mark(union grant_slot *slot, domid_t who, bool readonly)
{
	union grant_slot old = {.head = __atomic_load_n(&slot->head, __ATOMIC_ACQUIRE)}, new;

	for (unsigned tries = 0; tries < MARK_TRIES; tries++) {
		if ((old.flags & (GTF_type_mask | GTF_sub_page)) != GTF_permit_access || old.domid != who)
			return GNTST_general_error;
		if (!readonly && (old.flags & GTF_readonly))
			return GNTST_general_error;
		new.head = old.head;
		new.flags |= readonly ? GTF_reading : GTF_reading | GTF_writing;
		if (__atomic_compare_exchange_n(&slot->head, &old.head, new.head, false, __ATOMIC_ACQ_REL,
						__ATOMIC_ACQUIRE))
			return GNTST_okay;
	}
	return GNTST_general_error;
}

int grant_pin_slowly(struct grant_table *gt, grant_ref_t ref, domid_t who, bool readonly)
{
	struct grant_use *use;

	if (ref >= gt->frames * GRANTS_PER_FRAME)
		return GNTST_bad_gntref;
	use = grant_use(gt, ref);
	if (gt->closed || (use->pins && use->domid != who))
		return GNTST_general_error;
	if (!use->pins || (!readonly && !use->writers)) {
		union grant_slot *slot = grant_slot(gt, ref);
		int rc = mark(slot, who, readonly);

		if (rc)
			return rc;
		if (!use->pins) {
			use->domid = who;
			use->frame = __atomic_load_n(&slot->v1.frame, __ATOMIC_RELAXED);
		}
	}
	use->pins++;
	use->writers += !readonly;
	return GNTST_okay;
}

void grant_unpin_slowly(struct grant_table *gt, grant_ref_t ref, bool readonly)
{
	struct grant_use *use = grant_use(gt, ref);
	uint16_t over = 0;

	if (!--use->pins)
		over = GTF_reading;
	if (!readonly && !--use->writers)
		over |= GTF_writing;
	/* A dying granter no longer reads its table, which is freed soon. */
	if (!gt->closed)
		__atomic_fetch_and(&grant_slot(gt, ref)->flags, ~over, __ATOMIC_RELEASE);
}

static int swap(struct grant_table *gt, grant_ref_t a, grant_ref_t b)
{
	struct grant_entry_v1 kept;

	if (MAX(a, b) >= gt->frames * GRANTS_PER_FRAME)
		return GNTST_bad_gntref;
	if (grant_use(gt, a)->pins || grant_use(gt, b)->pins)
		return GNTST_eagain;
	kept = grant_slot(gt, a)->v1;
	grant_slot(gt, a)->v1 = grant_slot(gt, b)->v1;
	grant_slot(gt, b)->v1 = kept;
	return GNTST_okay;
}

int grant_swap(struct domain *d, grant_ref_t a, grant_ref_t b)
{
	int rc;

	spin_lock(&d->grants->lock);
	rc = swap(d->grants, a, b);
	spin_unlock(&d->grants->lock);
	return rc;
}

void grant_dump(struct domain *d)
{
	struct grant_table *gt = d->grants;

	printk("  %s: %u of %u grant frames, %u of %u maptrack frames\n", d->name, gt->frames, gt->max_frames,
	       gt->maptrack_frames, gt->max_maptrack_frames);
	for (grant_ref_t ref = 0; ref < gt->frames * GRANTS_PER_FRAME; ref++) {
		const struct grant_use use = *grant_use(gt, ref);

		if (use.pins)
			printk("    %u: frame %x for d%u, %u uses, %u of them for writing\n", ref, use.frame,
			       use.domid, use.pins, use.writers);
	}
}
