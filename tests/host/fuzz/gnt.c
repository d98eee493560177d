/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target of grants: three domains, each with a table of its own; two of them map and copy what the third grants, and
 * the third rewrites its entries, swaps them and gives frames away meanwhile. After each step the uses of every entry
 * are the mappings that are known, and the counts of every frame are what the page tables and these mappings hold.
 * The domains die in any order, and nothing is left.
 */
#include "input.h"
#include "mm_host.h"

#include <stdlib.h>
#include <string.h>

#include "gnt/pin.h"
#include "gnt/table.h"
#include "mm/pt.h"

#define REFS     6
#define FRAMES   4
#define SLOTS    6
#define MAPPERS  2
#define MAPS_MAX 24

static struct domain *granter;
static struct page_info *frames[FRAMES];
static struct {
	struct domain *d;
	struct vcpu v;
	struct page_info *table;
} mapper[MAPPERS];
static struct {
	unsigned who, ref, flags, frame;
	uint64_t host_addr;
	grant_handle_t handle;
} maps[MAPS_MAX];
static unsigned nr_maps;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	setenv("CMOCKA_TEST_ABORT", "1", 1);
	host_init();
	return 0;
}

static struct domain *new_domain(domid_t id)
{
	struct domain *d = host_domain(&host_pv64, 64);

	d->id = id;
	assert_int_equal(grant_create(d), 0);
	return d;
}

static void begin(void)
{
	nr_maps = 0;
	granter = new_domain(1);
	for (unsigned i = 0; i < FRAMES; i++)
		frames[i] = domain_alloc_pages(granter, 0, 0);
	for (unsigned i = 0; i < MAPPERS; i++) {
		mapper[i].d = new_domain(2 + i);
		mapper[i].v =
		    (struct vcpu){.domain = mapper[i].d, .mm.root = INVALID_MFN, .mm.user_root = INVALID_MFN};
		mapper[i].table = domain_alloc_pages(mapper[i].d, 0, 0);
		assert_int_equal(page_pin(mapper[i].table, PGT_L1), 0);
	}
}

static uint64_t *slot(unsigned who, unsigned n)
{
	return (uint64_t *)mfn_to_virt(page_to_mfn(mapper[who].table)) + n;
}

/* ---- steps ---- */

static void rewrite_entry(void)
{
	static const uint16_t kinds[] = {GTF_permit_access,
					 GTF_permit_access | GTF_readonly,
					 0,
					 GTF_permit_access | GTF_sub_page,
					 GTF_accept_transfer,
					 GTF_transitive};
	struct grant_entry_v1 *e = &grant_slot(granter->grants, input_below(REFS))->v1;
	unsigned what = input_below(8), frame = input_below(FRAMES + 1);

	*e = (struct grant_entry_v1){kinds[what < 3 ? 0 : what - 2], 2 + input_below(MAPPERS + 1),
				     frame < FRAMES ? page_to_mfn(frames[frame])
						    : input_below(HOST_FRAMES + 9)};
}

static void map(void)
{
	unsigned who = input_below(MAPPERS), ref = input_below(REFS + 1), what = input_below(16);
	struct gnttab_map_grant_ref op = {
	    .host_addr = (uint64_t)slot(who, input_below(SLOTS)) - DIRECTMAP + (input_below(16) ? 0 : 4),
	    .flags = (what & 3) | (what & 4 ? GNTMAP_readonly : 0) | GNTMAP_contains_pte,
	    .ref = ref < REFS ? ref : ~0u,
	};

	union grant_slot said = {.head = ref < REFS ? grant_slot(granter->grants, ref)->head : 0};
	bool in_use = ref < REFS && grant_use(granter->grants, ref)->pins;

	if (nr_maps == MAPS_MAX)
		return;
	domain_get(granter);
	if (grant_map(&mapper[who].v, granter, &op)) {
		domain_put(granter);
		return;
	}
	/* The entry said so, or had said so when its use began. */
	assert_true(ref < REFS && (in_use || said.domid == mapper[who].d->id));
	assert_true(in_use || (said.flags & (GTF_type_mask | GTF_sub_page)) == GTF_permit_access);
	assert_true(in_use || (op.flags & GNTMAP_readonly) || !(said.flags & GTF_readonly));
	/* What was mapped is a frame of the granter's; where it can be seen by addresses, that is known. */
	assert_true(granter->mm.tlb_abroad || !(op.flags & GNTMAP_host_map));
	assert_ptr_equal(mfn_to_page(op.dev_bus_addr >> PAGE_SHIFT)->owner, granter);
	maps[nr_maps].who = who;
	maps[nr_maps].ref = ref;
	maps[nr_maps].flags = op.flags;
	maps[nr_maps].frame = op.dev_bus_addr >> PAGE_SHIFT;
	maps[nr_maps].host_addr = op.host_addr;
	maps[nr_maps++].handle = op.handle;
}

