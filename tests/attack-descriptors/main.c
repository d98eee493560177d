/* SPDX-License-Identifier: MIT */
/*
 * No descriptor of a guest leads to the hypervisor's privilege: code and data of DPL 0 are raised or refused,
 * 64-bit code is refused to pv32 (ring 1 would reach past 4 GiB), system segments, task and interrupt gates
 * are refused or made harmless; a descriptor page is never writable; the reserved part of the table and the
 * register itself cannot be changed.
 */
#include "fw.h"

const char test_title[] = "attack-descriptors";

#define CODE32 0x00cf9b000000ffffull
#define CODE64 0x00af9b000000ffffull
#define DATA   0x00cf93000000ffffull
#define DPL(d) ((uint64_t)(d) << 45)

static uint64_t gdt[512] __attribute__((aligned(4096)));

/* The type and privilege that the table holds now. */
static bool harmless(uint64_t d)
{
	unsigned dpl = d >> 45 & 3, least = ROOT_LEVEL == 4 ? 3 : 1;
	bool present = d >> 47 & 1, segment = d >> 44 & 1;

	if (!present)
		return true;
	if (!segment) /* a call gate that remains must be emulated: DPL 0, so that the processor never takes
			 it */
		return (d >> 40 & 15) == 12 ? dpl == 0 : false;
	if (ROOT_LEVEL == 3 && (d >> 43 & 1) && (d >> 53 & 1)) /* L bit */
		return false;
	return dpl >= least;
}

static const uint64_t evil[] = {
    CODE32 | DPL(0),
    CODE64 | DPL(0),
    DATA | DPL(0),
    CODE32 | DPL(1),
    CODE64 | DPL(1),
    CODE64 | DPL(3),
    0x00009f000000ffffull,          /* conforming code, DPL 0 */
    0x0000ec0000080000ull | DPL(3), /* call gate to selector 8 */
    0x0000ee0000080000ull | DPL(3), /* interrupt gate */
    0x0000e50000080000ull | DPL(3), /* task gate */
    0x0000890000000067ull | DPL(3), /* TSS */
    0x0000820000000fffull | DPL(3), /* LDT */
};

/* Whole tables: set_gdt either refuses the page or repairs it. */
static void whole_tables(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(evil); i++) {
		unsigned long frames[1] = {va_to_mfn(gdt)};

		check_eq(page_set_ro(gdt, false), 0);
		gdt[8] = evil[i];
		check_eq(page_set_ro(gdt, true), 0);
		if (hypercall_set_gdt(frames, 512) == 0) {
			if (!harmless(gdt[8]))
				failure("descriptor %llx stands as %llx", (unsigned long long)evil[i],
					(unsigned long long)gdt[8]);
			check(page_set_ro(gdt, false) < 0); /* in use: not writable */
			check_fault(VEC_PF, *(volatile uint64_t *)gdt = 1);
		}
		check_eq(hypercall_set_gdt(frames, 0), 0);
		if (page_set_ro(gdt, false))
			error("the page stays typed");
		gdt[8] = 0;
	}
}

/* Single descriptors into the live table. */
static void single_descriptors(void)
{
	unsigned long frames[1] = {va_to_mfn(gdt)};
	uint64_t at = (uint64_t)frames[0] << 12;

	gdt[8] = 0;
	check_eq(page_set_ro(gdt, true), 0);
	check_eq(hypercall_set_gdt(frames, 512), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(evil); i++) {
		hypercall_update_descriptor(at + 8 * 8, evil[i]);
		if (!harmless(gdt[8]))
			failure("update_descriptor left %llx as %llx", (unsigned long long)evil[i],
				(unsigned long long)gdt[8]);
	}
	/* Not aligned, in a page table, at the end of all addresses, in no frame. */
	check(hypercall_update_descriptor(at + 4, DATA | DPL(3)) < 0);
	check(hypercall_update_descriptor((uint64_t)root_mfn() << 12, DATA | DPL(3)) < 0);
	check(hypercall_update_descriptor(~7ull, DATA | DPL(3)) < 0);
	check(hypercall_update_descriptor(1ull << 50, DATA | DPL(3)) < 0);
	check_eq(hypercall_set_gdt(frames, 0), 0);
}

static void reserved_part(void)
{
	unsigned long frames[16];

	for (unsigned i = 0; i < 16; i++)
		frames[i] = va_to_mfn(gdt);
	check(hypercall_set_gdt(frames, FIRST_RESERVED_GDT_ENTRY + 1) < 0);
	check(hypercall_set_gdt(frames, 8192) < 0);
	check(hypercall_set_gdt(frames, ~0u) < 0);
	/* A page table is no descriptor table, nor is a page mapped writable. */
	frames[0] = root_mfn();
	check(hypercall_set_gdt(frames, 512) < 0);
	frames[0] = va_to_mfn((void *)((unsigned long)test_title & ~4095ul));
	check(hypercall_set_gdt(frames, 512) < 0);
	/* An LDT above the limit, not aligned, in the hypervisor. */
	check(mmuext1(MMUEXT_SET_LDT, (unsigned long)gdt, 8193) < 0);
	check(mmuext1(MMUEXT_SET_LDT, (unsigned long)gdt + 1, 16) < 0);
	check(mmuext1(MMUEXT_SET_LDT, HYPERVISOR_VIRT_START, 16) < 0 || mmuext1(MMUEXT_SET_LDT, 0, 0) == 0);
}

/* Far jumps to the hypervisor's own selectors, and to nothing. */
static void far_jumps(void)
{
	static const unsigned short selectors[] = {0x8,    0x10,   0x18,   0xe008, 0xe010,
						   0xe018, 0xe038, 0xe040, 0xe048};
	struct {
		unsigned offset;
		unsigned short selector;
	} __attribute__((packed)) target;

	for (unsigned i = 0; i < ARRAY_SIZE(selectors); i++) {
		target.offset = 16;
		target.selector = selectors[i];
		FAULT_TRY(__asm__ volatile("ljmpl *%0" ::"m"(target)));
		check(fault.happened);
	}
}

void test_main(void)
{
	reserved_part();
	single_descriptors();
	whole_tables();
	far_jumps();
}
