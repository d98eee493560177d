/* SPDX-License-Identifier: MIT */
/*
 * The ghost of grant_table_op (see ghost.h). Each entry of a list has a status of its own: the model predicts whether
 * it is GNTST_okay, and reads afterwards what the guest was told.
 */
#include "dom/domain.h"
#include "ghost/ghost.h"
#include "ghost/gnt.h"
#include "ghost/wrapped.h"
#include "gnt/table.h"
#include "lib/errno.h"
#include "mm/guest_copy.h"

static struct {
	uint32_t cmd, count;
	gva_t list;
	bool ok[GHOST_ENTRIES];
	uint32_t handles;
	int32_t more;         /* handles that came, less those that went */
	struct domain *grows; /* the owner of setup_table's table; NULL: none */
} op;

static enum ghost_outcome map_one(uint32_t i)
{
	struct gnttab_map_grant_ref m;
	struct domain *granter;

	if (guest_read(&m, op.list + i * sizeof(m), sizeof(m)))
		return GHOST_REFUSED;
	granter = m.dom == DOMID_SELF ? NULL : ghost_domain(m.dom);
	op.ok[i] = granter && ghost_map(&m, granter);
	op.more += op.ok[i];
	return GHOST_DONE;
}

static enum ghost_outcome unmap_one(uint32_t i)
{
	bool replace = op.cmd == GNTTABOP_unmap_and_replace;
	struct gnttab_unmap_grant_ref u;
	enum ghost_unmapped what;

	if (guest_read(&u, op.list + i * sizeof(u), sizeof(u)))
		return GHOST_REFUSED;
	what = ghost_unmap(u.handle, u.host_addr, replace ? 0 : u.dev_bus_addr, replace ? u.dev_bus_addr : 0);
	/* Whether a second entry for the handle finds it busy depends on where batches end. */
	if (what == UNMAP_HALF && op.count > 1)
		ghost_give_up();
	op.ok[i] = what != UNMAP_REFUSED;
	op.more -= what == UNMAP_DONE;
	return GHOST_DONE;
}

/* The owner of the page on one side of a copy. */
static struct domain *side_owner(domid_t id, bool granted)
{
	struct domain *self = current->domain;

	if (id == DOMID_SELF || (granted && id == self->id))
		return self;
	return granted ? ghost_domain(id) : NULL;
}

struct side {
	struct domain *d;
	bool granted, readonly;
	uint32_t ref;
	mfn_t mfn;
};

static bool side_in(struct side *s, const struct gnttab_copy_ptr *ptr)
{
	s->ref = ptr->u.ref;
	s->mfn = ptr->u.gmfn;
	if (s->granted && !ghost_pin(s->d, s->ref, current->domain->id, s->readonly, &s->mfn))
		return false;
	if (ghost_grant_hold(s->mfn, s->d, s->readonly))
		return true;
	if (s->granted)
		ghost_unpin(s->d, s->ref, s->readonly);
	return false;
}

static void side_out(const struct side *s)
{
	ghost_grant_drop(s->mfn, s->readonly);
	if (s->granted)
		ghost_unpin(s->d, s->ref, s->readonly);
}

static bool copied(const struct gnttab_copy *c)
{
	struct side src = {.granted = c->flags & GNTCOPY_source_gref, .readonly = true};
	struct side dst = {.granted = c->flags & GNTCOPY_dest_gref};
	bool ok;

	src.d = side_owner(c->source.domid, src.granted);
	dst.d = side_owner(c->dest.domid, dst.granted);
	if (!src.d || !dst.d || c->source.offset + c->len > PAGE_SIZE ||
	    c->dest.offset + c->len > PAGE_SIZE || !side_in(&src, &c->source))
		return false;
	ok = side_in(&dst, &c->dest);
	if (ok)
		side_out(&dst);
	side_out(&src);
	return ok;
}

static enum ghost_outcome copy_one(uint32_t i)
{
	struct gnttab_copy c;

	if (guest_get(&c, op.list + i * guest_sizeof(gnttab_copy), gnttab_copy))
		return GHOST_REFUSED;
	op.ok[i] = copied(&c);
	return GHOST_DONE;
}

/* The status that the guest was told of entry @i, and the handle; false: it cannot be read. */
static bool told(uint32_t i, int16_t *status, struct gnttab_map_grant_ref *m)
{
	struct gnttab_unmap_grant_ref u;
	struct gnttab_copy c;

	if (op.cmd == GNTTABOP_map_grant_ref) {
		if (guest_read(m, op.list + i * sizeof(*m), sizeof(*m)))
			return false;
		*status = m->status;
	} else if (op.cmd == GNTTABOP_copy) {
		if (guest_get(&c, op.list + i * guest_sizeof(gnttab_copy), gnttab_copy))
			return false;
		*status = c.status;
	} else {
		if (guest_read(&u, op.list + i * sizeof(u), sizeof(u)))
			return false;
		*status = u.status;
	}
	return true;
}

