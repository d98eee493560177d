/* SPDX-License-Identifier: MIT */
/* Walking tables that cannot change meanwhile: the current domain's, under its pt_lock. */
#pragma once

#include "guest/abi.h"
#include "guest/domain.h"
#include "mm/mm.h"
#include "mm/page.h"

/* The table that an entry (or CR3) names, in the direct map. */
static inline uint64_t *pte_table(uint64_t pte)
{
	return paddr_to_virt(pte & PTE_ADDR);
}

/* The L1 entry for @va in the kernel's tables of @v, which is current, or NULL. Validated tables name nothing
 * but RAM, and the caller holds the lock: nothing needs a check but presence. */
static inline uint64_t *walk_locked(const struct vcpu *v, gva_t va)
{
	const struct guest_abi *abi = v->domain->abi;
	uint64_t entry = v->mm.kernel_cr3;

	if (unlikely(va >= abi->low_end && va < abi->high_start))
		return NULL;
#pragma GCC unroll 3
	for (int level = 4; level > 1; level--) {
		entry = pte_table(entry)[pt_slot(va, level)];
		if (unlikely((entry & (PTE_P | PTE_PS)) != PTE_P))
			return NULL;
	}
	return &pte_table(entry)[pt_slot(va, 1)];
}
