/* SPDX-License-Identifier: MIT */
/* The ghost of mmuext_op (see ghost.h). */
#include "dom/domain.h"
#include "ghost/ghost.h"
#include "ghost/wrapped.h"
#include "guest/abi.h"
#include "guest/paging.h"
#include "mm/guest_copy.h"
#include "mm/page.h"

static struct {
	struct domain *owner;
	gva_t list;
	bool rewritten; /* an earlier entry has changed a page, whose contents the model does not follow */
} batch;

/* A table of @level, with what it names. One that may just have been written cannot be judged. */
static bool hold_table(mfn_t mfn, struct domain *d, unsigned level)
{
	if (batch.rewritten)
		ghost_give_up();
	return ghost_hold(mfn, d, level);
}

static enum ghost_outcome pin(mfn_t mfn, unsigned level)
{
	struct domain *d = batch.owner;

	if (!d->paging)
		return GHOST_REFUSED;
	if ((int)level > d->paging->root_level)
		return GHOST_DONE; /* and nothing happens */
	if (!hold_table(mfn, d, level))
		return GHOST_REFUSED;
	if (ghost_frame(mfn)->flags & GF_PINNED) {
		ghost_let_go(mfn);
		return GHOST_REFUSED;
	}
	ghost_change(mfn)->flags |= GF_PINNED;
	return GHOST_DONE;
}

static enum ghost_outcome unpin(mfn_t mfn)
{
	const struct ghost_frame *f = ghost_frame(mfn);

	if (f->owner != batch.owner || !(f->flags & GF_PINNED))
		return GHOST_REFUSED;
	ghost_change(mfn)->flags &= ~GF_PINNED;
	ghost_let_go(mfn);
	return GHOST_DONE;
}

static enum ghost_outcome page(mfn_t to, mfn_t from, bool copy)
{
	bool ok;

	if (copy && !ghost_ref(from, batch.owner))
		return GHOST_REFUSED;
	ok = ghost_writable(to, batch.owner);
	if (copy)
		ghost_unref(from);
	batch.rewritten |= ok;
	return ok ? GHOST_DONE : GHOST_REFUSED;
}

/* INVALID_MFN: none. Root @name of the current vCPU becomes @mfn. */
static enum ghost_outcome new_root(mfn_t *name, mfn_t mfn)
{
	struct domain *d = current->domain;
	mfn_t old = ghost_word(name);

	if (mfn == old)
		return GHOST_DONE;
	if (mfn != INVALID_MFN && !hold_table(mfn, d, d->paging->root_level))
		return GHOST_REFUSED;
	ghost_expect(name, mfn, ~0ull);
	if (old != INVALID_MFN)
		ghost_let_go(old);
	return GHOST_DONE;
}

static enum ghost_outcome set_ldt(gva_t base, uint64_t entries)
{
	struct vcpu *v = current;

	entries = (uint32_t)entries;
	if (entries > 8192 || (base & (PAGE_SIZE - 1)) ||
	    (entries && !range_ok(v->domain->abi, base, entries * 8)))
		return GHOST_REFUSED;
	for (unsigned i = 16; i < 32; i++) { /* the window's pages of the old one */
		uint64_t shown = ghost_word(&v->mm.desc_l1[i]);

		if (!(v->pv.ldt_mapped >> (i - 16) & 1) || !(shown & 1))
			continue;
		ghost_let_go((shown & 0x000ffffffffff000ull) >> PAGE_SHIFT);
		ghost_expect(&v->mm.desc_l1[i], 0, ~0ull);
	}
	return GHOST_DONE;
}

static enum ghost_outcome own(const struct mmuext_op *op)
{
	struct vcpu *v = current;
	bool user_roots = v->domain->paging->user_root;

	switch (op->cmd) {
	case MMUEXT_NEW_BASEPTR:
		return new_root(&v->mm.root, op->arg1.mfn);
	case MMUEXT_NEW_USER_BASEPTR:
		if (!user_roots)
			return GHOST_REFUSED;
		if (op->arg1.mfn == INVALID_MFN)
			return v->mm.user_root == INVALID_MFN ? GHOST_DONE : GHOST_REFUSED;
		return new_root(&v->mm.user_root, op->arg1.mfn ? op->arg1.mfn : INVALID_MFN);
	case MMUEXT_TLB_FLUSH_LOCAL:
	case MMUEXT_INVLPG_LOCAL:
	case MMUEXT_TLB_FLUSH_ALL:
	case MMUEXT_INVLPG_ALL:
		return GHOST_DONE;
	case MMUEXT_TLB_FLUSH_MULTI: /* by a mask that may not be there */
	case MMUEXT_INVLPG_MULTI:
		return GHOST_EITHER;
	case MMUEXT_FLUSH_CACHE:
	case MMUEXT_FLUSH_CACHE_GLOBAL:
		return v->domain->privileged ? GHOST_DONE : GHOST_REFUSED;
	case MMUEXT_SET_LDT:
		return set_ldt(op->arg1.linear_addr, op->arg2.nr_ents);
	}
	return GHOST_REFUSED;
}

static enum ghost_outcome extended(uint32_t i)
{
	struct mmuext_op op;

	if (guest_get(&op, batch.list + i * guest_sizeof(mmuext_op), mmuext_op))
		return GHOST_REFUSED;
	switch (op.cmd) {
	case MMUEXT_PIN_L1_TABLE ... MMUEXT_PIN_L4_TABLE:
		return pin(op.arg1.mfn, 1 + op.cmd - MMUEXT_PIN_L1_TABLE);
	case MMUEXT_UNPIN_TABLE:
		return unpin(op.arg1.mfn);
	case MMUEXT_CLEAR_PAGE:
		return page(op.arg1.mfn, 0, false);
	case MMUEXT_COPY_PAGE:
		return page(op.arg1.mfn, op.arg2.src_mfn, true);
	}
	return batch.owner == current->domain ? own(&op) : GHOST_REFUSED;
}

long __wrap_hc_mmuext_op(uint64_t ops, uint64_t count, uint64_t done_at, uint64_t foreigndom)
{
	bool judging = ghost_enter("mmuext_op");
	long rc;

	if (judging) {
		batch.owner = ghost_owner(foreigndom);
		batch.list = ops;
		batch.rewritten = false;
		if (!batch.owner || (GHOST_IS_RESTARTED(count) && !ghost_readable(done_at)))
			ghost_list_refused();
		else if (batch.owner->mm.partial_tables)
			ghost_give_up();
		else
			ghost_list(GHOST_COUNT(count), extended);
	}
	rc = __real_hc_mmuext_op(ops, count, done_at, foreigndom);
	if (judging && batch.owner && batch.owner->mm.partial_tables)
		ghost_give_up();
	if (judging)
		ghost_list_judge_counted(count, done_at, rc);
	ghost_leave(judging);
	return rc;
}
