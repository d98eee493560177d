/* SPDX-License-Identifier: MIT */
/*
 * The guest's memory as it sees it: frames numbered from 0, and its own page tables, which the processor never
 * walks. We walk them here (SDM 3A 4.4, PAE Paging), for shadows and for every access on the guest's behalf:
 * a shadow may be empty where the guest's tables are not. For those accesses there is a small TLB: the same five
 * pages serve nearly every one of them.
 *
 * Each frame of RAM holds a reference and a use of PGT_WRITABLE from fv_memory_init() on, so that nobody can
 * make it a page table or free it while shadows may map it writable. The isolation proof of mm/page.c holds
 * unchanged: to it, shadows are page tables of the hypervisor's own.
 */
#include "cpu/x86.h"
#include "fv/fv.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "mm/page.h"

/* Error code bits of a page fault (SDM 3A 4.7). */
#define PF_PRESENT 1u
#define PF_WRITE   2u
#define PF_USER    4u
#define PF_FETCH   16u

#define LARGE_FRAMES 512u

void *fv_frame_at(struct fv *fv, uint32_t pfn)
{
	return pfn < fv->ram_pages ? mfn_to_virt(fv->frames[pfn].mfn) : fv->nothing;
}

static uint32_t refused(struct fv *fv, uint32_t access, bool present)
{
	bool fetch = (access & PF_FETCH) && (fv->efer & EFER_NXE);

	return present | (access & (PF_WRITE | PF_USER)) | (fetch ? PF_FETCH : 0);
}

/* Set what the processor would set, in the guest's entry. */
static void mark(uint64_t *entry, uint64_t bits)
{
	if ((*entry & bits) != bits)
		__atomic_fetch_or(entry, bits, __ATOMIC_SEQ_CST);
}

static bool allowed(const struct fv *fv, const struct fv_place *p, uint32_t access)
{
	if ((access & PF_USER) && !p->user)
		return false;
	if ((access & PF_FETCH) && p->noexec)
		return false;
	return !(access & PF_WRITE) || p->writable || (!(access & PF_USER) && !(fv->cr0 & CR0_WP));
}

uint32_t fv_walk(struct fv *fv, uint32_t va, uint32_t access, struct fv_place *place)
{
	uint64_t pdpte = fv->pdpte[va >> 30], *pde, *leaf, rights;

	*place = (struct fv_place){.pfn = va >> PAGE_SHIFT, .writable = true, .user = true, .dirty = true};
	if (!(fv->cr0 & CR0_PG))
		return FV_OK;
	if (!(pdpte & PTE_P))
		return refused(fv, access, false);
	pde = (uint64_t *)fv_frame_at(fv, pte_mfn(pdpte)) + pt_slot(va, 2);
	if (!(*pde & PTE_P))
		return refused(fv, access, false);
	leaf = pde;
	rights = *pde;
	place->large = *pde & PTE_PS;
	if (place->large) {
		place->pfn = (pte_mfn(*pde) & ~(LARGE_FRAMES - 1)) + pt_slot(va, 1);
	} else {
		place->table = pte_mfn(*pde);
		leaf = (uint64_t *)fv_frame_at(fv, place->table) + pt_slot(va, 1);
		if (!(*leaf & PTE_P))
			return refused(fv, access, false);
		rights = (rights & *leaf & (PTE_RW | PTE_U)) | ((rights | *leaf) & PTE_NX);
		place->pfn = pte_mfn(*leaf);
	}
	place->writable = rights & PTE_RW;
	place->user = rights & PTE_U;
	place->noexec = (rights & PTE_NX) && (fv->efer & EFER_NXE);
	if (!allowed(fv, place, access))
		return refused(fv, access, true);
	mark(pde, PTE_A);
	mark(leaf, PTE_A | (access & PF_WRITE ? PTE_D : 0));
	place->dirty = *leaf & PTE_D;
	return FV_OK;
}

void fv_tlb_flush(struct fv *fv)
{
	memset(fv->tlb, 0, sizeof(fv->tlb));
}

static void remember(struct fv *fv, uint32_t va, uint32_t pfn, uint32_t access)
{
	struct fv_translation *set = fv->tlb[(va >> PAGE_SHIFT) % FV_TLB_SETS];
	uint32_t tag = (va & (uint32_t)PAGE_MASK) | FV_TLB_READ | (access & PF_WRITE ? FV_TLB_WRITE : 0);

	if (pfn >= fv->ram_pages)
		return;
	if ((set[0].tag ^ va) & (uint32_t)PAGE_MASK)
		set[1] = set[0];
	set[0] = (struct fv_translation){.tag = tag, .pfn = pfn, .frame = fv_frame_at(fv, pfn)};
}

