/* SPDX-License-Identifier: MIT */
/* Leaf page-table entries as mm/ uses them: see space.h for the four kinds. */
#include "kern/mm/page.h"
#include "kern/mm/space.h"

bool pte_is_parked(pte_t pte)
{
	return (pte & (PTE_P | PTE_SOFT)) == PTE_SOFT;
}

bool pte_holds_frame(pte_t pte)
{
	return pte_is_parked(pte) || (pte & (PTE_P | PTE_FOREIGN)) == PTE_P;
}

/* Only this kernel reads a parked entry, never the hardware: it carries the plain frame number. */
pfn_t pte_frame(pte_t pte)
{
	return pte_is_parked(pte) ? (pfn_t)((pte & PTE_FRAME) >> PAGE_SHIFT) : pte_pfn(pte);
}

pte_t pte_park(pfn_t pfn)
{
	return (pte_t)pfn << PAGE_SHIFT | PTE_SOFT;
}

pte_t pte_for(const struct area *a, pfn_t pfn, bool writable)
{
	pte_t flags = PTE_P | PTE_U | PTE_A;

	if (!a->prot)
		return pte_park(pfn);
	if (writable && (a->prot & PROT_WRITE))
		flags |= PTE_W | PTE_D;
	if (!(a->prot & PROT_EXEC))
		flags |= PTE_NX;
	return pte_make(pfn, flags);
}

ulong pte_table_end(ulong va)
{
	return (va | ((PAGE_SIZE << 9) - 1)) + 1;
}

/*
 * Clears the entries of a range, then drops the frames' references. The order matters: a frame must not be
 * reused while an entry, delayed by batching, still maps it. So the frames of one leaf table are noted while
 * the batch is open and freed after it is closed and the TLB is clean.
 */
static void clear_in_table(struct mm *mm, pte_t *ptep, ulong count)
{
	static u32 frames[TABLE_ENTRIES]; /* nothing here sleeps */
	ulong i, held = 0;
	bool known = false; /* to the TLB: a foreign frame too, on which no reference is held */

	pte_batch_begin();
	for (i = 0; i < count; i++) {
		pte_t pte = ptep[i];

		if (!pte)
			continue;
		known |= (pte & PTE_P) != 0;
		if (pte_holds_frame(pte))
			frames[held++] = pte_frame(pte);
		pte_set(&ptep[i], 0);
	}
	pte_batch_end();
	if (known && mm->root.cpus) /* an address space that is current nowhere is in no TLB */
		tlb_flush_all();
	mm->pages -= held;
	for (i = 0; i < held; i++)
		page_put(frames[i]);
}

ulong pte_clear_some(struct mm *mm, ulong start, ulong end)
{
	pte_t *ptep = pte_find_next(&mm->root, &start, end);
	ulong stop = ptep ? MIN(end, pte_table_end(start)) : end;

	if (ptep)
		clear_in_table(mm, ptep, (stop - start) >> PAGE_SHIFT);
	return stop;
}

void pte_clear_range(struct mm *mm, ulong start, ulong end)
{
	while (start < end)
		start = pte_clear_some(mm, start, end);
}
