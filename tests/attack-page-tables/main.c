/* SPDX-License-Identifier: MIT */
/*
 * A page table is never writable by its guest. All ways to get there are tried: writing it, mapping it
 * writable by each hypercall, making a table of a page that is mapped writable, giving one page two types, a
 * writable linear mapping, a table loop, big pages, the hypervisor's slots. Each is refused, and the tables
 * stay as they were.
 */
#include "fw.h"

const char test_title[] = "attack-page-tables";

static char victim[4096] __attribute__((aligned(4096)));
static char big_target[4096] __attribute__((aligned(4096)));

#define RW (PTE_P | PTE_RW | PTE_A | PTE_D)

static pte_t leaf(unsigned long mfn, pte_t flags)
{
	return (pte_t)mfn << 12 | flags;
}

static unsigned long table_mfn(int level)
{
	return va_to_mfn((void *)((unsigned long)pte_of((unsigned long)victim, level) & ~4095ul));
}

/* Write it, and map it writable: by update_va_mapping, by mmu_update. */
static void existing_tables(void)
{
	for (int level = 1; level <= ROOT_LEVEL; level++) {
		volatile pte_t *entry = pte_of((unsigned long)victim, level);
		unsigned long mfn = table_mfn(level);
		pte_t before = *entry;

		check(hypercall_update_va_mapping((unsigned long)victim, leaf(mfn, RW), UVMF_INVLPG) < 0);
		check(pte_write(pte_maddr((unsigned long)victim, 1), leaf(mfn, RW)) < 0);
		check(pte_write(pte_maddr((unsigned long)entry & ~4095ul, 1), leaf(mfn, RW)) < 0);
		check(*entry == before);
		/* Read-only mappings are allowed. */
		check_eq(
		    hypercall_update_va_mapping((unsigned long)victim, leaf(mfn, PTE_P | PTE_A), UVMF_INVLPG),
		    0);
		if (level > 1) /* an L1 may be written by emulation: tests/pv-writable-pagetables */
			check_fault(VEC_PF, *(volatile char *)victim = 0);
		check(*(volatile pte_t *)(victim + (unsigned long)entry % 4096) == before || level == 1);
		check_eq(page_set_ro(victim, false), 0);
	}
	volatile char *root = root_page();
	check_fault(VEC_PF, root[8] = 0);
}

/* A page mapped writable becomes no table; a table becomes no table of another level. */
static void types(void)
{
	pte_t *page = page_alloc();
	unsigned long mfn = va_to_mfn(page);

	for (unsigned cmd = MMUEXT_PIN_L1_TABLE; cmd < MMUEXT_PIN_L1_TABLE + ROOT_LEVEL; cmd++)
		check(mmuext1(cmd, mfn, 0) < 0);
	check(mmuext1(MMUEXT_NEW_BASEPTR, mfn, 0) < 0);
	check(pte_write(pte_maddr((unsigned long)big_target, 2), leaf(mfn, RW | PTE_U)) < 0);
	/* Still an ordinary page. */
	page[0] = 1;
	page[0] = 0;
	table_ready(page);
	check_eq(mmuext1(MMUEXT_PIN_L1_TABLE, mfn, 0), 0);
	check(mmuext1(MMUEXT_PIN_L2_TABLE, mfn, 0) < 0);
	check(page_set_ro(page, false) < 0);
	/* An entry that maps the table itself writable, and one that maps a live table. */
	check(pte_write((uint64_t)mfn << 12, leaf(mfn, RW)) < 0);
	check(pte_write((uint64_t)mfn << 12, leaf(table_mfn(1), RW)) < 0);
	check(pte_write((uint64_t)mfn << 12, leaf(mfn, PTE_P | PTE_A)) <= 0);
	pte_write((uint64_t)mfn << 12, 0);
	check_eq(mmuext1(MMUEXT_UNPIN_TABLE, mfn, 0), 0);
	check_eq(page_set_ro(page, false), 0);
}

/* The same inside a table that is being promoted: one bad entry refuses the whole, and nothing is left
 * pinned. */
static void bad_contents(void)
{
	pte_t *page = page_alloc();
	unsigned long mfn = va_to_mfn(page);
	const pte_t bad[] = {leaf(table_mfn(1), RW), leaf(root_mfn(), RW), leaf(mfn, RW),
			     leaf(va_to_mfn(victim), RW) | 1ull << 51, leaf(0xffffffffull, RW)};

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		page[0] = leaf(va_to_mfn(victim), RW);
		page[511] = bad[i];
		check_eq(page_set_ro(page, true), 0);
		check(mmuext1(MMUEXT_PIN_L1_TABLE, mfn, 0) < 0);
		check(mmuext1(MMUEXT_UNPIN_TABLE, mfn, 0) < 0);
		check_eq(page_set_ro(page, false), 0); /* writable again: no type was left behind */
	}
	page[0] = page[511] = 0;
}

/* Upper levels: big pages, a writable table of itself, the hypervisor's slots. */
static void upper_levels(void)
{
	uint64_t l2 = pte_maddr((unsigned long)victim, 2), root = (uint64_t)root_mfn() << 12;
	pte_t old = *pte_of((unsigned long)victim, 2);

	check(pte_write(l2, leaf(va_to_mfn(victim) & ~511ul, RW | PTE_U | PTE_PS)) < 0);
	check(pte_write(l2, leaf(va_to_mfn(victim), RW | PTE_U)) < 0); /* a data page as L1 */
	check(pte_write(l2, old | 1ull << 51) < 0);
	check(*pte_of((unsigned long)victim, 2) == old);
#ifdef __x86_64__
	for (unsigned slot = 256; slot < 272; slot++)
		check(pte_write(root + slot * 8, leaf(root_mfn(), PTE_P)) < 0);
	/* Linear mappings of the root: read-only may be, writable never. */
	check(pte_write(root + 300 * 8, leaf(root_mfn(), RW | PTE_U)) < 0);
	if (pte_write(root + 300 * 8, leaf(root_mfn(), PTE_P | PTE_U | PTE_A)) == 0) {
		volatile pte_t *linear =
		    (void *)(0xffff000000000000ul | 300ul << 39 | 300ul << 30 | 300ul << 21 | 300ul << 12);
		check_no_fault(linear[0]);
		check_fault(VEC_PF, linear[1] = 0);
		check_eq(pte_write(root + 300 * 8, 0), 0);
	}
	/* Loops: an L3 or L2 that contains a table above it. */
	check(pte_write(pte_maddr((unsigned long)victim, 3), leaf(root_mfn(), RW | PTE_U)) < 0);
	check(pte_write(l2, leaf(table_mfn(3), RW | PTE_U)) < 0);
#else
	for (unsigned i = 0x1ac; i < 512; i++) /* the hypervisor's part of the last L2 */
		check(pte_write((uint64_t)table_mfn(2) * 4096 + i * 8, leaf(va_to_mfn(victim), PTE_P)) < 0);
	check(pte_write(root + 3 * 8, 0) < 0 || *pte_of((unsigned long)victim, 3) & PTE_P);
	check(pte_write(l2, leaf(root_mfn(), RW)) < 0);
#endif
}

void test_main(void)
{
	hypercall_vm_assist(VMASST_CMD_disable, VMASST_TYPE_writable_pagetables);
	existing_tables();
	types();
	bad_contents();
	upper_levels();
	/* After all that, mapping works as ever. */
	check_eq(page_set_ro(victim, false), 0);
	check_no_fault(*(volatile char *)victim = 1);
}
