/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls that change page-table entries: mmu_update (a list of entries, by machine address) and
 * update_va_mapping (one L1 entry, by virtual address). Copying in and authorising; pt_update.c does the
 * work.
 *
 * Locking: a batch holds the table owner's pt_lock, except while it looks whether other work is pending.
 * Reading the guest's list may fault meanwhile, which the exception table handles without any lock.
 */
#include "cpu/cpuset.h"
#include "guest/domain.h"
#include "guest/hypercall.h"
#include "hypercalls.h"
#include "lib/errno.h"
#include "mm/guest_copy.h"
#include "mm/mmu_list.h"
#include "mm/mmu_owner.h"
#include "mm/pt.h"
#include "mm/walk.h"

#define ENTRIES_PER_CHECK 32
#define SHORT_BATCH       8u /* entries; a multicall of more than that looks at other work after each batch */

struct batch {
	struct domain *d, *from; /* owners of tables and of frames */
	bool upper;    /* it has to do with upper tables: TLBs, promotion, what is left of old trees */
	bool flush;    /* TLBs must forget entries that changed */
	uint32_t left; /* entries before the next look at other work */
};

static void batch_lock(struct batch *b)
{
	spin_lock(&b->d->mm.pt_lock);
	if (unlikely(b->upper))
		pt_allow(b->d);
}

static void batch_unlock(struct batch *b)
{
	if (unlikely(b->flush))
		tlb_flush_cpus(b->d->mm.tlb_cpus);
	b->flush = false;
	spin_unlock(&b->d->mm.pt_lock);
}

/* The frame is no page table of @d's: a plain store, if @d owns the frame and it may be written. */
static int plain_write(struct page_info *pg, struct domain *d, uint64_t *where, uint64_t val)
{
	int rc = page_get_and_type(pg, d, PGT_WRITABLE);

	if (rc)
		return rc;
	*where = val;
	page_put_and_type(pg);
	return 0;
}

/* Not an entry of an L1. */
static __cold int update_other(struct batch *b, struct page_info *pg, uint64_t *where, uint64_t val,
			       bool preserve_ad)
{
	int rc;

	if (!b->upper)
		pt_allow(b->d);
	b->upper = true;
	rc = table_settle(b->d);
	if (rc)
		return rc;
	if (!is_live_upper(pg, b->d))
		return plain_write(pg, b->d, where, val);
	rc = pt_change_upper(pg, (uintptr_t)where & ~PAGE_MASK, val, preserve_ad, &b->flush);
	if (b->d->mm.pt_allowance <= 0)
		b->left = 1;
	return rc;
}

/* A validated table needs no further reference: it cannot be demoted without the lock. */
static inline int update_entry(struct batch *b, uint64_t ptr, uint64_t val, bool preserve_ad)
{
	struct page_info *pg = mfn_to_page(ptr >> PAGE_SHIFT);
	uint64_t *where = paddr_to_virt(ptr & ~7ull);

	if (unlikely(!mfn_valid(ptr >> PAGE_SHIFT)))
		return -EINVAL;
	if (likely(is_live_l1(pg, b->d)))
		return pt_change_l1(where, val, b->d, b->from, preserve_ad);
	return update_other(b, pg, where, val, preserve_ad);
}

static int update_one(struct batch *b, const struct mmu_update *req)
{
	switch (req->ptr & 7) {
	case MMU_NORMAL_PT_UPDATE:
	case MMU_PT_UPDATE_NO_TRANSLATE: /* the same: frame numbers of PV guests are never translated */
		return update_entry(b, req->ptr, req->val, false);
	case MMU_PT_UPDATE_PRESERVE_AD:
		return update_entry(b, req->ptr, req->val, true);
	case MMU_MACHPHYS_UPDATE:
		return m2p_set_of(b->from, req->ptr >> PAGE_SHIFT, req->val) ? 0 : -EINVAL;
	default:
		return -ENOSYS;
	}
}

/* The end of a batch with result @rc that changed upper tables. If old ones are left to take apart and other work
 * waits, a restart comes to them again, and to the entry that failed. */
static __cold int upper_end(struct batch *b, int rc)
{
	batch_unlock(b);
	return pt_settle(b->d) ? -ERESTART : rc;
}

