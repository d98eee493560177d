// SPDX-License-Identifier: MIT
/*
 * Mechanism of memory_op: a domain's allotment grows, shrinks, and is traded.
 * Locking: none of its own; frames change hands by their reference counts (mm/page.c).
 */
#include "mm/memory.h"
#include "dom/domain.h"
#include "lib/errno.h"
#include "mm/page.h"

static void m2p_set_extent(mfn_t mfn, pfn_t gpfn, unsigned order)
{
	for (uint64_t i = 0; i < 1ull << order; i++)
		m2p_set(mfn + i, gpfn == INVALID_PFN ? INVALID_PFN : gpfn + i);
}

mfn_t memory_populate(struct domain *d, pfn_t gpfn, unsigned order, unsigned addr_bits)
{
	struct page_info *pg = domain_alloc_pages(d, order, addr_bits);

	if (!pg)
		return INVALID_MFN;
	m2p_set_extent(page_to_mfn(pg), gpfn, order);
	return page_to_mfn(pg);
}

bool memory_decrease(struct domain *d, mfn_t mfn, unsigned order)
{
	for (uint64_t i = 0; i < 1ull << order; i++) {
		struct page_info *pg = page_get_mfn(mfn + i, d);

		if (!pg)
			return false;
		/* Shared hypervisor pages are not the guest's to give away. */
		if (!(pg->count & PGC_HEAP))
			page_disown(pg);
		page_put(pg);
	}
	return true;
}

/* Make ours the only reference to @mfn: no mapping, pin or grant is left, nor can one begin from the owner's
 * reference. */
static bool steal(struct domain *d, mfn_t mfn)
{
	struct page_info *pg = page_get_mfn(mfn, d);
	uint32_t sole = PGC_ALLOCATED | 2;

	if (!pg)
		return false;
	if (__atomic_compare_exchange_n(&pg->count, &sole, 1, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return true;
	page_put(pg);
	return false;
}

/* Undo steal: the owner's reference again. */
static void give_back(mfn_t mfn)
{
	__atomic_or_fetch(&mfn_to_page(mfn)->count, PGC_ALLOCATED, __ATOMIC_ACQ_REL);
}

static bool alloc_extents(struct domain *d, struct exchange *x)
{
	for (unsigned i = 0; i < x->n >> x->out_order; i++) {
		struct page_info *pg = domain_alloc_pages_beyond(d, x->out_order, x->addr_bits, x->n);

		if (!pg) {
			while (i--)
				memory_decrease(d, x->out[i], x->out_order);
			return false;
		}
		x->out[i] = page_to_mfn(pg);
	}
	return true;
}

int memory_exchange(struct domain *d, struct exchange *x)
{
	unsigned stolen;
	int rc = 0;

	for (stolen = 0; stolen < x->n && !rc; stolen++)
		if (!steal(d, x->in[stolen])) {
			rc = -EINVAL;
			break;
		}
	if (!rc && !alloc_extents(d, x))
		rc = -ENOMEM;
	for (unsigned i = 0; i < stolen; i++) {
		if (rc)
			give_back(x->in[i]);
		else
			page_put(mfn_to_page(x->in[i]));
	}
	return rc;
}
