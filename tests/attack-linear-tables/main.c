/* SPDX-License-Identifier: MIT */
/*
 * Entries that name tables of their own level. Read-only ones may be, for the classic self-map. What must not be:
 * making such an entry writable later by changing nothing but its flags; writing through one; chains of tables, that
 * make the hypervisor recurse; circles, that keep each other alive for ever. A table that is named so stays a table.
 */
#include "fw.h"

const char test_title[] = "attack-linear-tables";

#define LEVEL 2
#define RO    (PTE_P | PTE_U | PTE_A)

static pte_t entry(const void *page, pte_t flags)
{
	return (pte_t)va_to_mfn(page) << 12 | flags;
}

static uint64_t slot(const void *page, unsigned i)
{
	return ((uint64_t)va_to_mfn(page) << 12) + i * 8;
}

static pte_t *pinned(void)
{
	pte_t *page = page_alloc();

	table_ready(page);
	check_eq(mmuext1(MMUEXT_PIN_L1_TABLE + LEVEL - 1, va_to_mfn(page), 0), 0);
	return page;
}

/* By every way to write an entry: the flags alone change. */
static void flags_only(void)
{
	pte_t *a = pinned();

	check_eq(pte_write(slot(a, 5), entry(a, RO)), 0);
	check(pte_write(slot(a, 5), entry(a, RO | PTE_RW)) < 0);
	check(pte_write(slot(a, 5) | MMU_PT_UPDATE_PRESERVE_AD, entry(a, RO | PTE_RW)) < 0);
	check(pte_write(slot(a, 5), entry(a, RO | PTE_RW | PTE_PS)) < 0);
	check(!(a[5] & PTE_RW));
	check_eq(pte_write(slot(a, 5), 0), 0);
	check_eq(mmuext1(MMUEXT_UNPIN_TABLE, va_to_mfn(a), 0), 0);
	check_eq(page_set_ro(a, false), 0);
	/* The same inside a table to be. */
	a[5] = entry(a, RO | PTE_RW);
	table_ready(a);
	check(mmuext1(MMUEXT_PIN_L1_TABLE + LEVEL - 1, va_to_mfn(a), 0) < 0);
	check_eq(page_set_ro(a, false), 0);
}

static void chains(void)
{
	pte_t *a = pinned(), *b = pinned(), *c = pinned(), *l1 = page_alloc();

	check_eq(pte_write(slot(a, 0), entry(b, RO)), 0);
	check(pte_write(slot(b, 0), entry(c, RO)) < 0); /* b is named, so it names no table */
	check(pte_write(slot(c, 0), entry(a, RO)) < 0); /* a names, so it is not named */
	check(pte_write(slot(b, 0), entry(a, RO)) < 0); /* a circle */
	check_eq(pte_write(slot(c, 0), entry(b, RO)), 0);
	/* Long ones, of tables that become tables by each other: refused as a whole, and nothing is left of them. */
	pte_t *page[12];
	table_ready(l1);
	check_eq(mmuext1(MMUEXT_PIN_L1_TABLE, va_to_mfn(l1), 0), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(page); i++)
		page[i] = page_alloc();
	for (unsigned i = 0; i < ARRAY_SIZE(page); i++) {
		page[i][0] = entry(page[(i + 1) % ARRAY_SIZE(page)], RO);
		page[i][1] = entry(l1, RO | PTE_RW);
		table_ready(page[i]);
	}
	check(mmuext1(MMUEXT_PIN_L1_TABLE + LEVEL - 1, va_to_mfn(page[0]), 0) < 0);
	for (unsigned i = 0; i < ARRAY_SIZE(page); i++)
		check_eq(page_set_ro(page[i], false), 0);
	/* b stays a table while it is named, even when it is unpinned. */
	check_eq(mmuext1(MMUEXT_UNPIN_TABLE, va_to_mfn(b), 0), 0);
	check(page_set_ro(b, false) < 0);
	check(mmuext1(MMUEXT_PIN_L1_TABLE, va_to_mfn(b), 0) < 0);
	check_eq(pte_write(slot(a, 0), 0), 0);
	check(page_set_ro(b, false) < 0);
	check_eq(mmuext1(MMUEXT_UNPIN_TABLE, va_to_mfn(c), 0), 0);
	check_eq(page_set_ro(b, false), 0);
}

