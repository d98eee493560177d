/* SPDX-License-Identifier: MIT */
/*
 * One frame, two meanings at once. A descriptor table as a page table and the other way round; a page table as a
 * table of every other level; a frame that is mapped writable as any of them, and each of them written by the
 * operations that write frames for a guest (clear, copy, plain mmu_update, update_descriptor, vcpu_info, the
 * hypercall page). Whatever it is first it stays, and after its last use it is ordinary memory again.
 */
#include "fw.h"

const char test_title[] = "attack-type-confusion";

static char target[4096] __attribute__((aligned(4096)));

#define RW (PTE_P | PTE_RW | PTE_A | PTE_D)

static int write_through_hypervisor(unsigned long mfn, void *page)
{
	struct vcpu_register_vcpu_info info = {.mfn = mfn, .offset = 64};
	int rc = 0;

	rc |= mmuext1(MMUEXT_CLEAR_PAGE, mfn, 0) >= 0;
	rc |= (mmuext1(MMUEXT_COPY_PAGE, mfn, va_to_mfn(target)) >= 0) << 1;
	rc |= (hypercall_vcpu_op(VCPUOP_register_vcpu_info, 0, &info) >= 0) << 2;
	rc |= (hypercall_update_va_mapping((unsigned long)page, (pte_t)mfn << 12 | RW, UVMF_INVLPG) >= 0)
	      << 3;
	return rc;
}

static void as_table(int level)
{
	pte_t *page = page_alloc();
	unsigned long mfn = va_to_mfn(page);

	table_ready(page);
	/* A PAE root must have a last L2: that is another test's matter. */
	check_eq(mmuext1(MMUEXT_PIN_L1_TABLE + level - 1, mfn, 0), 0);
	for (int other = 1; other <= ROOT_LEVEL; other++)
		if (other != level)
			check(mmuext1(MMUEXT_PIN_L1_TABLE + other - 1, mfn, 0) < 0);
	check(hypercall_set_gdt(&mfn, 512) < 0);
	check(hypercall_update_descriptor((uint64_t)mfn << 12, 0x00cffb000000ffffull) < 0);
	check_eq(write_through_hypervisor(mfn, page), 0);
	check_eq(page[0], 0);
	check_eq(mmuext1(MMUEXT_UNPIN_TABLE, mfn, 0), 0);
	check_eq(page_set_ro(page, false), 0);
	check_no_fault(*(volatile pte_t *)page = 1);
}

static void as_descriptors(void)
{
	uint64_t *page = page_alloc();
	unsigned long mfn = va_to_mfn(page);

	check_eq(page_set_ro(page, true), 0);
	check_eq(hypercall_set_gdt(&mfn, 512), 0);
	for (int level = 1; level <= ROOT_LEVEL; level++)
		check(mmuext1(MMUEXT_PIN_L1_TABLE + level - 1, mfn, 0) < 0);
	check(pte_write(pte_maddr((unsigned long)target, 2), (pte_t)mfn << 12 | RW | PTE_U) < 0);
	check(mmuext1(MMUEXT_NEW_BASEPTR, mfn, 0) < 0);
	check(pte_write((uint64_t)mfn << 12, 0x00af9b000000ffffull) < 0); /* ring 0 code, 64 bit */
	check_eq(write_through_hypervisor(mfn, page), 0);
	check_eq(page[0], 0);
	check_eq(hypercall_set_gdt(NULL, 0), 0);
	check_eq(page_set_ro(page, false), 0);
	check_no_fault(*(volatile uint64_t *)page = 1);
}

/* A table whose entries change meaning while it is taken for something else in the same batch. */
static void in_one_batch(void)
{
	pte_t *page = page_alloc();
	unsigned long mfn = va_to_mfn(page), done = 0;
	struct mmuext_op op[3] = {};

	table_ready(page);
	op[0].cmd = MMUEXT_PIN_L1_TABLE;
	op[1].cmd = MMUEXT_UNPIN_TABLE;
	op[2].cmd = MMUEXT_PIN_L2_TABLE;
	op[0].arg1.mfn = op[1].arg1.mfn = op[2].arg1.mfn = mfn;
	check_eq(hypercall_mmuext_op(op, 3, &done, DOMID_SELF), 0);
	check_eq((unsigned)done, 3);
	check(pte_write((uint64_t)mfn << 12, (pte_t)va_to_mfn(target) << 12 | RW) < 0); /* data is no L1 */
	check(page_set_ro(page, false) < 0);
	check_eq(mmuext1(MMUEXT_UNPIN_TABLE, mfn, 0), 0);
	check(mmuext1(MMUEXT_UNPIN_TABLE, mfn, 0) < 0);
	check_eq(page_set_ro(page, false), 0);
}

void test_main(void)
{
	for (int level = 1; level <= ROOT_LEVEL; level++)
		if (level != 3 || ROOT_LEVEL == 4)
			as_table(level);
	as_descriptors();
	in_one_batch();
}
