/* SPDX-License-Identifier: MIT */
/*
 * Specification of descriptor tables (hypervisor/pv/desc.c) and of walks through page tables (pv/walk.c):
 *   windows    each vCPU has a slice of its own; a table of slices lives as long as one vCPU that uses it
 *   gdt        frames are held while they are shown, and one after the other before that; what fails leaves the old GDT,
 *              and nothing held; a vCPU that runs has its TLB flushed, one that does not when it next runs
 *   ldt        its pages are shown when the processor asks, once, if the guest maps them, until it is set again
 *   segments   descriptors are decoded as the processor does, within their tables
 *   audit      DPL at least the kernel's ring; nothing of the system; no 64-bit code for 32-bit kernels
 *   walk       rights are the least of all levels; large pages end it; what is absent is not found
 */
#include "mm_host.h"

#include <stdlib.h>
#include <string.h>

#include "cpu/gdt.h"
#include "cpu/x86.h"
#undef GDT_WINDOW
#define GDT_WINDOW(n) ((uint64_t)window + (uint64_t)(n)*32 * PAGE_SIZE)
static uint8_t (*window)[PAGE_SIZE]; /* what is live of vCPU 0's window, in the processor's eyes */
static uint16_t host_ldtr;
static uint64_t host_gdtr;
#define lldt(selector) (host_ldtr = (selector))
#define gdt_load(base) (host_gdtr = (base))
#include "pv/desc.c"
#include "pv/walk.c"

#define VCPUS 20
#define RO    (PTE_P | PTE_A | PTE_NX)
#define SHOWN (PTE_P | PTE_RW | PTE_A | PTE_D | PTE_NX)

static struct guest_abi abi;
static struct pv_doors pv;
static struct guest_kind kind;
static uint64_t reserved[PTES_PER_TABLE] __aligned(PAGE_SIZE);
static struct domain *d;
static struct vcpu vcpu[VCPUS], *const v = &vcpu[0];
static struct page_info *frames; /* 32 of d */
static uint64_t flushed;         /* pages of vCPU 0's window */

void tlb_flush_page_local(gva_t va)
{
	flushed |= 1ull << (va - GDT_WINDOW(0)) / PAGE_SIZE;
}
static uint64_t *reserved_gdt(void)
{
	return reserved;
}

static mfn_t mfn_of(unsigned i)
{
	return page_to_mfn(&frames[i]);
}
/* How often frame @i is held as a segment descriptor page. */
static unsigned held(unsigned i)
{
	unsigned n = frames[i].type & PGT_COUNT;

	assert_true(!n || page_type_of(&frames[i]) == PGT_SEGDESC);
	return n;
}
static unsigned held_in_all(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < 32; i++)
		n += held(i);
	return n;
}

static int setup(void **state)
{
	if (!window)
		window = aligned_alloc(PAGE_SIZE, 32 * PAGE_SIZE);
	memset(window, 0, 32 * PAGE_SIZE);
	abi = (struct guest_abi){0};
	pv = (struct pv_doors){.reserved_gdt = reserved_gdt};
	kind = host_pv64;
	kind.abi = &abi;
	kind.pv = &pv;
	d = host_domain(&kind, 32);
	frames = domain_alloc_pages(d, 5, 0);
	assert_non_null(frames);
	for (unsigned i = 0; i < 32; i++)
		memset(mfn_to_virt(mfn_of(i)), 0, PAGE_SIZE);
	d->mm.window_l3 = calloc(PTES_PER_TABLE, 8);
	d->max_vcpus = VCPUS;
	memset(vcpu, 0, sizeof(vcpu));
	for (unsigned i = 0; i < VCPUS; i++) {
		vcpu[i].domain = d;
		vcpu[i].id = i;
		d->vcpu[i] = &vcpu[i];
	}
	assert_int_equal(desc_init(v), 0);
	host_percpu.self = &host_percpu;
	host_percpu.vcpu = v;
	v->pv.desc_cpu = &host_percpu;
	flushed = 0;
	return 0;
}

static int teardown(void **state)
{
	for (unsigned i = 0; i < VCPUS; i++)
		desc_free(&vcpu[i]);
	assert_int_equal(d->mm.window_l3[0], 0);
	assert_int_equal(held_in_all(), 0);
	free(d->mm.window_l3);
	host_domain_free(d);
	return 0;
}