/* A pile: one table named by all entries of another, and then taken apart. */
static void many(void)
{
	pte_t *a = pinned(), *b = pinned();

	for (unsigned i = 0; i < 300; i++)
		check_eq(pte_write(slot(a, i), entry(b, RO)), 0);
	check_eq(mmuext1(MMUEXT_UNPIN_TABLE, va_to_mfn(b), 0), 0);
	check(page_set_ro(b, false) < 0);
	check_eq(mmuext1(MMUEXT_UNPIN_TABLE, va_to_mfn(a), 0), 0);
	check_eq(page_set_ro(b, false), 0);
	check_eq(page_set_ro(a, false), 0);
}

/* An L2 that names itself stands where an L1 is looked for: what is written there by address, or by a store to where it is
 * seen, would be an entry of an L2 made by the rules of an L1's, and map a page of data as a table. */
static void through_one(void)
{
	unsigned long va = VIRT_BASE + (200ul << 20);
	unsigned own = (va >> 21) & 511, other = own + 1;
	pte_t *l2 = (pte_t *)((unsigned long)pte_of(va, 2) & ~(PAGE_SIZE - 1)), *data = page_alloc();
	pte_t evil = entry(data, RO | PTE_RW | PTE_D);

	check_eq(l2[own], 0);
	check_eq(l2[other], 0);
	check_eq(pte_write(slot(l2, own), entry(l2, RO)), 0);
	check_eq(*(volatile pte_t *)(va + own * PAGE_SIZE + own * 8) & PTE_ADDR,
		 l2[own] & PTE_ADDR); /* so it is seen */
	check_eq(hypercall_update_va_mapping(va + other * PAGE_SIZE, evil, UVMF_INVLPG), -XEN_EINVAL);
	check_eq(hypercall_update_va_mapping(va + own * PAGE_SIZE, 0, UVMF_INVLPG), -XEN_EINVAL);
	check_eq(hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables), 0);
	check_fault(VEC_PF, *(volatile unsigned long *)(va + own * PAGE_SIZE + other * 8) = evil);
	check_eq(l2[other], 0);
	check_eq(pte_write(slot(l2, own), 0), 0);
	check_eq(mmuext1(MMUEXT_TLB_FLUSH_LOCAL, 0, 0), 0);
}

#ifdef __x86_64__
#define FREE_SLOT   100ul
#define SLOT_DIRECT 262ul

/*
 * A pv64 root has the hypervisor's entries in the upper half. One that names itself, or another root, would show these one
 * level late: its direct map's tables as a guest's, and where they stand for pages of 2 MiB, the first 4 KiB of each page
 * of the machine. No guest could read that; but the hypervisor could, at an address that is the guest's by its number.
 */
static void hypervisor_slots(void)
{
	unsigned long phys = (unsigned long)va_to_mfn(root_page()) << 12;
	unsigned long va =
	    FREE_SLOT << 39 | SLOT_DIRECT << 30 | (phys >> 30) << 21 | (phys >> 21 & 511) << 12;
	struct sched_poll poll = {.nr_ports = 1, .timeout = 1};
	uint64_t where = ((uint64_t)root_mfn() << 12) + FREE_SLOT * 8;
	pte_t *other = page_alloc();

	table_ready(other);
	check_eq(mmuext1(MMUEXT_PIN_L4_TABLE, va_to_mfn(other), 0), 0);
	set_xen_guest_handle(poll.ports, (evtchn_port_t *)va);
	for (unsigned i = 0; i < 2; i++) {
		check(pte_write(where, entry(i ? other : root_page(), RO)) < 0);
		check_eq(hypercall_sched_op(SCHEDOP_poll, &poll), -XEN_EFAULT);
	}
	/* The same inside a root to be. */
	check_eq(mmuext1(MMUEXT_UNPIN_TABLE, va_to_mfn(other), 0), 0);
	check_eq(page_set_ro(other, false), 0);
	other[FREE_SLOT] = entry(other, RO);
	table_ready(other);
	check(mmuext1(MMUEXT_PIN_L4_TABLE, va_to_mfn(other), 0) < 0);
}
#endif

#ifndef __x86_64__
/* PAE's root cannot be named: 64-bit walks would take four entries for 512. */
static void pae_root(void)
{
	check(pte_write((uint64_t)root_mfn() << 12, entry(root_page(), PTE_P)) < 0);
}
#endif

void test_main(void)
{
	flags_only();
	chains();
	many();
	through_one();
#ifdef __x86_64__
	hypervisor_slots();
#endif
#ifndef __x86_64__
	pae_root();
#endif
}
