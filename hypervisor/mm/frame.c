// SPDX-License-Identifier: MIT
/*
 * The frame allocator: a binary buddy system over all RAM, in two zones (below and above 4 GiB), so that
 * frames with short addresses are kept for those who need them.
 *
 * Invariant: a free block of order n is aligned to its size and is represented by its first frame alone,
 * whose type is PGT_FREE | n; all free frames have count 0 and no owner. Buddies are never both free.
 * Locking: frame_lock guards lists, types of free frames and the totals. The TLB flush that makes a frame
 * safe to reuse is done outside of it.
 */
#include "cpu/ipi.h"
#include "lib/printk.h"
#include "lib/spinlock.h"
#include "mm/mm.h"
#include "mm/page.h"

#define LOW_FRAMES (1ull << (32 - PAGE_SHIFT))

struct zone {
	uint32_t head[MAX_ORDER + 1]; /* by order; linked through page_info.next, prev */
	uint64_t free;
};

static struct zone zones[2]; /* [0]: below 4 GiB */
static struct spinlock frame_lock;
static uint64_t total;

struct page_info *frame_table;
mfn_t max_mfn;

static struct zone *zone_of(mfn_t mfn)
{
	return &zones[mfn >= LOW_FRAMES];
}

static void block_link(struct zone *z, mfn_t mfn, unsigned order)
{
	struct page_info *pg = mfn_to_page(mfn);

	pg->type = PGT_FREE | order;
	pg->prev = 0;
	pg->next = z->head[order];
	if (pg->next)
		mfn_to_page(pg->next)->prev = mfn;
	z->head[order] = mfn;
}

static void block_unlink(struct zone *z, mfn_t mfn, unsigned order)
{
	struct page_info *pg = mfn_to_page(mfn);

	if (pg->prev)
		mfn_to_page(pg->prev)->next = pg->next;
	else
		z->head[order] = pg->next;
	if (pg->next)
		mfn_to_page(pg->next)->prev = pg->prev;
	pg->type = 0;
	pg->next = pg->prev = 0;
}

/* Put a block back, joining it with its buddy as long as that is free too. */
static void block_insert(mfn_t mfn, unsigned order)
{
	struct zone *z = zone_of(mfn);

	z->free += 1ull << order;
	for (; order < MAX_ORDER; order++) {
		mfn_t buddy = mfn ^ (1ull << order);

		if (!mfn_valid(buddy) || mfn_to_page(buddy)->type != (PGT_FREE | order))
			break;
		block_unlink(z, buddy, order);
		mfn = MIN(mfn, buddy);
	}
	block_link(z, mfn, order);
}

/* Take a block from @z that ends below @limit: the smallest that is large enough, its lower part if split. */
static mfn_t block_take(struct zone *z, unsigned order, mfn_t limit)
{
	for (unsigned o = order; o <= MAX_ORDER; o++) {
		mfn_t mfn = z->head[o];

		while (mfn && mfn + (1ull << order) > limit)
			mfn = mfn_to_page(mfn)->next;
		if (!mfn)
			continue;
		block_unlink(z, mfn, o);
		while (o > order) {
			o--;
			block_link(z, mfn + (1ull << o), o);
		}
		z->free -= 1ull << order;
		return mfn;
	}
	return 0;
}

/* A guest may have used these frames until a moment ago: no TLB may still know them. */
static void forget_translations(mfn_t mfn, unsigned order)
{
	uint32_t stale = 0;

	for (uint64_t i = 0; i < 1ull << order; i++)
		stale |= tlb_stale_cpus(cpus_online & ~stale, mfn_to_page(mfn + i)->stamp);
	if (stale)
		tlb_flush_cpus(stale);
}

mfn_t buddy_alloc(unsigned order, unsigned addr_bits)
{
	mfn_t limit =
	    addr_bits && addr_bits < 52 ? 1ull << (MAX(addr_bits, PAGE_SHIFT) - PAGE_SHIFT) : max_mfn;
	mfn_t mfn = 0;

	if (order > MAX_ORDER)
		return 0;
	spin_lock(&frame_lock);
	if (limit > LOW_FRAMES)
		mfn = block_take(&zones[1], order, limit);
	if (!mfn)
		mfn = block_take(&zones[0], order, limit);
	spin_unlock(&frame_lock);
	if (mfn)
		forget_translations(mfn, order);
	return mfn;
}

void buddy_free(mfn_t mfn, unsigned order)
{
	uint32_t stamp = tlb_stamp_now();

	for (uint64_t i = 0; i < 1ull << order; i++) {
		struct page_info *pg = mfn_to_page(mfn + i);

		BUG_ON(pg->count || (pg->type & PGT_FREE));
		pg->type = 0;
		pg->stamp = stamp;
	}
	spin_lock(&frame_lock);
	block_insert(mfn, order);
	spin_unlock(&frame_lock);
}

void buddy_add(mfn_t start, mfn_t end)
{
	if (!start)
		start = 1; /* 0 ends lists */
	spin_lock(&frame_lock);
	total += start < end ? end - start : 0;
	while (start < end) {
		unsigned order = MIN((unsigned)__builtin_ctzll(start), MAX_ORDER);

		while (start + (1ull << order) > end)
			order--;
		block_insert(start, order);
		start += 1ull << order;
	}
	spin_unlock(&frame_lock);
}

uint64_t frames_free(void)
{
	return zones[0].free + zones[1].free;
}

uint64_t frames_total(void)
{
	return total;
}
