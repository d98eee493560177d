/* SPDX-License-Identifier: MIT */
/* See desc.h. Descriptors: SDM 3A 3.4.5, Segment Descriptors. */
#include "pv/desc.h"
#include "cpu/descriptor.h"
#include "cpu/gdt.h"
#include "cpu/x86.h"
#include "dom/domain.h"
#include "guest/kind.h"
#include "lib/errno.h"
#include "lib/image.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "mm/page.h"
#include "pv/walk.h"

#define VCPUS_PER_L1 (PTES_PER_TABLE / DESC_PAGES)

/* Shown wherever a GDT page is not the guest's: loading a null descriptor is #GP(selector), as it should be.
 */
static uint64_t empty_page[512] __aligned(4096);

static uint64_t hv_pte(const void *page, uint64_t flags)
{
	return make_pte(virt_to_mfn(page), flags | PTE_P | PTE_A | PTE_NX);
}

static uint64_t empty_pte(void)
{
	return make_pte(image_phys(empty_page) >> PAGE_SHIFT, PTE_P | PTE_A | PTE_NX);
}

/* The table below @slot, allocated for @d if there is none. */
static uint64_t *next_table(struct domain *d, uint64_t *slot)
{
	if (!(*slot & PTE_P)) {
		void *page = heap_alloc_pages_for(d, 0);

		if (!page)
			return NULL;
		*slot = hv_pte(page, PTE_RW) & ~PTE_NX;
	}
	return mfn_to_virt(pte_mfn(*slot));
}

/* Free the window tables of vCPUs @first and following, if none of them has its part any more. */
static void free_tables(struct domain *d, uint64_t *l2_slot, unsigned first)
{
	if (!(*l2_slot & PTE_P))
		return;
	for (unsigned i = first; i < MIN(first + VCPUS_PER_L1, d->max_vcpus); i++)
		if (d->vcpu[i] && d->vcpu[i]->mm.desc_l1)
			return;
	heap_free_pages(mfn_to_virt(pte_mfn(*l2_slot)), 0);
	*l2_slot = 0;
}

static void trim_tables(struct domain *d)
{
	uint64_t *l2 = mfn_to_virt(pte_mfn(d->mm.window_l3[0]));

	for (unsigned i = 0; i < MAX_VCPUS / VCPUS_PER_L1; i++)
		free_tables(d, &l2[i], i * VCPUS_PER_L1);
	if (!(l2[0] & PTE_P) && !(l2[1] & PTE_P)) {
		heap_free_pages(l2, 0);
		d->mm.window_l3[0] = 0;
	}
}

int desc_init(struct vcpu *v)
{
	uint64_t *l2 = next_table(v->domain, v->domain->mm.window_l3), *l1;

	if (!l2)
		return -ENOMEM;
	_Static_assert(MAX_VCPUS == 2 * VCPUS_PER_L1, "two L1 tables hold every window");
	l1 = next_table(v->domain, &l2[v->id / VCPUS_PER_L1]);
	if (!l1) {
		trim_tables(v->domain);
		return -ENOMEM;
	}
	v->mm.desc_l1 = l1 + v->id % VCPUS_PER_L1 * DESC_PAGES;
	for (unsigned i = 0; i < DESC_RESERVED_PAGE; i++) {
		v->mm.desc_l1[i] = empty_pte();
		v->pv.gdt_frames[i] = INVALID_MFN;
	}
	return 0;
}

static void put_segdesc(mfn_t mfn)
{
	page_put_and_type(mfn_to_page(mfn));
}

static void set_entry(struct vcpu *v, unsigned page, uint64_t pte)
{
	v->mm.desc_l1[page] = pte;
	if (v == current)
		tlb_flush_page_local(GDT_WINDOW(v->id) + page * PAGE_SIZE);
	else
		v->pv.desc_cpu = NULL; /* desc_switch_in flushes them all */
}

static void drop_gdt(struct vcpu *v)
{
	for (unsigned i = 0; i < GDT_GUEST_PAGES; i++) {
		if (v->pv.gdt_frames[i] == INVALID_MFN)
			continue;
		set_entry(v, i, empty_pte());
		put_segdesc(v->pv.gdt_frames[i]);
		v->pv.gdt_frames[i] = INVALID_MFN;
	}
	v->pv.gdt_entries = 0;
}

