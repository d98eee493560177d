/* SPDX-License-Identifier: MIT */
/*
 * update_va_mapping: writes the L1 entry of an address in the current tables. An address without an L1, a
 * non-canonical one and the hypervisor's are refused without harm; so are entries that mmu_update refuses.
 */
#include "fw.h"

const char test_title[] = "hc-update-va-mapping";

void test_main(void)
{
	volatile char *page = page_alloc();
	unsigned long va = (unsigned long)page;
	pte_t old = *pte_of(va, 1);

	*page = 7;
	check_eq(hypercall_update_va_mapping(va, 0, UVMF_INVLPG | UVMF_LOCAL), 0);
	check_fault(VEC_PF, (void)*page);
	check_eq(hypercall_update_va_mapping(va, old, UVMF_TLB_FLUSH | UVMF_LOCAL), 0);
	check_eq(*page, 7);
	check_eq(hypercall_update_va_mapping(va, old & ~PTE_RW, UVMF_INVLPG | UVMF_ALL), 0);
	check_fault(VEC_PF, *page = 8);
	check_eq(hypercall_update_va_mapping(va, old, UVMF_NONE), 0);
	check_no_fault(*page = 8);

	check(hypercall_update_va_mapping(0x200000, old, UVMF_INVLPG) < 0); /* nothing mapped there */
	check(hypercall_update_va_mapping(MACH2PHYS_VIRT_START, old, UVMF_INVLPG) < 0);
#ifdef __x86_64__
	check(hypercall_update_va_mapping(0x0000800000000000ul, old, UVMF_INVLPG) < 0);
	check(hypercall_update_va_mapping(0xffff830000000000ul, old, UVMF_INVLPG) < 0);
#endif
	check(hypercall_update_va_mapping(va, ((uint64_t)root_mfn() << 12) | PTE_P | PTE_RW, UVMF_INVLPG) <
	      0);
	check_eq(hypercall_update_va_mapping(va, ((uint64_t)root_mfn() << 12) | PTE_P, UVMF_INVLPG), 0);
	check_eq(*(volatile pte_t *)page, *(pte_t *)root_page());
	check_eq(hypercall_update_va_mapping(va, old, UVMF_INVLPG), 0);
}
