/* SPDX-License-Identifier: MIT */
/* Page faults: pages come in when touched, shared ones are copied when written. */
#include "kern/lib/string.h"
#include "kern/mm/page.h"
#include "kern/mm/space.h"
#include "kern/proc/signal.h"

static bool allowed(const struct area *a, u32 error)
{
	if (error & PF_WRITE)
		return a->prot & PROT_WRITE;
	if (error & PF_FETCH)
		return a->prot & PROT_EXEC;
	return a->prot != 0;
}

static pfn_t copy_of(pfn_t pfn)
{
	pfn_t copy = page_alloc(0);

	if (copy)
		memcpy(pfn_to_virt(copy), pfn_to_virt(pfn), PAGE_SIZE);
	return copy;
}

/* The frame for an absent page; *signal tells why there is none. *writable: whether writing needs no copy. */
static pfn_t bring_in(struct area *a, ulong va, bool write, bool *writable, int *signal)
{
	struct inode *inode;
	bool shared = a->flags & AREA_SHARED;
	pfn_t pfn, copy;

	*signal = SIGKILL; /* out of memory */
	*writable = true;
	if (!a->file)
		return page_alloc_zeroed();
	inode = a->file->inode;
	if (a->offset + (va - a->start) >= ROUND_UP(inode->size, (u64)PAGE_SIZE)) {
		*signal = SIGBUS;
		return 0;
	}
	pfn = inode->ops->page(inode, (a->offset + (va - a->start)) >> PAGE_SHIFT, shared);
	if (!pfn && inode->fs->limit)
		*signal = SIGBUS; /* its file system is full */
	if (!pfn || shared)
		return pfn;
	if (!write) {
		*writable = false;
		return pfn;
	}
	copy = copy_of(pfn);
	page_put(pfn);
	return copy;
}

static int absent(struct mm *mm, struct area *a, ulong va, pte_t *ptep, bool write)
{
	bool writable;
	int signal;
	pfn_t pfn = bring_in(a, va, write, &writable, &signal);

	if (!pfn)
		return signal;
	pte_set(ptep, pte_for(a, pfn, writable));
	mm->pages++;
	return 0;
}

/* A write to a page that is mapped read-only in a writable area. */
static int copy_on_write(struct area *a, ulong va, pte_t *ptep)
{
	pfn_t old = pte_frame(*ptep), copy;

	if ((a->flags & AREA_SHARED) || pages[old].refs == 1) {
		pte_set(ptep, pte_for(a, old, true));
		tlb_flush_page(va);
		return 0;
	}
	copy = copy_of(old);
	if (!copy)
		return SIGKILL;
	pte_set(ptep, pte_for(a, copy, true));
	tlb_flush_page(va);
	page_put(old);
	return 0;
}

int mm_fault(struct mm *mm, ulong addr, u32 error)
{
	ulong va = addr & PAGE_MASK;
	struct area *a = area_at(mm, va);
	pte_t *ptep;

	if (!a || (a->flags & AREA_FOREIGN) || !allowed(a, error))
		return SIGSEGV;
	ptep = pte_find(&mm->root, va, true);
	if (!ptep)
		return SIGKILL;
	if (!*ptep)
		return absent(mm, a, va, ptep, error & PF_WRITE);
	if (pte_is_parked(*ptep)) {
		pte_set(ptep, pte_for(a, pte_frame(*ptep), false));
		return 0;
	}
	if ((error & PF_WRITE) && !(*ptep & PTE_W))
		return copy_on_write(a, va, ptep);
	tlb_flush_page(va); /* the entry allows it already: the processor used an old one */
	return 0;
}

size_t mm_peek(struct mm *mm, ulong addr, void *buf, size_t n)
{
	size_t done = 0;

	while (done < n && addr < USER_END) {
		size_t part = MIN(n - done, PAGE_SIZE - (addr & ~PAGE_MASK));
		pte_t *ptep = pte_find(&mm->root, addr, false);

		if (!ptep || !pte_holds_frame(*ptep))
			break;
		memcpy((char *)buf + done, (char *)pfn_to_virt(pte_frame(*ptep)) + (addr & ~PAGE_MASK), part);
		done += part;
		addr += part;
	}
	return done;
}