/* Keep the first @n of the frames that are held for the next GDT. */
static void trim_next(struct vcpu *v, unsigned n)
{
	while (v->pv.gdt_next_pages > n)
		put_segdesc(v->pv.gdt_next[--v->pv.gdt_next_pages]);
}

static void drop_ldt_pages(struct vcpu *v)
{
	for (unsigned i = 0; i < DESC_PAGES - DESC_FIRST_LDT_PAGE; i++) {
		uint64_t pte = v->mm.desc_l1[DESC_FIRST_LDT_PAGE + i];

		if (!(v->pv.ldt_mapped >> i & 1))
			continue;
		set_entry(v, DESC_FIRST_LDT_PAGE + i, 0);
		put_segdesc(pte_mfn(pte));
	}
	v->pv.ldt_mapped = 0;
}

void desc_free(struct vcpu *v)
{
	if (!v->mm.desc_l1)
		return;
	trim_next(v, 0);
	drop_gdt(v);
	drop_ldt_pages(v);
	v->mm.desc_l1 = NULL;
	trim_tables(v->domain);
}

/* Audit and hold one more of @frames. Frames held by another call that was not finished are dropped. */
static int hold_next(struct vcpu *v, const mfn_t *frames, unsigned pages)
{
	unsigned i = 0;

	while (i < MIN(v->pv.gdt_next_pages, pages) && v->pv.gdt_next[i] == frames[i])
		i++;
	trim_next(v, i);
	if (i == pages)
		return 0;
	if (!mfn_valid(frames[i]) || page_get_and_type(mfn_to_page(frames[i]), v->domain, PGT_SEGDESC)) {
		trim_next(v, 0);
		return -EINVAL;
	}
	v->pv.gdt_next[v->pv.gdt_next_pages++] = frames[i];
	return pages > 1 ? -ERESTART : 0; /* a caller with several does the rest by itself */
}

int desc_set_gdt(struct vcpu *v, const mfn_t *frames, uint32_t entries)
{
	unsigned pages = (entries + 511) / 512;
	int rc;

	if (entries > GDT_GUEST_ENTRIES)
		return -EINVAL;
	rc = hold_next(v, frames, pages);
	if (rc)
		return rc;
	drop_gdt(v);
	for (unsigned i = 0; i < pages; i++) {
		v->pv.gdt_frames[i] = frames[i];
		set_entry(v, i, make_pte(frames[i], PTE_P | PTE_RW | PTE_A | PTE_D | PTE_NX));
	}
	v->pv.gdt_next_pages = 0;
	v->pv.gdt_entries = entries;
	return 0;
}

/* LDTR takes its base and limit from the CPU's reserved page (SDM 3A 3.5.1). */
static void load_ldt(struct vcpu *v, uint64_t *reserved)
{
	uint64_t base = LDT_WINDOW(v->id), limit = v->pv.ldt_entries * 8 - 1;
	uint64_t *d = reserved + GDT_INDEX(SEL_LDT);

	if (!v->pv.ldt_entries) {
		lldt(0);
		return;
	}
	d[0] = (limit & 0xffff) | (base & 0xffffff) << 16 | DESC_OF_TYPE(DESC_LDT) | DESC_P |
	       (base >> 24 & 0xff) << 56;
	d[1] = base >> 32;
	lldt(SEL_LDT);
}

int desc_set_ldt(struct vcpu *v, gva_t base, uint32_t entries)
{
	if (entries > LDT_MAX_ENTRIES || (base & ~PAGE_MASK) ||
	    (entries && !range_ok(v->domain->abi, base, entries * 8)))
		return -EINVAL;
	drop_ldt_pages(v);
	v->pv.ldt_base = base;
	v->pv.ldt_entries = entries;
	if (v == current)
		load_ldt(v, v->domain->pv->reserved_gdt());
	return 0;
}

/* @v comes from another CPU, or its window was changed while it did not run. */
void desc_refresh_window(struct vcpu *v, uint64_t *reserved)
{
	v->mm.desc_l1[DESC_RESERVED_PAGE] = hv_pte(reserved, PTE_RW | PTE_D);
	v->pv.desc_cpu = this_cpu->self;
	for (unsigned i = 0; i < DESC_PAGES; i++)
		tlb_flush_page_local(GDT_WINDOW(v->id) + i * PAGE_SIZE);
}

