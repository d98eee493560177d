/* SPDX-License-Identifier: MIT */
/*
 * The end of a domain's memory: roots dropped, pins undone, partial tables (mm/partial.c) taken down, every frame
 * disowned. A frame that another domain still maps stays until it is unmapped; all others are free at the end, since
 * without roots and pins nothing holds a table, and tables hold everything else.
 * Locking: none here; nothing of the domain runs any more.
 */
#include "guest/hypercall.h"
#include "mm/pt.h"

#define FRAMES_PER_CHECK 64

/* No pin, and not partial any more. */
static int table_relinquish(struct domain *d, struct page_info *pg)
{
	int rc;

	do {
		rc = 0;
		pt_begin(d);
		if (__atomic_fetch_and(&pg->type, ~PGT_PINNED, __ATOMIC_ACQ_REL) & PGT_PINNED)
			rc = page_put_and_type(pg);
		else if (pg->type & PGT_PARTIAL)
			rc = table_resume(pg, false);
		spin_unlock(&d->mm.pt_lock);
	} while (rc && !hypercall_preempt_check());
	return rc;
}

static int frame_relinquish(struct domain *d, mfn_t mfn)
{
	struct page_info *pg = mfn_to_page(mfn);
	int rc;

	if (!page_get(pg, d))
		return 0;
	rc = table_relinquish(d, pg);
	if (!rc)
		page_disown(pg);
	page_put(pg);
	return rc;
}

/* Each frame once. Those that others keep go round to the end of the list. */
static int frames_relinquish(struct domain *d)
{
	uint64_t n = d->mm.tot_pages;
	int rc = 0;

	for (uint64_t i = 0; i < n && !rc; i++) {
		mfn_t mfn = owned_rotate(d);

		if (!mfn)
			break;
		rc = frame_relinquish(d, mfn);
		if (!rc && i % FRAMES_PER_CHECK == FRAMES_PER_CHECK - 1 && hypercall_preempt_check())
			rc = -ERESTART;
	}
	return rc;
}

int mm_relinquish(struct domain *d)
{
	struct vcpu *v;
	int rc;

	for_each_vcpu (d, v)
		vcpu_drop_roots(v);
	/* The end of one table may leave partial another one, whose turn is past. */
	do {
		rc = frames_relinquish(d);
		if (rc)
			return rc;
	} while (d->mm.partial_tables);
	domain_claim_pages(d, 0);
	heap_free(d->mm.memory_map);
	d->mm.memory_map = NULL;
	d->mm.memory_map_entries = 0;
	return 0;
}
