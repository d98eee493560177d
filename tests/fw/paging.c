/* SPDX-License-Identifier: MIT */
/*
 * The boot page tables and a small page pool. The image, the tables and everything the builder placed are
 * mapped at VIRT_BASE + pfn * 4096, so pfn and virtual address follow from each other, and the tables can be
 * read.
 */
#include "fw.h"

#define POOL_PAGES 64

static char pool[POOL_PAGES][4096] __attribute__((aligned(4096)));
static unsigned pool_used;

void *page_alloc(void)
{
	if (pool_used == POOL_PAGES)
		error("page pool is empty");
	return pool[pool_used++];
}

unsigned long va_to_mfn(const void *va)
{
	const unsigned long *p2m = (const unsigned long *)start_info->mfn_list;

	return p2m[((unsigned long)va - VIRT_BASE) / PAGE_SIZE];
}

void *mfn_to_va(unsigned long mfn)
{
	const unsigned long *m2p = (const unsigned long *)MACH2PHYS_VIRT_START;

	return (void *)(VIRT_BASE + m2p[mfn] * PAGE_SIZE);
}

void *root_page(void)
{
	return (void *)start_info->pt_base;
}

unsigned long root_mfn(void)
{
	return va_to_mfn(root_page());
}

static unsigned slot(unsigned long va, int level)
{
	unsigned bits = ROOT_LEVEL == 3 && level == 3 ? 2 : 9;

	return (va >> (12 + 9 * (level - 1))) & ((1u << bits) - 1);
}

pte_t *pte_of(unsigned long va, int level)
{
	pte_t *table = root_page();

	for (int at = ROOT_LEVEL;; at--) {
		pte_t *entry = &table[slot(va, at)];
		if (at == level)
			return entry;
		if (!(*entry & PTE_P))
			return NULL;
		table = mfn_to_va((*entry & PTE_ADDR) >> 12);
	}
}

uint64_t pte_maddr(unsigned long va, int level)
{
	pte_t *entry = pte_of(va, level);

	if (!entry)
		return 0;
	return ((uint64_t)va_to_mfn(entry) << 12) + (unsigned long)entry % PAGE_SIZE;
}

int pte_write(uint64_t maddr, pte_t value)
{
	struct mmu_update u = {.ptr = maddr | MMU_NORMAL_PT_UPDATE, .val = value};
	unsigned done = 0;

	return hypercall_mmu_update(&u, 1, &done, DOMID_SELF);
}

int page_set_ro(void *page, bool readonly)
{
	pte_t pte = ((pte_t)va_to_mfn(page) << 12) | PTE_P | PTE_A | PTE_D | (readonly ? 0 : PTE_RW);

	return hypercall_update_va_mapping((unsigned long)page, pte, UVMF_INVLPG);
}

void table_ready(void *page)
{
	if (page_set_ro(page, true))
		error("cannot make a page-table page read-only");
}

int mmuext1(unsigned cmd, unsigned long arg1, unsigned long arg2)
{
	struct mmuext_op op = {.cmd = cmd};

	op.arg1.mfn = arg1;
	op.arg2.src_mfn = arg2;
	return hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF);
}
