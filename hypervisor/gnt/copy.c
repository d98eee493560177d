// SPDX-License-Identifier: MIT
/*
 * GNTTABOP_copy: the hypervisor copies for a guest between two pages, each its own or one granted to it. Both
 * are held for the time of the copy as if they were mapped, the target writable: so a page table or a
 * descriptor table can never be a target.
 * Locking: none but the grant lock inside grant_pin.
 */
#include "dom/domain.h"
#include "gnt/table.h"
#include "lib/string.h"
#include "mm/page.h"

/* One side of a copy. */
struct side {
	struct domain *d; /* whose page */
	struct page_info *pg;
	grant_ref_t ref;
	bool granted, readonly;
};

static void side_put(struct side *s)
{
	if (!s->readonly)
		page_put_type(s->pg);
	page_put(s->pg);
	if (s->granted)
		grant_unpin(s->d, s->ref, s->readonly);
}

static int hold_page(struct side *s, mfn_t mfn)
{
	s->pg = page_get_mfn(mfn, s->d);
	if (unlikely(!s->pg))
		return GNTST_bad_page;
	if (s->readonly || likely(!page_get_type(s->pg, PGT_WRITABLE)))
		return GNTST_okay;
	page_put(s->pg);
	return GNTST_general_error;
}

static int side_get(struct side *s, const struct gnttab_copy_ptr *ptr, domid_t who)
{
	mfn_t mfn = ptr->u.gmfn;
	int rc = GNTST_okay;

	if (s->granted) {
		s->ref = ptr->u.ref;
		rc = grant_pin(s->d, s->ref, who, s->readonly, &mfn);
	}
	if (unlikely(rc))
		return rc;
	rc = hold_page(s, mfn);
	if (unlikely(rc) && s->granted)
		grant_unpin(s->d, s->ref, s->readonly);
	return rc;
}

static char *address(const struct side *s, unsigned offset)
{
	return (char *)mfn_to_virt(page_to_mfn(s->pg)) + offset;
}

int grant_copy(struct domain *d, struct domain *from, struct domain *to, const struct gnttab_copy *op)
{
	struct side src = {.d = from, .granted = op->flags & GNTCOPY_source_gref, .readonly = true};
	struct side dst = {.d = to, .granted = op->flags & GNTCOPY_dest_gref};
	int rc;

	if (op->source.offset + op->len > PAGE_SIZE || op->dest.offset + op->len > PAGE_SIZE)
		return GNTST_bad_copy_arg;
	rc = side_get(&src, &op->source, d->id);
	if (unlikely(rc))
		return rc;
	rc = side_get(&dst, &op->dest, d->id);
	if (likely(!rc)) {
		memmove(address(&dst, op->dest.offset), address(&src, op->source.offset), op->len);
		side_put(&dst);
	}
	side_put(&src);
	return rc;
}
