/* SPDX-License-Identifier: MIT */
/* Pages and grants of a front end, in place of the kernel's: the test is the back end, and may keep what it has mapped. */
#pragma once

#include "blk_host.h"
#include "drivers/granted.h"
#include "kern/lib/errno.h"

#define POOL_PAGES 512u
#define REFS       512u

struct page *pages;
static struct {
	pfn_t pfn; /* 0: not granted */
	bool read_only, mapped;
} grants[REFS];
static unsigned refs_left, pages_left; /* that may still be given */
static pfn_t next_page;

pfn_t page_alloc_zeroed(void)
{
	if (!pages_left)
		return 0;
	pages_left--;
	pages[next_page].kind = PAGE_USED;
	pages[next_page].order = 0;
	pages[next_page].refs = 1;
	memset(pfn_to_virt(next_page), 0, PAGE_SIZE);
	return next_page++;
}

void page_get(pfn_t pfn)
{
	pages[pfn].refs++;
}

void page_put(pfn_t pfn)
{
	assert_true(pages[pfn].refs);
	pages[pfn].refs--;
	for (u32 i = 0; i < REFS; i++) /* nobody else may have what is free */
		assert_false(!pages[pfn].refs && grants[i].pfn == pfn);
}

long grant_access(domid_t domid, pfn_t pfn, bool readonly)
{
	assert_int_equal(domid, BACK_END);
	for (u32 i = 8; refs_left && i < REFS; i++) {
		if (grants[i].pfn)
			continue;
		refs_left--;
		grants[i].pfn = pfn;
		grants[i].read_only = readonly;
		return i;
	}
	return -ENOSPC;
}

bool grant_end(grant_ref_t ref)
{
	assert_true(grants[ref].pfn);
	if (grants[ref].mapped)
		return false;
	grants[ref].pfn = 0;
	refs_left++;
	return true;
}

/* Everything is free again; @n pages may be taken. */
static void memory_new(unsigned n)
{
	pool = aligned_alloc(PAGE_SIZE, POOL_PAGES * PAGE_SIZE);
	pages = calloc(POOL_PAGES, sizeof(*pages));
	memset(grants, 0, sizeof(grants));
	next_page = 1;
	pages_left = n;
	refs_left = REFS;
	notified = ports_open = 0;
}

static inline u8 *at_ref(grant_ref_t ref, bool writes)
{
	assert_true(ref < REFS && grants[ref].pfn);
	assert_false(writes && grants[ref].read_only);
	return pfn_to_virt(grants[ref].pfn);
}
