/* SPDX-License-Identifier: MIT */
/*
 * set_gdt: a frame of descriptors becomes the live GDT, its selectors can be loaded, and the page is
 * read-only while in use. Refused: too many entries, frames that are writable mapped, frames that are not
 * ours.
 */
#include "fw.h"

const char test_title[] = "hc-set-gdt";

void test_main(void)
{
	uint64_t *gdt = page_alloc();
	unsigned long frame = va_to_mfn(gdt);
	unsigned long all[14];
	unsigned short back;

	gdt[2] = 0x00cff3000000ffffull;            /* data, DPL 3, 4 GiB */
	check(hypercall_set_gdt(&frame, 512) < 0); /* still mapped writable */
	check_eq(page_set_ro(gdt, true), 0);
	check_eq(hypercall_set_gdt(&frame, 512), 0);
	check(page_set_ro(gdt, false) < 0);
	check_no_fault(__asm__ volatile("mov %w1, %%fs; mov %%fs, %w0" : "=r"(back) : "r"(2 * 8 + 3)));
	check_eq(back, 2 * 8 + 3);
	check_fault(VEC_GP, __asm__ volatile("mov %w0, %%fs" ::"r"(5 * 8 + 3)));
	__asm__ volatile("mov %w0, %%fs" ::"r"(0));

	for (unsigned i = 0; i < ARRAY_SIZE(all); i++) /* as many as there may be */
		all[i] = frame;
	check_eq(hypercall_set_gdt(all, 14 * 512), 0);
	check_no_fault(__asm__ volatile("mov %w0, %%fs" ::"r"((13 * 512 + 2) * 8 + 3)));
	__asm__ volatile("mov %w0, %%fs" ::"r"(0));
	check_eq(hypercall_set_gdt(all, 14 * 512 + 1), -XEN_EINVAL);
	check_eq(hypercall_set_gdt(&frame, 512), 0);
	unsigned long foreign = 0x7fffff;
	check(hypercall_set_gdt(&foreign, 512) < 0);
	check_eq(hypercall_set_gdt((void *)8, 512), -XEN_EFAULT);
	check_eq(hypercall_set_gdt(&frame, 0), 0);
	check_eq(page_set_ro(gdt, false), 0);
}
