/* SPDX-License-Identifier: MIT */
/* Areas: the list that says what each part of an address space is. Ranges are whole pages. */
#include "kern/mm/space.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/kmalloc.h"
#include "kern/mm/page.h"

#define MMAP_TOP    (USER_END - (16UL << 20)) /* the stack and its growth lie above */
#define MMAP_LOWEST 0x10000UL

struct area *area_find(struct mm *mm, ulong addr)
{
	struct area *a;

	list_for_each (a, &mm->areas, list) {
		if (a->end > addr)
			return a;
	}
	return NULL;
}

struct area *area_at(struct mm *mm, ulong addr)
{
	struct area *a = area_find(mm, addr);

	return a && a->start <= addr ? a : NULL;
}

bool area_range_free(struct mm *mm, ulong start, ulong end)
{
	struct area *a = area_find(mm, start);

	return !a || a->start >= end;
}

/* The highest gap below MMAP_TOP. */
ulong area_find_gap(struct mm *mm, ulong len)
{
	ulong top = MMAP_TOP;
	struct list *l;

	for (l = mm->areas.prev; l != &mm->areas; l = l->prev) {
		struct area *a = list_entry(l, struct area, list);

		if (a->start >= top)
			continue;
		if (a->end <= top && top - a->end >= len)
			return top - len;
		top = a->start;
	}
	return top >= MMAP_LOWEST + len ? top - len : 0;
}

/* Two neighbours that are one piece of plain anonymous memory need not be two areas. */
static bool can_grow(const struct area *a, ulong start, u32 prot, u32 flags, const struct file *file)
{
	return a->end == start && !a->file && !file && a->prot == prot && a->flags == flags && !a->ops &&
	       !(flags & AREA_FOREIGN);
}

struct area *area_add(struct mm *mm, ulong start, ulong end, u32 prot, u32 flags, struct file *file,
		      u64 offset)
{
	struct area *next = area_find(mm, start), *a;
	struct list *at = next ? &next->list : &mm->areas;

	if (at->prev != &mm->areas) {
		a = list_entry(at->prev, struct area, list);
		if (can_grow(a, start, prot, flags, file)) {
			a->end = end;
			return a;
		}
	}
	a = kzalloc(sizeof(*a));
	if (!a)
		return NULL;
	a->mm = mm;
	a->start = start;
	a->end = end;
	a->prot = prot;
	a->flags = flags;
	a->file = file ? file_get(file) : NULL;
	a->offset = offset;
	list_add_tail(at, &a->list);
	return a;
}

/* Makes `at` a border between areas. */
int area_split(struct mm *mm, ulong at)
{
	struct area *a = area_at(mm, at), *upper;

	if (!a || a->start == at)
		return 0;
	upper = kmalloc(sizeof(*upper));
	if (!upper)
		return -ENOMEM;
	*upper = *a;
	if (upper->file)
		file_get(upper->file);
	upper->start = at;
	upper->offset += at - a->start;
	a->end = at;
	list_add(&a->list, &upper->list);
	return 0;
}

static int split_range(struct mm *mm, ulong start, ulong end)
{
	int rc = area_split(mm, start);

	return rc ? rc : area_split(mm, end);
}

static void area_remove(struct area *a)
{
	if (a->ops && a->ops->unmap)
		a->ops->unmap(a, a->start, a->end);
	pte_clear_range(a->mm, a->start, a->end);
	list_del(&a->list);
	if (a->file)
		file_put(a->file);
	kfree(a);
}

int area_unmap(struct mm *mm, ulong start, ulong end)
{
	struct area *a;
	int rc = split_range(mm, start, end);

	if (rc)
		return rc;
	while ((a = area_find(mm, start)) && a->start < end)
		area_remove(a);
	return 0;
}

/*
 * Entries follow the new rights. Writing is never granted here: the first write faults, and the fault handler
 * knows whether the page must be copied first.
 */
static void protect_entries(struct area *a)
{
	ulong va;

	pte_batch_begin();
	for (va = a->start; va < a->end; va += PAGE_SIZE) {
		pte_t *ptep = pte_find(&a->mm->root, va, false);

		if (!ptep) {
			va = (va | ((PAGE_SIZE << 9) - 1)) & PAGE_MASK; /* this table is not there */
			continue;
		}
		if (pte_holds_frame(*ptep))
			pte_set(ptep, pte_for(a, pte_frame(*ptep), false));
	}
	pte_batch_end();
	tlb_flush_all();
}

int area_protect(struct mm *mm, ulong start, ulong end, u32 prot)
{
	struct area *a;
	ulong at;
	int rc;

	for (at = start; at < end; at = a->end) {
		a = area_at(mm, at);
		if (!a || (a->flags & AREA_FOREIGN))
			return -ENOMEM;
		if ((prot & PROT_WRITE) && (a->flags & AREA_SHARED) && a->file &&
		    (a->file->flags & O_ACCMODE) != O_RDWR)
			return -EACCES;
	}
	rc = split_range(mm, start, end);
	if (rc)
		return rc;
	for (a = area_find(mm, start); &a->list != &mm->areas && a->start < end;
	     a = list_entry(a->list.next, struct area, list)) {
		if (a->prot == prot)
			continue;
		a->prot = prot;
		protect_entries(a);
	}
	return 0;
}

int area_move(struct area *a, ulong to, ulong new_len)
{
	struct mm *mm = a->mm;
	ulong va, len = a->end - a->start;
	struct area *moved = kmalloc(sizeof(*moved)), *next;

	if (!moved)
		return -ENOMEM;
	for (va = to; va < to + len; va += PAGE_SIZE) {
		if (!pte_find(&mm->root, va, true)) {
			kfree(moved);
			return -ENOMEM;
		}
	}
	for (va = a->start; va < a->end; va += PAGE_SIZE) {
		pte_t *from = pte_find(&mm->root, va, false);

		if (from && *from) {
			pte_set(pte_find(&mm->root, to + (va - a->start), true), *from);
			pte_set(from, 0);
		}
	}
	tlb_flush_all();
	*moved = *a;
	list_del(&a->list);
	kfree(a);
	moved->start = to;
	moved->end = to + new_len;
	next = area_find(mm, to);
	list_add_tail(next ? &next->list : &mm->areas, &moved->list);
	return 0;
}
