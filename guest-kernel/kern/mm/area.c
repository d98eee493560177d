/* SPDX-License-Identifier: MIT */
/* Areas: the list that says what each part of an address space is. Ranges are whole pages. */
#include "kern/mm/space.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/kmalloc.h"
#include "kern/mm/page.h"

#define MMAP_TOP    (USER_END - (16UL << 20)) /* the stack and its growth lie above */
#define MMAP_LOWEST 0x10000UL
#define AREAS_MAX   4096 /* of one address space: they are searched one by one */

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

/* Two neighbours that continue each other can be one area. */
static bool can_grow(const struct area *a, ulong start, u32 prot, u32 flags, const struct file *file,
		     u64 offset)
{
	return a->end == start && a->file == file && a->prot == prot && a->flags == flags && !a->ops &&
	       !(flags & AREA_FOREIGN) &&
	       (!file || (!file->ops->mmap && a->offset + (a->end - a->start) == offset));
}

struct area *area_add(struct mm *mm, ulong start, ulong end, u32 prot, u32 flags, struct file *file,
		      u64 offset)
{
	struct area *next = area_find(mm, start), *a;
	struct list *at = next ? &next->list : &mm->areas;

	if (at->prev != &mm->areas) {
		a = list_entry(at->prev, struct area, list);
		if (can_grow(a, start, prot, flags, file, offset)) {
			a->end = end;
			return a;
		}
	}
	a = mm->area_count < AREAS_MAX ? kzalloc(sizeof(*a)) : NULL;
	if (!a)
		return NULL;
	mm->area_count++;
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
	upper = mm->area_count < AREAS_MAX ? kmalloc(sizeof(*upper)) : NULL;
	if (!upper)
		return -ENOMEM;
	mm->area_count++;
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
	list_del(&a->list);
	a->mm->area_count--;
	if (a->file)
		file_put(a->file);
	kfree(a);
}

/* Unmaps pages at the lower end of an area. Returns where it stopped. */
static ulong cut(struct area *a)
{
	ulong stop = a->end;

	if (a->ops && a->ops->unmap) {
		a->ops->unmap(a, a->start, a->end);
		pte_clear_range(a->mm, a->start, a->end);
	} else {
		stop = pte_clear_some(a->mm, a->start, a->end);
	}
	a->offset += stop - a->start;
	a->start = stop;
	if (stop == a->end)
		area_remove(a);
	return stop;
}

int area_unmap(struct mm *mm, ulong start, ulong end)
{
	struct area *a;
	int rc;

	while ((a = area_find(mm, start)) && a->start < end) {
		rc = split_range(mm, start, end);
		if (rc)
			return rc;
		start = cut(area_find(mm, start));
		if (start < end) /* no thread sees the hole if a small new mapping takes its place */
			kernel_breathe();
	}
	return 0;
}

/*
 * Gives the entries of one leaf table the new rights. Writing is never granted here: the first write faults, and the
 * fault handler knows whether the page must be copied first. Returns where to go on.
 */
static ulong protect_some(struct area *a, ulong va, ulong end)
{
	pte_t *ptep = pte_find_next(&a->mm->root, &va, end);
	ulong stop = ptep ? MIN(end, pte_table_end(va)) : end;

	if (!ptep)
		return stop;
	pte_batch_begin();
	for (; va < stop; va += PAGE_SIZE, ptep++)
		if (pte_holds_frame(*ptep))
			pte_set(ptep, pte_for(a, pte_frame(*ptep), false));
	pte_batch_end();
	tlb_flush_all();
	return stop;
}

int area_protect(struct mm *mm, ulong start, ulong end, u32 prot)
{
	struct area *a;
	int rc;

	while (start < end) {
		a = area_at(mm, start);
		if (!a || (a->flags & AREA_FOREIGN))
			return -ENOMEM;
		if ((prot & PROT_WRITE) && (a->flags & AREA_SHARED) && a->file &&
		    (a->file->flags & O_ACCMODE) != O_RDWR)
			return -EACCES;
		if (a->prot != prot) {
			rc = split_range(mm, start, MIN(end, a->end));
			if (rc)
				return rc;
			a = area_at(mm, start);
			a->prot = prot;
		}
		start = protect_some(a, start, MIN(end, a->end));
		kernel_breathe();
	}
	return 0;
}

/* Moves the entries of one leaf table `by` bytes up; the tables for them exist. */
static void move_entries(struct mm *mm, pte_t *from, ulong va, ulong stop, ulong by)
{
	pte_batch_begin();
	for (; va < stop; va += PAGE_SIZE, from++) {
		if (*from) {
			pte_set(pte_find(&mm->root, va + by, false), *from);
			pte_set(from, 0);
		}
	}
	pte_batch_end();
}

/* Makes the page tables at the new place. */
static bool make_tables(struct mm *mm, ulong va, ulong end, ulong by)
{
	for (; pte_find_next(&mm->root, &va, end); va = pte_table_end(va)) {
		if (!pte_find(&mm->root, va + by, true) ||
		    !pte_find(&mm->root, MIN(end, pte_table_end(va)) - PAGE_SIZE + by, true))
			return false;
		kernel_breathe();
	}
	return true;
}

static bool is_plain(const struct area *a)
{
	return a && !a->ops && !(a->flags & AREA_FOREIGN);
}

/* The new area is made before anything moves, so that no thread takes its place; the old one shrinks from below. What
 * another thread undoes meanwhile stays undone. */
int area_move(struct mm *mm, ulong from, ulong to, ulong new_len)
{
	struct area *a = area_at(mm, from), *target;
	ulong end = a->end, by = to - from, va;
	pte_t *ptep;

	if (!make_tables(mm, from, end, by))
		return -ENOMEM;
	a = area_at(mm, from);
	if (!is_plain(a) || !area_range_free(mm, to, to + new_len) ||
	    !area_add(mm, to, to + new_len, a->prot, a->flags, a->file, a->offset))
		return -ENOMEM;
	while (from < end) {
		target = area_at(mm, from + by);
		a = area_split(mm, end) ? NULL : area_at(mm, from);
		if (!is_plain(a) || !is_plain(target) || a->start != from || a->end + by > target->end)
			return -ENOMEM;
		va = from;
		ptep = pte_find_next(&mm->root, &va, a->end);
		if (ptep) {
			ulong stop = MIN(a->end, pte_table_end(va));

			pte_clear_range(mm, va + by, stop + by);
			move_entries(mm, ptep, va, stop, by);
			tlb_flush_all();
		}
		from = cut(a);
		kernel_breathe();
	}
	return 0;
}
