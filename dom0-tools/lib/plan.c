/* SPDX-License-Identifier: MIT */
/* See plan.h. The number of page tables depends on where the area ends, and that on their number: we start
 * with one table and repeat until nothing changes, which it soon does since both only grow. */
#include "plan.h"
#include "err.h"

#include <stdlib.h>
#include <string.h>

#define PAGE       4096ull
#define SLACK      (512 * 1024ull)
#define AREA_ALIGN (4 * 1024 * 1024ull)

static uint64_t pages(uint64_t bytes)
{
	return (bytes + PAGE - 1) / PAGE;
}

/* Bits of address that one table of @level translates. */
static unsigned span_shift(unsigned level)
{
	return 12 + 9 * level;
}

uint64_t plan_va(const struct plan *plan, uint64_t pfn)
{
	return plan->virt_base + pfn * PAGE;
}

static uint64_t table_base(const struct plan *plan, uint64_t va, unsigned level)
{
	return level == plan->abi->levels ? 0 : va >> span_shift(level) << span_shift(level);
}

static long find_table(const struct plan *plan, unsigned level, uint64_t base)
{
	for (size_t i = 0; i < plan->tables.count; i++)
		if (plan->table[i].level == level && plan->table[i].base == base)
			return i;
	return -1;
}

static int add_table(struct plan *plan, unsigned level, uint64_t base)
{
	struct plan_table *grown;

	if (find_table(plan, level, base) >= 0)
		return 0;
	grown = realloc(plan->table, (plan->tables.count + 1) * sizeof(*grown));
	if (!grown)
		return fail("out of memory for the page tables of the domain");
	plan->table = grown;
	grown[plan->tables.count].level = level;
	grown[plan->tables.count++].base = base;
	return 0;
}

/* The tables of @level needed to translate @count pages from @va on. */
static int add_range(struct plan *plan, unsigned level, uint64_t va, uint64_t count)
{
	uint64_t last = va + (count - 1) * PAGE, base = table_base(plan, va, level);

	for (;;) {
		if (add_table(plan, level, base))
			return -1;
		if (table_base(plan, last, level) == base)
			return 0;
		base += 1ull << span_shift(level);
	}
}

static int add_tables(struct plan *plan)
{
	plan->tables.count = 0;
	for (unsigned level = plan->abi->levels; level >= 1; level--) {
		if (add_range(plan, level, plan->virt_base, plan->mapped))
			return -1;
		if (plan->p2m_apart && add_range(plan, level, plan->p2m_va, plan->p2m.count))
			return -1;
		/* pv32: the last GiB's L2 must be there, since the hypervisor maps the M2P through it. */
		if (plan->abi->levels == 3 && level == 2 && add_table(plan, 2, 0xc0000000))
			return -1;
	}
	return 0;
}

static struct plan_range take(uint64_t *next, uint64_t count)
{
	struct plan_range range = {*next, count};

	*next += count;
	return range;
}

/* Place everything, given the number of page tables. Returns the number of frames needed. */
static uint64_t place(struct plan *plan, const struct plan_kernel *kernel, uint64_t initrd_pages)
{
	uint64_t next = plan->image.pfn + plan->image.count, end, p2m_pages;

	p2m_pages = pages(plan->nr_pages * plan->abi->word);
	if (!kernel->initrd_unmapped)
		plan->initrd = take(&next, initrd_pages);
	if (!plan->p2m_apart) {
		plan->p2m = take(&next, p2m_pages);
		plan->p2m_va = plan_va(plan, plan->p2m.pfn);
	}
	plan->start_info = take(&next, 1);
	plan->store = take(&next, 1);
	plan->console = take(&next, 1);
	plan->tables = take(&next, plan->tables.count);
	plan->stack = take(&next, 1);
	end = next * PAGE + SLACK + plan->virt_base;
	end = (end + AREA_ALIGN - 1) / AREA_ALIGN * AREA_ALIGN;
	plan->mapped = (end - plan->virt_base) / PAGE;
	next += SLACK / PAGE;
	if (plan->mapped > plan->nr_pages)
		plan->mapped = plan->nr_pages; /* a small domain: its area ends with its memory */
	if (next > plan->mapped)
		return next;
	if (kernel->initrd_unmapped || plan->p2m_apart)
		next = plan->mapped;
	if (kernel->initrd_unmapped)
		plan->initrd = take(&next, initrd_pages);
	if (plan->p2m_apart)
		plan->p2m = take(&next, p2m_pages);
	return next;
}

