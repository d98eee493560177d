/* SPDX-License-Identifier: MIT */
/*
 * vm_assist: the writable page tables assist. With it a plain store to a live L1 entry is carried out after a
 * check, a store of a forbidden entry is not; without it the store faults. Unknown types and commands are
 * refused.
 */
#include "fw.h"

const char test_title[] = "hc-vm-assist";

void test_main(void)
{
	volatile char *page = page_alloc();
	unsigned long va = (unsigned long)page;
	volatile pte_t *entry = pte_of(va, 1);
	pte_t old = *entry;

	*page = 1;
	check_eq(hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables), 0);
	check_no_fault(*(volatile unsigned long *)entry = old & ~PTE_RW);
	check(!(*entry & PTE_RW));
	mmuext1(MMUEXT_INVLPG_LOCAL, va, 0);
	check_fault(VEC_PF, *page = 2);
	check_no_fault(*(volatile unsigned long *)entry = old);
	mmuext1(MMUEXT_INVLPG_LOCAL, va, 0);
	check_no_fault(*page = 2);

	/* The usual instructions of kernels on live entries. */
	check_no_fault(__asm__ volatile("lock btrl $1, %0" : "+m"(*(volatile unsigned *)entry)));
	check(!(*entry & PTE_RW));
	check_no_fault(__asm__ volatile("lock orb $2, %0" : "+m"(*(volatile char *)entry)));
	check(*entry & PTE_RW);
	check_no_fault(__asm__ volatile("lock andb $0xfd, %0" : "+m"(*(volatile char *)entry)));
	unsigned long value = (unsigned long)old;
	check_no_fault(__asm__ volatile("xchg %0, %1" : "+r"(value), "+m"(*(volatile unsigned long *)entry)));
	check(!(value & PTE_RW));
	check(*entry & PTE_RW);

	/* A writable mapping of the root: never. */
	pte_t evil = (uint64_t)root_mfn() << 12 | PTE_P | PTE_RW;
	FAULT_TRY(*(volatile unsigned long *)entry = evil);
	check((*entry & PTE_ADDR) != (evil & PTE_ADDR));

	check_eq(hypercall_vm_assist(VMASST_CMD_disable, VMASST_TYPE_writable_pagetables), 0);
	check_fault(VEC_PF, *(volatile unsigned long *)entry = old);
	check_eq(hypercall_vm_assist(VMASST_CMD_enable, 63), -XEN_EINVAL);
	check_eq(hypercall_vm_assist(9, VMASST_TYPE_writable_pagetables), -XEN_ENOSYS);
#ifndef __x86_64__
	check_eq(hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_pae_extended_cr3), 0);
#endif
}
