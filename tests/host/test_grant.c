/* SPDX-License-Identifier: MIT */
/*
 * Specification: grants, uses and frames agree, whatever two domains do.
 *   limits      shared frames and handles up to the domain's limits, all given back
 *   model       random grants, mappings by entry, overwritten entries, unmappings, copies: after each the marks
 *               in the shared entries and the counts of the frames are what a simple model says
 *   deaths      the mapper's end lets everything go; a granter that dies first stays until then
 */
#include "mm_host.h"

#include <string.h>

#include "gnt/pin.h"
#include "gnt/table.h"
#include "lib/errno.h"
#include "lib/tracepoint.h"
#include "mm/pt.h"

#define REFS    8 /* each grants the granter's page of that number */
#define SLOTS   16
#define HANDLES 64

static struct {
	struct domain *d;
	struct vcpu v;
	uint64_t *l1; /* a live table: where it maps */
} mapper;
static struct domain *granter;
static struct page_info *pages;

/* The model. */
static struct {
	unsigned pins, writers, marks;
} refs[REFS];
static struct {
	bool present, writable;
	unsigned page;
} slots[SLOTS];
static struct {
	unsigned ref, slot, flags, page;
	grant_handle_t handle;
} maps[HANDLES];
static unsigned nr_maps, device_refs[REFS], device_writers[REFS];

static void begin(void)
{
	struct page_info *l1;

	granter = host_domain(&host_pv64, 64);
	mapper.d = host_domain(&host_pv64, 64);
	granter->id = 1;
	mapper.d->id = 2;
	assert_int_equal(grant_create(granter) | grant_create(mapper.d), 0);
	mapper.v = (struct vcpu){.domain = mapper.d, .mm.root = INVALID_MFN, .mm.user_root = INVALID_MFN};
	pages = domain_alloc_pages(granter, 3, 0);
	l1 = domain_alloc_pages(mapper.d, 0, 0);
	mapper.l1 = mfn_to_virt(page_to_mfn(l1));
	assert_int_equal(page_pin(l1, PGT_L1), 0);
	for (unsigned ref = 0; ref < REFS; ref++) {
		struct grant_entry_v1 *e = &grant_slot(granter->grants, ref)->v1;

		*e = (struct grant_entry_v1){GTF_permit_access, 2, page_to_mfn(&pages[ref])};
	}
	memset(refs, 0, sizeof(refs));
	memset(slots, 0, sizeof(slots));
	memset(device_refs, 0, sizeof(device_refs));
	memset(device_writers, 0, sizeof(device_writers));
	nr_maps = 0;
}

static void die(struct domain *d)
{
	d->state = DOMAIN_DYING;
	grant_close(d);
	while (mm_relinquish(d))
		;
	while (grant_release_maps(d))
		;
	grant_unshare(d);
}

static void end(struct domain *d)
{
	grant_destroy(d);
	host_domain_free(d);
}

static uint64_t slot_address(unsigned slot)
{
	return (uint64_t)&mapper.l1[slot] - DIRECTMAP;
}

/* As the hypercall does it: a mapping takes over the reference to its granter. */
static int map(struct gnttab_map_grant_ref *op)
{
	int rc;

	domain_get(granter);
	rc = grant_map(&mapper.v, granter, op);
	if (rc)
		domain_put(granter);
	return rc;
}

static void do_map(void)
{
	static const unsigned kinds[] = {GNTMAP_host_map, GNTMAP_device_map,
					 GNTMAP_host_map | GNTMAP_device_map};
	unsigned ref = host_random(REFS), slot = host_random(SLOTS);
	bool readonly = host_random(2);
	struct gnttab_map_grant_ref op = {.host_addr = slot_address(slot),
					  .flags = kinds[host_random(3)] | GNTMAP_contains_pte |
						   (readonly ? GNTMAP_readonly : 0),
					  .ref = ref};

	if (nr_maps == HANDLES)
		return;
	assert_int_equal(map(&op), GNTST_okay);
	assert_true(op.dev_bus_addr == page_to_mfn(&pages[ref]) << PAGE_SHIFT);
	refs[ref].pins++;
	refs[ref].writers += !readonly;
	if (op.flags & GNTMAP_host_map)
		slots[slot] = (__typeof__(slots[0])){true, !readonly, ref};
	device_refs[ref] += op.flags & GNTMAP_device_map;
	device_writers[ref] += (op.flags & GNTMAP_device_map) && !readonly;
	maps[nr_maps].ref = ref;
	maps[nr_maps].slot = slot;
	maps[nr_maps].flags = op.flags;
	maps[nr_maps++].handle = op.handle;
}

