/* SPDX-License-Identifier: MIT */
/*
 * The root of a 32-bit guest: four entries in a page of 512, of which the last names the L2 that shows the
 * hypervisor's M2P. Without that L2 there is no root; it belongs to one root alone, is no ordinary L2 meanwhile, and
 * cannot be exchanged under way; its upper slots are the hypervisor's. What stands behind the fourth entry never
 * reaches the processor, though it walks four levels. A root must not be given to a pv64 guest's hypercalls.
 */
#include "fw.h"

const char test_title[] = "attack-pae-root";

#ifdef __x86_64__
void test_main(void)
{
	skip("for PAE guests");
}
#else
#define RW        (PTE_P | PTE_RW | PTE_A | PTE_D)
#define M2P_SLOT  (0xf5800000u >> 21 & 511)
#define HIDDEN(i) ((uint64_t)root_mfn() << 12 | (i)*8)

static pte_t entry(const void *page, pte_t flags)
{
	return (pte_t)va_to_mfn(page) << 12 | flags;
}

static int pin_root(pte_t *root)
{
	return mmuext1(MMUEXT_PIN_L3_TABLE, va_to_mfn(root), 0);
}

static void unpin(pte_t *page)
{
	check_eq(mmuext1(MMUEXT_UNPIN_TABLE, va_to_mfn(page), 0), 0);
}

static pte_t *readied(void)
{
	pte_t *page = page_alloc();

	table_ready(page);
	return page;
}

void test_main(void)
{
	pte_t *root = page_alloc(), *second = page_alloc(), *carrier = readied(), *l2 = readied();

	/* The live one. */
	for (unsigned i = 3; i < 512; i += i < 8 ? 1 : 100) {
		check(pte_write(HIDDEN(i), entry(l2, PTE_P)) < 0);
		check(pte_write(HIDDEN(i), 0) < 0);
	}
	/* No last L2; a page that is no L2; bits that PAE roots do not have. */
	root[0] = entry(l2, PTE_P);
	table_ready(root);
	check(pin_root(root) < 0);
	check_eq(page_set_ro(root, false), 0);
	root[3] = entry(carrier, PTE_P | PTE_NX);
	check_eq(page_set_ro(root, true), 0);
	check(pin_root(root) < 0);
	check_eq(page_set_ro(root, false), 0);
	/* A live tree's last L2 cannot be shared. */
	root[3] = *pte_of(VIRT_BASE, 3) & (PTE_ADDR | PTE_P);
	check_eq(page_set_ro(root, true), 0);
	check(pin_root(root) < 0);
	check_eq(page_set_ro(root, false), 0);
	/* A good one; behind the fourth entry nonsense, that is gone afterwards. */
	root[3] = entry(carrier, PTE_P);
	root[4] = root[300] = entry(root_page(), RW | PTE_U);
	check_eq(page_set_ro(root, true), 0);
	check_eq(pin_root(root), 0);
	check_eq(root[4], 0);
	check_eq(root[300], 0);
	check(carrier[M2P_SLOT] & PTE_P);
	check(!(carrier[M2P_SLOT] & PTE_U));
	for (unsigned i = M2P_SLOT; i < 512; i++)
		check(pte_write((uint64_t)va_to_mfn(carrier) << 12 | i * 8, 0) < 0);
	check(mmuext1(MMUEXT_PIN_L2_TABLE, va_to_mfn(carrier), 0) < 0);
	check(pte_write((uint64_t)va_to_mfn(root) << 12, entry(carrier, PTE_P)) < 0);
	check(pte_write((uint64_t)va_to_mfn(root) << 12 | 3 * 8, entry(l2, PTE_P)) < 0);
	check(pte_write((uint64_t)va_to_mfn(root) << 12 | 3 * 8, 0) < 0);
	check(pte_write((uint64_t)va_to_mfn(root) << 12, entry(root, PTE_P)) < 0);
	second[3] = entry(carrier, PTE_P);
	table_ready(second);
	check(pin_root(second) < 0);
	/* The first one ends, and its L2 is an ordinary one again, without anything of the hypervisor's. */
	unpin(root);
	check_eq(carrier[M2P_SLOT], 0);
	check_eq(mmuext1(MMUEXT_PIN_L2_TABLE, va_to_mfn(carrier), 0), 0);
	check(pin_root(second) < 0);
	unpin(carrier);
	check_eq(pin_root(second), 0);
	unpin(second);
	check(mmuext1(MMUEXT_NEW_USER_BASEPTR, va_to_mfn(root), 0) < 0);
	check(mmuext1(MMUEXT_NEW_BASEPTR, va_to_mfn(l2), 0) < 0);
}
#endif
