/* SPDX-License-Identifier: MIT */
/*
 * Changing one entry of a live page table: rule (4) of the essay in mm/page.c. What the new entry names is
 * got before it is written, what the old one named is put after. The processor sets Accessed and Dirty in
 * the entry at any time, so a change that must keep them is a compare-and-exchange loop.
 *
 * Locking: the owner's pt_lock.
 */
#include "lib/errno.h"
#include "mm/pt.h"

/* A locked instruction in both cases: the frame's stamp, read next (l1_put), must not be older than this
 * store is for the walkers of other CPUs. */
static inline void entry_write(uint64_t *where, uint64_t pte, bool preserve_ad)
{
	uint64_t old = *where;

	if (!preserve_ad) {
		__atomic_exchange_n(where, pte, __ATOMIC_ACQ_REL);
		return;
	}
	while (!__atomic_compare_exchange_n(where, &old, pte | (old & (PTE_A | PTE_D)), false,
					    __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		;
}

int pt_change_l1(uint64_t *where, uint64_t pte, struct domain *d, struct domain *from, bool preserve_ad)
{
	const struct paging_rules *rules = d->paging;
	uint64_t old = *where;

	if (pte & PTE_P) {
		if (unlikely(pte & ~rules->allowed[1]) && (pte & ~l1_allowed(d)))
			return -EINVAL;
		pte = l1_in(pte, rules->added[1]);
		/* Same frame, same right to write: the uses stay as they are. */
		if (!l1_same_uses(old, pte)) {
			int rc = l1_get(pte, d, from);

			if (unlikely(rc))
				return rc;
		} else {
			old = 0;
		}
	}
	entry_write(where, pte, preserve_ad);
	l1_put(old);
	return 0;
}

int pt_change_upper(struct page_info *pg, unsigned offset, uint64_t pte, bool preserve_ad, bool *flush)
{
	struct domain *d = pg->owner;
	unsigned slot = offset / sizeof(uint64_t);
	uint64_t *where = (uint64_t *)mfn_to_virt(page_to_mfn(pg)) + slot, old = *where;
	int level = page_type_of(pg);
	enum slot_rule rule = d->paging->slot_rule(level, slot, pg->type & PGT_CARRIER);

	if (rule != SLOT_GUEST)
		return -EINVAL;
	if (pte & PTE_P) {
		int rc = entry_get(pg, level, pte, rule);

		if (rc)
			return rc;
		pte |= d->paging->added[level];
	}
	entry_write(where, pte, preserve_ad);
	if (old & PTE_P) {
		if (entry_put(pg, level, old))
			d->mm.pt_left = pte_mfn(old);
		*flush = true;
	}
	return 0;
}
