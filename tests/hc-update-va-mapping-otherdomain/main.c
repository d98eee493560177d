/* SPDX-License-Identifier: MIT */
/* update_va_mapping_otherdomain: with our own id as update_va_mapping; with an unknown domain -ESRCH. */
#include "fw.h"

const char test_title[] = "hc-update-va-mapping-otherdomain";

void test_main(void)
{
	volatile char *page = page_alloc();
	unsigned long va = (unsigned long)page;
	pte_t old = *pte_of(va, 1);

	check_eq(hypercall_update_va_mapping_otherdomain(va, old & ~PTE_RW, UVMF_INVLPG, DOMID_SELF), 0);
	check_fault(VEC_PF, *page = 8);
	check_eq(hypercall_update_va_mapping_otherdomain(va, old, UVMF_INVLPG, DOMID_SELF), 0);
	check_no_fault(*page = 8);
	check_eq(hypercall_update_va_mapping_otherdomain(va, old, UVMF_INVLPG, 77), -XEN_ESRCH);
}
