/* SPDX-License-Identifier: MIT */
/*
 * The hypercall frame_info: what one of the caller's own frames is in use for. No lock is taken: type and count are
 * two snapshots. Nothing is told about frames of others, not even whether there are such frames.
 */
#include "guest/domain.h"
#include "hypercalls.h"
#include "lib/errno.h"
#include "mm/guest_copy.h"
#include "mm/page.h"
#include "ringlet/frame_info.h"

_Static_assert((int)PGT_NONE == RINGLET_FRAME_none && (int)PGT_L1 == RINGLET_FRAME_l1 &&
		   (int)PGT_L4 == RINGLET_FRAME_l4 && (int)PGT_SEGDESC == RINGLET_FRAME_segdesc &&
		   (int)PGT_WRITABLE == RINGLET_FRAME_writable,
	       "the interface has our types");

long hc_frame_info(uint64_t mfn, uint64_t info)
{
	struct page_info *pg = page_get_mfn(mfn, current->domain);
	struct ringlet_frame_info answer = {0};
	uint64_t type;

	if (!pg)
		return -EINVAL;
	type = __atomic_load_n(&pg->type, __ATOMIC_RELAXED);
	answer.uses = type & PGT_COUNT;
	if (answer.uses) /* the type of a frame without uses is only what it was last */
		answer.type = (type & PGT_TYPE_MASK) >> PGT_SHIFT;
	answer.flags = (type & PGT_PINNED ? RINGLET_FRAME_pinned : 0) |
		       (type & PGT_VALIDATED ? RINGLET_FRAME_validated : 0);
	/* Without ours, which keeps the frame from changing hands meanwhile. */
	answer.references = (__atomic_load_n(&pg->count, __ATOMIC_RELAXED) & PGC_COUNT) - 1;
	page_put(pg);
	return guest_write(info, &answer, sizeof(answer));
}
