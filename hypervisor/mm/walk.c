// SPDX-License-Identifier: MIT
/*
 * Walking the current guest's tables as the processor does. Another vCPU may change them meanwhile, so what
 * is read can be stale: each table's frame is checked to be RAM before it is looked into, and callers that
 * act on the result hold the domain's pt_lock or check again.
 */
#include "dom/domain.h"
#include "mm/mm.h"
#include "mm/page.h"

static bool is_canonical(gva_t va)
{
	return (gva_t)((int64_t)(va << 16) >> 16) == va;
}

/* Machine address of the L1 entry for @va; 0: there is no L1, or the address is the hypervisor's. */
static paddr_t walk(struct vcpu *v, gva_t va)
{
	uint64_t entry = v->user_mode ? v->user_cr3 : v->kernel_cr3;
	unsigned top = pt_slot(va, 4);

	if (!entry || !is_canonical(va) || (top >= SLOT_FIRST && top <= SLOT_LAST))
		return 0;
	for (int level = 4; level > 1; level--) {
		const uint64_t *t = mfn_to_virt(pte_mfn(entry));

		entry = __atomic_load_n(&t[pt_slot(va, level)], __ATOMIC_RELAXED);
		if ((entry & (PTE_P | PTE_PS)) != PTE_P || mfn_is_io(pte_mfn(entry)))
			return 0;
	}
	return (entry & PTE_ADDR) + pt_slot(va, 1) * sizeof(uint64_t);
}

bool guest_walk_entry(struct vcpu *v, gva_t va, paddr_t *where)
{
	*where = walk(v, va);
	return *where != 0;
}

bool guest_walk(struct vcpu *v, gva_t va, uint64_t *pte, paddr_t *where)
{
	paddr_t at = walk(v, va);

	if (!at)
		return false;
	*pte = __atomic_load_n((uint64_t *)paddr_to_virt(at), __ATOMIC_RELAXED);
	if (where)
		*where = at;
	return *pte & PTE_P;
}
