/* SPDX-License-Identifier: MIT */
/*
 * Specification: the end of a type's last use (hypervisor/mm/page.c, page_put_type; mm/pt.h, writable_put), looked at
 * after each instruction, as another CPU may. From the moment when the stamp is taken until the count falls no CPU
 * can get the type: were it valid and in use then, a use could come and go unseen, and the stamp would be too old.
 * (The model in tests/verify shows what would follow: mutant stamp-first.)
 */
#include "mm_host.h"

#include <string.h>

#include "lib/errno.h"
#include "mm/pt.h"
#include "stepping.h"

#define UNSTAMPED 0x12345678u

static struct domain *d;
static struct page_info *pg;
static volatile unsigned steps, stamped_in_use, stamped_valid;

static void step(int sig)
{
	uint64_t type = pg->type;

	steps++;
	if (pg->stamp == UNSTAMPED || !(type & PGT_COUNT))
		return;
	stamped_in_use++;
	stamped_valid += !!(type & PGT_VALIDATED);
}

static void watched(void (*put)(void))
{
	steps = stamped_in_use = stamped_valid = 0;
	pg->stamp = UNSTAMPED;
	tlb_clock = 7;
	in_steps(put, step);
	assert_true(steps > 5);
	assert_int_equal(pg->stamp, 7);
	assert_int_equal(pg->type & PGT_COUNT, 0);
	/* The stamp stands before the count falls, and is not taken while the type can be got. */
	assert_true(stamped_in_use > 0);
	assert_int_equal(stamped_valid, 0);
}

static void put_by_call(void)
{
	page_put_type(pg);
}

static void put_in_line(void)
{
	writable_put(pg);
}

static void memory(void **state)
{
	for (unsigned in_line = 0; in_line < 2; in_line++) {
		assert_int_equal(page_get_type(pg, PGT_WRITABLE), 0);
		watched(in_line ? put_in_line : put_by_call);
		/* It is memory still, and the next use needs no look at it. */
		assert_true(pg->type & PGT_VALIDATED);
	}
}

static void descriptors(void **state)
{
	assert_int_equal(page_get_type(pg, PGT_SEGDESC), 0);
	watched(put_by_call);
	assert_false(pg->type & PGT_VALIDATED);
}

static void table(void **state)
{
	memset(mfn_to_virt(page_to_mfn(pg)), 0, PAGE_SIZE); /* the descriptors */
	pt_begin(d);
	assert_int_equal(page_get_type(pg, PGT_L1), 0);
	watched(put_by_call);
	spin_unlock(&d->mm.pt_lock);
	assert_false(pg->type & PGT_VALIDATED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(memory),
	    cmocka_unit_test(descriptors),
	    cmocka_unit_test(table),
	};

	host_init();
	d = host_domain(&host_pv64, 4);
	pg = domain_alloc_pages(d, 0, 0);
	if (!pg)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
