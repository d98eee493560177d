/* SPDX-License-Identifier: MIT */
/*
 * Virtual segments. The processor's GDT is a copy of the guest's, entry by entry, in which
 *   - ring 0 is ring 1: a DPL of 0 becomes 1, and a selector with RPL 0 still loads (SDM 3A 5.5); what MOV
 *     from a data segment register reads back is what the guest wrote;
 *   - there is no 64-bit code, which in ring 1 would reach the hypervisor (paging does not keep it from there);
 *   - there are no system segments: only the hypervisor reads TSS, LDT and gates (LTR, LLDT trap);
 *   - code segments of ring 3 are not present while ring 1 runs. IRET from ring 1 to ring 3 would succeed, and
 *     the hypervisor would not learn that the guest's IF is set again. So it raises #NP, and is emulated. (IRET
 *     to the guest's ring 0 faults by itself: RPL 0 is below the CPL.)
 *
 * The copy is renewed at LGDT, at the virtual IRET to ring 3, and when loading a selector faults; on the way into a
 * handler, the two descriptors that are loaded there. A kernel that changes a descriptor and loads it within ring 0
 * gets the old one if that was present; on IRET all data segment registers are loaded again if anything had changed.
 * For kernels that keep per-thread descriptors (one store at each switch) this costs a comparison; to write-protect
 * their GDT would cost two faults.
 */
#include "cpu/descriptor.h"
#include "cpu/gdt.h"
#include "cpu/x86.h"
#include "fv/fv.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "mm/page.h"
#include "pv/segments.h"

static bool is_user_code(uint64_t raw)
{
	const uint64_t set = DESC_P | DESC_S | DESC_CODE | DESC_DPL;

	return (raw & (set | DESC_L)) == set;
}

/* What the processor gets to see of it. */
static uint64_t made_of(const struct fv *fv, uint64_t raw)
{
	uint64_t d = raw | DESC_ACCESSED; /* or loading it would write to the copy */

	if (!(raw & DESC_P) || !(raw & DESC_S))
		return 0;
	if ((raw & DESC_CODE) && (raw & DESC_L))
		return 0;
	if (is_user_code(raw) && !fv->user_code)
		d &= ~DESC_P;
	return raw & DESC_DPL ? d : d | DESC_FOR_DPL(1);
}

/* Called on each way into ring 1 and out of it, so fv->user_code_set marks the few entries in question. Only their
 * present bit changes. */
void fv_segments_user_code(struct fv *fv, bool present)
{
	if (fv->user_code == present)
		return;
	fv->user_code = present;
	for (unsigned first = 0; first < fv->gdt_entries; first += 64)
		for (uint64_t bits = fv->user_code_set[first / 64]; bits; bits &= bits - 1)
			fv->gdt[first + __builtin_ctzll(bits)] ^= DESC_P;
}

static unsigned entries(const struct fv *fv)
{
	return MIN((fv->gdtr.limit + 1u) / 8, FV_GDT_ENTRIES);
}

static void change(struct fv *fv, unsigned i, uint64_t raw)
{
	uint64_t bit = 1ull << i % 64, *word = &fv->user_code_set[i / 64];

	fv->gdt_raw[i] = raw;
	fv->gdt[i] = i ? made_of(fv, raw) : 0;
	*word = i && is_user_code(raw) ? *word | bit : *word & ~bit;
	fv->gdt_changed = true;
}

/* The guest's table is nearly always as the copy says. If it is in one page, one comparison shows this. */
static bool unchanged(struct fv *fv, unsigned n)
{
	const struct fv_translation *t = fv_tlb_find(fv, fv->gdtr.base, n * 8, FV_TLB_READ);
	const uint8_t *raw;

	if (!t || n != fv->gdt_entries)
		return false;
	raw = t->frame + fv->gdtr.base % PAGE_SIZE;
	for (unsigned i = 0; i < n; i++) {
		uint64_t d;

		memcpy(&d, raw + i * 8, sizeof(d));
		if (d != fv->gdt_raw[i])
			return false;
	}
	return true;
}

static bool look_again(struct fv *fv, unsigned n)
{
	unsigned end = MAX(n, fv->gdt_entries);
	bool changed = false;
	uint64_t raw[64];
	uint32_t fault;

	for (unsigned first = 0; first < end; first += ARRAY_SIZE(raw)) {
		unsigned part = MIN(end - first, (unsigned)ARRAY_SIZE(raw));
		unsigned there = first < n ? MIN(n - first, part) : 0;

		if (there && fv_read(fv, fv->gdtr.base + first * 8, raw, there * 8, &fault) != FV_OK)
			there = 0;
		memset(raw + there, 0, (part - there) * sizeof(*raw));
		for (unsigned i = 0; i < part; i++) {
			if (fv->gdt_raw[first + i] == raw[i])
				continue;
			change(fv, first + i, raw[i]);
			changed = true;
		}
	}
	fv->gdt_entries = n;
	return changed;
}

bool fv_segments_sync(struct fv *fv)
{
	unsigned n = entries(fv);

	return !unchanged(fv, n) && look_again(fv, n);
}

bool fv_descriptor(struct fv *fv, uint16_t selector, uint64_t *d)
{
	unsigned i = selector / 8;
	uint32_t fault;

	if (selector <= 3 || (selector & SELECTOR_LDT) || (selector | 7u) > fv->gdtr.limit ||
	    fv_read(fv, fv->gdtr.base + i * 8, d, sizeof(*d), &fault) != FV_OK)
		return false;
	if (i < fv->gdt_entries && fv->gdt_raw[i] != *d)
		change(fv, i, *d);
	return true;
}

bool fv_code32(const struct fv *fv, uint16_t selector, uint32_t *base)
{
	const uint64_t needed = DESC_P | DESC_S | DESC_CODE | DESC_DB;
	uint64_t d = selector / 8 < FV_GDT_ENTRIES ? fv->gdt[selector / 8] : 0;

	*base = fv_descriptor_base(d);
	return (d & needed) == needed;
}

int fv_segments_init(struct fv *fv)
{
	fv->gdt = heap_alloc_pages_for(fv->v->domain, 0);
	fv->gdt_raw = heap_alloc_pages_for(fv->v->domain, 0);
	if (!fv->gdt || !fv->gdt_raw)
		return -ENOMEM;
	/* The first page of the vCPU's window (pv/desc.c); the others stay empty. */
	fv->v->mm.desc_l1[0] = make_pte(virt_to_mfn(fv->gdt), PTE_P | PTE_RW | PTE_A | PTE_D | PTE_NX);
	fv->v->pv.desc_cpu = NULL;
	return 0;
}

void fv_segments_free(struct fv *fv)
{
	if (fv->gdt)
		heap_free_pages(fv->gdt, 0);
	if (fv->gdt_raw)
		heap_free_pages(fv->gdt_raw, 0);
	fv->gdt = fv->gdt_raw = NULL;
}
