/* SPDX-License-Identifier: MIT */
/* The ghost of mmu_update, update_va_mapping and update_va_mapping_otherdomain (see ghost.h). */
#include "dom/domain.h"
#include "ghost/ghost.h"
#include "ghost/wrapped.h"
#include "guest/paging.h"
#include "mm/guest_copy.h"
#include "mm/page.h"

#define M2P ((uint64_t *)0xffff800000000000)

static struct {
	struct domain *tables, *from;
	gva_t list;
} batch;

static bool is_upper(mfn_t mfn)
{
	const struct ghost_frame *f = ghost_frame(mfn);

	return f->uses && f->type >= PGT_L2 && f->type <= PGT_L4 && (f->flags & GF_VALID);
}

static enum ghost_outcome entry(uint64_t ptr, uint64_t val)
{
	mfn_t mfn = ptr >> PAGE_SHIFT;
	uint64_t *where = paddr_to_virt(ptr & ~7ull);

	if (mfn >= max_mfn || ghost_frame(mfn)->owner != batch.tables)
		return GHOST_REFUSED;
	if (ghost_is_table(mfn, PGT_L1, batch.tables))
		return ghost_change_l1(where, val, batch.tables, batch.from);
	if (is_upper(mfn))
		return ghost_change_upper(mfn, (ptr & (PAGE_SIZE - 1)) / 8, val);
	if (!ghost_writable(mfn, batch.tables))
		return GHOST_REFUSED;
	ghost_expect(where, val, ~0ull);
	return GHOST_DONE;
}

static enum ghost_outcome update(uint32_t i)
{
	struct mmu_update req;

	if (guest_read(&req, batch.list + i * sizeof(req), sizeof(req)))
		return GHOST_REFUSED;
	switch (req.ptr & 7) {
	case 0: /* an entry */
	case 2: /* one that keeps Accessed and Dirty */
	case 3: /* one whose frame number is as it stands */
		return entry(req.ptr, req.val);
	case 1: /* the machine-to-physical table */
		if (!ghost_ref(req.ptr >> PAGE_SHIFT, batch.from))
			return GHOST_REFUSED;
		ghost_unref(req.ptr >> PAGE_SHIFT);
		ghost_expect(M2P + (req.ptr >> PAGE_SHIFT), req.val, ~0ull);
		return GHOST_DONE;
	}
	return GHOST_REFUSED;
}

/* @word: the argument that names the owners of frames and, if its high half is not zero, of tables. */
static void predict_update(gva_t ureqs, uint64_t count, gva_t done_at, uint32_t word)
{
	batch.tables = word >> 16 ? ghost_owner((word >> 16) - 1) : current->domain;
	batch.from = ghost_owner(word);
	batch.list = ureqs;
	if (!batch.tables || !batch.from || (GHOST_IS_RESTARTED(count) && !ghost_readable(done_at)))
		ghost_list_refused();
	else if (batch.tables->mm.partial_tables || !batch.tables->paging)
		ghost_give_up();
	else
		ghost_list(GHOST_COUNT(count), update);
}

long __wrap_hc_mmu_update(uint64_t ureqs, uint64_t count, uint64_t done_at, uint64_t foreigndom)
{
	bool judging = ghost_enter("mmu_update");
	long rc;

	if (judging)
		predict_update(ureqs, count, done_at, foreigndom);
	rc = __real_hc_mmu_update(ureqs, count, done_at, foreigndom);
	if (judging && batch.tables && batch.tables->mm.partial_tables)
		ghost_give_up();
	if (judging)
		ghost_list_judge_counted(count, done_at, rc);
	ghost_leave(judging);
	return rc;
}

/* ---- by virtual address ---- */

static struct {
	uint64_t va, val;
	struct domain *from;
} one;

static enum ghost_outcome va_mapping(uint32_t i)
{
	struct domain *d = current->domain;
	uint64_t *where = ghost_walk(one.va);

	if (!where || !ghost_is_table(virt_to_mfn(where), PGT_L1, d))
		return GHOST_REFUSED;
	return ghost_change_l1(where, one.val, d, one.from);
}

/* The mask of vCPUs to flush lies in guest memory, and may not be there. Even then the entry was changed, or refused,
 * before. */
static bool may_fail_to_flush(uint64_t flags)
{
	return (flags & UVMF_FLUSHTYPE_MASK) && (flags & ~UVMF_FLUSHTYPE_MASK) &&
	       (flags & ~UVMF_FLUSHTYPE_MASK) != UVMF_ALL;
}

static void predict_one(uint64_t va, uint64_t val, struct domain *from)
{
	one.va = va;
	one.val = val;
	one.from = from;
	if (from)
		ghost_list(1, va_mapping);
	else
		ghost_list_refused();
}

static void judge_one(uint64_t flags, long rc)
{
	bool refused = ghost_list_end() == 0;

	if (may_fail_to_flush(flags) && rc)
		ghost_list_judge(!refused, refused);
	else
		ghost_list_judge(!rc, rc);
}

long __wrap_hc_update_va_mapping(uint64_t va, uint64_t val, uint64_t flags)
{
	bool judging = ghost_enter("update_va_mapping");
	long rc;

	if (judging)
		predict_one(va, val, current->domain);
	rc = __real_hc_update_va_mapping(va, val, flags);
	if (judging)
		judge_one(flags, rc);
	ghost_leave(judging);
	return rc;
}

long __wrap_hc_update_va_mapping_otherdomain(uint64_t va, uint64_t val, uint64_t flags, uint64_t domid)
{
	bool judging = ghost_enter("update_va_mapping_otherdomain");
	long rc;

	if (judging)
		predict_one(va, val, ghost_owner(domid));
	rc = __real_hc_update_va_mapping_otherdomain(va, val, flags, domid);
	if (judging)
		judge_one(one.from ? flags : 0, rc);
	ghost_leave(judging);
	return rc;
}
