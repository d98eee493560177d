/* SPDX-License-Identifier: MIT */
/*
 * The frame allocator: a binary buddy system over all RAM, in zones by the width of the address: zone n has the frames
 * from 2^n to below 2^(n+1). For a limit of address bits, either every block of a zone satisfies it or none does, so no
 * list is ever searched: taking a block looks at MAX_ORDER + 1 words at most, for any request.
 *
 * Frames with short addresses are kept for callers that need them: of two blocks of the same order the one in the
 * higher zone is taken, and nothing below 4 GiB as long as there is a block above.
 *
 * Invariant: a free block of order n is aligned to its size and is represented by its first frame alone,
 * whose type is PGT_FREE | n; all free frames have count 0 and no owner. Buddies are never both free. Frame 0 is
 * never free, so a block and its buddy are always of one zone.
 * Locking: frame_lock guards lists, types of free frames and the totals. The TLB flush that makes a frame
 * safe to reuse is done outside of it.
 */
#include "cpu/ipi.h"
#include "cpu/panic.h"
#include "lib/printk.h"
#include "lib/spinlock.h"
#include "mm/mm.h"
#include "mm/page.h"

#define FLUSH_ORDER 5
#define ZONES       (52 - PAGE_SHIFT) /* physical addresses have at most 52 bits (SDM 3A 4.1.4) */
#define LOW_ZONES   ((1ull << (32 - PAGE_SHIFT)) - 1) /* below 4 GiB, as a set */

static struct {
	uint64_t filled;      /* bit n: zone n has such a block */
	uint32_t head[ZONES]; /* linked through page_info.next, prev */
} lists[MAX_ORDER + 1];       /* by order */
static struct spinlock frame_lock;
static uint64_t total, free_now;

struct page_info *frame_table;
mfn_t max_mfn;

static unsigned zone_of(mfn_t mfn)
{
	return 63 - __builtin_clzll(mfn);
}

static void block_link(mfn_t mfn, unsigned order)
{
	struct page_info *pg = mfn_to_page(mfn);
	unsigned zone = zone_of(mfn);
	uint32_t *head = &lists[order].head[zone];

	pg->type = PGT_FREE | order;
	pg->prev = 0;
	pg->next = *head;
	if (pg->next)
		mfn_to_page(pg->next)->prev = mfn;
	*head = mfn;
	lists[order].filled |= 1ull << zone;
}

static void block_unlink(mfn_t mfn, unsigned order)
{
	struct page_info *pg = mfn_to_page(mfn);
	unsigned zone = zone_of(mfn);

	if (pg->prev)
		mfn_to_page(pg->prev)->next = pg->next;
	else if (!(lists[order].head[zone] = pg->next))
		lists[order].filled &= ~(1ull << zone);
	if (pg->next)
		mfn_to_page(pg->next)->prev = pg->prev;
	pg->type = 0;
	pg->next = pg->prev = 0;
}

/* Put a block back, joining it with its buddy as long as that is free too. */
static void block_insert(mfn_t mfn, unsigned order)
{
	free_now += 1ull << order;
	for (; order < MAX_ORDER; order++) {
		mfn_t buddy = mfn ^ (1ull << order);

		if (!mfn_valid(buddy) || mfn_to_page(buddy)->type != (PGT_FREE | order))
			break;
		block_unlink(buddy, order);
		mfn = MIN(mfn, buddy);
	}
	block_link(mfn, order);
}

/* Take a block of one of @zones: the smallest that is large enough, its lower part if split. */
static mfn_t block_take(unsigned order, uint64_t zones)
{
	for (unsigned o = order; o <= MAX_ORDER; o++) {
		uint64_t filled = lists[o].filled & zones;
		mfn_t mfn;

		if (!filled)
			continue;
		mfn = lists[o].head[63 - __builtin_clzll(filled)];
		block_unlink(mfn, o);
		while (o > order) {
			o--;
			block_link(mfn + (1ull << o), o);
		}
		free_now -= 1ull << order;
		return mfn;
	}
	return 0;
}

/* A guest may have used these frames until a moment ago: no TLB may still know them. */
static void forget_translations(mfn_t mfn, unsigned order)
{
	cpuset_t stale = 0;

	/* Of many frames, at least one was probably in use lately: a flush is cheaper than a look at each. */
	if (order >= FLUSH_ORDER)
		stale = tlb_stale_cpus(cpus_online, tlb_stamp_now());
	for (uint64_t i = 0; order < FLUSH_ORDER && i < 1ull << order; i++)
		stale |= tlb_stale_cpus(cpus_online & ~stale, mfn_to_page(mfn + i)->stamp);
	if (stale)
		tlb_flush_cpus(stale);
}

/* The zones whose addresses all have at most @addr_bits; 0: all zones. */
static uint64_t zones_within(unsigned addr_bits)
{
	if (!addr_bits || addr_bits >= ZONES + PAGE_SHIFT)
		return ~0ull;
	return addr_bits > PAGE_SHIFT ? (1ull << (addr_bits - PAGE_SHIFT)) - 1 : 0;
}

mfn_t buddy_alloc(unsigned order, unsigned addr_bits)
{
	uint64_t zones = zones_within(addr_bits);
	mfn_t mfn;

	if (order > MAX_ORDER)
		return 0;
	spin_lock(&frame_lock);
	mfn = block_take(order, zones & ~LOW_ZONES);
	if (!mfn)
		mfn = block_take(order, zones & LOW_ZONES);
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

/* Insert blocks as large as possible. */
static void range_insert(mfn_t start, mfn_t end)
{
	while (start < end) {
		unsigned order = MIN((unsigned)__builtin_ctzll(start), MAX_ORDER);

		while (start + (1ull << order) > end)
			order--;
		block_insert(start, order);
		start += 1ull << order;
	}
}

void buddy_add(mfn_t start, mfn_t end)
{
	if (!start)
		start = 1; /* 0 ends lists */
	spin_lock(&frame_lock);
	total += start < end ? end - start : 0;
	range_insert(start, end);
	spin_unlock(&frame_lock);
}

void buddy_return(mfn_t start, mfn_t end)
{
	spin_lock(&frame_lock);
	range_insert(start, end);
	spin_unlock(&frame_lock);
}

uint64_t frames_free(void)
{
	return free_now;
}

uint64_t frames_total(void)
{
	return total;
}