/* The address for the device to be unmapped with, or 0. */
static uint64_t unmap_device(unsigned i)
{
	unsigned ref = maps[i].ref;

	if (!(maps[i].flags & GNTMAP_device_map))
		return 0;
	device_refs[ref]--;
	device_writers[ref] -= !(maps[i].flags & GNTMAP_readonly);
	return page_to_mfn(&pages[ref]) << PAGE_SHIFT;
}

static void do_unmap(void)
{
	unsigned i = nr_maps ? host_random(nr_maps) : 0, slot = maps[i].slot, ref = maps[i].ref;
	bool host = maps[i].flags & GNTMAP_host_map, readonly = maps[i].flags & GNTMAP_readonly;
	bool fits =
	    !host || (slots[slot].present && slots[slot].page == ref && slots[slot].writable != readonly);
	struct grant_unmap u = {.handle = maps[i].handle};
	uint64_t dev_addr;

	if (!nr_maps)
		return;
	dev_addr = fits ? unmap_device(i) : 0;
	assert_int_equal(grant_unmap_begin(&mapper.v, &u, host ? slot_address(slot) : 0, dev_addr, 0),
			 fits ? GNTST_okay : GNTST_general_error);
	if (!fits) {
		assert_int_equal(u.done, 0);
		return;
	}
	/* Between the halves no call can use the handle. */
	assert_int_equal(grant_unmap_begin(&mapper.v, &(struct grant_unmap){.handle = u.handle}, 0, 0, 0),
			 GNTST_bad_handle);
	grant_unmap_end(mapper.d, &u);
	refs[ref].pins--;
	refs[ref].writers -= !readonly;
	if (host)
		slots[slot].present = false;
	maps[i] = maps[--nr_maps];
}

static void do_overwrite(void)
{
	unsigned slot = host_random(SLOTS);

	spin_lock(&mapper.d->mm.pt_lock);
	assert_int_equal(pt_change_l1(&mapper.l1[slot], 0, mapper.d, mapper.d, false), 0);
	spin_unlock(&mapper.d->mm.pt_lock);
	slots[slot].present = false;
}

static void do_copy(void)
{
	unsigned from = host_random(REFS), to = host_random(REFS);
	struct gnttab_copy op = {.flags = GNTCOPY_source_gref | GNTCOPY_dest_gref};
	uint8_t *dst = mfn_to_virt(page_to_mfn(&pages[to])), *src = mfn_to_virt(page_to_mfn(&pages[from]));

	op.source.u.ref = from;
	op.dest.u.ref = to;
	op.source.offset = host_random(PAGE_SIZE);
	op.dest.offset = host_random(PAGE_SIZE);
	op.len = host_random(2000);
	tracepoint_page = host_random(2) ? PAGE_SIZE : 0; /* traced, the same happens */
	src[op.source.offset] = host_random(256);
	if (MAX(op.source.offset, op.dest.offset) + op.len > (int)PAGE_SIZE) {
		assert_int_equal(grant_copy(mapper.d, granter, granter, &op), GNTST_bad_copy_arg);
		return;
	}
	assert_int_equal(grant_copy(mapper.d, granter, granter, &op), GNTST_okay);
	if (op.len && from != to)
		assert_memory_equal(dst + op.dest.offset, src + op.source.offset, op.len);
}

