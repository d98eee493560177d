/* SPDX-License-Identifier: MIT */
/*
 * Pins: uses of a grant entry begin and end here, in line for what nearly all of them are: the one use of an entry
 * that its domain may use for anything. The rules, and every other case, are in gnt/grant.c.
 * Locking: these take the granter's grant lock.
 */
#pragma once

#include "gnt/table.h"
#include "guest/domain.h"
#include "lib/rare.h"

/* Begin to use entry @ref of @granter for domain @who; *mfn is the frame, on which nothing is held yet. GNTST_*. */
static __always_inline int grant_pin(struct domain *granter, grant_ref_t ref, domid_t who, bool readonly,
				     mfn_t *mfn)
{
	struct grant_table *gt = granter->grants;
	uint32_t plain = GTF_permit_access | (uint32_t)who << 16;
	uint32_t marked = plain | GTF_reading | (readonly ? 0 : GTF_writing);
	int rc = GNTST_okay;

	spin_lock(&gt->lock);
	if (likely(ref < gt->frames * GRANTS_PER_FRAME) && likely(!gt->closed)) {
		struct grant_use *use = grant_use(gt, ref);
		union grant_slot *slot = grant_slot(gt, ref);

		if (likely(!use->pins) &&
		    likely(__atomic_compare_exchange_n(&slot->head, &plain, marked, false, __ATOMIC_ACQ_REL,
						       __ATOMIC_ACQUIRE))) {
			*mfn = __atomic_load_n(&slot->v1.frame, __ATOMIC_RELAXED);
			*use =
			    (struct grant_use){.pins = 1, .writers = !readonly, .frame = *mfn, .domid = who};
			goto done;
		}
	}
	rc = rare_value(grant_pin_slowly, gt, ref, who, readonly);
	if (!rc)
		*mfn = grant_use(gt, ref)->frame;
done:
	spin_unlock(&gt->lock);
	return rc;
}

static __always_inline void grant_unpin(struct domain *granter, grant_ref_t ref, bool readonly)
{
	struct grant_table *gt = granter->grants;
	struct grant_use *use = grant_use(gt, ref);

	spin_lock(&gt->lock);
	if (likely(use->pins == 1 && !gt->closed)) {
		use->pins = use->writers = 0;
		__atomic_fetch_and(&grant_slot(gt, ref)->flags, (uint16_t) ~(GTF_reading | GTF_writing),
				   __ATOMIC_RELEASE);
	} else {
		rare_call(grant_unpin_slowly, gt, ref, readonly);
	}
	spin_unlock(&gt->lock);
}
