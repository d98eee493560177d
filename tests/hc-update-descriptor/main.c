/* SPDX-License-Identifier: MIT */
/*
 * update_descriptor: changes one entry of a live GDT page; the new selector works at once. Refused: an
 * address that is not ours, an unaligned one, and descriptors that would hand out ring 0.
 */
#include "fw.h"

const char test_title[] = "hc-update-descriptor";

void test_main(void)
{
	uint64_t *gdt = page_alloc();
	unsigned long frame = va_to_mfn(gdt);
	uint64_t where = (uint64_t)frame << 12;

	check_eq(page_set_ro(gdt, true), 0);
	check_eq(hypercall_set_gdt(&frame, 512), 0);
	check_fault(VEC_GP, __asm__ volatile("mov %w0, %%fs" ::"r"(3 * 8 + 3)));
	check_eq(hypercall_update_descriptor(where + 3 * 8, 0x00cff3000000ffffull), 0);
	check_no_fault(__asm__ volatile("mov %w0, %%fs" ::"r"(3 * 8 + 3)));
	__asm__ volatile("mov %w0, %%fs" ::"r"(0));
	check_eq(hypercall_update_descriptor(where + 3 * 8, 0), 0);
	check_fault(VEC_GP, __asm__ volatile("mov %w0, %%fs" ::"r"(3 * 8 + 3)));

	check(hypercall_update_descriptor(where + 4, 0) < 0);
	check(hypercall_update_descriptor(0x7fffffull << 12, 0) < 0);
	/* An interrupt gate and a TSS: system descriptors of ring 0. */
	check(hypercall_update_descriptor(where + 8, 0x00008e0000000000ull) < 0);
	check(hypercall_update_descriptor(where + 8, 0x0000890000000067ull) < 0);
	check_eq(hypercall_set_gdt(&frame, 0), 0);
}
