/* SPDX-License-Identifier: MIT */
/*
 * The TLB remembers what the tables no longer say. A guest takes a writable mapping away without asking for a
 * flush, makes a page table, a descriptor table or another domain's memory of the frame, and writes through the old
 * translation. The write may fault or go to the frame that is mapped now, but never to the old one. The same one
 * level up: a table is unhooked, becomes data, and is still walked by a CPU that remembers it.
 */
#include "fw.h"

const char test_title[] = "attack-stale-tlb";

static char window[4096] __attribute__((aligned(4096)));
static char other[4096] __attribute__((aligned(4096)));

#define RW    (PTE_P | PTE_RW | PTE_A | PTE_D)
#define STALE 0x1234567ul
#define HOLE  0x10000000ul /* far below everything else */

static pte_t leaf(const void *page, pte_t flags)
{
	return (pte_t)va_to_mfn(page) << 12 | flags;
}

/* @page at `window` writable, known to the TLB; then the entry becomes @now, and no flush is asked for. */
static void leave_stale(const void *page, pte_t now)
{
	check_eq(hypercall_update_va_mapping((unsigned long)window, leaf(page, RW), UVMF_INVLPG), 0);
	*(volatile unsigned long *)(window + 512) = 0;
	check_eq(pte_write(pte_maddr((unsigned long)window, 1), now), 0);
}

static void write_stale(void)
{
	FAULT_TRY(*(volatile unsigned long *)(window + 512) = STALE);
}

static void becomes_table(pte_t now)
{
	pte_t *page = page_alloc();

	check_eq(page_set_ro(page, true), 0);
	leave_stale(page, now);
	check_eq(mmuext1(MMUEXT_PIN_L1_TABLE, va_to_mfn(page), 0), 0);
	write_stale();
	check_eq(page[64], 0);
	check_eq(mmuext1(MMUEXT_UNPIN_TABLE, va_to_mfn(page), 0), 0);
}

static void becomes_gdt(void)
{
	uint64_t *page = page_alloc();
	unsigned long mfn = va_to_mfn(page);

	check_eq(page_set_ro(page, true), 0);
	leave_stale(page, 0);
	check_eq(hypercall_set_gdt(&mfn, 512), 0);
	write_stale();
	check_eq(page[64], 0);
	check_eq(hypercall_set_gdt(NULL, 0), 0);
}

/* The frame is given away. What is got next may be the same frame, and must not be touched through the past. */
static void given_away(void)
{
	void *page = page_alloc();
	xen_pfn_t mfn = va_to_mfn(page), got[16];
	struct xen_memory_reservation r = {.nr_extents = 1, .domid = DOMID_SELF};

	check_eq(hypercall_update_va_mapping((unsigned long)page, 0, UVMF_INVLPG), 0);
	leave_stale(page, 0);
	set_xen_guest_handle(r.extent_start, &mfn);
	check_eq(hypercall_memory_op(XENMEM_decrease_reservation, &r), 1);
	for (unsigned i = 0; i < ARRAY_SIZE(got); i++)
		got[i] = 0xf0000 + i;
	set_xen_guest_handle(r.extent_start, got);
	r.nr_extents = 1;
	check_eq(hypercall_memory_op(XENMEM_populate_physmap, &r), 1);
	write_stale();
	check_eq(hypercall_update_va_mapping((unsigned long)page, (pte_t)got[0] << 12 | RW, UVMF_INVLPG), 0);
	check_eq(((volatile unsigned long *)page)[64], 0);
}

/* An L1 that was hooked at HOLE. It is unhooked, made data, and filled with an entry that maps the root writable: a
 * CPU that still walks it would let us write it. */
static void unhooked_table(void)
{
	pte_t *l1 = page_alloc();
#ifdef __x86_64__
	pte_t *l2 = page_alloc(), *l3 = page_alloc();
	uint64_t hook = pte_maddr(HOLE, 4);

	l3[0] = leaf(l2, RW | PTE_U);
	l2[HOLE >> 21 & 511] = leaf(l1, RW | PTE_U);
	table_ready(l2);
	table_ready(l3);
	pte_t upper = leaf(l3, RW | PTE_U);
#else
	uint64_t hook;
	pte_t *l2 = page_alloc();
	pte_t upper = leaf(l2, PTE_P);

	l2[HOLE >> 21 & 511] = leaf(l1, RW);
	table_ready(l2);
	hook = ((uint64_t)root_mfn() << 12) + (HOLE >> 30) * 8;
#endif
	l1[0] = leaf(other, RW);
	table_ready(l1);
	check_eq(pte_write(hook, upper), 0);
	check_no_fault(*(volatile char *)HOLE = 1);
	check_eq(pte_write(hook, 0), 0);
	check_eq(page_set_ro(l1, false), 0); /* data again */
	l1[1] = leaf(root_page(), RW | PTE_U);
	check_fault(VEC_PF, *(volatile char *)(HOLE + 4096 + 8) = 1);
	check_fault(VEC_PF, *(volatile char *)HOLE = 2);
	check_eq(other[0], 1);
}

void test_main(void)
{
	becomes_table(0);
	becomes_table(leaf(other, RW));
	becomes_table(leaf(other, PTE_P | PTE_A));
	becomes_gdt();
	given_away();
	unhooked_table();
}