void desc_switch_in(struct vcpu *v, uint64_t *reserved)
{
	if (unlikely(v->pv.desc_cpu != this_cpu->self))
		rare_call(desc_refresh_window, v, reserved);
	gdt_load(GDT_WINDOW(v->id));
	load_ldt(v, reserved);
}

bool desc_in_ldt_window(const struct vcpu *v, gva_t addr)
{
	return addr - LDT_WINDOW(v->id) < LDT_MAX_ENTRIES * 8;
}

/* The guest's LDT lies in its kernel's address space, whichever is loaded. What is shown of it stays, and is held,
 * until the LDT is set again, whatever the guest maps there meanwhile: as if descriptors were cached. */
bool desc_ldt_fault(struct vcpu *v, gva_t addr)
{
	unsigned page = (addr - LDT_WINDOW(v->id)) >> PAGE_SHIFT;
	uint64_t pte;
	mfn_t mfn;

	if (page * 512 >= v->pv.ldt_entries || (v->pv.ldt_mapped >> page & 1))
		return false;
	if (!walk_leaf(v->mm.kernel_cr3, v->pv.ldt_base + page * PAGE_SIZE, &pte))
		return false;
	mfn = pte_mfn(pte);
	if (!mfn_valid(mfn) || page_get_and_type(mfn_to_page(mfn), v->domain, PGT_SEGDESC))
		return false;
	v->pv.ldt_mapped |= 1u << page;
	set_entry(v, DESC_FIRST_LDT_PAGE + page, make_pte(mfn, PTE_P | PTE_RW | PTE_A | PTE_D | PTE_NX));
	return true;
}

/* One word of a table in the window; a page that cannot be mapped reads as null. */
static uint64_t read_live(gva_t at)
{
	uint64_t d = 0;

	__asm__ volatile("1:\tmov %1, %0\n2:\n" EX_TABLE("1b", "2b") : "+r"(d) : "m"(*(const uint64_t *)at));
	return d;
}

bool desc_segment(struct vcpu *v, uint16_t selector, struct segment *seg)
{
	uint32_t offset = selector & ~7u;
	bool ldt = selector & SELECTOR_LDT;
	uint64_t d;

	if (selector <= 3 || offset + 7 > (ldt ? v->pv.ldt_entries * 8 : GDT_LIMIT))
		return false;
	d = read_live((ldt ? LDT_WINDOW(v->id) : GDT_WINDOW(v->id)) + offset);
	if (!(d & DESC_P) || !(d & DESC_S))
		return false;
	*seg = (struct segment){
	    .base = (d >> 16 & 0xffffff) | (d >> 56) << 24,
	    .limit = (d & 0xffff) | (d >> 32 & 0xf0000),
	    .code = d & DESC_CODE,
	    .code64 = (d & DESC_CODE) && (d & DESC_L),
	    .big = d & DESC_DB,
	    .readable = !(d & DESC_CODE) || (d & DESC_WRITABLE),
	    .writable = !(d & DESC_CODE) && (d & DESC_WRITABLE),
	    .down = !(d & DESC_CODE) && (d & DESC_DOWN),
	};
	if (d & DESC_G)
		seg->limit = seg->limit << 12 | 0xfff;
	return true;
}

/* Only present descriptors matter. Code and data segments are harmless at the guest's privilege: memory is
 * protected by paging alone. 64-bit code in ring 1 would reach the hypervisor, which paging does not keep
 * from it. No system segment is allowed, nor a call gate: a guest reaches its kernel by INT n and SYSCALL.
 * Type 0 is the empty second half of a 16-byte one. */
bool desc_audit(uint64_t *desc, unsigned rpl, bool code64)
{
	uint64_t d = *desc, dpl = DESC_DPL_OF(d);

	if (!(d & DESC_P))
		return true;
	if (!(d & DESC_S))
		return DESC_TYPE(d) == 0;
	if (!code64 && (d & DESC_CODE) && (d & DESC_L))
		return false;
	*desc = (d & ~DESC_DPL) | DESC_FOR_DPL(MAX(dpl, rpl));
	return true;
}