static void check(void)
{
	for (unsigned ref = 0; ref < REFS; ref++) {
		uint16_t flags = grant_slot(granter->grants, ref)->flags & (GTF_reading | GTF_writing);
		unsigned mapped = device_refs[ref], writable = device_writers[ref];

		for (unsigned i = 0; i < SLOTS; i++)
			if (slots[i].present && slots[i].page == ref) {
				mapped++;
				writable += slots[i].writable;
			}
		assert_int_equal(flags,
				 (refs[ref].pins ? GTF_reading : 0) | (refs[ref].writers ? GTF_writing : 0));
		assert_int_equal(pages[ref].count & PGC_COUNT, 1 + mapped);
		assert_int_equal(pages[ref].type & PGT_COUNT, writable);
	}
}

static void model(void **state)
{
	uint64_t before = frames_free();

	begin();
	for (int i = 0; i < 200000; i++) {
		switch (host_random(8)) {
		case 0 ... 2:
			do_map();
			break;
		case 3 ... 5:
			do_unmap();
			break;
		case 6:
			do_overwrite();
			break;
		default:
			do_copy();
		}
		check();
	}
	assert_true(nr_maps > 0);
	die(mapper.d);
	for (unsigned ref = 0; ref < REFS; ref++)
		assert_int_equal(pages[ref].count & PGC_COUNT, 1);
	assert_int_equal(granter->grants->shared[0]->flags, GTF_permit_access);
	die(granter);
	end(mapper.d);
	end(granter);
	assert_int_equal(frames_free(), before);
}

static void deaths(void **state)
{
	uint64_t before = frames_free();
	struct gnttab_map_grant_ref op = {.flags = GNTMAP_host_map | GNTMAP_contains_pte};
	struct grant_unmap u = {};
	uint32_t refs_before;

	begin();
	op.host_addr = slot_address(3);
	refs_before = granter->refs;
	assert_int_equal(map(&op), GNTST_okay);
	die(granter);
	/* One page is still mapped: it and the handle hold the domain, twice and for itself. */
	assert_int_equal(granter->mm.tot_pages, 1);
	assert_true(granter->refs > 1 && granter->refs <= refs_before + 1);
	assert_int_equal(map(&(struct gnttab_map_grant_ref){.flags = GNTMAP_device_map}),
			 GNTST_general_error);
	u.handle = op.handle;
	assert_int_equal(grant_unmap_begin(&mapper.v, &u, op.host_addr, 0, 0), GNTST_okay);
	grant_unmap_end(mapper.d, &u);
	assert_int_equal(granter->mm.tot_pages, 0);
	end(granter);
	die(mapper.d);
	end(mapper.d);
	assert_int_equal(frames_free(), before);
}

/* Which domain may use an entry, when others do or its domain ends; what the granter's TLBs are told. */
static void rules(void **state)
{
	struct gnttab_map_grant_ref op = {.flags = GNTMAP_host_map | GNTMAP_contains_pte, .dom = 1};
	mfn_t mfn;

	begin();
	assert_int_equal(grant_pin(granter, 0, 2, true, &mfn), GNTST_okay);
	grant_slot(granter->grants, 0)->v1.domid = 3; /* a granter that changes its mind while it is in use */
	assert_int_equal(grant_pin(granter, 0, 3, true, &mfn), GNTST_general_error);
	grant_slot(granter->grants, 0)->v1.domid = 2;
	assert_int_equal(grant_pin(granter, 0, 2, true, &mfn), GNTST_okay);
	grant_unpin(granter, 0, true);
	grant_unpin(granter, 0, true);
	assert_int_equal(granter->mm.tlb_abroad, 0);
	op.host_addr = slot_address(0);
	op.ref = 1;
	assert_int_equal(map(&op), GNTST_okay);
	assert_int_equal(granter->mm.tlb_abroad, ~0u);
	grant_close(granter);
	assert_int_equal(grant_pin(granter, 2, 2, true, &mfn), GNTST_general_error);
	assert_int_equal(grant_pin(granter, 1, 2, false, &mfn), GNTST_general_error);
	die(mapper.d);
	die(granter);
	end(mapper.d);
	end(granter);
}

