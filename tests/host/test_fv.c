/* SPDX-License-Identifier: MIT */
/*
 * Specification of an fv domain's shadow page tables (docs/fv.md):
 *   - a shadow entry allows no more than the guest's entry, and dirty and accessed bits are set in that;
 *   - no frame is mapped writable while it has a shadow or is executed;
 *   - a store into a table forgets its shadow; counts of writers are exact;
 *   - a frame with many writers, a bucket with many shadows: all may be dropped, and the rules hold;
 *   - whenever the guest goes on, the processor remembers no translation that the shadows do not permit any more.
 */
#include "fv_guest.h"

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

/* No guest sees the first frame behind RAM, by any way; what is written there is gone. */
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

/* A store of the hypervisor's over the border of two pages, both tables, or one of them code that is executed. */
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

/* The hypervisor's accesses: by the guest's tables as they were at its last flush or later, never with more rights. */
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
	access_page(0, USER_READ); /* the table has a shadow again: the hypervisor's store ends it */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(filled_on_demand, setup, teardown),
	    cmocka_unit_test_setup_teardown(rights_are_the_guests, setup, teardown),
	    cmocka_unit_test_setup_teardown(tables_are_protected, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_third_writer, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_name_is_taken_away, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_table_that_maps_itself, setup, teardown),
	    cmocka_unit_test_setup_teardown(nothing_behind, setup, teardown),
	    cmocka_unit_test_setup_teardown(behind_ram, setup, teardown),
	    cmocka_unit_test_setup_teardown(stores_over_a_border, setup, teardown),
	    cmocka_unit_test_setup_teardown(own_accesses, setup, teardown),
	    cmocka_unit_test_setup_teardown(many_at_random, setup, teardown),
	    cmocka_unit_test_setup_teardown(another_root, setup, teardown),
	    cmocka_unit_test_setup_teardown(many_writers, setup, teardown),
	    cmocka_unit_test_setup_teardown(one_bucket, setup, teardown),
	};

	return cmocka_run_group_tests_name("fv", tests, NULL, NULL);
}
