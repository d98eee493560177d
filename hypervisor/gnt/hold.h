/* SPDX-License-Identifier: MIT */
/* Holding a granted frame without a page-table entry: for devices, and for the time of a copy. The hold is what an
 * L1 entry of the owner's would have (mm/pt.h): a reference, and for writing a use of PGT_WRITABLE. */
#pragma once

#include "mm/pt.h"
#include "xen/grant_table.h"

static inline uint64_t hold_as(mfn_t mfn, bool readonly)
{
	return make_pte(mfn, readonly ? PTE_P : PTE_P | PTE_RW);
}

/* GNTST_bad_page: not RAM of @owner's; GNTST_general_error: not to be written. */
static inline int frame_hold(struct domain *owner, mfn_t mfn, bool readonly)
{
	if (unlikely(mfn_is_io(mfn)))
		return GNTST_bad_page;
	if (likely(!l1_get(hold_as(mfn, readonly), owner, owner)))
		return GNTST_okay;
	return mfn_to_page(mfn)->owner == owner ? GNTST_general_error : GNTST_bad_page;
}

static inline void frame_drop(mfn_t mfn, bool readonly)
{
	l1_put(hold_as(mfn, readonly));
}
