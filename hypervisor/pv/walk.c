/* SPDX-License-Identifier: MIT */
/* See walk.h. Tables may change under the walk; it reads each entry once, as the processor does. */
#include "pv/walk.h"
#include "mm/mm.h"
#include "mm/page.h"

bool walk_leaf(uint64_t cr3, gva_t va, uint64_t *leaf)
{
	mfn_t table = pte_mfn(cr3);
	uint64_t allow = PTE_RW | PTE_U, forbid = 0, pte = 0;

	for (int level = 4; level >= 1; level--) {
		if (!mfn_valid(table))
			return false;
		pte = __atomic_load_n((uint64_t *)mfn_to_virt(table) + pt_slot(va, level), __ATOMIC_RELAXED);
		if (!(pte & PTE_P))
			return false;
		allow &= pte;
		forbid |= pte & PTE_NX;
		if (level > 1 && (pte & PTE_PS))
			break; /* the hypervisor's own large pages; guests have none */
		table = pte_mfn(pte);
	}
	*leaf = (pte & ~(PTE_RW | PTE_U | PTE_NX)) | allow | forbid;
	return true;
}

bool walk_permits(uint64_t cr3, gva_t va, uint32_t error)
{
	uint64_t pte;

	if ((error & PF_RESERVED) || !walk_leaf(cr3, va, &pte))
		return false;
	return !((error & PF_WRITE) && !(pte & PTE_RW)) && !((error & PF_USER) && !(pte & PTE_U)) &&
	       !((error & PF_FETCH) && (pte & PTE_NX));
}
