/* SPDX-License-Identifier: MIT */
/*
 * kmalloc: powers of two from 16 to 2048 bytes are carved out of single frames, larger sizes are blocks of
 * frames. struct page remembers which, so objects carry no header. Free objects of a frame are linked by
 * their index, kept in their first two bytes; frames with a free object are in their class's list.
 */
#include "kern/mm/kmalloc.h"
#include "kern/lib/string.h"
#include "kern/mm/page.h"

#define SMALLEST 4 /* log2 of 16 */
#define CLASSES  8 /* 16 ... 2048 */
#define NONE     0xffff

static u32 partial[CLASSES];

static unsigned log2_up(size_t size)
{
	unsigned n = 0;

	while ((size_t)1 << n < size)
		n++;
	return n;
}

static u16 *object(pfn_t pfn, unsigned class, unsigned index)
{
	return (u16 *)((char *)pfn_to_virt(pfn) + ((size_t)index << (class + SMALLEST)));
}

static void list_frame(pfn_t pfn, unsigned class)
{
	pages[pfn].prev = 0;
	pages[pfn].next = partial[class];
	if (partial[class])
		pages[partial[class]].prev = pfn;
	partial[class] = pfn;
}

static void unlist_frame(pfn_t pfn, unsigned class)
{
	struct page *p = &pages[pfn];

	if (p->prev)
		pages[p->prev].next = p->next;
	else
		partial[class] = p->next;
	if (p->next)
		pages[p->next].prev = p->prev;
}

static pfn_t new_frame(unsigned class)
{
	unsigned i, count = PAGE_SIZE >> (class + SMALLEST);
	pfn_t pfn = page_alloc(0);

	if (!pfn)
		return 0;
	for (i = 0; i < count; i++)
		*object(pfn, class, i) = i + 1 < count ? i + 1 : NONE;
	pages[pfn].kind = PAGE_SLAB;
	pages[pfn].order = class;
	pages[pfn].first_free = 0;
	pages[pfn].used = 0;
	list_frame(pfn, class);
	return pfn;
}

static void *alloc_small(unsigned class)
{
	pfn_t pfn = partial[class] ? partial[class] : new_frame(class);
	struct page *p = &pages[pfn];
	u16 *o;

	if (!pfn)
		return NULL;
	o = object(pfn, class, p->first_free);
	p->first_free = *o;
	p->used++;
	if (p->first_free == NONE)
		unlist_frame(pfn, class);
	return o;
}

static void free_small(pfn_t pfn, void *o)
{
	struct page *p = &pages[pfn];
	unsigned class = p->order;

	if (p->first_free == NONE)
		list_frame(pfn, class);
	*(u16 *)o = p->first_free;
	p->first_free = ((ulong)o & ~PAGE_MASK) >> (class + SMALLEST);
	if (--p->used == 0) {
		unlist_frame(pfn, class);
		p->order = 0;
		page_free(pfn);
	}
}

void *kmalloc(size_t size)
{
	unsigned order = log2_up(MAX(size, (size_t)1 << SMALLEST));
	pfn_t pfn;

	if (order < SMALLEST + CLASSES)
		return alloc_small(order - SMALLEST);
	if (order > PAGE_SHIFT + PAGE_MAX_ORDER)
		return NULL;
	pfn = page_alloc(order - PAGE_SHIFT);
	return pfn ? pfn_to_virt(pfn) : NULL;
}

void *kzalloc(size_t size)
{
	void *p = kmalloc(size);

	if (p)
		memset(p, 0, size);
	return p;
}

void kfree(void *p)
{
	pfn_t pfn;

	if (!p)
		return;
	pfn = virt_to_pfn(p);
	if (pages[pfn].kind == PAGE_SLAB)
		free_small(pfn, p);
	else
		page_free(pfn);
}

char *kstrdup(const char *s)
{
	size_t n = strlen(s) + 1;
	char *copy = kmalloc(n);

	return copy ? memcpy(copy, s, n) : NULL;
}
