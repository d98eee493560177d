/* SPDX-License-Identifier: MIT */
/*
 * Specification of an fv domain's parts (docs/fv.md): the interrupt controller, the timer, the clock, the length of
 * instructions and which are patched, and the rules of shadow page tables:
 *   - a shadow entry allows no more than the guest's entry, and dirty and accessed bits are set in that;
 *   - no frame is mapped writable while it has a shadow or is executed;
 *   - a store into a table forgets its shadow; counts of writers are exact;
 *   - code is searched in steps, and what is stored into it meanwhile is not missed;
 *   - a frame with many writers, a bucket with many shadows: all may be dropped, and the rules hold.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fv/cmos.c"
#include "fv/length.c"
#undef MODRM
#undef IMM
#undef IMM8
#undef NONE
#include "fv/memory.c"
#undef PF_PRESENT
#undef PF_WRITE
#undef PF_USER
#undef PF_FETCH
#include "fv/shadow.c"
#undef ANY
#include "fv/patch.c"
#define take      pic_take
#define is_prefix other_prefix
#include "fv/pic.c"
#include "fv/pit.c"

/* ---- What they call: a small memory ---- */

#define PAGES     2048u
#define RAM_PAGES 64u

uint64_t host_directmap;
struct percpu host_percpu;
struct page_info *frame_table;
struct cpu_features features;
static uint8_t *arena;
static mfn_t next_page;
static pfn_t m2p[PAGES];
static uint32_t injected, injected_va;
static unsigned crashes, freed;

void *heap_alloc_pages(unsigned order)
{
	void *p = arena + next_page * PAGE_SIZE;

	next_page += 1u << order;
	assert_true(next_page <= PAGES);
	return memset(p, 0, PAGE_SIZE << order);
}

void heap_free_pages(void *p, unsigned order)
{
	freed++;
}

mfn_t heap_alloc_frames_for(struct domain *d, unsigned order)
{
	return virt_to_mfn(memset(heap_alloc_pages(order), 0x5a, PAGE_SIZE << order));
}

mfn_t owned_rotate(struct domain *d)
{
	return 0;
}

bool hypercall_preempt_check(void)
{
	return true;
}

void *heap_alloc_pages_for(struct domain *d, unsigned order)
{
	return heap_alloc_pages(order);
}

size_t heap_size(size_t size)
{
	return size;
}

void *heap_alloc_for(struct domain *d, size_t size)
{
	return calloc(1, size);
}

void heap_free(void *p)
{
	free(p);
}

pfn_t m2p_get(mfn_t mfn)
{
	return m2p[mfn];
}

void domain_crash(struct domain *d, const char *fmt, ...)
{
	crashes++;
}

void fv_inject_page_fault(struct vcpu *v, uint32_t va, uint32_t error)
{
	injected = error;
	injected_va = va;
}

void cpu_service_requests(void)
{
}

void tlb_flush_local(void)
{
}

void tlb_flush_page_local(gva_t va)
{
}

int page_get_and_type(struct page_info *pg, struct domain *d, enum page_type type)
{
	return 0;
}

int page_put_and_type(struct page_info *pg)
{
	return 0;
}

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
	fv.nothing = heap_alloc_pages(0);
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
	for (uint32_t pfn = 0; pfn < RAM_PAGES; pfn++) {
		const struct fv_frame *f = fv_frame(&fv, pfn);

		assert_int_equal(f->writers, fv_shadow_count_writers(&fv, pfn));
		if (!fv.lax && (f->shadows || f->code))
			assert_int_equal(f->writers, 0);
	}
}

#define USER_READ  4u
#define USER_WRITE 6u
#define WRITE      2u
#define FETCH      16u