/* ---- windows ---- */

static void windows(void **state)
{
	uint64_t *l2 = mfn_to_virt(pte_mfn(d->mm.window_l3[0]));

	assert_int_equal(d->mm.window_l3[0] & ~PTE_ADDR, PTE_P | PTE_A | PTE_RW);
	for (unsigned i = 1; i < VCPUS; i++)
		assert_int_equal(desc_init(&vcpu[i]), 0);
	assert_int_equal(l2[0] & ~PTE_ADDR, PTE_P | PTE_A | PTE_RW);
	for (unsigned i = 0; i < VCPUS; i++) {
		assert_ptr_equal(vcpu[i].mm.desc_l1,
				 (uint64_t *)mfn_to_virt(pte_mfn(l2[i / 16])) + i % 16 * 32);
		for (unsigned k = 0; k < GDT_GUEST_PAGES; k++) {
			assert_int_equal(vcpu[i].mm.desc_l1[k] & ~PTE_ADDR, RO);
			assert_int_equal(vcpu[i].pv.gdt_frames[k], INVALID_MFN);
		}
		for (unsigned k = GDT_GUEST_PAGES; k < DESC_PAGES; k++)
			assert_int_equal(vcpu[i].mm.desc_l1[k], 0);
	}
	d->vcpu[3] = NULL; /* one that was never made */
	for (unsigned i = 16; i < VCPUS; i++) {
		assert_true(l2[1] & PTE_P);
		desc_free(&vcpu[i]);
		assert_null(vcpu[i].mm.desc_l1);
	}
	assert_int_equal(l2[1], 0);
	for (unsigned i = 0; i < 16; i++) {
		assert_true(l2[0] & PTE_P);
		desc_free(&vcpu[15 - i]);
		desc_free(&vcpu[15 - i]); /* of one that has none */
	}
	assert_int_equal(d->mm.window_l3[0], 0);
	assert_int_equal(desc_init(&vcpu[17]), 0); /* the second table alone */
	l2 = mfn_to_virt(pte_mfn(d->mm.window_l3[0]));
	assert_int_equal(l2[0], 0);
	assert_true(l2[1] & PTE_P);
	assert_int_equal(desc_init(v), 0);
	desc_free(v);
	assert_true(d->mm.window_l3[0] & l2[1] & PTE_P);
}

static void no_memory(void **state)
{
	desc_free(v);
	d->mm.heap_quota = d->mm.heap_bytes;
	assert_int_equal(desc_init(v), -ENOMEM);
	assert_int_equal(d->mm.window_l3[0], 0);
	d->mm.heap_quota = d->mm.heap_bytes + PAGE_SIZE; /* for the first table alone */
	assert_int_equal(desc_init(v), -ENOMEM);
	assert_int_equal(d->mm.window_l3[0], 0);
	assert_null(v->mm.desc_l1);
	d->mm.heap_quota = ~0ull;
	assert_int_equal(desc_init(v), 0);
	assert_int_equal(desc_init(&vcpu[1]), 0);
	d->mm.heap_quota = d->mm.heap_bytes;
	assert_int_equal(desc_init(&vcpu[16]), -ENOMEM); /* others keep theirs */
	assert_true(d->mm.window_l3[0] & PTE_P);
	d->mm.heap_quota = ~0ull;
}

/* ---- GDT ---- */

/* Set it to frames from @first on, as often as it takes; what came of it. */
static int set_gdt(struct vcpu *which, unsigned first, uint32_t entries)
{
	mfn_t list[GDT_GUEST_PAGES];
	unsigned rounds = 0;
	int rc;

	for (unsigned i = 0; i < GDT_GUEST_PAGES; i++)
		list[i] = mfn_of(first + i);
	while ((rc = desc_set_gdt(which, list, entries)) == -ERESTART) {
		assert_true(++rounds <= (entries + 511) / 512);
		assert_int_equal(held(first + rounds - 1), 1);
		assert_int_equal(held(first + rounds), 0);
	}
	assert_int_equal(rounds, !rc && entries > 512 ? (entries + 511) / 512 : 0);
	return rc;
}

