/* SPDX-License-Identifier: MIT */
/*
 * Specification of an fv domain's memory and code (docs/fv.md): which instructions are patched, and the rules of shadow
 * page tables:
 *   - a shadow entry allows no more than the guest's entry, and dirty and accessed bits are set in that;
 *   - no frame is mapped writable while it has a shadow or is executed;
 *   - a store into a table forgets its shadow; counts of writers are exact;
 *   - code is searched in steps, and what is stored into it meanwhile is not missed;
 *   - who was built half way for want of memory may be built again, and at the end nothing is left;
 *   - a frame with many writers, a bucket with many shadows: all may be dropped, and the rules hold;
 *   - whenever the guest goes on, the processor remembers no translation that the shadows do not permit any more.
 */
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

static uint64_t *guest(uint32_t pfn)
{
	return fv_frame_at(&fv, pfn);
}

static int setup(void **state)
{
	arena = aligned_alloc(PAGE_SIZE, PAGES * PAGE_SIZE);
	host_directmap = (uint64_t)arena;
	next_page = 1;
	memset(m2p, 0xff, sizeof(m2p));
	fv = (struct fv){.v = &vcpu, .cr0 = CR0_PE | CR0_PG | CR0_WP, .efer = EFER_NXE, .patching = true};
	vcpu.fv = &fv;
	vcpu.kind_root = kind_root;
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

static int teardown(void **state)
{
	fv_code_free(&fv);
	free(arena);
	return 0;
}

/* The shadow's entry for @va, 0 if there is none. */
static uint64_t shown(uint32_t va)
{
	uint64_t entry = fv.l3[va >> 30];

	for (int level = 2; level >= 1 && (entry & PTE_P); level--)
		entry = ((uint64_t *)mfn_to_virt(pte_mfn(entry)))[pt_slot(va, level)];
	return entry & PTE_P ? entry : 0;
}

static void rules_hold(void)
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
static void goes_on(uint32_t va)
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

static void access_page(uint32_t va, uint32_t error)
{
	fv_page_fault(&vcpu, va, error);
	rules_hold();
	goes_on(va);
}

/* Until the kernel's page may be executed: how often it had to fault. */
static unsigned fetch(uint32_t va)
{
	unsigned steps = 0;

	while (!shown(va) || shown(va) & PTE_NX) {
		access_page(va, FETCH);
		assert_true(++steps < 1000);
	}
	return steps;
}

static void filled_on_demand(void **state)
{
	access_page(0x1000, USER_READ);
	assert_int_equal(pte_mfn(shown(0x1000)), fv.frames[FIRST + 1].mfn);
	assert_false(shown(0x1000) & PTE_RW); /* not dirty yet */
	assert_true(guest(L1)[1] & PTE_A);
	assert_false(guest(L1)[1] & PTE_D);
	access_page(0x1000, USER_WRITE);
	assert_true(shown(0x1000) & PTE_RW);
	assert_true(guest(L1)[1] & PTE_D);
	assert_int_equal(shown(0x2000), 0);
	assert_int_equal(injected, 0);
}

static void rights_are_the_guests(void **state)
{
	guest(L1)[2] &= ~PTE_RW;
	guest(L1)[3] &= ~PTE_U;
	guest(L1)[4] = 0;
	guest(L1)[5] |= PTE_NX;
	access_page(0x2000, USER_WRITE);
	assert_int_equal(injected, 1 | USER_WRITE);
	access_page(0x3000, USER_READ);
	assert_int_equal(injected, 1 | USER_READ);
	access_page(0x4000, WRITE);
	assert_int_equal(injected, WRITE);
	access_page(0x5000, USER_READ | FETCH);
	assert_int_equal(injected, 1 | USER_READ | FETCH);
	assert_int_equal(injected_va, 0x5000);
	injected = 0;
	access_page(0x5000, USER_READ);
	assert_true(shown(0x5000) & PTE_NX);
	access_page(0x3000, WRITE);
	assert_false(shown(0x3000) & PTE_U);
	assert_int_equal(injected, 0);
	fv.cr0 &= ~CR0_WP; /* then the kernel writes anywhere, and the application does not get that page */
	access_page(0x2000, WRITE);
	assert_true(shown(0x2000) & PTE_RW);
	assert_false(shown(0x2000) & PTE_U);
}

static void tables_are_protected(void **state)
{
	uint32_t at = LINEAR + L1 * PAGE_SIZE;

	access_page(at, WRITE);
	assert_true(shown(at) & PTE_RW);
	access_page(0x1000, USER_READ); /* now it is a table */
	assert_false(shown(at) & PTE_RW);
	assert_int_equal(fv.frames[L1].shadows, 1);
	access_page(at, WRITE | 1);
	assert_true(shown(at) & PTE_RW);
	assert_int_equal(fv.frames[L1].shadows, 0);
	assert_int_equal(shown(0x1000), 0);
	guest(L1)[1] = make_pte(FIRST + 9, PTE_P | PTE_U);
	access_page(0x1000, USER_READ);
	assert_int_equal(pte_mfn(shown(0x1000)), fv.frames[FIRST + 9].mfn);
}

/* Of three writable mappings of a frame two are remembered; these are replaced, and then it becomes a table. */
static void the_third_writer(void **state)
{
	for (unsigned i = 0; i < 3; i++) {
		guest(L1)[i] = make_pte(FIRST + 9, PTE_P | PTE_RW | PTE_U);
		access_page(i * PAGE_SIZE, WRITE);
	}
	for (unsigned i = 0; i < 2; i++) {
		guest(L1)[i] = make_pte(FIRST + i, PTE_P | PTE_RW | PTE_U);
		access_page(i * PAGE_SIZE, WRITE);
	}
	assert_int_equal(fv_frame(&fv, FIRST + 9)->writers, 1);
	guest(L2)[1] = make_pte(FIRST + 9, PTE_P | PTE_RW | PTE_U);
	guest(FIRST + 9)[0] = make_pte(FIRST + 5, PTE_P | PTE_RW | PTE_U);
	access_page(1u << 21, USER_READ);
	assert_false(shown(2 * PAGE_SIZE) & PTE_RW);
}

/* Dom0 gives a frame another name in the M2P while it is mapped writable: then it becomes a table. */
static void a_name_is_taken_away(void **state)
{
	uint32_t at = LINEAR + L1 * PAGE_SIZE;

	access_page(at, WRITE);
	m2p[fv.frames[L1].mfn] = INVALID_PFN;
	fv_page_fault(&vcpu, 0x1000, USER_READ);
	assert_false(shown(at) & PTE_RW);
	assert_int_equal(pte_mfn(shown(0x1000)), fv.frames[FIRST + 1].mfn);
	rules_hold();
}

static void a_table_that_maps_itself(void **state)
{
	guest(L1)[7] = make_pte(L1, PTE_P | PTE_RW);
	for (unsigned n = 0; n < 2; n++) {
		access_page(0x7000, WRITE);
		assert_true((shown(0x7000) & PTE_RW) && fv.lax);
		n ? fv_shadow_invlpg(&fv, 0x3000) : fv_shadow_load_cr3(&fv);
		assert_false(fv.lax);
		assert_int_equal(shown(0x7000), 0);
	}
}

static void nothing_behind(void **state)
{
	guest(L1)[8] = make_pte(0xfee00, PTE_P | PTE_RW | PTE_U);
	access_page(0x8000, USER_READ);
	assert_int_equal(pte_mfn(shown(0x8000)), virt_to_mfn(fv.nothing));
	assert_false(shown(0x8000) & PTE_RW);
	access_page(0x8000, USER_WRITE); /* or it would fault for ever */
	assert_int_equal(pte_mfn(shown(0x8000)), virt_to_mfn(fv.nothing));
	assert_true(shown(0x8000) & PTE_RW);
}

/* The first frame behind RAM is nobody's to see, by whatever way; what is written there is gone. */
static void behind_ram(void **state)
{
	static const uint32_t behind[] = {RAM_PAGES, RAM_PAGES + 1, 0xfffff};
	uint64_t value = 0;
	uint32_t fault;

	fv.frames[RAM_PAGES].mfn = fv.frames[FIRST].mfn; /* what lies behind the list is anything */
	guest(FIRST)[0] = 0x1122334455667788;
	for (unsigned i = 0; i < ARRAY_SIZE(behind); i++) {
		guest(L1)[8] = make_pte(behind[i], PTE_P | PTE_RW | PTE_U);
		fv_shadow_load_cr3(&fv);
		assert_int_equal(fv_read(&fv, 0x8000, &value, sizeof(value), &fault), FV_OK);
		assert_true(value == ~0ull);
		value = 5;
		assert_int_equal(fv_write(&fv, 0x8000, &value, sizeof(value), &fault), FV_OK);
		assert_int_equal(fv_read(&fv, 0x8000, &value, sizeof(value), &fault), FV_OK);
		assert_true(value == ~0ull);
		access_page(0x8000, USER_WRITE);
		assert_int_equal(pte_mfn(shown(0x8000)), virt_to_mfn(fv.nothing));
	}
	assert_true(guest(FIRST)[0] == 0x1122334455667788);
	/* Tables there: all ones are entries that lead nowhere. */
	fv.pdpte[1] = make_pte(RAM_PAGES, PTE_P);
	access_page(1u << 30, USER_READ);
	guest(L2)[1] = make_pte(RAM_PAGES, PTE_P | PTE_RW | PTE_U);
	access_page(1u << 21, USER_READ);
	assert_int_equal(crashes, 0);
}

/* A store of ours over the border of two pages, both of them tables, or one of them code that is executed. */
static void stores_over_a_border(void **state)
{
	uint64_t word = make_pte(FIRST, PTE_P | PTE_U);
	uint32_t fault;

	for (unsigned known = 0; known < 2; known++) { /* then with a TLB that knows the pages */
		guest(L2)[1] = make_pte(L1 + 1, PTE_P | PTE_RW | PTE_U);
		guest(L1 + 1)[0] = guest(L1)[1] = make_pte(FIRST + 1, PTE_P | PTE_RW | PTE_U);
		access_page(0x1000, USER_READ);
		access_page(1u << 21, USER_READ);
		assert_int_equal(fv_frame(&fv, L1)->shadows, 1);
		assert_int_equal(fv_frame(&fv, L1 + 1)->shadows, 1);
		assert_int_equal(
		    fv_write(&fv, LINEAR + (L1 + 1) * PAGE_SIZE - 4, &word, sizeof(word), &fault), FV_OK);
		assert_int_equal(fv_frame(&fv, L1)->shadows, 0);
		assert_int_equal(fv_frame(&fv, L1 + 1)->shadows, 0);
		assert_int_equal(shown(0x1000), 0);
		assert_int_equal(shown(1u << 21), 0);
		memset(guest(FIRST + 2), 0x9c, PAGE_SIZE);
		guest(L1)[2] &= ~PTE_U;
		fv_shadow_load_cr3(&fv);
		fetch(0x2000);
		assert_int_equal(fv.frames[FIRST + 2].code, FV_CODE_PATCHED);
		assert_int_equal(
		    fv_write(&fv, LINEAR + (FIRST + 2) * PAGE_SIZE - 2, &word, sizeof(word), &fault), FV_OK);
		assert_int_equal(fv.frames[FIRST + 2].code, FV_CODE_UNKNOWN);
		assert_int_equal(shown(0x2000), 0);
	}
}

/* Our own accesses: by the guest's tables as they were at its last flush or later, never with more rights. */
static void own_accesses(void **state)
{
	uint32_t value = 0, fault = 0;

	guest(20)[0] = 20;
	guest(21)[0] = 21;
	guest(L1)[6] = make_pte(20, PTE_P | PTE_U);
	assert_int_equal(fv_read(&fv, 0x6000, &value, 4, &fault), FV_OK);
	assert_int_equal(value, 20);
	assert_int_equal(fv_write(&fv, 0x6000, &value, 4, &fault), 1 | WRITE);
	assert_int_equal(fault, 0x6000);
	guest(L1)[6] = make_pte(21, PTE_P | PTE_U | PTE_RW);
	fv_shadow_invlpg(&fv, 0x6000);
	assert_int_equal(fv_read(&fv, 0x6000, &value, 4, &fault), FV_OK);
	assert_int_equal(value, 21);
	assert_int_equal(fv_write(&fv, 0x6000, &value, 4, &fault), FV_OK);
	assert_true(guest(L1)[6] & PTE_D);
	guest(L1)[6] = 0;
	fv_shadow_load_cr3(&fv);
	assert_int_equal(fv_read(&fv, 0x6000, &value, 4, &fault), 0);
	access_page(0, USER_READ); /* the table has a shadow again: a store of ours ends it */
	assert_int_equal(fv_write(&fv, LINEAR + L1 * PAGE_SIZE, &value, 4, &fault), FV_OK);
	access_page(0, USER_READ);
	assert_int_equal(fv_write(&fv, LINEAR + L1 * PAGE_SIZE, &value, 4, &fault), FV_OK);
	assert_int_equal(fv.frames[L1].shadows, 0);
	/* More pages than a set has ways. */
	for (unsigned round = 0; round < 2; round++)
		for (uint32_t pfn = 10; pfn < RAM_PAGES; pfn += FV_TLB_SETS) {
			guest(pfn)[1] = pfn;
			assert_int_equal(fv_read(&fv, LINEAR + pfn * PAGE_SIZE + 8, &value, 4, &fault),
					 FV_OK);
			assert_int_equal(value, pfn);
		}
}

/* What is shown at @va is what the guest's tables say there. */
static void as_the_guest_says(uint32_t va)
{
	uint64_t entry = shown(va), says = guest(L1)[pt_slot(va, 1)];
	pfn_t pfn;

	if (!entry)
		return;
	if (va >= LINEAR)
		says = make_pte((va - LINEAR) >> PAGE_SHIFT, PTE_P | PTE_RW);
	pfn = pte_mfn(says);
	assert_true(says & PTE_P);
	assert_true((says & PTE_RW) || !(entry & PTE_RW));
	if (pfn >= RAM_PAGES)
		assert_int_equal(pte_mfn(entry), virt_to_mfn(fv.nothing));
	else if (pte_mfn(entry) != fv.frames[pfn].mfn)
		assert_true(fv.frames[pfn].copy && pte_mfn(entry) == virt_to_mfn(fv.frames[pfn].copy));
}

static void many_at_random(void **state)
{
	srand(1);
	for (unsigned i = 0; i < 20000; i++) {
		uint32_t va = rand() % 2 ? (rand() % 16u) << 12 : LINEAR + (rand() % RAM_PAGES << 12);
		uint32_t error = (uint32_t[]){0, WRITE, USER_READ, USER_WRITE, FETCH}[rand() % 5];

		if (va < LINEAR && pte_mfn(guest(L1)[va >> 12]) >= RAM_PAGES)
			error &= ~FETCH; /* nowhere: that ends a domain */

		access_page(va, error);
		for (unsigned page = 0; page < 16; page++) {
			as_the_guest_says(page * PAGE_SIZE);
			as_the_guest_says(LINEAR + page * PAGE_SIZE);
		}
		if (rand() % 32 == 0)
			fv_shadow_written(&fv, L2 + 3);
		if (rand() % 32 == 0) {
			fv_shadow_written(&fv, L1);
			guest(L1)[rand() % 16] =
			    make_pte(rand() % (RAM_PAGES + 4), PTE_P | (rand() % 2 ? PTE_RW : 0) | PTE_U);
		}
		if (rand() % 64 == 0)
			fv_shadow_load_cr3(&fv);
	}
	assert_int_equal(crashes, 0);
}

/* Another root shows other memory at once. */
static void another_root(void **state)
{
	access_page(0x1000, USER_READ);
	guest(9)[0] = make_pte(10, PTE_P | PTE_RW | PTE_U);
	guest(10)[1] = make_pte(FIRST + 8, PTE_P | PTE_RW | PTE_U);
	for (unsigned n = 0; n < 3; n++) {
		fv.pdpte[0] = make_pte(n & 1 ? L2 : 9, PTE_P);
		fv_shadow_load_cr3(&fv);
		goes_on(0x1000);
		access_page(0x1000, USER_READ);
		assert_int_equal(pte_mfn(shown(0x1000)), fv.frames[n & 1 ? FIRST + 1 : FIRST + 8].mfn);
	}
}

static void code_is_patched(void **state)
{
	static const uint8_t code[] = {
	    0x55, 0x89, 0xe5,             /* push ebp; mov ebp, esp */
	    0x9c, 0x58, 0xfa,             /* pushf; pop eax; cli */
	    0xb8, 0x9c, 0x9c, 0x9d, 0x9c, /* mov eax, 0x9c9d9c9c */
	    0x0f, 0x01, 0x45, 0xf8,       /* sgdt [ebp - 8] */
	    0x50, 0x9d, 0xc9, 0xc3,       /* push eax; popf; leave; ret */
	};
	uint8_t *frame = (uint8_t *)guest(FIRST), *copy;

	memset(frame, 0x90, PAGE_SIZE);
	memcpy(frame + 0x200, code, sizeof(code));
	guest(L1)[0] &= ~PTE_U;
	fetch(0);
	assert_int_equal(fv.frames[FIRST].code, FV_CODE_PATCHED);
	copy = fv.frames[FIRST].copy;
	assert_int_equal(pte_mfn(shown(0)), virt_to_mfn(copy));
	assert_false(shown(0) & (PTE_RW | PTE_NX));
	assert_int_equal(copy[0x203], 0xf4);
	assert_int_equal(copy[0x210], 0xf4);
	assert_memory_equal(copy + 0x206, code + 6, 5);
	assert_int_equal(copy[0x20b], 0xf4); /* no UMIP here */
	assert_memory_equal(frame + 0x200, code, sizeof(code));
	fv_shadow_sync(&fv);
	flushes = 0;
	access_page(LINEAR + FIRST * PAGE_SIZE, WRITE);
	assert_int_equal(fv.frames[FIRST].code, FV_CODE_UNKNOWN);
	assert_true(flushes); /* before the copy was freed */
	assert_int_equal(shown(0), 0);
}

/* Whatever it takes to look at a page, it is done in steps, and comes to the same. */
static void code_in_steps(void **state)
{
	uint8_t *frame = (uint8_t *)guest(FIRST), *copy;

	memset(frame, 0x9c, PAGE_SIZE);
	guest(L1)[0] &= ~PTE_U;
	assert_in_range(fetch(0), 20, 200);
	copy = fv.frames[FIRST].copy;
	for (unsigned i = RUN_UP; i < PAGE_SIZE; i++)
		assert_int_equal(copy[i], 0xf4);
	/* A store in the middle: what was found is void. */
	access_page(LINEAR + FIRST * PAGE_SIZE, WRITE);
	access_page(0, FETCH);
	assert_int_equal(fv.frames[FIRST].code, FV_CODE_SEARCH);
	access_page(LINEAR + FIRST * PAGE_SIZE, 0);
	assert_true((shown(LINEAR + FIRST * PAGE_SIZE) & (PTE_NX | PTE_RW)) == PTE_NX);
	access_page(LINEAR + FIRST * PAGE_SIZE, WRITE);
	assert_int_equal(fv.frames[FIRST].code, FV_CODE_UNKNOWN);
	memset(frame, 0x90, PAGE_SIZE);
	fetch(0);
	assert_int_equal(fv.frames[FIRST].code, FV_CODE_CLEAN);
	/* Another page in the middle: this one begins anew. */
	access_page(LINEAR + FIRST * PAGE_SIZE, WRITE);
	memset(frame, 0x9d, PAGE_SIZE);
	access_page(0, FETCH);
	guest(L1)[1] &= ~PTE_U;
	memset(guest(FIRST + 1), 0x9c, PAGE_SIZE);
	access_page(PAGE_SIZE, FETCH);
	assert_int_equal(fv.frames[FIRST].code, FV_CODE_UNKNOWN);
	assert_int_equal(fv.frames[FIRST + 1].code, FV_CODE_SEARCH);
	fetch(0);
	fetch(PAGE_SIZE);
	assert_int_equal(fv.frames[FIRST].code, FV_CODE_PATCHED);
	assert_int_equal(fv.frames[FIRST + 1].code, FV_CODE_PATCHED);
	assert_int_equal(crashes, 0);
}

/* One frame behind many entries, in few tables and in many; then it becomes a table. */
static void many_writers(void **state)
{
	for (unsigned tables = 1; tables <= 32; tables += 31) {
		for (unsigned t = 0; t < tables; t++)
			guest(L2)[8 + t] = make_pte(L1 + 2, PTE_P | PTE_RW | PTE_U);
		for (unsigned i = 0; i < 512; i++)
			guest(L1 + 2)[i] = make_pte(FIRST + 3, PTE_P | PTE_RW | PTE_U | PTE_D);
		fv_shadow_load_cr3(&fv);
		for (unsigned i = 0; i < 200; i++)
			access_page((8u << 21) + i * PAGE_SIZE, WRITE);
		for (unsigned t = 0; t < tables; t++) /* large pages, each with a shadow of its own */
			guest(L2)[100 + t] = (uint64_t)t << 21 | PTE_P | PTE_RW | PTE_PS | PTE_U;
		for (unsigned t = 0; t < tables; t++)
			access_page((100 + t) << 21, USER_READ);
		assert_int_equal(fv_frame(&fv, FIRST + 3)->writers, 200);
		guest(L2)[1] = make_pte(FIRST + 3, PTE_P | PTE_RW | PTE_U);
		guest(FIRST + 3)[0] = make_pte(FIRST, PTE_P | PTE_RW | PTE_U);
		access_page(1u << 21, USER_READ);
		assert_true(shown(1u << 21));
		assert_int_equal(fv_frame(&fv, FIRST + 3)->writers, 0);
		access_page((8u << 21) + 5 * PAGE_SIZE, WRITE);
		assert_int_equal(fv_frame(&fv, FIRST + 3)->shadows, 0);
	}
	assert_int_equal(crashes, 0);
}

/* Shadows that fall into one bucket are dropped before they are many; in the end every table goes back. */
static void one_bucket(void **state)
{
	unsigned longest = 0, steps;

	for (unsigned n = 0; n < 200; n++) {
		guest(L2)[200] = ((uint64_t)n * 4 << 21) | PTE_P | PTE_PS | PTE_U;
		fv_shadow_load_cr3(&fv);
		access_page(200u << 21, USER_READ);
		for (unsigned b = 0; b < FV_SHADOW_BUCKETS; b++) {
			unsigned length = 0;

			for (const struct fv_shadow *s = fv.shadow_hash[b]; s; s = s->next)
				length++;
			longest = MAX(longest, length);
		}
	}
	assert_in_range(longest, CHAIN / 2, CHAIN);
	steps = (fv.shadows_made + RELEASED_AT_ONCE - 1) / RELEASED_AT_ONCE;
	assert_true(steps > 1);
	for (; fv_shadow_release(&fv); steps--)
		assert_true(steps);
	assert_int_equal(steps, 0);
	assert_int_equal(fv.shadows_made, 0);
	rules_hold();
}

static unsigned copies_there(void)
{
	unsigned n = 0;

	for (uint32_t pfn = 0; pfn < RAM_PAGES; pfn++) {
		assert_int_equal(!!fv.frames[pfn].copy, fv.frames[pfn].code == FV_CODE_PATCHED);
		n += !!fv.frames[pfn].copy;
	}
	return n;
}

/* A guest that executes every page it has does not fill the hypervisor's memory with copies. */
static void copies_are_limited(void **state)
{
	fv.copies_max = 40;
	freed = 0;
	for (unsigned round = 0; round < 2; round++)
		for (uint32_t pfn = FIRST; pfn < RAM_PAGES; pfn++) {
			memset(guest(pfn), 0x90, PAGE_SIZE);
			((uint8_t *)guest(pfn))[0x200] = 0x9c; /* pushf */
			fetch(LINEAR + pfn * PAGE_SIZE);
			assert_int_equal(fv.frames[pfn].code, FV_CODE_PATCHED);
			assert_int_equal(pte_mfn(shown(LINEAR + pfn * PAGE_SIZE)),
					 virt_to_mfn(fv.frames[pfn].copy));
			assert_int_equal(fv.copies, copies_there());
			assert_in_range(fv.copies, 1, fv.copies_max);
		}
	assert_in_range(freed, 8, 8 + 2 * RAM_PAGES);
	for (uint32_t pfn = FIRST; pfn < RAM_PAGES; pfn++)
		access_page(LINEAR + pfn * PAGE_SIZE, WRITE);
	assert_int_equal(fv.copies, 0);
	assert_int_equal(copies_there(), 0);
}

/* At the end, in steps: each frame that was taken, and each copy. */
static void all_goes_back(void **state)
{
	unsigned steps = 0, copies;

	for (uint32_t pfn = FIRST; pfn < FIRST + 5; pfn++) {
		memset(guest(pfn), 0x90, PAGE_SIZE);
		((uint8_t *)guest(pfn))[0x200] = 0x9c; /* pushf */
		fetch(LINEAR + pfn * PAGE_SIZE);
	}
	copies = copies_there();
	assert_int_equal(copies, 5);
	fv.frames[RAM_PAGES - 1].mfn = 0; /* not found yet, when the domain was ended */
	freed = frames_put = 0;
	while (fv_memory_release(&fv) == -ERESTART)
		steps++;
	assert_int_equal(steps, RAM_PAGES / 32);
	assert_int_equal(frames_put, RAM_PAGES - 1);
	assert_int_equal(freed, copies);
	assert_int_equal(fv_memory_release(&fv), 0);
	assert_int_equal(frames_put, RAM_PAGES - 1);
	fv.ram_pages = RAM_PAGES; /* for what is freed after the test */
}

/* As many steps as it takes to find all frames by their names. */
static int found(struct fv *new, unsigned *steps)
{
	int rc;

	next_owned = *steps = 0;
	*new = (struct fv){.v = &vcpu};
	while ((rc = fv_memory_init(new, RAM_PAGES)) == -ERESTART)
		++*steps;
	return rc;
}

static void frames_by_name(void **state)
{
	static struct fv new;
	unsigned steps;

	memset(owned, 0, sizeof(owned));
	domain.tot_pages = RAM_PAGES + 3;
	for (unsigned i = 0; i < RAM_PAGES + 3; i++) {
		owned[i] = virt_to_mfn(heap_alloc_pages(0));
		m2p[owned[i]] =
		    RAM_PAGES + 2 - i; /* two that are not its own, the console's, and all of RAM */
	}
	assert_int_equal(found(&new, &steps), 0);
	assert_int_equal(new.frames_held, RAM_PAGES);
	assert_ptr_equal(new.console, mfn_to_virt(owned[2]));
	for (uint32_t pfn = 0; pfn < RAM_PAGES; pfn++)
		assert_int_equal(new.frames[pfn].mfn, owned[RAM_PAGES + 2 - pfn]);
	assert_int_equal(steps, (1u << new.frames_order) + domain.tot_pages / 32);
	untakable = true;
	assert_int_equal(found(&new, &steps), -EINVAL);
	untakable = false;
	m2p[owned[40]] = m2p[owned[41]]; /* one name twice, another not at all */
	assert_int_equal(found(&new, &steps), -EINVAL);
	assert_int_equal(new.frames_held, RAM_PAGES - 1);
	m2p[owned[40]] = RAM_PAGES + 2 - 40;
	m2p[owned[2]] = INVALID_PFN; /* no console */
	assert_int_equal(found(&new, &steps), -EINVAL);
	m2p[owned[2]] = RAM_PAGES;
	owned[5] = 0; /* it went meanwhile */
	assert_int_equal(found(&new, &steps), -EINVAL);
	new = (struct fv){.v = &vcpu};
	assert_int_equal(fv_memory_init(&new, 0), -EINVAL);
	assert_int_equal(fv_memory_init(&new, RAM_PAGES + 3), -EINVAL);
}

/* Each allocation fails once; then there is memory. */
static void built_half_way(void **state)
{
	memset(owned, 0, sizeof(owned));
	next_owned = 0;
	domain.tot_pages = RAM_PAGES + 1;
	for (unsigned n = 1; n <= 2; n++) {
		struct fv once = {.v = &vcpu};

		made = freed = 0;
		refused_at = n;
		assert_int_equal(fv_memory_init(&once, RAM_PAGES), -ENOMEM);
		refused_at = n;
		once.ram_pages = RAM_PAGES;
		assert_int_equal(fv_shadow_init(&once), -ENOMEM);
		fv_shadow_free(&once);
		fv_memory_free(&once);
		assert_int_equal(freed, made);
	}
	for (unsigned n = 0; n < 2; n++) {
		struct fv half = {.v = &vcpu};

		made = freed = 0;
		blocks_left = n;
		assert_int_equal(fv_memory_init(&half, RAM_PAGES), -ENOMEM);
		blocks_left = n;
		half.ram_pages = RAM_PAGES;
		assert_int_equal(fv_shadow_init(&half), -ENOMEM);
		blocks_left = ~0u;
		assert_int_equal(fv_memory_init(&half, RAM_PAGES), -ERESTART);
		assert_int_equal(fv_shadow_init(&half), 0);
		assert_int_equal(made, 4);
		fv_shadow_free(&half);
		fv_memory_free(&half);
		assert_int_equal(freed, made);
	}
}

#define SHADOW_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    SHADOW_TEST(filled_on_demand),     SHADOW_TEST(rights_are_the_guests),
	    SHADOW_TEST(tables_are_protected), SHADOW_TEST(a_table_that_maps_itself),
	    SHADOW_TEST(nothing_behind),       SHADOW_TEST(own_accesses),
	    SHADOW_TEST(behind_ram),           SHADOW_TEST(stores_over_a_border),
	    SHADOW_TEST(many_at_random),       SHADOW_TEST(code_is_patched),
	    SHADOW_TEST(code_in_steps),        SHADOW_TEST(many_writers),
	    SHADOW_TEST(one_bucket),           SHADOW_TEST(copies_are_limited),
	    SHADOW_TEST(built_half_way),       SHADOW_TEST(a_name_is_taken_away),
	    SHADOW_TEST(the_third_writer),     SHADOW_TEST(another_root),
	    SHADOW_TEST(all_goes_back),        SHADOW_TEST(frames_by_name),
	};

	return cmocka_run_group_tests_name("fv", tests, NULL, NULL);
}
