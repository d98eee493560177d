/* SPDX-License-Identifier: MIT */
/* Walking tables that cannot change meanwhile: the current domain's, under its pt_lock. */
#pragma once

#include "dom/domain.h"
#include "mm/mm.h"
#include "mm/page.h"

/* The next table down, for an entry of a table with addresses as the direct map has them. */
static inline uint64_t *pte_table(uint64_t pte)
{
	return paddr_to_virt(pte & PTE_ADDR);
}

/* Can @va have an L1 of the guest's at all? */
static inline bool walk_possible(gva_t va)
{
	unsigned top = pt_slot(va, 4);

	return (gva_t)((int64_t)(va << 16) >> 16) == va && (top < SLOT_FIRST || top > SLOT_LAST);
}

/* The L1 entry for @va in the tables that @v runs on, or NULL. Validated tables name nothing but RAM, and the
 * caller holds the lock: nothing needs a check but presence. */
static inline uint64_t *walk_locked(const struct vcpu *v, gva_t va)
{
	uint64_t entry = v->user_mode ? v->user_cr3 : v->kernel_cr3;

	if (unlikely(!entry || !walk_possible(va)))
		return NULL;
	for (int level = 4; level > 1; level--) {
		entry = pte_table(entry)[pt_slot(va, level)];
		if (unlikely((entry & (PTE_P | PTE_PS)) != PTE_P))
			return NULL;
	}
	return &pte_table(entry)[pt_slot(va, 1)];
}
