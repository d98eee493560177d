/* SPDX-License-Identifier: MIT */
/* Address spaces: life and inheritance. */
#include "kern/mm/space.h"
#include "kern/mm/kmalloc.h"
#include "kern/mm/page.h"

struct mm *mm_create(void)
{
	struct mm *mm = kzalloc(sizeof(*mm));

	if (!mm)
		return NULL;
	if (root_create(&mm->root)) {
		kfree(mm);
		return NULL;
	}
	mm->refs = 1;
	list_init(&mm->areas);
	return mm;
}

void mm_set_program(struct mm *mm, struct inode *program)
{
	if (!program)
		return;
	mm->program = inode_get(program);
	program->running++;
}

struct mm *mm_get(struct mm *mm)
{
	mm->refs++;
	return mm;
}

void mm_put(struct mm *mm)
{
	if (--mm->refs)
		return;
	if (mm->root.cpus) /* on this processor: others with nothing to run have the kernel's own */
		mm_switch(NULL);
	area_unmap(mm, 0, USER_END);
	root_destroy(&mm->root);
	if (mm->program)
		mm->program->running--;
	inode_put(mm->program);
	kfree(mm);
}

void mm_switch(struct mm *mm)
{
	root_switch(mm ? &mm->root : NULL);
}

ulong mm_size(const struct mm *mm)
{
	struct area *a;
	ulong bytes = 0;

	list_for_each (a, &mm->areas, list)
		bytes += a->end - a->start;
	return bytes;
}

/*
 * Gives the child what one leaf table of the parent maps. Private writable pages become read-only on both
 * sides; the first to write makes a copy (mm/fault.c).
 */
static bool fork_entries(struct area *a, struct mm *child, pte_t *from, ulong start, ulong end)
{
	pte_t *to = NULL;
	ulong i, count = (end - start) >> PAGE_SHIFT;
	bool private = !(a->flags & AREA_SHARED);

	for (i = 0; i < count; i++) {
		pte_t pte = from[i];

		if (!pte_holds_frame(pte))
			continue;
		if (!to)
			to = pte_find(&child->root, start, true);
		if (!to)
			return false;
		if (private && (pte & PTE_W)) {
			pte &= ~PTE_W;
			pte_set(&from[i], pte);
		}
		page_get(pte_frame(pte));
		pte_set(&to[i], pte);
		child->pages++;
	}
	return true;
}

/* The same for the part of the area in the first leaf table from va on. Where to go on; 0: no memory. */
static ulong fork_some(struct area *a, struct mm *child, ulong va)
{
	ulong at = va, stop;
	pte_t *from = pte_find_next(&a->mm->root, &at, a->end);
	bool ok = true;

	if (a->flags & AREA_FOREIGN)
		return a->end;
	stop = from ? MIN(a->end, pte_table_end(at)) : a->end;
	if (!area_add(child, va, stop, a->prot, a->flags, a->file, a->offset + (va - a->start)))
		return 0;
	if (from) {
		pte_batch_begin();
		ok = fork_entries(a, child, from, at, stop);
		pte_batch_end();
	}
	return ok ? stop : 0;
}

/* Other threads may run in between: they must not write, by an old translation, pages that the child has already. */
struct mm *mm_fork(struct mm *old)
{
	struct mm *mm = mm_create();
	struct area *a;
	ulong va = 0;
	bool ok = true;

	if (!mm)
		return NULL;
	while (ok && (a = area_find(old, va))) {
		va = fork_some(a, mm, MAX(va, a->start));
		ok = va != 0;
		if (kernel_held_long()) {
			tlb_flush_all();
			kernel_breathe();
		}
	}
	tlb_flush_all();
	if (!ok) {
		mm_put(mm);
		return NULL;
	}
	mm->brk_start = old->brk_start;
	mm->brk = old->brk;
	mm->arg_start = old->arg_start;
	mm->arg_end = old->arg_end;
	mm->stack_top = old->stack_top;
	mm_set_program(mm, old->program);
	return mm;
}
