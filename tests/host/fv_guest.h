/* SPDX-License-Identifier: MIT */
/* A guest with page tables of its own on the memory of fv_host.h, and what must hold of its shadows. Included by one file of a
 * test. */
#pragma once

#include "fv_host.h"

static struct domain domain;
static struct vcpu vcpu = {.domain = &domain};
static struct fv fv;
static uint64_t kind_root[512];

/* Guest frames 1 to 4 are its tables: PDPT, L2, L1 and again L1; va 0 is frame 16 and so on; from 0xc0000000 a
 * large page shows all of RAM. */
#define PDPT   1u
#define L2     2u
#define L1     3u
#define FIRST  16u
#define LINEAR 0xc0000000u

static inline uint64_t *guest(uint32_t pfn)
{
	return fv_frame_at(&fv, pfn);
}

static inline int setup(void **state)
{
	arena = aligned_alloc(PAGE_SIZE, PAGES * PAGE_SIZE);
	host_directmap = (uint64_t)arena;
	next_page = 1;
	memset(m2p, 0xff, sizeof(m2p));
	fv = (struct fv){.v = &vcpu, .cr0 = CR0_PE | CR0_PG | CR0_WP, .efer = EFER_NXE, .patching = true};
	vcpu.fv = &fv;
	vcpu.mm.kind_root = kind_root;
	host_percpu.vcpu = &vcpu;
	fv.frames = heap_alloc_pages(2);
	fv.nothing = memset(heap_alloc_pages(0), 0xff, PAGE_SIZE);
	fv.ram_pages = RAM_PAGES;
	fv.copies_max = fv_copies_max(RAM_PAGES);
	for (uint32_t pfn = 0; pfn < RAM_PAGES; pfn++) {
		fv.frames[pfn].mfn = virt_to_mfn(heap_alloc_pages(0));
		m2p[fv.frames[pfn].mfn] = pfn;
	}
	assert_int_equal(fv_shadow_init(&fv), 0);
	guest(PDPT)[0] = make_pte(L2, PTE_P);
	guest(PDPT)[3] = make_pte(L2 + 3, PTE_P);
	guest(L2)[0] = make_pte(L1, PTE_P | PTE_RW | PTE_U);
	guest(L2 + 3)[0] = PTE_P | PTE_RW | PTE_PS;
	for (unsigned i = 0; i < 16; i++)
		guest(L1)[i] = make_pte(FIRST + i, PTE_P | PTE_RW | PTE_U);
	for (unsigned i = 0; i < 4; i++)
		fv.pdpte[i] = guest(PDPT)[i];
	fv_shadow_load_cr3(&fv);
	injected = crashes = 0;
	memset(remembered, 0, sizeof(remembered));
	return 0;
}

static inline int teardown(void **state)
{
	fv_code_free(&fv);
	free(arena);
	return 0;
}

/* The shadow's entry for @va, 0 if there is none. */
static inline uint64_t shown(uint32_t va)
{
	uint64_t entry = fv.l3[va >> 30];

	for (int level = 2; level >= 1 && (entry & PTE_P); level--)
		entry = ((uint64_t *)mfn_to_virt(pte_mfn(entry)))[pt_slot(va, level)];
	return entry & PTE_P ? entry : 0;
}

static inline void rules_hold(void)
{
	uint32_t leaves = 0, uppers = 0;
	struct fv_shadow *s;

	for_each_shadow (&fv, s) {
		leaves += is_leaf_table(s);
		uppers += !is_leaf_table(s);
	}
	assert_int_equal(fv.leaves, leaves);
	assert_int_equal(fv.uppers, uppers);
	for (uint32_t pfn = 0; pfn < RAM_PAGES; pfn++) {
		const struct fv_frame *f = fv_frame(&fv, pfn);

		writers_are_exact(&fv, pfn);
		if (!fv.lax && (f->shadows || f->code))
			assert_int_equal(f->writers, 0);
	}
}

#define USER_READ  4u
#define USER_WRITE 6u
#define WRITE      2u
#define FETCH      16u

/* The guest goes on, with an access to @va that the processor then remembers. */
static inline void goes_on(uint32_t va)
{
	unsigned place = 0; /* if none is free: processors forget by themselves, too */

	fv_shadow_sync(&fv);
	for (unsigned i = 0; i < REMEMBERED; i++)
		if (remembered[i].entry)
			assert_true(permits(shown(remembered[i].va), remembered[i].entry));
		else
			place = i;
	remembered[place].va = va;
	remembered[place].entry = shown(va);
}

static inline void access_page(uint32_t va, uint32_t error)
{
	fv_page_fault(&vcpu, va, error);
	rules_hold();
	goes_on(va);
}

/* Until the kernel's page may be executed: how often it had to fault. */
static inline unsigned fetch(uint32_t va)
{
	unsigned steps = 0;

	while (!shown(va) || shown(va) & PTE_NX) {
		access_page(va, FETCH);
		assert_true(++steps < 1000);
	}
	return steps;
}
