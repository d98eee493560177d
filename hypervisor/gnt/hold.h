/* SPDX-License-Identifier: MIT */
/* Holding a granted frame: for a page-table entry to be written, for devices, and for the time of a copy. The hold is
 * what an L1 entry of the owner's has (mm/pt.h): a reference, and for writing a use of PGT_WRITABLE. */
#pragma once

#include "mm/pt.h"
#include "xen/grant_table.h"

/* GNTST_bad_page: not RAM of @owner; GNTST_general_error: not to be written. */
static inline int frame_hold(struct domain *owner, mfn_t mfn, bool readonly)
{
	struct page_info *pg = mfn_to_page(mfn);

	/* Device memory has no owner that could grant it, and no references. */
	if (unlikely(!mfn_valid(mfn) || !page_get(pg, owner)))
		return GNTST_bad_page;
	return readonly || likely(!writable_get(pg)) ? GNTST_okay : GNTST_general_error;
}

static inline void frame_drop(mfn_t mfn, bool readonly)
{
	struct page_info *pg = mfn_to_page(mfn);

	if (!readonly)
		writable_put(pg);
	page_put(pg);
}
