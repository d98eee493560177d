/* SPDX-License-Identifier: MIT */
/*
 * References and types of frames: why no guest can break out through its page tables.
 *
 * A PV guest's page tables are the ones the processor uses; they hold machine frame numbers, and the guest
 * may read them. What it may not do is write them. We have to show that every translation the processor can
 * ever make for a guest leads to a frame that the guest was given, with rights it was given. The claim behind
 * it all:
 *
 *	(A) No frame is at once writable by a guest and in use as a page table.
 *
 * Each frame carries two counts. The reference count says how many holders need the frame to stay allocated:
 * its owner (PGC_ALLOCATED), every page-table entry that names it, every pin, every loaded root. The type
 * count says how many holders rely on what the frame is: PGT_WRITABLE for a writable mapping, PGT_L1 to L4
 * for an entry or root that uses it as a table, PGT_SEGDESC for a descriptor table that shows it to the
 * processor.
 *
 *	(1) A frame has one type at a time, and the type changes only while its count is zero. Both stand in
 *	    one word that changes by compare-and-exchange, so two CPUs cannot disagree.
 *	(2) The processor is given a table only through an entry, a root or a window that holds a use of its
 *	    type; a guest is given a writable mapping only through an L1 entry that holds a use of
 *	    PGT_WRITABLE.
 *	(3) A frame becomes a table only after validation (mm/promote.c): each present entry is within the
 *	    allowed bits and names a frame for which the use that the entry needs could be got. So (2) holds
 *	    for every entry of a new table, and for its children by induction from L1 up.
 *	(4) Entries of a live table change only through pt_change_l1 and pt_change_upper (mm/pt_update.c),
 *	    which get the new use before they write the entry and put the old one afterwards. So (2) goes on
 *	    holding.
 *
 * By (2) a guest's write reaches frames of type WRITABLE, and the processor's walk reads frames of type L1 to
 * L4; by (1) these are different frames. That is (A) for the tables in memory. TLBs remember more: a mapping
 * taken away may live on in them, and so may a table taken out of use (SDM 3A 4.10, "Caching Translation
 * Information"). Hence
 *
 *	(5) When a frame changes its type, and when a freed frame is handed out again, every CPU that may
 *	    remember the old use is flushed before the new use begins: the new type stays unvalidated, and no
 *	    other CPU can get it, until the flush and the validation are done.
 *
 * A frame is freed when its reference count falls to zero. Every holder of a use of its type holds
 * a reference as well, so a frame in use as a table or mapped anywhere is never freed and reused. The
 * hypervisor's own frames have no references and no owner, so page_get always refuses them.
 *
 * A pointer loop cannot keep a dead guest's tables alive: uses of table types go strictly down the levels,
 * except for the read-only linear entries, whose bookkeeping (mm/promote.c) forbids chains.
 *
 * The stamp that tells which CPUs to flush (mm/tlb.c) is taken when the last use of a type ends: after the moment from
 * which no CPU can get another, and before the count falls.
 *
 * tests/verify/paging.pml is a model of (A) and (1) to (5), and of the flush clock, that `make verify` explores whole; each
 * rule is broken there on purpose as well. A change of a rule is a change of both.
 *
 * A tree may be large, and neither its validation nor its end may keep the CPU from other work for long. Both
 * may stop on the way, and leave partial tables: mm/partial.c says why no CPU or guest can use these as tables
 * or as memory.
 *
 * Locking: counts are atomic. Getting or putting a table type needs the owner's pt_lock, so validations of
 * one domain's tables never run at the same time; they may take turns.
 */
#include "cpu/ipi.h"
#include "mm/pt.h"
#include "lib/printk.h"

#define PGT_IS_TABLE(type) ((type) >= PGT_L1 && (type) <= PGT_L4)

struct page_info *page_get_mfn(mfn_t mfn, struct domain *d)
{
	struct page_info *pg;

	if (!mfn_valid(mfn))
		return NULL;
	pg = mfn_to_page(mfn);
	return page_get(pg, d) ? pg : NULL;
}

/* PGT_SEGDESC: every descriptor must be harmless; some are made so by writing them back. */
static int segdesc_promote(struct page_info *pg)
{
	uint64_t *desc = mfn_to_virt(page_to_mfn(pg));

	for (unsigned i = 0; i < PAGE_SIZE / sizeof(*desc); i++)
		if (!pg->owner->paging->descriptor_ok(&desc[i]))
			return -EINVAL;
	return 0;
}

/* CPUs whose TLB may show frames of @d: its own, those that know them by a grant, and those of the domains that need no
 * grant to map them (mm/mmu_owner.c). */
static cpuset_t mapping_cpus(const struct domain *d)
{
	cpuset_t cpus = d->mm.tlb_cpus | d->mm.tlb_abroad;
	const struct domain *p = privileged_domains;

	do {
		cpus |= p->mm.tlb_cpus;
		p = p->next_privileged;
	} while (unlikely(p));
	return cpus & cpus_online;
}