int plan_make(struct plan *plan, const struct plan_kernel *kernel, uint64_t initrd_size, uint64_t nr_pages)
{
	uint64_t need, before;

	memset(plan, 0, sizeof(*plan));
	plan->abi = kernel->abi;
	plan->virt_base = kernel->virt_base & ~(PAGE - 1);
	plan->nr_pages = nr_pages;
	plan->p2m_apart = kernel->init_p2m != PLAN_NONE;
	plan->p2m_va = kernel->init_p2m;
	plan->image.pfn = (kernel->start - plan->virt_base) / PAGE;
	plan->image.count = pages(kernel->end - plan->virt_base) - plan->image.pfn;
	plan->tables.count = 1;
	do {
		before = plan->tables.count;
		need = place(plan, kernel, pages(initrd_size));
		if (need > nr_pages) {
			plan_free(plan);
			return fail("the domain does not fit: kernel and initrd need %llu MiB, it has %llu "
				    "MiB; raise memory=",
				    (unsigned long long)(need + 255) / 256,
				    (unsigned long long)nr_pages / 256);
		}
		if (add_tables(plan)) {
			plan_free(plan);
			return -1;
		}
	} while (plan->tables.count != before);
	return 0;
}

void plan_free(struct plan *plan)
{
	free(plan->table);
	plan->table = NULL;
}

/* The frame that the first address space shows at @va, or PLAN_NONE. */
static uint64_t pfn_at(const struct plan *plan, uint64_t va)
{
	if (va >= plan->virt_base && (va - plan->virt_base) / PAGE < plan->mapped)
		return (va - plan->virt_base) / PAGE;
	if (plan->p2m_apart && va >= plan->p2m_va && (va - plan->p2m_va) / PAGE < plan->p2m.count)
		return plan->p2m.pfn + (va - plan->p2m_va) / PAGE;
	return PLAN_NONE;
}

static uint64_t leaf(const struct plan *plan, uint64_t va, const uint64_t *p2m)
{
	uint64_t pfn = pfn_at(plan, va);
	uint64_t flags = plan->abi->l1_flags;

	if (pfn == PLAN_NONE)
		return 0;
	/* Nobody may be able to write page tables: the hypervisor refuses to validate them otherwise. */
	if (pfn >= plan->tables.pfn && pfn < plan->tables.pfn + plan->tables.count)
		flags &= ~2ull;
	return p2m[pfn] << 12 | flags;
}

void plan_fill_table(const struct plan *plan, size_t i, const uint64_t *p2m, uint64_t entry[512])
{
	const struct guest_abi *abi = plan->abi;
	const uint64_t flags[] = {0, 0, abi->l2_flags, abi->l3_flags, abi->l4_flags};
	const struct plan_table *t = &plan->table[i];
	unsigned shift = span_shift(t->level - 1);
	unsigned slots = t->level == abi->levels && abi->levels == 3 ? 4 : 512;

	memset(entry, 0, 512 * sizeof(*entry));
	for (unsigned slot = 0; slot < slots; slot++) {
		uint64_t va = t->base + ((uint64_t)slot << shift);
		long child;

		/* Addresses of the upper half are sign-extended (SDM Vol. 1, 3.3.7.1, Canonical Addressing).
		 */
		if (abi->levels == 4 && t->level == 4 && slot >= 256)
			va |= 0xffff000000000000ull;
		if (t->level == 1) {
			entry[slot] = leaf(plan, va, p2m);
			continue;
		}
		child = find_table(plan, t->level - 1, va);
		if (child >= 0)
			entry[slot] = p2m[plan->tables.pfn + child] << 12 | flags[t->level];
	}
}