static void shows(struct vcpu *which, unsigned first, unsigned pages, uint32_t entries)
{
	assert_int_equal(which->pv.gdt_entries, entries);
	assert_int_equal(which->pv.gdt_next_pages, 0);
	for (unsigned i = 0; i < GDT_GUEST_PAGES; i++) {
		bool here = i < pages;

		assert_int_equal(which->pv.gdt_frames[i], here ? mfn_of(first + i) : INVALID_MFN);
		assert_int_equal(which->mm.desc_l1[i] & ~PTE_ADDR, here ? SHOWN : RO);
		if (here)
			assert_int_equal(pte_mfn(which->mm.desc_l1[i]), mfn_of(first + i));
		assert_int_equal(held(first + i), here);
	}
}

static void gdt_is_shown(void **state)
{
	static const uint32_t entries[] = {1, 512, 513, 1024, 7168, 7167, 1, 0};

	for (unsigned i = 0; i < ARRAY_SIZE(entries); i++) {
		unsigned pages = (entries[i] + 511) / 512, before = i ? (entries[i - 1] + 511) / 512 : 0;

		flushed = 0;
		assert_int_equal(set_gdt(v, i & 1 ? 15 : 0, entries[i]), 0);
		shows(v, i & 1 ? 15 : 0, pages, entries[i]);
		assert_int_equal(held_in_all(), pages);
		assert_int_equal(flushed, (1ull << MAX(pages, before)) - 1);
		assert_ptr_equal(v->pv.desc_cpu, &host_percpu);
	}
	assert_int_equal(set_gdt(v, 0, 7169), -EINVAL);
	/* Of one that does not run. */
	assert_int_equal(desc_init(&vcpu[1]), 0);
	vcpu[1].pv.desc_cpu = &host_percpu;
	flushed = 0;
	assert_int_equal(set_gdt(&vcpu[1], 3, 600), 0);
	shows(&vcpu[1], 3, 2, 600);
	assert_int_equal(flushed, 0);
	assert_null(vcpu[1].pv.desc_cpu);
}

static void gdt_is_refused(void **state)
{
	mfn_t list[GDT_GUEST_PAGES] = {mfn_of(20), mfn_of(21), mfn_of(22)};

	assert_int_equal(set_gdt(v, 0, 1024), 0);
	assert_int_equal(page_get_and_type(&frames[22], d, PGT_WRITABLE), 0);
	assert_int_equal(desc_set_gdt(v, list, 1536), -ERESTART);
	assert_int_equal(desc_set_gdt(v, list, 1536), -ERESTART);
	assert_int_equal(held(20) + held(21), 2);
	assert_int_equal(desc_set_gdt(v, list, 1536), -EINVAL);
	page_put_and_type(&frames[22]);
	shows(v, 0, 2, 1024);
	assert_int_equal(held_in_all(), 2);
	list[0] = 1ul << 36; /* behind all that there is */
	assert_int_equal(desc_set_gdt(v, list, 1), -EINVAL);
	shows(v, 0, 2, 1024);
	/* The start of another one, which is not gone on with: what is the same stays. */
	list[0] = mfn_of(20);
	assert_int_equal(desc_set_gdt(v, list, 1536), -ERESTART);
	assert_int_equal(desc_set_gdt(v, list, 1536), -ERESTART);
	list[1] = mfn_of(23);
	assert_int_equal(desc_set_gdt(v, list, 1536), -ERESTART);
	assert_int_equal(held(20), 1);
	assert_int_equal(held(21), 0);
	assert_int_equal(held(23), 1);
	assert_int_equal(desc_set_gdt(v, list, 1), 0); /* its beginning is enough */
	assert_int_equal(held(23), 0);
	assert_int_equal(held_in_all(), 1);
	assert_int_equal(v->pv.gdt_frames[0], mfn_of(20));
	assert_int_equal(desc_set_gdt(v, list, 1536), -ERESTART); /* and one that is never finished */
	assert_int_equal(held(20), 2);
}

/* ---- LDT ---- */

