/* SPDX-License-Identifier: MIT */
/*
 * The guest's memory as it sees it: frames numbered from 0, and its own page tables, which the processor never
 * walks. They are walked here (SDM 3A 4.4, PAE Paging), for shadows and for every access on the guest's behalf:
 * a shadow may be empty where the guest's tables are not. For those accesses there is a small TLB: the same five
 * pages serve nearly every one of them.
 *
 * Each frame of RAM holds a reference and a use of PGT_WRITABLE from fv_memory_init() on, so that it cannot
 * become a page table or be freed while shadows may map it writable. The isolation proof of mm/page.c holds
 * unchanged: for it, shadows are page tables of the hypervisor.
 */
#include "cpu/x86.h"
#include "fv/fv.h"
#include "guest/hypercall.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "mm/page.h"

#define LARGE_FRAMES    512u
#define MACHINE_MOST    (64ull << 10) /* bytes: the part that does not depend on the guest's memory */
#define FRAMES_PER_STEP 32u           /* found or released between two looks at other work; a power of two */

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

/* Page by page, since neighbouring pages need not be neighbouring frames. */
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

/*
 * The M2P says which guest frame each of the domain's frames is: the builder named them when it allocated them. After
 * one round through the domain's frames, each is held.
 */
static int find_frame(struct domain *d, struct fv *fv)
{
	mfn_t mfn = owned_rotate(d);
	pfn_t pfn = mfn ? m2p_get(mfn) : INVALID_PFN;

	if (pfn > fv->ram_pages || (pfn < fv->ram_pages ? fv->frames[pfn].mfn : !!fv->pc.console))
		return 0;
	if (page_get_and_type(mfn_to_page(mfn), d, PGT_WRITABLE))
		return -EINVAL;
	if (pfn < fv->ram_pages) {
		fv->frames[pfn].mfn = mfn;
		fv->frames_held++;
	} else {
		fv->pc.console = mfn_to_virt(mfn);
	}
	return 0;
}

/* An earlier call may have stopped half way, without enough memory. */
static int memory_begin(struct fv *fv, uint32_t ram_pages)
{
	if (!ram_pages || ram_pages >= fv->v->domain->mm.tot_pages)
		return -EINVAL;
	fv->frames_order = block_order(ram_pages * sizeof(*fv->frames));
	if (!fv->nothing)
		fv->nothing = heap_alloc_pages_for(fv->v->domain, 0);
	if (fv->nothing && fv->frames_order <= MAX_ORDER)
		fv->frames_at = heap_alloc_frames_for(fv->v->domain, fv->frames_order);
	if (!fv->frames_at)
		return -ENOMEM;
	memset(fv->nothing, 0xff, PAGE_SIZE);
	fv->ram_pages = ram_pages;
	fv->copies_max = fv_copies_max(ram_pages);
	fv->frames_to_find = fv->v->domain->mm.tot_pages;
	return 0;
}

/* One step: a page of the list of frames is cleared, or some frames are found. -ERESTART: there is more. */
static int memory_step(struct fv *fv)
{
	int rc = 0;

	if (fv->frames_cleared < 1ull << fv->frames_order) {
		memset(mfn_to_virt(fv->frames_at + fv->frames_cleared++), 0, PAGE_SIZE);
		return -ERESTART;
	}
	fv->frames = mfn_to_virt(fv->frames_at);
	for (unsigned i = 0; i < FRAMES_PER_STEP && fv->frames_to_find && !rc; i++, fv->frames_to_find--)
		rc = find_frame(fv->v->domain, fv);
	if (!rc && fv->frames_to_find)
		return -ERESTART;
	return rc ? rc : fv->frames_held == fv->ram_pages && fv->pc.console ? 0 : -EINVAL;
}

int fv_memory_init(struct fv *fv, uint32_t ram_pages)
{
	int rc = fv->frames_at ? 0 : memory_begin(fv, ram_pages);

	if (rc)
		return rc;
	do {
		rc = memory_step(fv);
	} while (rc == -ERESTART && !hypercall_preempt_check());
	return rc;
}

int fv_memory_release(struct fv *fv)
{
	while (fv->frames && fv->ram_pages) {
		struct fv_frame *f = &fv->frames[--fv->ram_pages];

		if (f->copy)
			heap_free_pages(f->copy, 0);
		if (f->mfn)
			page_put_and_type(mfn_to_page(f->mfn));
		if (fv->ram_pages % FRAMES_PER_STEP == 0 && hypercall_preempt_check())
			return -ERESTART;
	}
	return 0;
}

uint64_t fv_heap_most(uint64_t frames)
{
	uint32_t copies;

	frames = MIN(frames, UINT32_MAX); /* more are not counted (fv.ram_pages) */
	copies = fv_copies_max(frames);
	return MACHINE_MOST + (PAGE_SIZE << block_order(frames * sizeof(struct fv_frame))) +
	       fv_shadow_most(frames) + copies * PAGE_SIZE + heap_size(copies * sizeof(uint32_t));
}

void fv_memory_free(struct fv *fv)
{
	if (fv->pc.console)
		page_put_and_type(mfn_to_page(virt_to_mfn(fv->pc.console)));
	if (fv->frames_at)
		heap_free_pages(mfn_to_virt(fv->frames_at), fv->frames_order);
	if (fv->nothing)
		heap_free_pages(fv->nothing, 0);
	fv->frames = NULL;
	fv->frames_at = 0;
	fv->nothing = NULL;
	fv->pc.console = NULL;
}
