/* SPDX-License-Identifier: MIT */
/*
 * GNTTABOP_copy: the hypervisor copies for a guest between two pages, each its own or one granted to it. Both
 * are held during the copy as if they were mapped, the target writable: so a page table or a
 * descriptor table can never be a target.
 * Locking: none but the grant lock inside grant_pin.
 */
#include "gnt/hold.h"
#include "gnt/pin.h"
#include "gnt/table.h"
#include "guest/domain.h"
#include "lib/string.h"
#include "lib/tracepoint.h"
#include "mm/page.h"
#include "ringlet/sysctl.h"

/* One side of a copy. */
struct side {
	struct domain *d; /* the page's owner */
	mfn_t mfn;
	grant_ref_t ref;
	bool granted, readonly;
};

static __always_inline void side_put(const struct side *s)
{
	frame_drop(s->mfn, s->readonly);
	if (s->granted)
		grant_unpin(s->d, s->ref, s->readonly);
}

static __always_inline int side_get(struct side *s, const struct gnttab_copy_ptr *ptr, domid_t who)
{
	int rc;

	s->mfn = ptr->u.gmfn;
	if (s->granted) {
		s->ref = ptr->u.ref;
		rc = grant_pin(s->d, s->ref, who, s->readonly, &s->mfn);
		if (unlikely(rc))
			return rc;
	}
	rc = frame_hold(s->d, s->mfn, s->readonly);
	if (unlikely(rc) && s->granted)
		grant_unpin(s->d, s->ref, s->readonly);
	return rc;
}

static __always_inline int copy_checked(struct domain *d, struct domain *from, struct domain *to,
					const struct gnttab_copy *op)
{
	struct side src = {.d = from, .granted = op->flags & GNTCOPY_source_gref, .readonly = true};
	struct side dst = {.d = to, .granted = op->flags & GNTCOPY_dest_gref};
	int rc;

	rc = side_get(&src, &op->source, d->id);
	if (unlikely(rc))
		return rc;
	rc = side_get(&dst, &op->dest, d->id);
	if (likely(!rc)) {
		memmove((char *)mfn_to_virt(dst.mfn) + op->dest.offset,
			(char *)mfn_to_virt(src.mfn) + op->source.offset, op->len);
		side_put(&dst);
	}
	side_put(&src);
	return rc;
}

static void tell(const struct domain *d, const struct domain *other, bool granted, uint32_t bytes)
{
	if (granted && other != d)
		trace_point(TRACE_COPY, (uint32_t)other->id << 16 | bytes);
}

/* What does not fit, and every copy while it is traced. */
static __cold __attribute__((noinline)) int copy_rarely(struct domain *d, struct domain *from,
							struct domain *to, const struct gnttab_copy *op)
{
	int rc;

	if (op->source.offset + op->len > PAGE_SIZE || op->dest.offset + op->len > PAGE_SIZE)
		return GNTST_bad_copy_arg;
	rc = copy_checked(d, from, to, op);
	if (rc)
		return rc;
	tell(d, from, op->flags & GNTCOPY_source_gref, op->len);
	tell(d, to, op->flags & GNTCOPY_dest_gref, op->len | RINGLET_COPY_INTO);
	return 0;
}

int grant_copy(struct domain *d, struct domain *from, struct domain *to, const struct gnttab_copy *op)
{
	if (unlikely(op->source.offset + op->len > PAGE_SIZE || op->dest.offset + op->len > tracepoint_page))
		return copy_rarely(d, from, to, op);
	return copy_checked(d, from, to, op);
}