/* The kernel's tables: @va is mapped to frame @i with @flags by tables in frames 1 to 4. */
static void map(gva_t va, unsigned i, uint64_t flags)
{
	v->mm.kernel_cr3 = mfn_of(4) << PAGE_SHIFT;
	for (int level = 4; level >= 1; level--) {
		uint64_t *table = mfn_to_virt(mfn_of(level));

		table[pt_slot(va, level)] = level > 1 ? make_pte(mfn_of(level - 1), PTE_P | PTE_RW | PTE_U)
						      : make_pte(mfn_of(i), flags);
	}
}

static void ldt_is_set(void **state)
{
	uint64_t *two = reserved + GDT_INDEX(SEL_LDT), at = LDT_WINDOW(0);

	abi.low_end = 1ull << 47;
	abi.high_start = 0xffff880000000000;
	assert_int_equal(desc_set_ldt(v, 0x5000, 8192), 0);
	assert_int_equal(v->pv.ldt_base, 0x5000);
	assert_int_equal(host_ldtr, SEL_LDT);
	assert_int_equal(two[0] & 0xffff, 0xffff);
	assert_int_equal((two[0] >> 16 & 0xffffff) | (two[0] >> 56) << 24 | two[1] << 32, at);
	assert_int_equal(two[0] >> 40 & 0xffff, 0x82); /* present, LDT, granularity of a byte */
	assert_int_equal(desc_set_ldt(v, 0x5000, 3), 0);
	assert_int_equal(two[0] & 0xffff, 3 * 8 - 1);
	assert_int_equal(desc_set_ldt(v, 0x5000, 8193), -EINVAL);
	assert_int_equal(desc_set_ldt(v, 0x5008, 1), -EINVAL);
	assert_int_equal(desc_set_ldt(v, (1ull << 47) - PAGE_SIZE, 512), 0);
	assert_int_equal(desc_set_ldt(v, (1ull << 47) - PAGE_SIZE, 513), -EINVAL);
	assert_int_equal(v->pv.ldt_entries, 512);
	assert_int_equal(desc_set_ldt(v, 1ull << 47, 0), 0); /* none may lie anywhere */
	assert_int_equal(host_ldtr, 0);
	assert_int_equal(desc_init(&vcpu[1]), 0);
	assert_int_equal(desc_set_ldt(&vcpu[1], 0x5000, 1), 0); /* not the one that runs */
	assert_int_equal(host_ldtr, 0);
}

static void ldt_pages(void **state)
{
	assert_int_equal(desc_set_ldt(v, 0x5000, 1025), 0); /* three pages */
	map(0x5000, 10, PTE_P);
	map(0x6000, 11, PTE_P);
	assert_false(desc_in_ldt_window(v, LDT_WINDOW(0) - 1));
	assert_true(desc_in_ldt_window(v, LDT_WINDOW(0)));
	assert_true(desc_in_ldt_window(v, LDT_WINDOW(0) + 0xffff));
	assert_false(desc_in_ldt_window(v, LDT_WINDOW(0) + 0x10000));
	flushed = 0;
	assert_true(desc_ldt_fault(v, LDT_WINDOW(0) + 0x1ff8));
	assert_int_equal(v->mm.desc_l1[DESC_FIRST_LDT_PAGE + 1], make_pte(mfn_of(11), SHOWN));
	assert_int_equal(v->mm.desc_l1[DESC_FIRST_LDT_PAGE], 0);
	assert_int_equal(flushed, 1ull << (DESC_FIRST_LDT_PAGE + 1));
	assert_int_equal(v->pv.ldt_mapped, 2);
	assert_false(desc_ldt_fault(v, LDT_WINDOW(0) + 0x1000)); /* it is there: the fault was another */
	assert_int_equal(held(11), 1);
	assert_true(desc_ldt_fault(v, LDT_WINDOW(0)));
	assert_int_equal(held(10), 1);
	assert_false(desc_ldt_fault(v, LDT_WINDOW(0) + 0x2000)); /* the guest maps nothing there */
	map(0x7000, 3, PTE_P);
	assert_int_equal(page_get_and_type(&frames[3], d, PGT_WRITABLE), 0);
	assert_false(desc_ldt_fault(v, LDT_WINDOW(0) + 0x2000)); /* or what cannot be one */
	page_put_and_type(&frames[3]);
	((uint64_t *)mfn_to_virt(mfn_of(1)))[7] = make_pte(1ull << 39, PTE_P);
	assert_false(desc_ldt_fault(v, LDT_WINDOW(0) + 0x2000)); /* or no domain has */
	map(0x8000, 12, PTE_P);
	assert_false(desc_ldt_fault(v, LDT_WINDOW(0) + 0x3000)); /* beyond its end */
	map(0x7000, 12, PTE_P);
	assert_true(desc_ldt_fault(v, LDT_WINDOW(0) + 0x2000));
	assert_int_equal(held_in_all(), 3);
	flushed = 0;
	assert_int_equal(desc_set_ldt(v, 0x6000, 1024), 0);
	assert_int_equal(held_in_all(), 0);
	assert_int_equal(flushed, 7ull << DESC_FIRST_LDT_PAGE);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(v->mm.desc_l1[DESC_FIRST_LDT_PAGE + i], 0);
	assert_true(desc_ldt_fault(v, LDT_WINDOW(0))); /* again, from elsewhere */
	assert_int_equal(held(11), 1);
	assert_false(desc_ldt_fault(v, LDT_WINDOW(0) + 0x2000)); /* the first beyond 1024 */
}

