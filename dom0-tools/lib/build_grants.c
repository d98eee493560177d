/* SPDX-License-Identifier: MIT */
/*
 * The first two entries of a new domain's grant table: Dom0 may use its console page and its store page, as Xen's tools
 * promise daemons that map them by reference (GNTTAB_RESERVED_* in xen/grant_table.h). Guests leave these entries
 * alone; the others are zero, which permits nothing.
 */
#include "build.h"
#include "err.h"

#include <errno.h>

#include <xen/grant_table.h>

/* The first frame of its grant table; 0 and a report: none. */
static uint64_t table_frame(struct build *b)
{
	struct gnttab_setup_table op = {.dom = b->id, .nr_frames = 1};
	size_t mark = b->hv->used;
	xen_pfn_t *frame = hv_buf(b->hv, sizeof(*frame));
	uint64_t mfn = 0;
	long rc;

	set_xen_guest_handle(op.frame_list, frame);
	rc = hv_grant_op(b->hv, GNTTABOP_setup_table, &op, sizeof(op));
	if (rc < 0)
		fail_errno(rc, "grant table of domain %u", b->id);
	else if (op.status != GNTST_okay)
		fail("grant table of domain %u: status %d of the hypervisor", b->id, op.status);
	else
		mfn = *frame;
	hv_release(b->hv, mark);
	return mfn;
}

static void permit(struct grant_entry_v1 *entry, uint64_t mfn)
{
	entry->domid = 0;
	entry->frame = mfn;
	entry->flags = GTF_permit_access;
}

int build_grants(struct build *b)
{
	uint64_t mfn = table_frame(b);
	struct grant_entry_v1 *table;

	if (!mfn)
		return -1;
	table = hv_map_one(b->hv, b->id, mfn);
	if (!table)
		return fail_errno(errno, "cannot map the grant table of domain %u", b->id);
	permit(&table[GNTTAB_RESERVED_CONSOLE], b->p2m[b->plan.console.pfn]);
	permit(&table[GNTTAB_RESERVED_XENSTORE], b->p2m[b->plan.store.pfn]);
	hv_unmap(b->hv, table, 1);
	return 0;
}
