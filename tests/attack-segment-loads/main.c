/* SPDX-License-Identifier: MIT */
/*
 * Segment registers loaded with everything there is: every selector of the GDT window and beyond, of an LDT whose
 * pages are missing, are page tables, or change type while they are in use, with every RPL. Each load works or raises
 * an exception for the guest; the hypervisor's own descriptors cannot be loaded; and going through the hypervisor
 * afterwards, which reloads them, does no harm.
 */
#include "fw.h"

const char test_title[] = "attack-segment-loads";

static uint64_t ldt[1024] __attribute__((aligned(4096)));

/* Load FS and DS, make hypercalls with that, load good ones again. */
static void load(unsigned sel)
{
	FAULT_TRY(__asm__ volatile("mov %0, %%fs" : : "r"(sel)));
	hypercall_xen_version(XENVER_version, NULL);
	hypercall_sched_op(SCHEDOP_yield, NULL);
	FAULT_TRY(__asm__ volatile("mov %0, %%gs" : : "r"(sel)));
	hypercall_sched_op(SCHEDOP_yield, NULL);
	FAULT_TRY(__asm__ volatile("mov %%ds, %%ecx; mov %0, %%ds; mov %%ecx, %%ds" : : "r"(sel) : "ecx"));
	FAULT_TRY(__asm__ volatile("mov %%ss, %%ecx; mov %0, %%ss; mov %%ecx, %%ss" : : "r"(sel) : "ecx"));
	__asm__ volatile("mov %0, %%fs; mov %0, %%gs" : : "r"(0));
}

static bool loads(unsigned sel)
{
	FAULT_TRY(__asm__ volatile("mov %0, %%fs; mov %1, %%fs" : : "r"(sel), "r"(0)));
	return !fault.happened;
}

static void every_selector(void)
{
	for (unsigned sel = 0; sel < 0x10000; sel += 8)
		if (sel < 64 || sel >= 0xdf00)
			for (unsigned rpl = 0; rpl < 4; rpl++)
				load(sel | rpl);
	/* Of the hypervisor's page of the GDT, nothing that is not for guests: TSS, LDT, ring 0 segments. */
	for (unsigned sel = 0xe000; sel < 0xf000; sel += 8)
		if (loads(sel | 3))
			check(sel == (FLAT_KERNEL_SS & ~7) || (sel >= 0xe008 && sel <= 0xe038));
}

static void ldt_pages(void)
{
	unsigned long mfn = va_to_mfn(ldt);

	/* A data segment at every place. */
	for (unsigned i = 0; i < 1024; i++)
		ldt[i] = 0x00cff3000000ffffull;
	check_eq(page_set_ro(ldt, true), 0);
	check_eq(page_set_ro(ldt + 512, true), 0);
	check_eq(mmuext1(MMUEXT_SET_LDT, (unsigned long)ldt, 1024), 0);
	check(loads(7));
	check(loads(512 * 8 + 7));
	check(!loads(1024 * 8 + 7));
	/* In use as descriptors: neither writable nor a table. */
	check(page_set_ro(ldt, false) < 0);
	check(mmuext1(MMUEXT_PIN_L1_TABLE, mfn, 0) < 0);
	/* Unmapped meanwhile, while a register holds one of its segments. */
	__asm__ volatile("mov %0, %%fs" : : "r"(15));
	check_eq(hypercall_update_va_mapping((unsigned long)ldt, 0, UVMF_INVLPG), 0);
	hypercall_sched_op(SCHEDOP_yield, NULL);
	check_eq(mmuext1(MMUEXT_SET_LDT, 0, 0), 0);
	hypercall_sched_op(SCHEDOP_yield, NULL);
	__asm__ volatile("mov %0, %%fs" : : "r"(0));
	check(!loads(7));
	/* Set again with a page missing, and with one that is a page table. */
	check_eq(mmuext1(MMUEXT_SET_LDT, (unsigned long)ldt, 1024), 0);
	check(!loads(7));
	check(loads(512 * 8 + 7));
	check_eq(mmuext1(MMUEXT_SET_LDT, (unsigned long)root_page(), 512), 0);
	check(!loads(7));
	check_eq(mmuext1(MMUEXT_SET_LDT, 0, 0), 0);
	check_eq(page_set_ro(ldt, false), 0);
	check_eq(page_set_ro(ldt + 512, false), 0);
	/* Descriptors that are not for guests: gates, system segments, ring 0 code. */
	for (unsigned type = 0; type < 16; type++)
		for (unsigned i = 0; i < 8; i++)
			ldt[type * 8 + i] = 0x00008f000000ffffull & ~(0xfull << 40);
	for (unsigned i = 0; i < 128; i++)
		ldt[i] = (uint64_t)(i & 0xf) << 40 | (uint64_t)(i >> 5 & 3) << 45 | 0x0000800000e0ffffull;
	check_eq(page_set_ro(ldt, true), 0);
	check_eq(mmuext1(MMUEXT_SET_LDT, (unsigned long)ldt, 512), 0);
	for (unsigned i = 0; i < 128; i++)
		load(i * 8 + 7);
	check_eq(mmuext1(MMUEXT_SET_LDT, 0, 0), 0);
}

void test_main(void)
{
	hypercall_vm_assist(VMASST_CMD_disable, VMASST_TYPE_writable_pagetables);
	every_selector();
	ldt_pages();
}