static void switched_in(void **state)
{
	desc_switch_in(v, reserved);
	assert_int_equal(flushed, 0); /* it was here */
	assert_int_equal(host_gdtr, GDT_WINDOW(0));
	assert_int_equal(host_ldtr, 0);
	v->pv.desc_cpu = NULL;
	v->pv.ldt_entries = 1;
	desc_switch_in(v, reserved);
	assert_int_equal(flushed, 0xffffffff);
	assert_ptr_equal(v->pv.desc_cpu, &host_percpu);
	assert_int_equal(v->mm.desc_l1[DESC_RESERVED_PAGE],
			 make_pte(virt_to_mfn(reserved), PTE_P | PTE_RW | PTE_A | PTE_D | PTE_NX));
	assert_int_equal(host_ldtr, SEL_LDT);
}

/* ---- descriptors ---- */

static void decoded(void **state)
{
	uint64_t *gdt = (uint64_t *)window, *ldt = (uint64_t *)window[16];
	struct segment s;

	gdt[1] = 0x12cffa345678ffff; /* code, readable, flat, 32 bits */
	assert_true(desc_segment(v, 0x0b, &s));
	assert_int_equal(s.base, 0x12345678);
	assert_int_equal(s.limit, 0xffffffff);
	assert_true(s.code && s.big && s.readable);
	assert_false(s.code64 || s.writable || s.down);
	gdt[1] = 0x12afff345678fedc; /* 64 bits; bit 42 is `conforming` here */
	assert_true(desc_segment(v, 0x0b, &s));
	assert_true(s.code && s.code64);
	assert_false(s.big || s.down || s.writable);
	assert_int_equal(s.limit, 0xffedcfff);
	gdt[1] = 0x120ff8345678fedc; /* execute only, limit in bytes */
	assert_true(desc_segment(v, 0x0b, &s));
	assert_false(s.readable);
	assert_int_equal(s.limit, 0xffedc);
	gdt[1] = 0x002ff20000000000; /* data: bit 53 says nothing */
	assert_true(desc_segment(v, 0x0b, &s));
	assert_true(s.readable && s.writable);
	assert_false(s.code || s.code64 || s.down || s.big);
	gdt[1] = 0x0000f40000000000; /* down, read-only */
	assert_true(desc_segment(v, 0x0b, &s));
	assert_true(s.down && s.readable);
	assert_false(s.writable);
	gdt[1] = 0x0000720000000000; /* not present */
	assert_false(desc_segment(v, 0x0b, &s));
	gdt[1] = 0x0000e20000000000; /* of the system */
	assert_false(desc_segment(v, 0x0b, &s));
	/* Tables and their ends. */
	gdt[0] = gdt[GDT_LIMIT / 8] = gdt[GDT_LIMIT / 8 + 1] = ldt[0] = ldt[1] = ldt[2] = 0x0000f20000000000;
	for (unsigned rpl = 0; rpl < 4; rpl++)
		assert_false(desc_segment(v, rpl, &s));
	assert_true(desc_segment(v, GDT_LIMIT / 8 * 8, &s));
	assert_false(desc_segment(v, GDT_LIMIT / 8 * 8 + 8, &s));
	v->pv.ldt_entries = 2;
	assert_true(desc_segment(v, SELECTOR_LDT, &s));
	assert_true(desc_segment(v, 8 | SELECTOR_LDT, &s));
	assert_false(desc_segment(v, 16 | SELECTOR_LDT, &s));
	v->pv.ldt_entries = 0;
	assert_false(desc_segment(v, SELECTOR_LDT, &s));
}

