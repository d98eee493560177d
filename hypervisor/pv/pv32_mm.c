/* SPDX-License-Identifier: MIT */
/*
 * Memory rules of pv32 guests: three levels (PAE), the kernel in ring 1 and so a supervisor to paging. The
 * processor runs in long mode and walks four levels; each vCPU has a hypervisor page above the guest's root,
 * whose entry 0 names it. The guest's last L2 (the carrier) shows the M2P.
 * pv64_mm.c has the same functions in the same order.
 */
#include "pv/pv_mm.h"
#include "dom/domain.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/m2p.h"
#include "mm/mm.h"
#include "mm/page.h"
#include "xen/xen.h"

#define PAE_ENTRIES 4
#define FRAMES_4GB  (1ull << (32 - PAGE_SHIFT))

enum slot_rule pv32_slot_rule(int level, unsigned slot, bool carrier)
{
	if (level == 3)
		return slot < PAE_ENTRIES - 1    ? SLOT_GUEST
		       : slot == PAE_ENTRIES - 1 ? SLOT_CARRIER
						 : SLOT_RESERVED;
	return level == 2 && carrier && slot >= COMPAT_M2P_SLOT ? SLOT_RESERVED : SLOT_GUEST;
}

int pv32_root_promote(struct domain *d, mfn_t root)
{
	uint64_t *l3 = mfn_to_virt(root);

	if (root >= FRAMES_4GB && !(d->vm_assist & 1u << VMASST_TYPE_pae_extended_cr3))
		return -EINVAL;
	memset(l3 + PAE_ENTRIES, 0, (PTES_PER_TABLE - PAE_ENTRIES) * sizeof(*l3));
	return 0;
}

int pv32_l2_promote(struct domain *d, mfn_t l2, bool carrier)
{
	uint64_t *t = mfn_to_virt(l2);

	if (carrier)
		memcpy(t + COMPAT_M2P_SLOT, m2p_compat_l2 + COMPAT_M2P_SLOT,
		       (PTES_PER_TABLE - COMPAT_M2P_SLOT) * sizeof(*t));
	return 0;
}

uint64_t pv32_make_cr3(struct vcpu *v, mfn_t root, bool user)
{
	uint64_t *l4 = v->mm.kind_root;

	l4[0] = make_pte(root, PTE_P | PTE_RW | PTE_U | PTE_A);
	return virt_to_mfn(l4) << PAGE_SHIFT;
}

/* The frame number's upper bits fold into the low bits of the 32-bit CR3 (xen_pfn_to_cr3). */
mfn_t pv32_cr3_to_mfn(uint64_t guest_cr3)
{
	return (guest_cr3 >> PAGE_SHIFT & 0xfffff) | (guest_cr3 & 0xfff) << 20;
}

uint64_t pv32_mfn_to_cr3(mfn_t mfn)
{
	return (uint32_t)(mfn << PAGE_SHIFT) | (uint32_t)(mfn >> 20);
}

int pv32_kind_root_alloc(struct vcpu *v)
{
	v->mm.kind_root = heap_alloc_pages_for(v->domain, 0);
	if (!v->mm.kind_root)
		return -ENOMEM;
	root_install_slots(v->mm.kind_root, v->domain);
	return 0;
}

void pv32_kind_root_free(struct vcpu *v)
{
	if (v->mm.kind_root)
		heap_free_pages(v->mm.kind_root, 0);
	v->mm.kind_root = NULL;
}

void pv32_audit(struct vcpu *v, const struct audit_report *to)
{
	const uint64_t *l4 = v->mm.kind_root;

	if (v->mm.root != INVALID_MFN && pte_mfn(l4[0]) != v->mm.root)
		to->wrong("%s vCPU %u: the table above its root names another", v->domain->name, v->id);
}
