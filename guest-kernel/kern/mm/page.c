/* SPDX-License-Identifier: MIT */
/*
 * The buddy allocator. A block of order n is 2^n frames, aligned to its size; two free buddies always merge.
 * Lists are linked by frame number (in struct page), so the bookkeeping costs 16 bytes per frame.
 */
#include "kern/mm/page.h"
#include "kern/lib/string.h"

#define RECLAIM_ONCE 16u
#define RECLAIM_MOST 4096u

struct page *pages;
bool (*page_reclaim)(void);
ulong page_reclaimable;

static u32 heads[PAGE_MAX_ORDER + 1]; /* first free block of each order; 0: none */
static ulong free_frames, total_frames;

static void push(pfn_t pfn, unsigned order)
{
	struct page *p = &pages[pfn];

	p->kind = PAGE_FREE;
	p->order = order;
	p->prev = 0;
	p->next = heads[order];
	if (p->next)
		pages[p->next].prev = pfn;
	heads[order] = pfn;
	free_frames += 1UL << order;
}

static void take(pfn_t pfn)
{
	struct page *p = &pages[pfn];

	if (p->prev)
		pages[p->prev].next = p->next;
	else
		heads[p->order] = p->next;
	if (p->next)
		pages[p->next].prev = p->prev;
	p->kind = PAGE_INSIDE;
	free_frames -= 1UL << p->order;
}

static void give_back(pfn_t pfn, unsigned order)
{
	for (; order < PAGE_MAX_ORDER; order++) {
		pfn_t buddy = pfn ^ (1UL << order);

		if (buddy >= boot_info.pages || pages[buddy].kind != PAGE_FREE || pages[buddy].order != order)
			break;
		take(buddy);
		pfn &= ~(1UL << order);
	}
	push(pfn, order);
}

static unsigned order_at_hand(unsigned order)
{
	while (order <= PAGE_MAX_ORDER && !heads[order])
		order++;
	return order;
}

/* Some frames at a time are taken back from the cache; many, if a larger block is wanted and not there. */
static void reclaim(unsigned order)
{
	unsigned tries = RECLAIM_ONCE;

	if (free_frames >= PAGE_LOW && order_at_hand(order) <= PAGE_MAX_ORDER)
		return;
	if (order_at_hand(order) > PAGE_MAX_ORDER)
		tries = RECLAIM_MOST;
	while (tries-- && page_reclaim())
		if (tries >= RECLAIM_ONCE && order_at_hand(order) <= PAGE_MAX_ORDER)
			return;
}

pfn_t page_alloc(unsigned order)
{
	unsigned have;
	pfn_t pfn;

	if (page_reclaim)
		reclaim(order);
	have = order_at_hand(order);
	if (have > PAGE_MAX_ORDER)
		return 0;
	pfn = heads[have];
	take(pfn);
	while (have > order) {
		have--;
		push(pfn + (1UL << have), have);
	}
	pages[pfn].kind = PAGE_USED;
	pages[pfn].order = order;
	pages[pfn].refs = 1;
	return pfn;
}

pfn_t page_alloc_zeroed(void)
{
	pfn_t pfn = page_alloc(0);

	if (pfn)
		memset(pfn_to_virt(pfn), 0, PAGE_SIZE);
	return pfn;
}

pfn_t page_alloc_run(ulong n)
{
	unsigned order = 0;
	pfn_t first, pfn;

	while (order < PAGE_MAX_ORDER && 1UL << order < n)
		order++;
	first = n <= 1UL << order ? page_alloc(order) : 0;
	for (pfn = first; first && pfn < first + (1UL << order); pfn++) {
		pages[pfn].kind = PAGE_USED;
		pages[pfn].order = 0;
		pages[pfn].refs = 1;
		if (pfn >= first + n)
			page_put(pfn);
	}
	return first;
}

void page_free(pfn_t pfn)
{
	if (pages[pfn].kind != PAGE_USED && pages[pfn].kind != PAGE_SLAB)
		panic("page_free: frame %lx is of kind %d", (ulong)pfn, pages[pfn].kind);
	pages[pfn].kind = PAGE_INSIDE;
	give_back(pfn, pages[pfn].order);
}

void page_get(pfn_t pfn)
{
	pages[pfn].refs++;
}

void page_put(pfn_t pfn)
{
	struct page *p = &pages[pfn];

	if (!p->refs)
		panic("page_put: frame %lx has no references", (ulong)pfn);
	if (--p->refs == 0)
		page_free(pfn);
}

ulong page_free_count(void)
{
	return free_frames + page_reclaimable;
}

ulong page_unused_count(void)
{
	return free_frames;
}

ulong page_total_count(void)
{
	return total_frames;
}

pfn_t table_alloc(void)
{
	return page_alloc_zeroed();
}

void table_free(pfn_t pfn)
{
	page_put(pfn);
}

/* The array of struct page itself lives at the start of the first range that can hold it. */
static void place_array(void)
{
	ulong frames = ROUND_UP(boot_info.pages * sizeof(struct page), PAGE_SIZE) >> PAGE_SHIFT;
	unsigned i;

	for (i = 0; i < boot_info.free_count; i++) {
		struct frame_range *r = &boot_info.free[i];

		if (r->end - r->first >= frames) {
			pages = pfn_to_virt(r->first);
			r->first += frames;
			memset(pages, 0, frames << PAGE_SHIFT);
			return;
		}
	}
	panic("no room for the page array: need %lu frames in a row", frames);
}

void page_init(void)
{
	unsigned i;
	pfn_t pfn;

	place_array();
	for (pfn = 0; pfn < boot_info.pages; pfn++)
		pages[pfn].refs = 1; /* reserved frames keep this reference for ever */
	for (i = 0; i < boot_info.free_count; i++) {
		for (pfn = MAX(boot_info.free[i].first, 1UL); pfn < boot_info.free[i].end; pfn++) {
			give_back(pfn, 0);
			total_frames++;
		}
	}
}
