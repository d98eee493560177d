/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's own memory: whole pages straight from the buddy allocator, and small objects in pages of
 * one size class each.
 *
 * A small-object page keeps its free objects in a chain through the objects themselves; its page_info says
 * the class (type), how many objects are in use (used) and where the chain begins (objects). Pages with room
 * are linked per class; a page without objects in use goes back. Larger objects are blocks of pages whose
 * first page_info says the order. Hypervisor pages have count 0, so no guest can ever take a reference.
 *
 * What is held for a domain is on its account (mm/charge.c) from allocation to freeing, and the heap itself records
 * the domain: a block in its page_info (owner), a small object in its last word. Such objects have pages of their own,
 * so that the auditor can find each of them. Code that frees one need not know the domain.
 * Locking: heap_lock guards classes and chains.
 */
#include "guest/domain.h"
#include "cpu/panic.h"
#include "lib/printk.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "mm/page.h"

#define HEAP_OBJECTS (1ull << 54) /* page_info.type: a small-object page; its class in the low bits */
#define HEAP_BLOCK   (1ull << 53) /* page_info.type: a larger object; its order in the low bits */
#define HEAP_CHARGED (1ull << 52) /* with either: held for a domain */
#define CLASS_SHIFT  4            /* class c holds objects of 16 << c bytes */
#define CLASSES      8            /* 16 .. 2048; then the same for what is charged */
#define OBJECT_MAX   (1ul << (CLASSES - 1 + CLASS_SHIFT))

static uint32_t class_head[2 * CLASSES];
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

static mfn_t block_for(struct domain *d, unsigned order, unsigned addr_bits)
{
	mfn_t mfn;

	if (order > MAX_ORDER || !domain_charge(d, PAGE_SIZE << order))
		return 0;
	mfn = buddy_alloc(order, addr_bits);
	if (!mfn) {
		domain_uncharge(d, PAGE_SIZE << order);
		return 0;
	}
	mfn_to_page(mfn)->type = HEAP_BLOCK | HEAP_CHARGED | order;
	mfn_to_page(mfn)->owner = d;
	return mfn;
}

mfn_t heap_alloc_frames_for(struct domain *d, unsigned order)
{
	return block_for(d, order, 0);
}

static void *zeroed_block_for(struct domain *d, unsigned order, unsigned addr_bits)
{
	mfn_t mfn = block_for(d, order, addr_bits);

	return mfn ? memset(mfn_to_virt(mfn), 0, PAGE_SIZE << order) : NULL;
}

void *heap_alloc_pages_for(struct domain *d, unsigned order)
{
	return zeroed_block_for(d, order, 0);
}

void *heap_alloc_pages_low_for(struct domain *d, unsigned order)
{
	return zeroed_block_for(d, order, 32);
}

void heap_free_pages(void *p, unsigned order)
{
	struct page_info *pg = mfn_to_page(virt_to_mfn(p));
	struct domain *d = pg->type & HEAP_CHARGED ? pg->owner : NULL;

	if (d)
		pg->owner = NULL;
	buddy_free(virt_to_mfn(p), order);
	if (d)
		domain_uncharge(d, PAGE_SIZE << order);
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

static size_t class_size(unsigned c)
{
	return 1ul << (c % CLASSES + CLASS_SHIFT);
}

/* The domain that a charged object is held for: in its last word. */
static struct domain **object_owner(void *object, unsigned c)
{
	return (struct domain **)((char *)object + class_size(c)) - 1;
}

/* A new page of class @c, all its objects chained. */
static mfn_t class_grow(unsigned c)
{
	size_t size = class_size(c);
	mfn_t mfn = buddy_alloc(0, 0);
	char *page = mfn_to_virt(mfn);
	struct page_info *pg = mfn_to_page(mfn);

	if (!mfn)
		return 0;
	for (size_t at = 0; at < PAGE_SIZE; at += size)
		*(void **)(page + at) = at + size < PAGE_SIZE ? page + at + size : NULL;
	pg->type = HEAP_OBJECTS | (c >= CLASSES ? HEAP_CHARGED : 0) | c;
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
	return object ? memset(object, 0, class_size(c)) : NULL;
}

static void *object_alloc_for(struct domain *d, unsigned c)
{
	void *object;

	if (!domain_charge(d, class_size(c)))
		return NULL;
	object = object_alloc(c);
	if (object)
		*object_owner(object, c) = d;
	else
		domain_uncharge(d, class_size(c));
	return object;
}

static void object_free(void *p, struct page_info *pg)
{
	unsigned c = pg->type & 0xff;
	struct domain *d = c >= CLASSES ? *object_owner(p, c) : NULL;
	mfn_t mfn = page_to_mfn(pg);
	bool empty;

	spin_lock(&heap_lock);
	/* Freed twice, or not where an object begins? */
	BUG_ON(!pg->used || ((uint64_t)p & (class_size(c) - 1)));
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
	if (d)
		domain_uncharge(d, class_size(c));
}

static unsigned class_of(size_t size)
{
	unsigned c = 0;

	while (size > class_size(c))
		c++;
	return c;
}

void *heap_alloc(size_t size)
{
	void *p;

	if (size <= OBJECT_MAX)
		return object_alloc(class_of(size));
	p = heap_alloc_pages(block_order(size));
	if (p)
		mfn_to_page(virt_to_mfn(p))->type = HEAP_BLOCK | block_order(size);
	return p;
}

void *heap_alloc_for(struct domain *d, size_t size)
{
	size_t with_owner = size + sizeof(d);

	if (with_owner <= OBJECT_MAX)
		return object_alloc_for(d, CLASSES + class_of(with_owner));
	return heap_alloc_pages_for(d, block_order(size));
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

size_t heap_size(size_t size)
{
	size_t with_owner = size + sizeof(struct domain *);

	return with_owner <= OBJECT_MAX ? class_size(class_of(with_owner)) : PAGE_SIZE << block_order(size);
}

/* The objects of a page that are in use are those that are not in its chain. */
static void each_object(const struct page_info *pg, void (*held)(struct domain *d, size_t bytes))
{
	unsigned c = pg->type & 0xff;
	char *page = mfn_to_virt(page_to_mfn(pg));
	bool is_free[PAGE_SIZE >> CLASS_SHIFT] = {false};

	for (char *p = pg->objects; p; p = *(char **)p)
		is_free[(p - page) / class_size(c)] = true;
	for (unsigned i = 0; i < PAGE_SIZE / class_size(c); i++)
		if (!is_free[i])
			held(*object_owner(page + i * class_size(c), c), class_size(c));
}

void heap_each_charge(const struct page_info *pg, void (*held)(struct domain *d, size_t bytes))
{
	if (!(pg->type & HEAP_CHARGED))
		return;
	if (pg->type & HEAP_OBJECTS)
		each_object(pg, held);
	else if (pg->type & HEAP_BLOCK)
		held(pg->owner, PAGE_SIZE << (pg->type & 0xff));
}
