// SPDX-License-Identifier: MIT
/*
 * Memory rules of pv64 guests. Kernel and applications both run in ring 3, so the U bit cannot tell them
 * apart: every guest page has it, and a soft bit remembers which the guest wanted for its kernel.
 * pv32_mm.c has the same functions in the same order.
 */
#include "pv/pv_mm.h"
#include "dom/domain.h"
#include "mm/mm.h"
#include "mm/page.h"

#define GUEST_LOW_END    0x0000800000000000ull /* end of the lower canonical half */
#define GUEST_HIGH_START 0xffff880000000000ull /* root slot 272 */

uint64_t pv64_pte_in(int level, uint64_t pte)
{
	if (!(pte & PTE_P))
		return pte;
	/* Never global: one CR3 load must forget every guest translation (mm/tlb.c). */
	if (level == 1)
		return (pte & PTE_U ? pte : pte | PTE_U | PTE_GUEST_KERNEL) & ~PTE_G;
	return pte | PTE_U | (level == 4 ? PTE_A : 0);
}

enum slot_rule pv64_slot_rule(int level, unsigned slot, bool carrier)
{
	return level == 4 && slot >= SLOT_FIRST && slot <= SLOT_LAST ? SLOT_RESERVED : SLOT_GUEST;
}

int pv64_root_promote(struct domain *d, mfn_t root)
{
	root_install_slots(mfn_to_virt(root), d);
	return 0;
}

int pv64_l2_promote(struct domain *d, mfn_t l2, bool carrier)
{
	return 0;
}

uint64_t pv64_make_cr3(struct vcpu *v, mfn_t root)
{
	return root << PAGE_SHIFT;
}

mfn_t pv64_cr3_to_mfn(uint64_t guest_cr3)
{
	return guest_cr3 >> PAGE_SHIFT;
}

uint64_t pv64_mfn_to_cr3(mfn_t mfn)
{
	return mfn << PAGE_SHIFT;
}

bool pv64_range_ok(gva_t va, uint64_t len)
{
	gva_t end = va + len;

	return end >= va && (end <= GUEST_LOW_END || va >= GUEST_HIGH_START);
}
