/* SPDX-License-Identifier: MIT */
/*
 * Specification: a granted frame from the first use of its entry to the last, one step at a time.
 *   entries     an entry is used by the domain and for what it says, and is marked as long as it is; what is refused leaves
 *               it as it is
 *   kept        what a use began with stays, whatever the granter writes into its entry meanwhile
 *   revoked     a granter that takes its entry back between any two instructions has it unmarked and unused, or sees it marked
 *   parts       of a mapping for the CPU and for devices each is taken away by itself, by its right address
 *   handles     a number that is none, or none any more, is refused
 *   release     the end of a domain that mapped goes in steps, and looks at other work after each
 *   memory      what finds no memory leaves nothing behind
 */
#include "mm_host.h"

#include <string.h>

#include "gnt/pin.h"
#include "gnt/table.h"
#include "lib/errno.h"
#include "mm/pt.h"
#include "stepping.h"

#define GRANTER 1
#define MAPPER  2
#define OTHER   3

static struct domain *granter, *mapper;
static struct vcpu vcpu;
static struct page_info *pages;
static uint64_t *l1, frames_before;
static uint32_t refs_before;
static mfn_t mfn;

static union grant_slot *slot(grant_ref_t ref)
{
	return grant_slot(granter->grants, ref);
}

static struct grant_use *use(grant_ref_t ref)
{
	return grant_use(granter->grants, ref);
}

static void entry(grant_ref_t ref, uint16_t flags, domid_t who)
{
	slot(ref)->v1 = (struct grant_entry_v1){flags, who, page_to_mfn(&pages[ref % 8])};
}

static int begin(void **state)
{
	struct page_info *table;

	frames_before = frames_free();
	granter = host_domain(&host_pv64, 64);
	mapper = host_domain(&host_pv64, 64);
	granter->id = GRANTER;
	mapper->id = MAPPER;
	assert_int_equal(grant_create(granter) | grant_create(mapper), 0);
	vcpu = (struct vcpu){.domain = mapper, .mm.root = INVALID_MFN, .mm.user_root = INVALID_MFN};
	pages = domain_alloc_pages(granter, 3, 0);
	table = domain_alloc_pages(mapper, 0, 0);
	assert_int_equal(page_pin(table, PGT_L1), 0);
	l1 = mfn_to_virt(page_to_mfn(table));
	refs_before = granter->refs;
	host_work = 0;
	return 0;
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

static int end(void **state)
{
	die(mapper);
	assert_int_equal(granter->refs,
			 refs_before - 1 + granter->grants->frames); /* each shared page has one */
	die(granter);
	grant_destroy(mapper);
	grant_destroy(granter);
	assert_null(granter->grants);
	grant_destroy(granter); /* as one whose making went wrong */
	assert_int_equal(granter->mm.heap_bytes | mapper->mm.heap_bytes, 0);
	host_domain_free(mapper);
	host_domain_free(granter);
	host_work = -1;
	assert_int_equal(frames_free(), frames_before);
	return 0;
}

static int pin(grant_ref_t ref, bool readonly)
{
	mfn = 0;
	return grant_pin(granter, ref, MAPPER, readonly, &mfn);
}

static void entries(void **state)
{
	static const struct {
		uint16_t flags;
		domid_t who;
		int reading, writing;
	} cases[] = {
	    {GTF_permit_access, MAPPER, GNTST_okay, GNTST_okay},
	    {GTF_permit_access | GTF_readonly, MAPPER, GNTST_okay, GNTST_general_error},
	    {GTF_permit_access | GTF_PWT, MAPPER, GNTST_okay, GNTST_okay}, /* of no meaning here */
	    {GTF_permit_access, OTHER, GNTST_general_error, GNTST_general_error},
	    {GTF_permit_access | GTF_PWT, OTHER, GNTST_general_error, GNTST_general_error},
	    {GTF_invalid, MAPPER, GNTST_general_error, GNTST_general_error},
	    {GTF_accept_transfer, MAPPER, GNTST_general_error, GNTST_general_error},
	    {GTF_permit_access | GTF_sub_page, MAPPER, GNTST_general_error, GNTST_general_error},
	};
	const grant_ref_t last = GRANTS_PER_FRAME - 1;

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++)
		for (int readonly = 0; readonly < 2; readonly++) {
			int expected = readonly ? cases[i].reading : cases[i].writing;
			uint16_t marks = readonly ? GTF_reading : GTF_reading | GTF_writing;

			entry(3, cases[i].flags, cases[i].who);
			assert_int_equal(pin(3, readonly), expected);
			assert_int_equal(slot(3)->flags, cases[i].flags | (expected ? 0 : marks));
			assert_int_equal(use(3)->pins, !expected);
			if (expected)
				continue;
			assert_int_equal(mfn, page_to_mfn(&pages[3]));
			assert_int_equal(pin(3, true), GNTST_okay);
			assert_int_equal(mfn, page_to_mfn(&pages[3]));
			grant_unpin(granter, 3, true);
			assert_int_equal(slot(3)->flags, cases[i].flags | marks);
			grant_unpin(granter, 3, readonly);
			assert_int_equal(slot(3)->flags, cases[i].flags);
		}
	entry(last, GTF_permit_access, MAPPER);
	assert_int_equal(pin(last, true), GNTST_okay);
	grant_unpin(granter, last, true);
	assert_int_equal(pin(last + 1, true), GNTST_bad_gntref);
	assert_int_equal(pin(~0u, true), GNTST_bad_gntref);
}

