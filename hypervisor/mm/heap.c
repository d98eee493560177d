// SPDX-License-Identifier: MIT
/*
 * The hypervisor's own memory: whole pages straight from the buddy allocator, and small objects in pages of
 * one size class each.
 *
 * A small-object page keeps its free objects in a chain through the objects themselves; its page_info says
 * the class (type), how many objects are in use (used) and where the chain begins (objects). Pages with room
 * are linked per class; one that is quite empty goes back. Larger objects are blocks of pages whose
 * first page_info says the order. Hypervisor pages have count 0, so no guest can ever take a reference.
 * Locking: heap_lock guards classes and chains.
 */
#include "lib/printk.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "mm/page.h"

#define HEAP_OBJECTS (1ull << 54) /* page_info.type: a small-object page; its class in the low bits */
#define HEAP_BLOCK   (1ull << 53) /* page_info.type: a larger object; its order in the low bits */
#define CLASS_SHIFT  4            /* class c holds objects of 16 << c bytes */
#define CLASSES      8            /* 16 .. 2048 */

static uint32_t class_head[CLASSES];
static struct spinlock heap_lock;

static void *alloc_zeroed(unsigned order, unsigned addr_bits)
{
	mfn_t mfn = buddy_alloc(order, addr_bits);

	return mfn ? memset(mfn_to_virt(mfn), 0, PAGE_SIZE << order) : NULL;
}

void *heap_alloc_pages(unsigned order)
{
	return alloc_zeroed(order, 0);
}

void *heap_alloc_pages_low(unsigned order)
{
	return alloc_zeroed(order, 32);
}

void heap_free_pages(void *p, unsigned order)
{
	buddy_free(virt_to_mfn(p), order);
}

static void class_link(unsigned c, mfn_t mfn)
{
	struct page_info *pg = mfn_to_page(mfn);

	pg->prev = 0;
	pg->next = class_head[c];
	if (pg->next)
		mfn_to_page(pg->next)->prev = mfn;
	class_head[c] = mfn;
}

static void class_unlink(unsigned c, mfn_t mfn)
{
	struct page_info *pg = mfn_to_page(mfn);

	if (pg->prev)
		mfn_to_page(pg->prev)->next = pg->next;
	else
		class_head[c] = pg->next;
	if (pg->next)
		mfn_to_page(pg->next)->prev = pg->prev;
	pg->next = pg->prev = 0;
}

/* A new page of class @c, all its objects chained. */
static mfn_t class_grow(unsigned c)
{
	size_t size = 1ul << (c + CLASS_SHIFT);
	mfn_t mfn = buddy_alloc(0, 0);
	char *page = mfn_to_virt(mfn);
	struct page_info *pg = mfn_to_page(mfn);

	if (!mfn)
		return 0;
	for (size_t at = 0; at < PAGE_SIZE; at += size)
		*(void **)(page + at) = at + size < PAGE_SIZE ? page + at + size : NULL;
	pg->type = HEAP_OBJECTS | c;
	pg->used = 0;
	pg->objects = page;
	class_link(c, mfn);
	return mfn;
}

static void *object_alloc(unsigned c)
{
	struct page_info *pg;
	mfn_t mfn;
	void *object = NULL;

	spin_lock(&heap_lock);
	mfn = class_head[c] ? class_head[c] : class_grow(c);
	if (mfn) {
		pg = mfn_to_page(mfn);
		object = pg->objects;
		pg->objects = *(void **)object;
		pg->used++;
		if (!pg->objects)
			class_unlink(c, mfn);
	}
	spin_unlock(&heap_lock);
	return object ? memset(object, 0, 1ul << (c + CLASS_SHIFT)) : NULL;
}

static void object_free(void *p, struct page_info *pg)
{
	unsigned c = pg->type & 0xff;
	mfn_t mfn = page_to_mfn(pg);
	bool empty;

	spin_lock(&heap_lock);
	if (!pg->objects)
		class_link(c, mfn);
	*(void **)p = pg->objects;
	pg->objects = p;
	empty = --pg->used == 0;
	if (empty) {
		class_unlink(c, mfn);
		pg->objects = NULL;
	}
	spin_unlock(&heap_lock);
	if (empty)
		buddy_free(mfn, 0);
}

void *heap_alloc(size_t size)
{
	unsigned c = 0, order = 0;
	void *p;

	if (size <= 1ul << (CLASSES - 1 + CLASS_SHIFT)) {
		while (size > 1ul << (c + CLASS_SHIFT))
			c++;
		return object_alloc(c);
	}
	while (size > PAGE_SIZE << order)
		order++;
	p = heap_alloc_pages(order);
	if (p)
		mfn_to_page(virt_to_mfn(p))->type = HEAP_BLOCK | order;
	return p;
}

void heap_free(void *p)
{
	struct page_info *pg;

	if (!p)
		return;
	pg = mfn_to_page(virt_to_mfn(p));
	if (pg->type & HEAP_OBJECTS) {
		object_free(p, pg);
	} else {
		BUG_ON(!(pg->type & HEAP_BLOCK));
		heap_free_pages(p, pg->type & 0xff);
	}
}