/* This CPU took @pg from count 0 to an unvalidated use of @key; @old is the type word before. */
static int begin_type(struct page_info *pg, uint64_t key, uint64_t old)
{
	enum page_type type = (key & PGT_TYPE_MASK) >> PGT_SHIFT;
	int rc = 0;

	if ((old & PGT_KEY) != key) {
		cpuset_t stale = tlb_stale_cpus(mapping_cpus(pg->owner), pg->stamp);

		if (stale)
			tlb_flush_cpus(stale);
	}
	if (PGT_IS_TABLE(type)) {
		pg->linear = 0;
		return table_raise(pg, key, 0);
	}
	if (type == PGT_SEGDESC)
		rc = segdesc_promote(pg);
	if (likely(!rc)) {
		__atomic_or_fetch(&pg->type, PGT_VALIDATED, __ATOMIC_RELEASE);
		return 0;
	}
	pg->stamp = tlb_stamp_now();
	__atomic_store_n(&pg->type, key, __ATOMIC_RELEASE);
	return rc;
}

int page_get_key(struct page_info *pg, uint64_t key)
{
	uint64_t old = __atomic_load_n(&pg->type, __ATOMIC_ACQUIRE), next;

	for (;;) {
		bool first = !(old & PGT_COUNT);

		if (first) {
			next = key | 1;
			/* Still what it was: nothing to flush, nothing to validate. */
			if (key == PGT_KEY_OF(PGT_WRITABLE) && (old & PGT_KEY) == key)
				next |= PGT_VALIDATED;
		} else if ((old & PGT_KEY) != key) {
			return -EINVAL;
		} else if (unlikely(old & PGT_PARTIAL)) {
			/* The table's own use becomes the caller's. */
			return table_resume(pg, true);
		} else if (unlikely(!(old & PGT_VALIDATED))) {
			/* Another CPU is validating it, and may wait for this one's answers. */
			cpu_service_requests();
			cpu_relax();
			old = __atomic_load_n(&pg->type, __ATOMIC_ACQUIRE);
			continue;
		} else {
			next = old + 1;
		}
		if (!__atomic_compare_exchange_n(&pg->type, &old, next, false, __ATOMIC_ACQ_REL,
						 __ATOMIC_ACQUIRE))
			continue;
		return next & PGT_VALIDATED ? 0 : begin_type(pg, key, old);
	}
}

int page_get_type(struct page_info *pg, enum page_type type)
{
	return page_get_key(pg, PGT_KEY_OF(type));
}

/*
 * The last use ends in two steps. First the type ceases to be valid, and keeps its count of one: no CPU can get it.
 * Then the stamp is taken, and only then the count falls. Were the stamp taken first, another CPU might get a use before
 * the count falls, show the frame to a guest, and put that use again; the count would be what it was, and the
 * stamp older than the mapping.
 */
int page_put_type(struct page_info *pg)
{
	uint64_t old = __atomic_load_n(&pg->type, __ATOMIC_RELAXED);
	enum page_type type;
	bool last;

	/* A locked instruction: whatever mapping the caller took away comes before the stamp for all CPUs. */
	do {
		last = (old & PGT_COUNT) == 1;
	} while (unlikely(!__atomic_compare_exchange_n(&pg->type, &old,
						       last ? old & ~(PGT_VALIDATED | PGT_TAG_MASK) : old - 1,
						       false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)));
	if (!last)
		return 0;
	type = (old & PGT_TYPE_MASK) >> PGT_SHIFT;
	if (PGT_IS_TABLE(type))
		return table_lower(pg, old & PGT_KEY, PTES_PER_TABLE, 0);
	pg->stamp = tlb_stamp_now();
	/* Descriptors are looked at again by the next user; memory stays what it is. */
	__atomic_store_n(&pg->type, type == PGT_SEGDESC ? (old - 1) & ~PGT_VALIDATED : old - 1,
			 __ATOMIC_RELEASE);
	return 0;
}

int page_get_and_type(struct page_info *pg, struct domain *d, enum page_type type)
{
	int rc;

	if (!page_get(pg, d))
		return -EINVAL;
	rc = page_get_type(pg, type);
	if (rc)
		page_put(pg);
	return rc;
}

int page_put_and_type(struct page_info *pg)
{
	int rc = page_put_type(pg);

	page_put(pg);
	return rc;
}

int page_pin(struct page_info *pg, enum page_type level)
{
	struct domain *d = pg->owner;
	int rc;

	pt_begin(d);
	/* A dying domain's pins are undone once, frame by frame. */
	rc = d->state >= DOMAIN_DYING ? -EINVAL : page_get_and_type(pg, d, level);
	if (!rc && (__atomic_fetch_or(&pg->type, PGT_PINNED, __ATOMIC_ACQ_REL) & PGT_PINNED)) {
		page_put_and_type(pg);
		rc = -EINVAL;
	}
	spin_unlock(&d->mm.pt_lock);
	return rc;
}

int page_unpin(struct page_info *pg)
{
	struct domain *d = pg->owner;
	int rc;

	pt_begin(d);
	rc = table_settle(d);
	if (!rc && !(__atomic_fetch_and(&pg->type, ~PGT_PINNED, __ATOMIC_ACQ_REL) & PGT_PINNED))
		rc = -EINVAL;
	else if (!rc)
		rc = table_put(pg);
	spin_unlock(&d->mm.pt_lock);
	return rc;
}