/* Begins as a plain use does, and as one of an entry with more flags does. */
static void kept(void **state)
{
	for (int more = 0; more < 2; more++) {
		uint16_t plain = GTF_permit_access | (more ? GTF_PCD : 0);

		entry(3, plain, MAPPER);
		assert_int_equal(pin(3, true), GNTST_okay);
		entry(3, plain, MAPPER); /* which takes the marks away */
		slot(3)->v1.frame++;
		assert_int_equal(pin(3, true), GNTST_okay);
		assert_int_equal(mfn, page_to_mfn(&pages[3]));
		assert_int_equal(use(3)->pins, 2);
		/* For writing it must allow that now. */
		slot(3)->flags |= GTF_readonly;
		assert_int_equal(pin(3, false), GNTST_general_error);
		slot(3)->flags &= ~GTF_readonly;
		assert_int_equal(pin(3, false), GNTST_okay);
		assert_int_equal(mfn, page_to_mfn(&pages[3]));
		assert_int_equal(use(3)->pins, 3);
		assert_int_equal(slot(3)->flags & GTF_writing, GTF_writing);
		grant_unpin(granter, 3, false);
		assert_int_equal(slot(3)->flags & GTF_writing, 0);
		grant_unpin(granter, 3, true);
		assert_int_equal(use(3)->pins, 1);
		/* Neither end of a swap may be in use. */
		assert_int_equal(grant_swap(granter, 4, 3), GNTST_eagain);
		assert_int_equal(grant_swap(granter, 3, 4), GNTST_eagain);
		grant_unpin(granter, 3, true);
		assert_int_equal(grant_swap(granter, 3, 4), GNTST_okay);
	}
}

static int step, revoke_at, result;
static bool in_use; /* what the granter saw */

static void pin_it(void)
{
	result = pin(3, false);
}

/* As the granter does it: an entry that is unmarked grants nothing from then on. */
static void revoke(int signal)
{
	uint16_t unmarked = GTF_permit_access | GTF_PCD;

	if (step++ == revoke_at)
		in_use = !__atomic_compare_exchange_n(&slot(3)->flags, &unmarked, 0, false, __ATOMIC_SEQ_CST,
						      __ATOMIC_SEQ_CST);
}