static void unmap(void)
{
	unsigned i = input_below(nr_maps + 1), parts = 1 + input_below(3);
	bool stranger = !input_below(8);
	uint64_t dev = (uint64_t)maps[i % MAPS_MAX].frame << PAGE_SHIFT;
	unsigned who = i < nr_maps ? maps[i].who ^ stranger : 0;
	struct grant_unmap u = {.handle = i < nr_maps ? maps[i].handle : input_below(4096)};
	int rc;

	if (i == nr_maps || stranger) { /* of an invalid handle, or perhaps one of another mapping */
		rc = grant_unmap_begin(&mapper[who].v, &u, 0, 0, 0);
		assert_true(rc == GNTST_okay || rc == GNTST_bad_handle);
		assert_int_equal(u.done, 0);
		return;
	}
	rc = grant_unmap_begin(&mapper[who].v, &u, parts & 1 ? maps[i].host_addr : 0, parts & 2 ? dev : 0, 0);
	if (!u.done)
		return;
	assert_int_equal(rc, GNTST_okay);
	grant_unmap_end(mapper[who].d, &u);
	maps[i].flags &= ~u.done;
	if (!(maps[i].flags & MAPTRACK_PARTS))
		maps[i] = maps[--nr_maps];
}

static void overwrite(void)
{
	unsigned who = input_below(MAPPERS);

	spin_lock(&mapper[who].d->mm.pt_lock);
	assert_int_equal(pt_change_l1(slot(who, input_below(SLOTS)), 0, mapper[who].d, mapper[who].d, false),
			 0);
	spin_unlock(&mapper[who].d->mm.pt_lock);
}

static void copy(void)
{
	struct gnttab_copy op = {.flags = input_below(4), .len = input_below(5000)};
	unsigned who = input_below(MAPPERS);

	op.source.u.gmfn = op.flags & GNTCOPY_source_gref ? input_below(REFS + 1) : page_to_mfn(frames[0]);
	op.dest.u.gmfn =
	    op.flags & GNTCOPY_dest_gref ? input_below(REFS + 1) : page_to_mfn(mapper[who].table);
	op.source.offset = input_below(PAGE_SIZE);
	op.dest.offset = input_below(PAGE_SIZE);
	grant_copy(mapper[who].d, op.flags & GNTCOPY_source_gref ? granter : mapper[who].d,
		   op.flags & GNTCOPY_dest_gref ? granter : mapper[who].d, &op);
}

/* The granter makes a table of a frame, or of a table a frame again. */
static void retype(void)
{
	struct page_info *pg = frames[input_below(FRAMES)];

	if (!page_unpin(pg))
		return;
	memset(mfn_to_virt(page_to_mfn(pg)), 0, page_type_of(pg) == PGT_L1 ? 0 : PAGE_SIZE);
	page_pin(pg, PGT_L1);
}

/* ---- what must hold ---- */

static void check_refs(void)
{
	for (unsigned ref = 0; ref < REFS; ref++) {
		const struct grant_use *use = grant_use(granter->grants, ref);
		unsigned pins = 0, writers = 0;

		for (unsigned i = 0; i < nr_maps; i++) {
			if (maps[i].ref != ref)
				continue;
			pins++;
			writers += !(maps[i].flags & GNTMAP_readonly);
			assert_int_equal(use->frame, maps[i].frame);
			assert_int_equal(use->domid, mapper[maps[i].who].d->id);
		}
		assert_int_equal(use->pins, pins);
		assert_int_equal(use->writers, writers);
	}
}

static void check_frame(const struct page_info *pg)
{
	unsigned held = 0, writable = 0;
	bool pinned = pg->type & PGT_PINNED;

	for (unsigned who = 0; who < MAPPERS; who++)
		for (unsigned n = 0; n < SLOTS; n++) {
			uint64_t e = *slot(who, n);

			held += (e & PTE_P) && pte_mfn(e) == page_to_mfn(pg);
			writable += (e & PTE_P) && (e & PTE_RW) && pte_mfn(e) == page_to_mfn(pg);
		}
	for (unsigned i = 0; i < nr_maps; i++)
		if ((maps[i].flags & GNTMAP_device_map) && maps[i].frame == page_to_mfn(pg)) {
			held++;
			writable += !(maps[i].flags & GNTMAP_readonly);
		}
	assert_int_equal(pg->count & PGC_COUNT, 1 + pinned + held);
	assert_int_equal(pg->type & PGT_COUNT, pinned + writable);
	assert_false(pinned && writable);
}

static void check(void)
{
	check_refs();
	for (unsigned i = 0; i < FRAMES; i++)
		check_frame(frames[i]);
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

static void end(void)
{
	unsigned first = input_below(3);

	/* A closed domain grants nothing any more. */
	for (unsigned i = 0; i < 3; i++) {
		unsigned who = (first + i) % 3;
		mfn_t mfn;

		die(who ? mapper[who - 1].d : granter);
		if (!who)
			assert_int_equal(grant_pin(granter, 0, 2, true, &mfn), GNTST_general_error);
	}
	grant_destroy(granter);
	host_domain_free(granter);
	for (unsigned i = 0; i < MAPPERS; i++) {
		grant_destroy(mapper[i].d);
		host_domain_free(mapper[i].d);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const steps[])(void) = {rewrite_entry, rewrite_entry, map,       map,  map,
					      unmap,         unmap,         overwrite, copy, retype};
	uint64_t before = frames_free();

	input_begin(data, size);
	host_random_seed(1);
	begin();
	for (unsigned i = 0; i < 400 && !input_ended(); i++) {
		steps[input_below(10)]();
		check();
	}
	end();
	assert_int_equal(frames_free(), before);
	return 0;
}