static void audited(void **state)
{
	for (unsigned n = 0; n < 1u << 9; n++) {
		uint64_t dpl = n & 3, type = n >> 2 & 15, system = !(n >> 6 & 1), absent = n >> 7 & 1,
			 l = n >> 8 & 1;
		uint64_t in = 0x12c000345678ffff | dpl << 45 | type << 40 | !system * DESC_S |
			      !absent * DESC_P | l * DESC_L;

		for (unsigned rpl = 1; rpl <= 3; rpl += 2) {
			for (unsigned wide = 0; wide < 2; wide++) {
				uint64_t out = in;
				bool ok = absent || (system ? !type : wide || !(type & 8) || !l);

				assert_int_equal(desc_audit(&out, rpl, wide), ok);
				if (ok && !absent && !system)
					assert_int_equal(out, (in & ~DESC_DPL) | (uint64_t)MAX(dpl, rpl)
										     << 45);
				else
					assert_int_equal(out, in);
			}
		}
	}
}

/* ---- walks ---- */

static void walks(void **state)
{
	gva_t va = 0x123456789000;
	uint64_t leaf;

	map(va, 9, PTE_P | PTE_RW | PTE_U | PTE_D);
	assert_true(walk_leaf(v->mm.kernel_cr3, va, &leaf));
	assert_int_equal(leaf, make_pte(mfn_of(9), PTE_P | PTE_RW | PTE_U | PTE_D));
	for (int level = 1; level <= 4; level++) {
		uint64_t *slot = (uint64_t *)mfn_to_virt(mfn_of(level)) + pt_slot(va, level), good = *slot;

		*slot = good & ~PTE_P;
		assert_false(walk_leaf(v->mm.kernel_cr3, va, &leaf));
		assert_false(walk_permits(v->mm.kernel_cr3, va, 0));
		*slot = good & ~PTE_RW;
		assert_false(walk_permits(v->mm.kernel_cr3, va, PF_WRITE));
		assert_true(walk_permits(v->mm.kernel_cr3, va, PF_USER | PF_FETCH));
		*slot = good & ~PTE_U;
		assert_false(walk_permits(v->mm.kernel_cr3, va, PF_USER));
		assert_true(walk_permits(v->mm.kernel_cr3, va, PF_WRITE | PF_FETCH));
		*slot = good | PTE_NX;
		assert_false(walk_permits(v->mm.kernel_cr3, va, PF_FETCH));
		assert_true(walk_permits(v->mm.kernel_cr3, va, PF_WRITE | PF_USER));
		assert_true(walk_leaf(v->mm.kernel_cr3, va, &leaf));
		assert_true(leaf & PTE_NX);
		*slot = good | PTE_PS; /* at the last level: PAT */
		assert_true(walk_leaf(v->mm.kernel_cr3, va, &leaf));
		assert_int_equal(pte_mfn(leaf), level > 1 ? mfn_of(level - 1) : mfn_of(9));
		*slot = level > 1 ? make_pte(1ull << 39, good & ~PTE_ADDR) : good;
		assert_int_equal(walk_leaf(v->mm.kernel_cr3, va, &leaf), level == 1);
		*slot = good;
	}
	assert_true(walk_permits(v->mm.kernel_cr3, va, PF_WRITE | PF_USER | PF_FETCH));
	assert_false(walk_permits(v->mm.kernel_cr3, va, PF_RESERVED));
	assert_false(walk_leaf((1ull << 39) << PAGE_SHIFT, va, &leaf));
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {T(windows),    T(no_memory), T(gdt_is_shown), T(gdt_is_refused),
					   T(ldt_is_set), T(ldt_pages), T(switched_in),  T(decoded),
					   T(audited),    T(walks)};

	host_init();
	return cmocka_run_group_tests_name("desc", tests, NULL, NULL);
}
