/* SPDX-License-Identifier: MIT */
/*
 * Virtual segments. The processor's GDT is ours: a copy of the guest's, entry by entry, in which
 *   - ring 0 is ring 1: a DPL of 0 becomes 1, and a selector with RPL 0 still loads (SDM 3A 5.5); what MOV
 *     from a data segment register reads back is what the guest wrote;
 *   - there is no 64-bit code, which in ring 1 would reach the hypervisor (paging does not keep it from there);
 *   - there are no system segments: TSS, LDT and gates have their meaning for us alone (LTR, LLDT trap);
 *   - code segments of ring 3 are not present while ring 1 runs. IRET from ring 1 to ring 3 would succeed, and
 *     nobody would learn that the guest's IF is set again. So it raises #NP, and is emulated. (IRET to the
 *     guest's ring 0 faults by itself: RPL 0 is below the CPL.)
 *
 * The copy is renewed at LGDT, at the virtual IRET to ring 3, and when loading a selector faults. A kernel that
 * changes a descriptor and loads it within ring 0 gets the old one if that was present; on IRET all data
 * segment registers are loaded anew if anything had changed. For kernels that keep per-thread descriptors (one
 * store at each switch) this costs a comparison; to write-protect their GDT would cost two faults.
 */
#include "cpu/gdt.h"
#include "cpu/x86.h"
#include "fv/fv.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "mm/page.h"
#include "pv/segments.h"

#define DESC_CODE     (1ull << 43)
#define DESC_S        (1ull << 44)
#define DESC_DPL      (3ull << 45)
#define DESC_DPL1     (1ull << 45)
#define DESC_P        (1ull << 47)
#define DESC_L        (1ull << 53)
#define DESC_ACCESSED (1ull << 40)
#define SELECTOR_LDT  4

static bool is_user_code(uint64_t raw)
{
	return (raw & (DESC_P | DESC_S | DESC_CODE | DESC_DPL)) == (DESC_P | DESC_S | DESC_CODE | DESC_DPL);
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
	return raw & DESC_DPL ? d : d | DESC_DPL1;
}

/* At each way into ring 1 and out of it: so the few entries in question are marked in fv->user_code_set. */
void fv_segments_user_code(struct fv *fv, bool present)
{
	if (fv->user_code == present)
		return;
	fv->user_code = present;
	for (unsigned w = 0; w < ARRAY_SIZE(fv->user_code_set); w++) {
		for (uint64_t bits = fv->user_code_set[w]; bits; bits &= bits - 1) {
			unsigned i = w * 64 + __builtin_ctzll(bits);

			fv->gdt[i] = made_of(fv, fv->gdt_raw[i]);
		}
	}
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

bool fv_segments_sync(struct fv *fv)
{
	unsigned n = entries(fv), end = MAX(n, fv->gdt_entries);
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

bool fv_descriptor(struct fv *fv, uint16_t selector, uint64_t *d)
{
	uint32_t fault;

	if (selector <= 3 || (selector & SELECTOR_LDT) || (selector | 7u) > fv->gdtr.limit)
		return false;
	return fv_read(fv, fv->gdtr.base + (selector & ~7u), d, sizeof(*d), &fault) == FV_OK;
}

int fv_segments_init(struct fv *fv)
{
	fv->gdt = heap_alloc_pages(0);
	fv->gdt_raw = heap_alloc_pages(0);
	if (!fv->gdt || !fv->gdt_raw)
		return -ENOMEM;
	/* The first page of the vCPU's window (pv/desc.c); the others stay empty. */
	fv->v->desc_l1[0] = make_pte(virt_to_mfn(fv->gdt), PTE_P | PTE_RW | PTE_A | PTE_D | PTE_NX);
	fv->v->desc_cpu = NULL;
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
