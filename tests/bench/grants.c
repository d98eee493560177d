/* SPDX-License-Identifier: MIT */
/* Rows about grants: one page of the guest's own, granted to itself, mapped writable by address. */
#include "bench.h"
#include "xen/grant_table.h"

#define REF    8
#define ROUNDS 64

static char data[4096] __attribute__((aligned(4096))), window[4096] __attribute__((aligned(4096)));
static char target[4096] __attribute__((aligned(4096)));

static struct grant_entry_v1 *table_init(void)
{
	struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = 1};
	struct grant_entry_v1 *table = page_alloc();
	xen_pfn_t frame;

	set_xen_guest_handle(setup.frame_list, &frame);
	if (hypercall_grant_table_op(GNTTABOP_setup_table, &setup, 1) || setup.status ||
	    hypercall_update_va_mapping((unsigned long)table, (pte_t)frame << 12 | PTE_P | PTE_RW,
					UVMF_INVLPG))
		error("no grant table");
	return table;
}

static void bench_map(void)
{
	struct gnttab_map_grant_ref map = {
	    .host_addr = (unsigned long)window, .flags = GNTMAP_host_map, .ref = REF, .dom = 0};
	struct gnttab_unmap_grant_ref unmap = {.host_addr = (unsigned long)window};
	uint64_t best[2] = {~0ull, ~0ull};

	for (int n = 0; n < ROUNDS; n++) {
		uint64_t t0 = rdtsc(), t1, t2;

		hypercall_grant_table_op(GNTTABOP_map_grant_ref, &map, 1);
		t1 = rdtsc();
		unmap.handle = map.handle;
		hypercall_grant_table_op(GNTTABOP_unmap_grant_ref, &unmap, 1);
		t2 = rdtsc();
		if (map.status || unmap.status)
			error("grant map %d, unmap %d", map.status, unmap.status);
		best[0] = t1 - t0 < best[0] ? t1 - t0 : best[0];
		best[1] = t2 - t1 < best[1] ? t2 - t1 : best[1];
	}
	bench_report("grant-map", best[0], 1, 0);
	bench_report("grant-unmap", best[1], 1, 0);
}

static void bench_copy(void)
{
	struct gnttab_copy copy = {.flags = GNTCOPY_source_gref, .len = PAGE_SIZE};

	copy.source.u.ref = REF;
	copy.dest.u.gmfn = va_to_mfn(target);
	copy.dest.domid = DOMID_SELF;
	BENCH("grant-copy-4k", ROUNDS, hypercall_grant_table_op(GNTTABOP_copy, &copy, 1));
	if (copy.status)
		error("grant copy %d", copy.status);
}

void bench_grants(void)
{
	struct grant_entry_v1 *table = table_init();

	table[REF] = (struct grant_entry_v1){.flags = GTF_permit_access, .frame = va_to_mfn(data)};
	bench_map();
	bench_copy();
}
