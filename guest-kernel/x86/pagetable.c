/* SPDX-License-Identifier: MIT */
/*
 * Building and tearing down the tables of an address space. The walk is the same everywhere; how an entry is
 * written and a frame becomes a page table is the machine's part (native/paging.c, pv/paging.c).
 * Only the user's half changes after boot: the kernel's upper tables are shared by, or copied to, all roots.
 */
#include "x86/internal.h"
#include "kern/lib/errno.h"

static struct root *loaded[CPU_MAX]; /* each processor's current root; NULL: the kernel's own */

static pte_t *new_table(struct root *r, unsigned level, pte_t *slot)
{
	pfn_t pfn = table_alloc();

	if (!pfn)
		return NULL;
	r->tables++;
	table_enter(pfn);
	table_hook(r, level, slot, pfn);
	return pfn_to_virt(pfn);
}

pte_t *pte_find(struct root *r, uintptr_t va, bool create)
{
	pte_t *table = pfn_to_virt(r->kernel);

	for (unsigned level = TABLE_LEVELS; level > 1; level--) {
		pte_t *slot = &table[table_index(va, level)];

		if (*slot & PTE_P)
			table = pfn_to_virt(pte_pfn(*slot));
		else if (!create || !(table = new_table(r, level, slot)))
			return NULL;
	}
	return &table[table_index(va, 1)];
}

pte_t *pte_find_next(struct root *r, unsigned long *va, unsigned long end)
{
	while (*va < end) {
		pte_t *table = pfn_to_virt(r->kernel);
		unsigned level = TABLE_LEVELS;

		for (; level > 1 && table[table_index(*va, level)] & PTE_P; level--)
			table = pfn_to_virt(pte_pfn(table[table_index(*va, level)]));
		if (level == 1)
			return &table[table_index(*va, 1)];
		*va = (*va | ((1ul << (PAGE_SHIFT + 9 * (level - 1))) - 1)) + 1;
	}
	return NULL;
}

/* After one process ends another begins, mostly with the same tables: they are kept, empty, if they are few. This
 * saves the bare machine clearing frames, and a PV guest the hypervisor's checks of each table entry, twice. */
#define SPARE_ROOTS  4u
#define SPARE_TABLES 12u

static struct root spare[SPARE_ROOTS];
static unsigned spares;

int root_create(struct root *r)
{
	if (spares) {
		*r = spare[--spares];
		return 0;
	}
	r->kernel = table_alloc();
	if (!r->kernel)
		return -ENOMEM;
	r->user = r->kernel;
	return root_enter(r);
}

/* Free the tables that the first `entries` entries of this table point to, and those below. */
static void free_below(pfn_t pfn, unsigned level, unsigned entries)
{
	const pte_t *table = pfn_to_virt(pfn);

	if (level == 1)
		return;
	for (unsigned i = 0; i < entries; i++) {
		pfn_t child;

		if (!(table[i] & PTE_P))
			continue;
		child = pte_pfn(table[i]);
		free_below(child, level - 1, TABLE_ENTRIES);
		table_leave(child);
		table_free(child);
		kernel_breathe(); /* no process has this root any more */
	}
}

void root_destroy(struct root *r)
{
	if (spares < SPARE_ROOTS && r->tables <= SPARE_TABLES) {
		spare[spares++] = *r;
		return;
	}
	root_leave(r);
	free_below(r->kernel, TABLE_LEVELS, KERNEL_SLOT);
	root_free(r);
	r->kernel = r->user = 0;
}

void root_switch(struct root *r)
{
	unsigned cpu = cpu_id();

	if (loaded[cpu] == r)
		return;
	if (loaded[cpu])
		loaded[cpu]->cpus &= ~(1u << cpu);
	if (r)
		r->cpus |= 1u << cpu;
	loaded[cpu] = r;
	root_load(r);
}

cpuset_t root_sharers(void)
{
	const struct root *r = loaded[cpu_id()];

	return r ? r->cpus & ~(1u << cpu_id()) : 0;
}
