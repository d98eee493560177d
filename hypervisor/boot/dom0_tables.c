/* SPDX-License-Identifier: MIT */
/*
 * The initial domain's page tables: written as plain memory, with the entries a guest would write. Making
 * them real is left to the same validation that every guest's tables go through, which thereby checks this
 * file.
 */
#include "boot/dom0_memory.h"
#include "boot/dom0_plan.h"
#include "dom/domain.h"
#include "dom/guest_ops.h"
#include "lib/printk.h"
#include "mm/mm.h"
#include "mm/page.h"

#define LEAF_FLAGS (PTE_P | PTE_RW | PTE_A | PTE_D)

struct builder {
	const struct dom0_memory *m;
	mfn_t root;
	int root_level;
	pfn_t next, end; /* pages to make tables of */
};

static mfn_t new_table(struct builder *b)
{
	BUG_ON(b->next == b->end);
	return b->m->mfn[b->next++];
}

/* A PAE root's entries have few bits (SDM 3A 4.4.1, PDPTE Registers). */
static uint64_t table_flags(const struct builder *b, int level)
{
	return level == 3 && b->root_level == 3 ? PTE_P : PTE_P | PTE_RW | PTE_U | PTE_A | PTE_D;
}

static void map(struct builder *b, gva_t va, pfn_t pfn, uint64_t flags)
{
	mfn_t table = b->root;

	for (int level = b->root_level; level > 1; level--) {
		uint64_t *entry = (uint64_t *)mfn_to_virt(table) + pt_slot(va, level);

		if (!*entry)
			*entry = make_pte(new_table(b), table_flags(b, level));
		table = pte_mfn(*entry);
	}
	((uint64_t *)mfn_to_virt(table))[pt_slot(va, 1)] = make_pte(b->m->mfn[pfn], flags);
}

/* All four tables of a PAE root must be there. */
static void fill_pae_root(struct builder *b)
{
	uint64_t *l3 = mfn_to_virt(b->root);

	for (unsigned i = 0; i < 4; i++)
		if (!l3[i])
			l3[i] = make_pte(new_table(b), table_flags(b, 3));
}

mfn_t dom0_tables_build(const struct dom0_memory *m, const struct dom0_plan *plan)
{
	pfn_t tables = (plan->tables - plan->v_start) >> PAGE_SHIFT, end = tables + plan->nr_tables;
	struct builder b = {.m = m, .root_level = m->d->ops->root_level, .next = tables, .end = end};
	pfn_t pfn = 0;

	b.root = new_table(&b);
	for (gva_t va = plan->v_start; va != plan->v_end; va += PAGE_SIZE, pfn++)
		map(&b, va, pfn, pfn >= tables && pfn < end ? LEAF_FLAGS & ~PTE_RW : LEAF_FLAGS);
	if (b.root_level == 3)
		fill_pae_root(&b);
	if (plan->p2m_pfn) {
		b.next = plan->p2m_pfn + plan->p2m_frames;
		b.end = b.next + plan->p2m_tables;
		for (uint64_t i = 0; i < plan->p2m_frames; i++)
			map(&b, plan->p2m + i * PAGE_SIZE, plan->p2m_pfn + i, LEAF_FLAGS);
	}
	return b.root;
}
