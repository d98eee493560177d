// SPDX-License-Identifier: MIT
/*
 * Changing one entry of a live page table: rule (4) of the essay in mm/page.c. What the new entry names is
 * got before it is written, what the old one named is put after. The processor sets Accessed and Dirty in
 * the entry at any time, so a change that shall keep them is a compare-and-exchange loop.
 *
 * Locking: the owner's pt_lock.
 */
#include "lib/errno.h"
#include "mm/pt.h"

static void entry_write(uint64_t *where, uint64_t new, bool preserve_ad)
{
	uint64_t old = *where;

	if (!preserve_ad) {
		__atomic_store_n(where, new, __ATOMIC_RELEASE);
		return;
	}
	while (!__atomic_compare_exchange_n(where, &old, new | (old & (PTE_A | PTE_D)), false,
					    __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		;
}

int pt_change_l1(uint64_t *where, uint64_t new, struct pt_change *c)
{
	uint64_t old = *where;

	if (new &PTE_P) {
		if (new & ~l1_allowed(c->d))
			return -EINVAL;
		new = c->d->ops->pte_in(1, new);
		/* Same frame, same right to write: the uses stay as they are. */
		if ((old ^ new) & (PTE_ADDR | PTE_RW | PTE_P)) {
			int rc = l1_get(new, c->d, c->from);

			if (unlikely(rc))
				return rc;
		} else {
			old = 0;
		}
	}
	entry_write(where, new, c->preserve_ad);
	if (old & PTE_P)
		l1_put(old);
	return 0;
}

static int change_upper(struct page_info *pg, int level, uint64_t *where, uint64_t new, struct pt_change *c)
{
	unsigned slot = ((uintptr_t)where & ~PAGE_MASK) / sizeof(*where);
	enum slot_rule rule = c->d->ops->slot_rule(level, slot, pg->type & PGT_CARRIER);
	uint64_t old = *where;

	if (rule != SLOT_GUEST)
		return -EINVAL;
	if (new &PTE_P) {
		int rc = entry_get(pg, level, new, rule);

		if (rc)
			return rc;
		new = c->d->ops->pte_in(level, new);
	}
	entry_write(where, new, c->preserve_ad);
	if (old & PTE_P) {
		entry_put(pg, level, old);
		c->flush = true;
	}
	return 0;
}

int pt_change(struct page_info *pg, unsigned offset, uint64_t new, struct pt_change *c)
{
	uint64_t *where = (void *)((char *)mfn_to_virt(page_to_mfn(pg)) + (offset & ~7u));
	enum page_type level = page_type_of(pg);

	return level == PGT_L1 ? pt_change_l1(where, new, c) : change_upper(pg, level, where, new, c);
}
