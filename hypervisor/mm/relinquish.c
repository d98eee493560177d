// SPDX-License-Identifier: MIT
/*
 * The end of a domain's memory: roots dropped, pins undone, every frame disowned. A frame that somebody else
 * still maps stays until he lets go; all others are free at the end, since without roots and pins nothing
 * holds a table, and tables hold everything else.
 * Locking: none here; nothing of the domain runs any more.
 */
#include "dom/domain.h"
#include "entry/hypercall.h"
#include "lib/errno.h"
#include "mm/mm.h"
#include "mm/page.h"

#define FRAMES_PER_CHECK 64

static void frame_relinquish(struct domain *d, mfn_t mfn)
{
	struct page_info *pg = mfn_to_page(mfn);

	if (!page_get(pg, d))
		return;
	page_unpin(pg);
	page_disown(pg);
	page_put(pg);
}

int mm_relinquish(struct domain *d)
{
	struct vcpu *v;
	uint64_t n = d->tot_pages;

	for_each_vcpu (d, v)
		vcpu_drop_roots(v);
	/* Those that others keep go round to the end of the list. */
	for (uint64_t i = 0; i < n; i++) {
		mfn_t mfn = owned_rotate(d);

		if (!mfn)
			break;
		frame_relinquish(d, mfn);
		if (i % FRAMES_PER_CHECK == FRAMES_PER_CHECK - 1 && hypercall_preempt_check())
			return -ERESTART;
	}
	domain_claim_pages(d, 0);
	heap_free(d->memory_map);
	d->memory_map = NULL;
	d->memory_map_entries = 0;
	return 0;
}