static int batch_run(struct batch *b, gva_t ureqs, uint32_t count, uint32_t *done)
{
	uint32_t i;
	int rc = 0;

	b->left = ENTRIES_PER_CHECK;
	spin_lock(&b->d->mm.pt_lock);
	for (i = 0; i < count; i++) {
		struct mmu_update req;

		if (unlikely(!--b->left)) {
			b->left = ENTRIES_PER_CHECK;
			batch_unlock(b);
			rc = hypercall_preempt_check() ? -ERESTART : 0;
			batch_lock(b);
			if (rc)
				break;
		}
		rc = guest_read(&req, ureqs + i * sizeof(req), sizeof(req));
		if (likely(!rc))
			rc = update_one(b, &req);
		if (unlikely(rc))
			break;
	}
	*done = i;
	if (unlikely(b->upper))
		return upper_end(b, rc);
	spin_unlock(&b->d->mm.pt_lock);
	return rc;
}

/* @foreigndom: owner of the frames in its low half; in its high half, if not zero, one more than the number
 * of the owner of the tables. What the batch before a restart left is settled first. */
static __cold int any_batch(uint32_t foreigndom, gva_t ureqs, uint32_t count, uint32_t *done)
{
	uint32_t tables = foreigndom >> 16;
	struct batch b = {.upper = false};
	int rc;

	*done = 0;
	b.d = mmu_owner_get(tables ? tables - 1 : DOMID_SELF, &rc);
	if (!b.d)
		return rc;
	b.from = mmu_owner_get(foreigndom & 0xffff, &rc);
	if (b.from) {
		rc = pt_settle(b.d);
		if (!rc)
			rc = batch_run(&b, ureqs, count, done);
		domain_put(b.from);
	}
	domain_put(b.d);
	return rc;
}

static int own_batch(gva_t ureqs, uint32_t count, uint32_t *done)
{
	struct domain *d = current->domain;
	struct batch b = {.d = d, .from = d};

	return batch_run(&b, ureqs, count, done);
}

static const struct mmu_list list = {HYPERCALL_RESTARTS_mmu_update, XLAT_mmu_update, any_batch};

long hc_mmu_update(uint64_t ureqs, uint64_t count, uint64_t pdone, uint64_t foreigndom)
{
	if (unlikely(((uint32_t)count & ~LIST_RESTARTED) > SHORT_BATCH))
		hypercall_was_long();
	return mmu_list_run(&list, ureqs, count, pdone, foreigndom, own_batch);
}

/* The flush that update_va_mapping's flags ask for: the kind in the low bits, the rest says which vCPUs. */
static int flush_for(gva_t va, uint64_t flags)
{
	uint64_t who = flags & ~UVMF_FLUSHTYPE_MASK;
	cpuset_t cpus = cpuset_self();
	int rc = 0;

	if (!(flags & UVMF_FLUSHTYPE_MASK))
		return 0;
	if (who == UVMF_ALL)
		cpus = current->domain->mm.tlb_cpus;
	else if (who != UVMF_LOCAL)
		rc = vcpumask_to_cpus(who, &cpus);
	if ((flags & UVMF_FLUSHTYPE_MASK) == UVMF_INVLPG)
		tlb_flush_page_cpus(cpus, va);
	else
		tlb_flush_cpus(cpus);
	return rc;
}

static long va_mapping(gva_t va, uint64_t val, uint64_t flags, struct domain *from)
{
	struct vcpu *v = current;
	struct domain *d = v->domain;
	long rc = -EINVAL, flush_rc;
	uint64_t *where;

	spin_lock(&d->mm.pt_lock);
	where = walk_locked(v, va);
	if (likely(where)) {
		struct page_info *pg = mfn_to_page(virt_to_mfn(where));

		/* Through a linear entry the walk may arrive at a table of another level. */
		if (likely(is_live_l1(pg, d)))
			rc = pt_change_l1(where, val, d, from, false);
	}
	spin_unlock(&d->mm.pt_lock);
	/* What nearly all calls ask for: nothing, or one page of this CPU. */
	if (likely(!(flags & ~UVMF_INVLPG))) {
		if (flags)
			tlb_flush_page_local(va);
		return rc;
	}
	flush_rc = flush_for(va, flags);
	return rc ? rc : flush_rc;
}

long hc_update_va_mapping(uint64_t va, uint64_t val, uint64_t flags)
{
	return va_mapping(va, val, flags, current->domain);
}

long hc_update_va_mapping_otherdomain(uint64_t va, uint64_t val, uint64_t flags, uint64_t domid)
{
	int rc;
	struct domain *from = mmu_owner_get(domid, &rc);

	if (!from)
		return rc;
	rc = va_mapping(va, val, flags, from);
	domain_put(from);
	return rc;
}
