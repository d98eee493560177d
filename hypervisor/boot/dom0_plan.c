/* SPDX-License-Identifier: MIT */
/* See dom0_plan.h. */
#include "boot/dom0_plan.h"

#define AREA_ALIGN (4ul << 20)
#define SLACK      (512ul << 10)

static uint64_t pages(uint64_t bytes)
{
	return (bytes + PAGE_SIZE - 1) >> PAGE_SHIFT;
}

/* Tables of one level (1: each maps 2 MiB) that [start, end) touches. */
static uint64_t tables_of(gva_t start, gva_t end, int level)
{
	int shift = PAGE_SHIFT + 9 * level;

	return ((end - 1) >> shift) - (start >> shift) + 1;
}

uint64_t dom0_tables_needed(gva_t start, gva_t end, int root_level, bool with_root)
{
	uint64_t n = with_root;

	for (int level = 1; level < root_level; level++)
		n += tables_of(start, end, level);
	/* A PAE root needs all four of its tables: the last one carries the hypervisor's M2P. */
	if (root_level == 3)
		n += 4 - tables_of(start, end, 2);
	return n;
}

/* Lay out the first area for @nr_tables pages of tables; returns how many it takes in truth. */
static uint64_t lay_out(struct dom0_plan *p, const struct dom0_request *rq, gva_t start_info,
			uint64_t nr_tables)
{
	p->start_info = start_info;
	p->tables = start_info + PAGE_SIZE;
	p->nr_tables = nr_tables;
	p->stack = p->tables + nr_tables * PAGE_SIZE;
	p->v_end = ROUND_UP(p->stack + PAGE_SIZE + SLACK, AREA_ALIGN);
	return dom0_tables_needed(p->v_start, p->v_end, rq->root_level, true);
}

const char *dom0_plan_make(struct dom0_plan *p, const struct dom0_request *rq)
{
	const struct elf_notes *notes = &rq->kernel->notes;
	uint64_t p2m_pages = pages(rq->nr_pages * rq->word_size), need;
	bool map_initrd = rq->initrd_size && !notes->mod_start_pfn;
	gva_t at;
	pfn_t next;

	*p = (struct dom0_plan){.v_start = notes->virt_base};
	at = p->v_start + ROUND_UP(rq->kernel->end, PAGE_SIZE);
	if (map_initrd) {
		p->initrd = at;
		p->initrd_pfn = (at - p->v_start) >> PAGE_SHIFT;
		at += pages(rq->initrd_size) << PAGE_SHIFT;
	}
	p->p2m_frames = p2m_pages;
	if (notes->init_p2m) {
		p->p2m = notes->init_p2m;
	} else {
		p->p2m = at;
		at += p2m_pages << PAGE_SHIFT;
	}
	/* The tables lie in the area that they map: grow them until they suffice. */
	need = 1;
	do {
		p->nr_tables = need;
		need = lay_out(p, rq, at, p->nr_tables);
	} while (need > p->nr_tables);
	if (p->v_end <= p->v_start)
		return "it does not fit into the address space";

	next = (p->v_end - p->v_start) >> PAGE_SHIFT;
	if (notes->init_p2m) {
		gva_t end = p->p2m + (p2m_pages << PAGE_SHIFT);

		if (rq->root_level != 4)
			return "only a 64-bit kernel may choose its P2M's place";
		if (p->p2m < p->v_end && end > p->v_start)
			return "it wants its P2M inside its first memory area";
		p->p2m_pfn = next;
		p->p2m_tables = dom0_tables_needed(p->p2m, end, rq->root_level, false);
		next += p2m_pages + p->p2m_tables;
	}
	if (rq->initrd_size && !map_initrd) {
		p->initrd_pfn = next;
		next += pages(rq->initrd_size);
	}
	p->used_pages = next;
	return next <= rq->nr_pages ? NULL : "it needs more memory";
}