static void revoked(void **state)
{
	bool seen[2] = {false, false};

	for (revoke_at = 0;; revoke_at++) {
		entry(3, GTF_permit_access | GTF_PCD, MAPPER);
		step = 0;
		in_steps(pin_it, revoke);
		if (step <= revoke_at)
			break;
		assert_int_equal(result, in_use ? GNTST_okay : GNTST_general_error);
		assert_int_equal(use(3)->pins, in_use);
		assert_int_equal(slot(3)->flags & (GTF_reading | GTF_writing),
				 in_use ? GTF_reading | GTF_writing : 0);
		if (in_use)
			grant_unpin(granter, 3, false);
		seen[in_use] = true;
	}
	assert_true(seen[false] && seen[true]);
}

static uint64_t address(unsigned at)
{
	return (uint64_t)&l1[at] - DIRECTMAP;
}

/* As the hypercall does it. */
static int map(struct gnttab_map_grant_ref *op)
{
	int rc;

	domain_get(granter);
	rc = grant_map(&vcpu, granter, op);
	if (rc)
		domain_put(granter);
	return rc;
}

/* Both halves. */
static int unmap(uint32_t handle, uint64_t host_addr, uint64_t dev_addr, uint64_t new_addr)
{
	struct grant_unmap u = {.handle = handle, .done = 99};
	int rc = grant_unmap_begin(&vcpu, &u, host_addr, dev_addr, new_addr);

	if (u.done)
		grant_unmap_end(mapper, &u);
	return rc;
}

static void holds(unsigned references)
{
	assert_int_equal(pages[3].count & PGC_COUNT, 1 + references);
	assert_int_equal(pages[3].type & PGT_COUNT, references);
	assert_int_equal(use(3)->pins, references != 0);
}

static void parts(void **state)
{
	const uint32_t both = GNTMAP_host_map | GNTMAP_device_map | GNTMAP_contains_pte;
	struct gnttab_map_grant_ref op = {.host_addr = address(0), .ref = 3, .flags = both};
	uint64_t device = page_to_mfn(&pages[3]) << PAGE_SHIFT;

	entry(3, GTF_permit_access, MAPPER);
	for (int device_first = 0; device_first < 2; device_first++) {
		assert_int_equal(map(&op), GNTST_okay);
		assert_int_equal(op.dev_bus_addr, device);
		holds(2);
		/* Nothing is asked for, or not rightly: the handle stays as it is. */
		assert_int_equal(unmap(op.handle, 0, 0, 0), GNTST_okay);
		assert_int_equal(unmap(op.handle, 0, device + PAGE_SIZE, 0), GNTST_bad_dev_addr);
		assert_int_equal(unmap(op.handle, address(0), device + 1, 0), GNTST_bad_dev_addr);
		assert_int_equal(unmap(op.handle, address(1), device, 0), GNTST_general_error);
		/* Only a mapping named by its address can be replaced. */
		assert_int_equal(unmap(op.handle, address(0), 0, 0x1000), GNTST_general_error);
		holds(2);
		assert_true(l1[0] & PTE_P);
		assert_int_equal(
		    unmap(op.handle, device_first ? 0 : address(0), device_first ? device : 0, 0),
		    GNTST_okay);
		holds(1);
		/* The other part only, whatever else is named. */
		assert_int_equal(unmap(op.handle, address(0), device, 0), GNTST_okay);
		holds(0);
		assert_int_equal(l1[0], 0);
		assert_int_equal(slot(3)->flags, GTF_permit_access);
	}
	op.flags = 0; /* for nothing */
	assert_int_equal(map(&op), GNTST_bad_gntref);
	op.flags = both;
	op.host_addr = address(0) + 1; /* no entry: nor is it mapped for devices */
	assert_int_equal(map(&op), GNTST_general_error);
	slot(3)->v1.frame = ~0u; /* no frame */
	op.host_addr = address(0);
	assert_int_not_equal(map(&op), GNTST_okay);
	op.flags = GNTMAP_device_map;
	assert_int_not_equal(map(&op), GNTST_okay);
	holds(0);
}

