/* SPDX-License-Identifier: MIT */
/*
 * Memory rules of pv64 guests: four levels, the root of which holds the hypervisor's slots too.
 * pv32_mm.c has the same functions in the same order.
 */
#include "pv/pv_mm.h"
#include "dom/domain.h"
#include "mm/mm.h"
#include "mm/page.h"

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

/* Applications need no machine frames: their root loses the M2P, unless it is the kernel's as well. No TLB
 * remembers it: its entries are not global (mm/m2p.c), and the root is loaded after this. */
uint64_t pv64_make_cr3(struct vcpu *v, mfn_t root, bool user)
{
	uint64_t *slot = (uint64_t *)mfn_to_virt(root) + SLOT_M2P;
	uint64_t entry = user && root != v->mm.root ? 0 : idle_root[SLOT_M2P];

	if (*slot != entry)
		__atomic_store_n(slot, entry, __ATOMIC_RELAXED);
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
