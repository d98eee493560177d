/* SPDX-License-Identifier: MIT */
/* See dom0_memory.h. */
#include "boot/dom0_memory.h"
#include "cpu/panic.h"
#include "dom/domain.h"
#include "lib/errno.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "mm/page.h"

#define BIG_ORDER 9 /* 2 MiB at a time, while they last */

/* Frames up to @end, of at most @addr_bits. */
static bool take_until(struct dom0_memory *m, pfn_t end, unsigned addr_bits)
{
	unsigned order = BIG_ORDER;

	while (m->nr_pages < end) {
		struct page_info *pg = NULL;
		mfn_t first;

		while ((1ull << order) > end - m->nr_pages)
			order--;
		while (!(pg = domain_alloc_pages(m->d, order, addr_bits)))
			if (!order--)
				return false;
		first = page_to_mfn(pg);
		for (uint64_t i = 0; i < 1ull << order; i++) {
			m2p_set(first + i, m->nr_pages);
			m->mfn[m->nr_pages++] = first + i;
		}
	}
	return true;
}

int dom0_memory_alloc(struct dom0_memory *m, struct domain *d, uint64_t nr_pages, pfn_t root)
{
	*m = (struct dom0_memory){.d = d, .order = block_order(nr_pages * sizeof(mfn_t))};
	m->mfn = heap_alloc_pages(m->order);
	if (!m->mfn)
		return -ENOMEM;
	d->mm.max_pages = nr_pages;
	return take_until(m, root, 0) && take_until(m, root + 1, 32) && take_until(m, nr_pages, 0) ? 0
												   : -ENOMEM;
}

void dom0_memory_free_list(struct dom0_memory *m)
{
	if (m->mfn)
		heap_free_pages(m->mfn, m->order);
}

void *dom0_page(const struct dom0_memory *m, pfn_t pfn)
{
	BUG_ON(pfn >= m->nr_pages);
	return mfn_to_virt(m->mfn[pfn]);
}

void dom0_copy(const struct dom0_memory *m, uint64_t pa, const void *src, size_t n)
{
	while (n) {
		size_t at = pa % PAGE_SIZE, part = MIN(n, PAGE_SIZE - at);

		memcpy((char *)dom0_page(m, pa >> PAGE_SHIFT) + at, src, part);
		src = (const char *)src + part;
		pa += part;
		n -= part;
	}
}