static void handles(void **state)
{
	struct gnttab_map_grant_ref op = {.ref = 3, .flags = GNTMAP_device_map};

	entry(3, GTF_permit_access, MAPPER);
	assert_int_equal(unmap(0, 0, 0, 0), GNTST_bad_handle);
	assert_int_equal(map(&op), GNTST_okay);
	assert_int_equal(unmap(op.handle + 1, 0, op.dev_bus_addr, 0), GNTST_bad_handle);
	assert_int_equal(unmap(MAPTRACKS_PER_FRAME, 0, op.dev_bus_addr, 0), GNTST_bad_handle);
	assert_int_equal(unmap(~0u, 0, op.dev_bus_addr, 0), GNTST_bad_handle);
	assert_int_equal(unmap(op.handle, 0, op.dev_bus_addr, 0), GNTST_okay);
	assert_int_equal(unmap(op.handle, 0, op.dev_bus_addr, 0), GNTST_bad_handle);
	holds(0);
}

static void release(void **state)
{
	const unsigned frames = 130, count = frames * MAPTRACKS_PER_FRAME;
	struct gnttab_map_grant_ref op = {.ref = 3, .flags = GNTMAP_device_map | GNTMAP_readonly};
	unsigned steps = 0, left = count, looks;

	mapper->mm.heap_quota = 1ul << 30;
	entry(3, GTF_permit_access, MAPPER);
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(map(&op), GNTST_okay);
	assert_int_equal(mapper->grants->maptrack_frames, frames);
	host_work = 1;
	for (; grant_release_maps(mapper); steps++) {
		unsigned before = left;

		left = use(3)->pins;
		assert_true(before - left <= 64);
		/* Then the frames of handles. */
		assert_int_equal(mapper->grants->maptrack_frames % 64, left ? frames % 64 : 0);
	}
	assert_int_equal(steps, count / 64 + frames / 64);
	assert_null(mapper->grants->maptrack);
	/* Without other work it is one step, with a look after each 64 handles. */
	host_work = 0;
	mapper->grants->release_next = 0;
	for (unsigned i = 0; i < MAPTRACKS_PER_FRAME; i++)
		assert_int_equal(map(&op), GNTST_okay);
	looks = host_looks;
	assert_int_equal(grant_release_maps(mapper), 0);
	assert_int_equal(host_looks - looks, MAPTRACKS_PER_FRAME / 64);
	holds(0);
}

static void memory(void **state)
{
	struct gnttab_map_grant_ref op = {.ref = 3, .flags = GNTMAP_device_map};
	const uint64_t quota = granter->mm.heap_quota;
	uint64_t held;
	int rc;

	for (uint64_t more = 0;; more += PAGE_SIZE) {
		held = granter->mm.heap_bytes;
		granter->mm.heap_quota = held + more;
		rc = grant_grow(granter, 2);
		if (rc == GNTST_okay)
			break;
		assert_int_equal(rc, GNTST_no_space);
		assert_int_equal(granter->mm.heap_bytes, held);
		assert_int_equal(granter->grants->frames, 1);
	}
	granter->mm.heap_quota = quota;
	entry(3, GTF_permit_access, MAPPER);
	for (uint64_t more = 0;; more += PAGE_SIZE) {
		held = mapper->mm.heap_bytes;
		mapper->mm.heap_quota = held + more;
		rc = map(&op);
		if (rc == GNTST_okay)
			break;
		assert_int_equal(rc, GNTST_no_space);
		holds(0);
	}
	assert_true(mapper->mm.heap_bytes > held);
	mapper->mm.heap_quota = quota;
	assert_int_equal(unmap(op.handle, 0, op.dev_bus_addr, 0), GNTST_okay);
	/* A domain that ends does not grow. */
	grant_close(granter);
	assert_int_equal(grant_grow(granter, 3), GNTST_general_error);
	assert_int_equal(granter->grants->frames, 2);
	assert_int_equal(pin(3, true), GNTST_general_error);
}

static void no_table(void **state)
{
	struct domain *d = host_domain(&host_pv64, 64);

	d->mm.heap_quota = 0;
	assert_int_equal(grant_create(d), -ENOMEM);
	assert_null(d->grants);
	host_domain_free(d);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(entries), TEST(kept),    TEST(revoked), TEST(parts),
	    TEST(handles), TEST(release), TEST(memory),  cmocka_unit_test(no_table),
	};

	host_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
