/* SPDX-License-Identifier: MIT */
/*
 * Specification of an fv domain's memory and code (docs/fv.md):
 *   - which instructions are patched; code is searched in steps, and what is stored into it meanwhile is not missed;
 *   - its frames are found by their names, all or none; copies of code are limited;
 *   - a domain built half way for lack of memory may be built again, and at the end nothing is left.
 */
#include "fv_guest.h"

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
	/* Another page in the middle: this one starts again. */
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

/* Accesses on the guest's behalf are quick where it was a moment ago, but never beyond RAM nor behind a search's back. */
static void quick_accesses(void **state)
{
	uint32_t value, fault;

	guest(L1)[0] = make_pte(RAM_PAGES, PTE_P | PTE_RW | PTE_U);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(fv_write(&fv, 0x10, &(uint32_t){7}, 4, &fault), FV_OK);
		assert_int_equal(fv_read(&fv, 0x10, &value, 4, &fault), FV_OK);
		assert_int_equal(value, ~0u);
	}
	assert_int_equal(fv_write(&fv, PAGE_SIZE, &(uint32_t){8}, 4, &fault), FV_OK);
	fv.frames[FIRST + 1].code = FV_CODE_CLEAN;
	assert_int_equal(fv_write(&fv, PAGE_SIZE, &(uint32_t){9}, 4, &fault), FV_OK);
	assert_int_equal(fv.frames[FIRST + 1].code, FV_CODE_UNKNOWN);
	assert_int_equal(*(uint32_t *)guest(FIRST + 1), 9);
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
	unsigned before;

	fv.copies_max = 40;
	freed = 0;
	for (unsigned round = 0; round < 2; round++)
		for (uint32_t pfn = FIRST; pfn < RAM_PAGES; pfn++) {
			memset(guest(pfn), 0x90, PAGE_SIZE);
			((uint8_t *)guest(pfn))[0x200] = 0x9c; /* pushf */
			before = fv.copies;
			flushes = 0;
			fetch(LINEAR + pfn * PAGE_SIZE);
			assert_int_equal(fv.frames[pfn].code, FV_CODE_PATCHED);
			assert_int_equal(pte_mfn(shown(LINEAR + pfn * PAGE_SIZE)),
					 virt_to_mfn(fv.frames[pfn].copy));
			assert_int_equal(fv.copies, copies_there());
			assert_in_range(fv.copies, 1, fv.copies_max);
			assert_true(fv.copies >= before ||
				    flushed_before); /* no processor remembers what is freed */
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
	domain.mm.tot_pages = RAM_PAGES + 3;
	for (unsigned i = 0; i < RAM_PAGES + 3; i++) {
		owned[i] = virt_to_mfn(heap_alloc_pages(0));
		m2p[owned[i]] =
		    RAM_PAGES + 2 - i; /* two that are not its own, the console's, and all of RAM */
	}
	assert_int_equal(found(&new, &steps), 0);
	assert_int_equal(new.frames_held, RAM_PAGES);
	assert_ptr_equal(new.pc.console, mfn_to_virt(owned[2]));
	for (uint32_t pfn = 0; pfn < RAM_PAGES; pfn++)
		assert_int_equal(new.frames[pfn].mfn, owned[RAM_PAGES + 2 - pfn]);
	assert_int_equal(steps, (1u << new.frames_order) + domain.mm.tot_pages / 32);
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
	domain.mm.tot_pages = RAM_PAGES + 1;
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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(code_is_patched, setup, teardown),
	    cmocka_unit_test_setup_teardown(code_in_steps, setup, teardown),
	    cmocka_unit_test_setup_teardown(quick_accesses, setup, teardown),
	    cmocka_unit_test_setup_teardown(copies_are_limited, setup, teardown),
	    cmocka_unit_test_setup_teardown(all_goes_back, setup, teardown),
	    cmocka_unit_test_setup_teardown(frames_by_name, setup, teardown),
	    cmocka_unit_test_setup_teardown(built_half_way, setup, teardown),
	};

	return cmocka_run_group_tests_name("fv memory", tests, NULL, NULL);
}