static void access_page(uint32_t va, uint32_t error)
{
	fv_page_fault(&vcpu, va, error);
	rules_hold();
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

static void a_table_that_maps_itself(void **state)
{
	guest(L1)[7] = make_pte(L1, PTE_P | PTE_RW);
	access_page(0x7000, WRITE);
	assert_true(shown(0x7000) & PTE_RW);
	assert_true(fv.lax);
	fv_shadow_load_cr3(&fv);
	assert_false(fv.lax);
	assert_int_equal(shown(0x7000), 0);
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

static void many_at_random(void **state)
{
	srand(1);
	for (unsigned i = 0; i < 20000; i++) {
		uint32_t va = rand() % 2 ? (rand() % 16u) << 12 : LINEAR + (rand() % RAM_PAGES << 12);
		uint32_t error = (uint32_t[]){0, WRITE, USER_READ, USER_WRITE, FETCH}[rand() % 5];

		access_page(va, error);
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
	access_page(LINEAR + FIRST * PAGE_SIZE, WRITE);
	assert_int_equal(fv.frames[FIRST].code, FV_CODE_UNKNOWN);
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
	unsigned longest = 0;

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
	while (fv_shadow_release(&fv))
		;
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

static void lengths(void **state)
{
	static const struct {
		uint8_t bytes[12];
		uint8_t length;
	} cases[] = {
	    {{0x90}, 1},
	    {{0x66, 0xb8, 1, 2}, 4},
	    {{0xb8, 1, 2, 3, 4}, 5},
	    {{0x8b, 0x04, 0x85, 1, 2, 3, 4}, 7},
	    {{0x8b, 0x44, 0x24, 0x08}, 4},
	    {{0x67, 0x8b, 0x46, 1}, 4},
	    {{0xf6, 0xc1, 3}, 3},
	    {{0xf6, 0xd1}, 2},
	    {{0xf7, 0x05, 1, 2, 3, 4, 5, 6, 7, 8}, 10},
	    {{0xc8, 1, 2, 3}, 4},
	    {{0xea, 1, 2, 3, 4, 5, 6}, 7},
	    {{0x0f, 0x84, 1, 2, 3, 4}, 6},
	    {{0x0f, 0xa4, 0xc1, 3}, 4},
	    {{0x0f, 0x3a, 0x0f, 0xc1, 3}, 5},
	    {{0x0f, 0x01, 0x15, 1, 2, 3, 4}, 7},
	    {{0xa1, 1, 2, 3, 4}, 5},
	    {{0xd6}, 0},
	};
	uint16_t opcode;
	uint8_t reg;

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(insn_length(cases[i].bytes, 12, &opcode, &reg), cases[i].length);
		for (unsigned n = 0; n < cases[i].length; n++)
			assert_int_equal(insn_length(cases[i].bytes, n, &opcode, &reg), 0);
	}
}

/* ---- Devices ---- */

static void start_pic(struct fv_pic *pic)
{
	static const uint8_t words[2][4] = {{0x11, 0x20, 0x04, 0x01}, {0x11, 0x28, 0x02, 0x01}};

	pic_reset(pic);
	for (unsigned chip = 0; chip < 2; chip++) {
		for (unsigned i = 0; i < 4; i++)
			pic_write(pic, chip, i > 0, words[chip][i]);
		pic_write(pic, chip, 1, 0);
	}
}

static void interrupt_controller(void **state)
{
	struct fv_pic pic;

	start_pic(&pic);
	assert_false(pic_interrupts(&pic));
	pic_set_line(&pic, 4, true);
	pic_set_line(&pic, 0, true);
	assert_int_equal(pic_acknowledge(&pic), 0x20);
	assert_false(pic_interrupts(&pic)); /* line 4 waits for the end of line 0 */
	pic_write(&pic, 0, 0, 0x20);
	assert_int_equal(pic_acknowledge(&pic), 0x24);
	pic_write(&pic, 0, 0, 0x0b);
	assert_int_equal(pic_read(&pic, 0, 0), 0x10);
	pic_write(&pic, 0, 0, 0x20);
	assert_false(pic_interrupts(&pic)); /* an edge, not a level */
	pic_set_line(&pic, 4, false);
	pic_write(&pic, 0, 1, 0x10);
	pic_set_line(&pic, 4, true);
	assert_false(pic_interrupts(&pic));
	pic_write(&pic, 0, 1, 0);
	assert_true(pic_interrupts(&pic));
	pic_set_line(&pic, 4, false); /* gone before anybody looked */
	assert_int_equal(pic_acknowledge(&pic), 0x27);
}

static void second_controller(void **state)
{
	struct fv_pic pic;

	start_pic(&pic);
	pic_set_line(&pic, 14, true);
	pic_set_line(&pic, 9, true);
	assert_int_equal(pic_acknowledge(&pic), 0x29);
	assert_false(pic_interrupts(&pic));
	pic_write(&pic, 1, 0, 0x20);
	pic_write(&pic, 0, 0, 0x20);
	assert_int_equal(pic_acknowledge(&pic), 0x2e);
	pic_write(&pic, 1, 0, 0x20);
	pic_write(&pic, 0, 0, 0x20);
	assert_false(pic_interrupts(&pic));
}

#define MS 1000000ull

static void interval_timer(void **state)
{
	struct fv_pit pit;
	uint64_t t = 5000 * MS;
	unsigned count;

	pit_reset(&pit, t);
	assert_int_equal(pit_next_edge(&pit, 0, t), 0); /* nobody loaded it */
	pit_command(&pit, 0x30, t);
	pit_write(&pit, 0, 59659 & 0xff, t);
	pit_write(&pit, 0, 59659 >> 8, t);
	assert_in_range(pit_next_edge(&pit, 0, t), t + 49 * MS, t + 51 * MS);
	assert_false(pit_output(&pit, 0, t + 49 * MS));
	assert_true(pit_output(&pit, 0, t + 51 * MS));
	assert_false(pit_tell(&pit, 0, t + 49 * MS));
	assert_true(pit_tell(&pit, 0, t + 51 * MS)); /* late, but not lost */
	assert_false(pit_tell(&pit, 0, t + 51 * MS));
	assert_int_equal(pit_next_edge(&pit, 0, t + 51 * MS), 0);
	pit_command(&pit, 0x00, t + 25 * MS); /* latch */
	count = pit_read(&pit, 0, t + 30 * MS);
	count |= pit_read(&pit, 0, t + 30 * MS) << 8;
	assert_in_range(count, 29800, 29850);

	pit_command(&pit, 0x34, t); /* rate generator */
	pit_write(&pit, 0, 0xa9, t);
	pit_write(&pit, 0, 0x04, t); /* 1193: 1 ms */
	for (unsigned i = 1; i < 10; i++)
		assert_in_range(pit_next_edge(&pit, 0, t + i * MS - MS / 2), t + i * MS - 20000,
				t + i * MS + 20000);

	pit_command(&pit, 0xb0, t);
	pit_write(&pit, 2, 100, t);
	pit_write(&pit, 2, 0, t);
	assert_false(pit_output(&pit, 2, t + MS)); /* its gate is closed */
	pit_set_gate(&pit, 2, true, t + MS);
	assert_true(pit_output(&pit, 2, t + 2 * MS));
}

static void load_pit(struct fv_pit *pit, unsigned mode, unsigned count, uint64_t t)
{
	pit_command(pit, 0x30 | mode << 1, t);
	pit_write(pit, 0, count & 0xff, t);
	pit_write(pit, 0, count >> 8, t);
}

/* However fast a guest programs it, it asks for no more of the hypervisor than a few thousand interrupts a second; the
 * counter counts as it was told. A single shot so short that it is over before anybody can wait for it comes. */
static void interval_timer_is_bounded(void **state)
{
	static const unsigned counts[] = {1, 2, 3, 100, 149, 150, 297, 298, 299, 1193, 0};
	const uint64_t start = 7000 * MS, second = 1000 * MS;
	struct fv_pit pit;

	for (unsigned i = 0; i < 2 * ARRAY_SIZE(counts); i++) {
		unsigned count = counts[i / 2], wanted = PIT_HZ / (count ? count : 0x10000), edges = 0;
		uint64_t t = start, last;

		pit_reset(&pit, t);
		load_pit(&pit, MODE_RATE + i % 2, count, t);
		for (last = t; (t = pit_next_edge(&pit, 0, t)) < start + second; last = t, edges++) {
			assert_true(t > last);
			assert_true(edges == 0 || t - last >= 249000);
			assert_true(pit_tell(&pit, 0, t));
		}
		assert_in_range(edges, MIN(wanted, 2000) - 1, MIN(wanted, 4004) + 1);
	}
	load_pit(&pit, MODE_RATE, 2, start);
	pit_command(&pit, 0, start + 1);
	assert_in_range(pit_read(&pit, 0, start + 1), 1, 2);
	load_pit(&pit, 0, 1, start);
	assert_in_range(pit_next_edge(&pit, 0, start + MS), start, start + 2000);
	assert_true(pit_tell(&pit, 0, start + MS));
	assert_int_equal(pit_next_edge(&pit, 0, start + MS), 0);
}

static void clock_chip(void **state)
{
	uint64_t seconds = 1709210096; /* 2024-02-29 12:34:56, a Thursday */

	assert_int_equal(fv_cmos_read(0, seconds), 0x56);
	assert_int_equal(fv_cmos_read(2, seconds), 0x34);
	assert_int_equal(fv_cmos_read(4, seconds), 0x12);
	assert_int_equal(fv_cmos_read(6, seconds), 5);
	assert_int_equal(fv_cmos_read(7, seconds), 0x29);
	assert_int_equal(fv_cmos_read(8, seconds), 0x02);
	assert_int_equal(fv_cmos_read(9, seconds), 0x24);
	assert_int_equal(fv_cmos_read(0x32, seconds), 0x20);
	assert_int_equal(fv_cmos_read(7, 0), 1);
	assert_int_equal(fv_cmos_read(9, 0), 0x70);
}

#define SHADOW_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    SHADOW_TEST(filled_on_demand),
	    SHADOW_TEST(rights_are_the_guests),
	    SHADOW_TEST(tables_are_protected),
	    SHADOW_TEST(a_table_that_maps_itself),
	    SHADOW_TEST(nothing_behind),
	    SHADOW_TEST(own_accesses),
	    SHADOW_TEST(many_at_random),
	    SHADOW_TEST(code_is_patched),
	    SHADOW_TEST(code_in_steps),
	    SHADOW_TEST(many_writers),
	    SHADOW_TEST(one_bucket),
	    SHADOW_TEST(copies_are_limited),
	    cmocka_unit_test(lengths),
	    cmocka_unit_test(interrupt_controller),
	    cmocka_unit_test(second_controller),
	    cmocka_unit_test(interval_timer),
	    cmocka_unit_test(interval_timer_is_bounded),
	    cmocka_unit_test(clock_chip),
	};

	return cmocka_run_group_tests_name("fv", tests, NULL, NULL);
}