/* What is refused leaves nothing behind: a frame that cannot be held, a place that is no entry. */
static void refusals(void **state)
{
	struct gnttab_copy copy = {.flags = GNTCOPY_source_gref | GNTCOPY_dest_gref, .len = 8};
	struct gnttab_map_grant_ref op = {.flags = GNTMAP_host_map | GNTMAP_contains_pte};
	struct grant_entry_v1 *bad;

	begin();
	bad = &grant_slot(granter->grants, 5)->v1;
	bad->frame = virt_to_mfn(mapper.l1); /* not the granter's */
	for (unsigned to = 0; to < 2; to++) {
		copy.source.u.ref = to ? 1 : 5;
		copy.dest.u.ref = to ? 5 : 1;
		assert_int_equal(grant_copy(mapper.d, granter, granter, &copy), GNTST_bad_page);
		assert_int_equal(bad->flags, GTF_permit_access);
		check();
	}
	op.host_addr = slot_address(0);
	op.ref = 5;
	assert_int_equal(map(&op), GNTST_general_error);
	assert_int_equal(bad->flags, GTF_permit_access);
	op.ref = 1;
	for (unsigned n = 1; n < 8; n++) { /* between two entries */
		op.host_addr = slot_address(0) + n;
		assert_int_equal(map(&op), GNTST_general_error);
		check();
	}
	op.host_addr = page_to_mfn(&pages[7]) << PAGE_SHIFT; /* in no page table */
	assert_int_equal(map(&op), GNTST_general_error);
	op.host_addr = ~0ull << PAGE_SHIFT;
	assert_int_equal(map(&op), GNTST_general_error);
	check();
	assert_int_equal(mapper.l1[0] | mapper.l1[1], 0);
	assert_int_equal(mapper.d->mm.tot_pages, 1);
	die(mapper.d);
	die(granter);
	end(mapper.d);
	end(granter);
}

static void limits(void **state)
{
	uint64_t before = frames_free();
	struct gnttab_map_grant_ref op = {.flags = GNTMAP_device_map | GNTMAP_readonly};
	unsigned n = 0;

	assert_true(grant_limits_ok(-1, -1) && grant_limits_ok(1, 0) && grant_limits_ok(64, 1024));
	assert_false(grant_limits_ok(0, 1) || grant_limits_ok(65, 1) || grant_limits_ok(1, 1025) ||
		     grant_limits_ok(-2, 1));
	begin();
	grant_set_limits(mapper.d, 3, 2);
	assert_int_equal(grant_grow(mapper.d, 3), GNTST_okay);
	assert_int_equal(grant_grow(mapper.d, 1), GNTST_okay);
	assert_int_equal(mapper.d->grants->frames, 3);
	assert_int_equal(grant_grow(mapper.d, 4), GNTST_general_error);
	for (unsigned i = 0; i < 3 * MAPTRACKS_PER_FRAME; i++) { /* what fails takes no handle */
		op.ref = REFS + 1;
		assert_int_not_equal(map(&op), GNTST_okay);
	}
	op.ref = 0;
	while (!map(&op))
		n++;
	assert_int_equal(n, 2 * MAPTRACKS_PER_FRAME);
	assert_int_equal(map(&op), GNTST_no_space);
	assert_int_equal(grant_swap(granter, 0, 1), GNTST_eagain);
	assert_int_equal(grant_swap(granter, 2, 1), GNTST_okay);
	assert_int_equal(grant_swap(granter, 2, 512), GNTST_bad_gntref);
	assert_true(grant_slot(granter->grants, 1)->v1.frame == page_to_mfn(&pages[2]));
	die(mapper.d);
	die(granter);
	end(mapper.d);
	end(granter);
	assert_int_equal(frames_free(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(model),    cmocka_unit_test(deaths), cmocka_unit_test(rules),
	    cmocka_unit_test(refusals), cmocka_unit_test(limits),
	};

	host_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
