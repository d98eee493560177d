/* SPDX-License-Identifier: MIT */
/*
 * mmu_update: ordinary updates of L1 entries, PRESERVE_AD, M2P updates; the number done is always written,
 * errors stop the list. Refused: a writable mapping of a page table, reserved bits, superpages, a machine
 * frame that is not ours, an update of a page that another owns, a bad command.
 */
#include "fw.h"

const char test_title[] = "hc-mmu-update";

static int update(uint64_t ptr, uint64_t val, unsigned *done)
{
	struct mmu_update u = {.ptr = ptr, .val = val};

	*done = 99;
	int rc = hypercall_mmu_update(&u, 1, done, DOMID_SELF);
	mmuext1(MMUEXT_TLB_FLUSH_LOCAL, 0, 0); /* the flush is the guest's business */
	return rc;
}

void test_main(void)
{
	unsigned done;
	volatile char *page = page_alloc();
	char *other = page_alloc();
	unsigned long va = (unsigned long)page;
	uint64_t where = pte_maddr(va, 1);
	pte_t old = *pte_of(va, 1);

	*page = 1;
	other[0] = 2;

	/* Point the page at another frame and back. */
	check_eq(update(where, (old & ~PTE_ADDR) | (uint64_t)va_to_mfn(other) << 12, &done), 0);
	check_eq(done, 1);
	check_eq(*page, 2);
	check_eq(update(where, old, &done), 0);
	check_eq(*page, 1);

	/* Read-only, then write: a fault; not present: a fault. */
	check_eq(update(where, old & ~PTE_RW, &done), 0);
	check_fault(VEC_PF, *page = 3);
	check_eq(fault.cr2, va);
	check_eq(fault.error, 3);
	check_eq(update(where, 0, &done), 0);
	check_fault(VEC_PF, *page = 3);
	check_eq(fault.error, 2);
	check_eq(update(where, old, &done), 0);

	/* A and D survive PRESERVE_AD, and only that. */
	*page = 4;
	check(*pte_of(va, 1) & PTE_D);
	check_eq(update(where | MMU_PT_UPDATE_PRESERVE_AD, old & ~(PTE_A | PTE_D), &done), 0);
	check(*pte_of(va, 1) & PTE_D);
	check_eq(update(where | MMU_PT_UPDATE_NO_TRANSLATE, old & ~(PTE_A | PTE_D), &done), 0);
	check(!(*pte_of(va, 1) & PTE_D));

	/* The M2P of a frame of ours. */
	unsigned long mfn = va_to_mfn((void *)va);
	const volatile unsigned long *m2p = (void *)MACH2PHYS_VIRT_START;
	unsigned long pfn = m2p[mfn];
	check_eq(update((uint64_t)mfn << 12 | MMU_MACHPHYS_UPDATE, pfn + 1, &done), 0);
	check_eq(m2p[mfn], pfn + 1);
	check_eq(update((uint64_t)mfn << 12 | MMU_MACHPHYS_UPDATE, pfn, &done), 0);

	/* Refused, and nothing changed. */
	void *table = pte_of(va, 1);
	check(update(where, ((uint64_t)va_to_mfn(table) << 12) | PTE_P | PTE_RW, &done) < 0);
	check_eq(done, 0);
	check_eq(*pte_of(va, 1) & PTE_ADDR, old & PTE_ADDR);
	check(update(where, old | PTE_PS << 0 | 1ull << 51, &done) < 0);
	check(update(pte_maddr(va, 2), *pte_of(va, 2) | PTE_PS, &done) < 0);
	check(update(where, (0xffffffull << 20 << 12 & PTE_ADDR) | PTE_P | PTE_RW, &done) < 0);
	check_eq(update(where | 4, old, &done), -XEN_ENOSYS);
	check_eq(*page, 4);

	/* Lists stop at the first error, and the count says where. */
	struct mmu_update list[3] = {{where, old}, {pte_maddr(va, 2), *pte_of(va, 2) | PTE_PS}, {where, old}};
	done = 99;
	check(hypercall_mmu_update(list, 3, &done, DOMID_SELF) < 0);
	check_eq(done, 1);
	check_eq(hypercall_mmu_update(list, 0, &done, DOMID_SELF), 0);
	check_eq(hypercall_mmu_update((void *)8, 1, NULL, DOMID_SELF), -XEN_EFAULT);
	check_eq(hypercall_mmu_update(list, 1, &done, 77), -XEN_ESRCH);
}