/* Page by page, since neighbours need not be neighbours. */
static uint32_t copy(struct fv *fv, uint32_t va, void *buffer, unsigned n, uint32_t access, uint32_t *fault)
{
	uint8_t *at = buffer;

	while (n) {
		unsigned offset = va & ~PAGE_MASK, part = MIN(n, (unsigned)PAGE_SIZE - offset);
		struct fv_place place;
		uint32_t error = fv_walk(fv, va, access, &place);
		uint8_t *frame;

		if (error != FV_OK) {
			*fault = va;
			return error;
		}
		remember(fv, va, place.pfn, access);
		frame = (uint8_t *)fv_frame_at(fv, place.pfn) + offset;
		if (access & PF_WRITE) {
			fv_shadow_written(fv, place.pfn);
			if (place.pfn < fv->ram_pages)
				memcpy(frame, at, part);
		} else {
			memcpy(at, frame, part);
		}
		at += part;
		va += part;
		n -= part;
	}
	return FV_OK;
}

uint32_t fv_read_slowly(struct fv *fv, uint32_t va, void *to, unsigned n, uint32_t *fault)
{
	return copy(fv, va, to, n, 0, fault);
}

uint32_t fv_write(struct fv *fv, uint32_t va, const void *from, unsigned n, uint32_t *fault)
{
	const struct fv_translation *t = fv_tlb_find(fv, va, n, FV_TLB_READ | FV_TLB_WRITE);
	const struct fv_frame *f;

	if (unlikely(!t))
		return copy(fv, va, (void *)from, n, PF_WRITE, fault);
	f = &fv->frames[t->pfn];
	if (f->shadows || f->code != FV_CODE_UNKNOWN)
		fv_shadow_written(fv, t->pfn);
	memcpy(t->frame + va % PAGE_SIZE, from, n);
	return FV_OK;
}

static unsigned order_of(size_t size)
{
	unsigned order = 0;

	while (PAGE_SIZE << order < size)
		order++;
	return order;
}

/* The M2P says which guest frame each of the domain's frames is: the builder named them when it asked. */
static void find_frames(struct domain *d, struct fv *fv, mfn_t *console)
{
	spin_lock(&d->page_lock);
	for (uint32_t mfn = d->page_head; mfn; mfn = mfn_to_page(mfn)->next) {
		pfn_t pfn = m2p_get(mfn);

		if (pfn < fv->ram_pages)
			fv->frames[pfn].mfn = mfn;
		else if (pfn == fv->ram_pages)
			*console = mfn;
	}
	spin_unlock(&d->page_lock);
}

static bool hold(struct domain *d, mfn_t mfn)
{
	return mfn && !page_get_and_type(mfn_to_page(mfn), d, PGT_WRITABLE);
}

int fv_memory_init(struct fv *fv, uint32_t ram_pages, struct xencons_interface **console)
{
	struct domain *d = fv->v->domain;
	mfn_t console_mfn = 0;

	if (!ram_pages || ram_pages >= d->tot_pages)
		return -EINVAL;
	fv->frames_order = order_of(ram_pages * sizeof(*fv->frames));
	fv->frames = heap_alloc_pages(fv->frames_order);
	fv->nothing = heap_alloc_pages(0);
	if (!fv->frames || !fv->nothing)
		return -ENOMEM;
	memset(fv->nothing, 0xff, PAGE_SIZE);
	fv->ram_pages = ram_pages;
	find_frames(d, fv, &console_mfn);
	for (uint32_t pfn = 0; pfn < ram_pages; pfn++) {
		if (!hold(d, fv->frames[pfn].mfn)) {
			fv->ram_pages = pfn; /* what is held, for fv_memory_free() */
			return -EINVAL;
		}
	}
	if (!hold(d, console_mfn))
		return -EINVAL;
	*console = mfn_to_virt(console_mfn);
	return 0;
}

void fv_memory_free(struct fv *fv)
{
	for (uint32_t pfn = 0; pfn < fv->ram_pages; pfn++) {
		if (fv->frames[pfn].copy)
			heap_free_pages(fv->frames[pfn].copy, 0);
		page_put_and_type(mfn_to_page(fv->frames[pfn].mfn));
	}
	if (fv->console)
		page_put_and_type(mfn_to_page(virt_to_mfn(fv->console)));
	if (fv->frames)
		heap_free_pages(fv->frames, fv->frames_order);
	if (fv->nothing)
		heap_free_pages(fv->nothing, 0);
	fv->frames = NULL;
	fv->nothing = NULL;
	fv->console = NULL;
	fv->ram_pages = 0;
}