static void judge_entry(uint32_t i)
{
	struct gnttab_map_grant_ref m;
	int16_t status;

	/* No handle is left, or no memory. */
	if (!told(i, &status, &m) || status == GNTST_no_space) {
		ghost_give_up();
		return;
	}
	if (op.ok[i] != !status)
		ghost_wrong("entry %u has status %d; the model says %s", i, status, op.ok[i] ? "okay" : "no");
	else if (op.cmd == GNTTABOP_map_grant_ref && op.ok[i]) {
		struct domain *granter = ghost_domain(m.dom);

		if (!ghost_handle_is(m.handle, granter, m.ref, m.flags))
			ghost_wrong("entry %u: handle %u is not for this mapping", i, m.handle);
		/* A mapping for devices alone is in no page table, so in no TLB. */
		if ((m.flags & GNTMAP_host_map) && granter != current->domain && !granter->mm.tlb_abroad)
			ghost_wrong("%s is not known to be mapped by others", granter->name);
	}
}

static void judge_list(uint32_t count, long rc)
{
	uint64_t left = 0;
	bool restarted = ghost_restarted(2, &left);
	uint32_t done = rc && !restarted ? MIN(ghost_list_end(), count) : count - (uint32_t)left;
	int32_t more = ghost_handles(current->domain) - op.handles;

	/* The guest cannot be told what was done, so it cannot be read here. */
	if (rc == -EFAULT && !restarted && ghost_list_end() == ~0u)
		ghost_give_up();
	for (uint32_t i = 0; i < done && i < GHOST_ENTRIES && !ghost_gave_up(); i++)
		judge_entry(i);
	if (!restarted && more != op.more)
		ghost_wrong("%d more handles in use, expected %d", more, op.more);
	ghost_list_judge(done, rc && !restarted);
}

/* ---- setup_table; swaps move nothing of the hypervisor, and the others only read ---- */

/* The owner of the table that the caller may have meant. */
static struct domain *owner_of_table(domid_t id)
{
	if (id == DOMID_SELF || id == current->domain->id)
		return current->domain;
	return current->domain->privileged ? ghost_domain(id) : NULL;
}

/* The answer could not be written, or is yet to come: then the table tells how far it grew. */
static void judge_partial_setup(uint32_t before)
{
	const struct grant_table *gt = op.grows ? op.grows->grants : NULL;

	if (gt)
		ghost_expect_fresh(op.grows, gt->frames - before, true);
}

static void judge_setup(gva_t arg, uint32_t before, long rc)
{
	struct gnttab_setup_table t;
	struct domain *d;
	uint64_t unused;

	if (rc || ghost_restarted(0, &unused)) {
		judge_partial_setup(before);
	} else if (guest_get(&t, arg, gnttab_setup_table)) {
		ghost_give_up();
	} else {
		d = owner_of_table(t.dom);
		if (t.status == GNTST_no_space)
			ghost_give_up();
		else if (!t.status && !d)
			ghost_wrong("setup_table of domain %u", t.dom);
		else if (d && d->grants && (!t.status || t.status == GNTST_bad_virt_addr))
			ghost_expect_fresh(d, t.nr_frames > before ? t.nr_frames - before : 0, true);
	}
	ghost_compare();
}

static uint32_t frames_of(gva_t arg)
{
	struct gnttab_setup_table t;

	op.grows = guest_get(&t, arg, gnttab_setup_table) ? NULL : owner_of_table(t.dom);
	return op.grows && op.grows->grants ? op.grows->grants->frames : 0;
}

static bool predict_list(uint32_t cmd, uint32_t count)
{
	if (cmd == GNTTABOP_map_grant_ref)
		ghost_list(count, map_one);
	else if (cmd == GNTTABOP_unmap_grant_ref || cmd == GNTTABOP_unmap_and_replace)
		ghost_list(count, unmap_one);
	else if (cmd == GNTTABOP_copy)
		ghost_list(count, copy_one);
	else
		return false;
	return true;
}

long __wrap_hc_grant_table_op(uint64_t cmd, uint64_t uop, uint64_t count)
{
	bool judging = ghost_enter("grant_table_op"), list = false;
	uint32_t before = 0;
	long rc;

	if (judging) {
		op.cmd = cmd;
		op.list = uop;
		op.count = count;
		op.more = 0;
		op.handles = ghost_handles(current->domain);
		before = op.cmd == GNTTABOP_setup_table ? frames_of(uop) : 0;
		list = (int32_t)count >= 0 && predict_list(cmd, count);
	}
	rc = __real_hc_grant_table_op(cmd, uop, count);
	if (judging && list)
		judge_list(count, rc);
	else if (judging && op.cmd == GNTTABOP_setup_table)
		judge_setup(uop, before, rc);
	else if (judging)
		ghost_compare();
	ghost_leave(judging);
	return rc;
}
