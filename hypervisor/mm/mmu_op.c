// SPDX-License-Identifier: MIT
/*
 * Hypercalls that change page-table entries: mmu_update (a list of entries, by machine address) and
 * update_va_mapping (one L1 entry, by virtual address). Copying in and authorising; pt_update.c does the
 * work.
 *
 * Locking: a batch takes the table owner's pt_lock at its first page-table entry and keeps it, with a
 * reference to the table, as long as entries follow for the same table; so a run of entries for one table
 * costs one look-up. Reading the guest's list may fault meanwhile, which the exception table handles without
 * any lock.
 */
#include "dom/domain.h"
#include "entry/hypercall.h"
#include "hypercalls.h"
#include "lib/errno.h"
#include "mm/guest_copy.h"
#include "mm/mmu_owner.h"
#include "mm/pt.h"

#define COUNT_RESTARTED   (1u << 31) /* in the count: *pdone already counts what came before */
#define ENTRIES_PER_CHECK 32

struct batch {
	struct pt_change c;
	struct page_info *table; /* the last table changed: a reference and the pt_lock are held; or NULL */
};

static void batch_release(struct batch *b)
{
	if (!b->table)
		return;
	if (b->c.flush)
		tlb_flush_cpus(b->c.d->tlb_cpus);
	b->c.flush = false;
	spin_unlock(&b->c.d->pt_lock);
	page_put(b->table);
	b->table = NULL;
}

static bool is_table(const struct page_info *pg)
{
	return page_type_of(pg) >= PGT_L1 && page_type_of(pg) <= PGT_L4 && (pg->type & PGT_VALIDATED);
}

/* The frame is no page table: a plain store, if it may be written at all. */
static int plain_write(struct page_info *pg, unsigned offset, uint64_t val)
{
	int rc = page_get_type(pg, PGT_WRITABLE);

	if (rc)
		return rc;
	*(uint64_t *)((char *)mfn_to_virt(page_to_mfn(pg)) + (offset & ~7u)) = val;
	page_put_type(pg);
	return 0;
}

static int update_entry(struct batch *b, uint64_t ptr, uint64_t val)
{
	mfn_t mfn = ptr >> PAGE_SHIFT;
	struct page_info *pg = b->table;

	if (!pg || page_to_mfn(pg) != mfn) {
		batch_release(b);
		pg = page_get_mfn(mfn, b->c.d);
		if (!pg)
			return -EINVAL;
		spin_lock(&b->c.d->pt_lock);
		b->table = pg;
	}
	if (likely(is_table(pg)))
		return pt_change(pg, ptr & ~PAGE_MASK, val, &b->c);
	return plain_write(pg, ptr & ~PAGE_MASK, val);
}

static int update_m2p(struct domain *owner, mfn_t mfn, pfn_t pfn)
{
	struct page_info *pg = page_get_mfn(mfn, owner);

	if (!pg)
		return -EINVAL;
	m2p_set(mfn, pfn);
	page_put(pg);
	return 0;
}

static int update_one(struct batch *b, const struct mmu_update *req)
{
	switch (req->ptr & 7) {
	case MMU_NORMAL_PT_UPDATE:
	case MMU_PT_UPDATE_NO_TRANSLATE: /* the same: frame numbers of PV guests are never translated */
		b->c.preserve_ad = false;
		return update_entry(b, req->ptr, req->val);
	case MMU_PT_UPDATE_PRESERVE_AD:
		b->c.preserve_ad = true;
		return update_entry(b, req->ptr, req->val);
	case MMU_MACHPHYS_UPDATE:
		return update_m2p(b->c.from, req->ptr >> PAGE_SHIFT, req->val);
	default:
		return -ENOSYS;
	}
}

/* @foreigndom: owner of the frames in its low half; in its high half, if not zero, one more than the number
 * of the owner of the tables. */
static int batch_owners(struct batch *b, uint32_t foreigndom)
{
	uint32_t tables = foreigndom >> 16;
	int rc;

	b->c.d = mmu_owner_get(tables ? tables - 1 : DOMID_SELF, &rc);
	if (!b->c.d)
		return rc;
	b->c.from = mmu_owner_get(foreigndom & 0xffff, &rc);
	if (!b->c.from)
		domain_put(b->c.d);
	return rc;
}

static int batch_run(struct batch *b, gva_t ureqs, uint32_t count, uint32_t *done)
{
	int rc = 0;

	for (*done = 0; *done < count; ++*done) {
		struct mmu_update req;

		if (*done % ENTRIES_PER_CHECK == ENTRIES_PER_CHECK - 1) {
			batch_release(b);
			if (hypercall_preempt_check()) {
				rc = -ERESTART;
				break;
			}
		}
		rc = guest_read(&req, ureqs + *done * sizeof(req), sizeof(req));
		if (!rc)
			rc = update_one(b, &req);
		if (rc)
			break;
	}
	batch_release(b);
	return rc;
}

long hc_mmu_update(uint64_t ureqs, uint64_t count_arg, uint64_t pdone, uint64_t foreigndom)
{
	struct batch b = {.table = NULL};
	uint32_t count = (uint32_t)count_arg & ~COUNT_RESTARTED, before = 0, done;
	int rc;

	if ((count_arg & COUNT_RESTARTED) && pdone && guest_read(&before, pdone, sizeof(before)))
		return -EFAULT;
	rc = batch_owners(&b, foreigndom);
	if (rc)
		return rc;
	rc = batch_run(&b, ureqs, count, &done);
	domain_put(b.c.d);
	domain_put(b.c.from);

	before += done;
	if (pdone && guest_write(pdone, &before, sizeof(before)) && !rc)
		rc = -EFAULT;
	if (rc == -ERESTART)
		return HYPERCALL_RESTART(__HYPERVISOR_mmu_update, ureqs + done * sizeof(struct mmu_update),
					 (count - done) | COUNT_RESTARTED, pdone, foreigndom);
	return rc;
}

/* The flush that update_va_mapping's flags ask for; they end with the kind, the rest says which vCPUs. */
static int flush_for(gva_t va, uint64_t flags)
{
	uint64_t who = flags & ~UVMF_FLUSHTYPE_MASK;
	uint32_t cpus = 1u << this_cpu->id;
	int rc = 0;

	if (!(flags & UVMF_FLUSHTYPE_MASK))
		return 0;
	if (who == UVMF_ALL)
		cpus = current->domain->tlb_cpus;
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
	struct domain *d = current->domain;
	struct pt_change c = {.d = d, .from = from};
	long rc = -EINVAL, flush_rc;
	paddr_t where;

	spin_lock(&d->pt_lock);
	if (guest_walk_entry(current, va, &where)) {
		struct page_info *pg = mfn_to_page(where >> PAGE_SHIFT);

		/* Through a linear entry one may arrive at a table of another level. */
		if (pg->owner == d && page_type_of(pg) == PGT_L1 && (pg->type & PGT_VALIDATED))
			rc = pt_change_l1(paddr_to_virt(where), val, &c);
	}
	spin_unlock(&d->pt_lock);
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
