/* SPDX-License-Identifier: MIT */
/* Grants of a page, as many as there can be: mapped, copied from and to, written back. */
#pragma once

#include "memory.h"
#include "xen/grant_table.h"

static char page[4096] __attribute__((aligned(4096))), page2[4096] __attribute__((aligned(4096)));

static struct grant_entry_v1 *table;

static void setup_table(void)
{
	struct gnttab_query_size size = {.dom = DOMID_SELF};
	struct gnttab_setup_table setup = {.dom = DOMID_SELF};

	check_eq(hypercall_grant_table_op(GNTTABOP_query_size, &size, 1), 0);
	setup.nr_frames = size.max_nr_frames;
	set_xen_guest_handle(setup.frame_list, frames);
	check_eq(hypercall_grant_table_op(GNTTABOP_setup_table, &setup, 1), 0);
	check_eq(setup.status, GNTST_okay);
}

static void grant_pages(void)
{
	table = (void *)page_alloc();
	check_eq(hypercall_update_va_mapping((unsigned long)table,
					     (pte_t)frames[0] << 12 | PTE_P | PTE_RW | PTE_A | PTE_D,
					     UVMF_INVLPG),
		 0);
	for (unsigned i = 8; i < 500; i++) {
		table[i].domid = 0;
		table[i].frame = va_to_mfn(page);
		barrier();
		table[i].flags = GTF_permit_access;
	}
}

static void grant_copy(void)
{
	static struct gnttab_copy copies[256];

	for (unsigned i = 0; i < ARRAY_SIZE(copies); i++) {
		copies[i] = (struct gnttab_copy){.len = 4096, .flags = GNTCOPY_source_gref};
		copies[i].source.u.ref = 8 + i;
		copies[i].source.domid = 0;
		copies[i].dest.u.gmfn = va_to_mfn(page2);
		copies[i].dest.domid = DOMID_SELF;
	}
	check_eq(hypercall_grant_table_op(GNTTABOP_copy, copies, ARRAY_SIZE(copies)), 0);
	check_eq(copies[255].status, GNTST_okay);
	/* Overlapping, so that it is done backwards. */
	for (unsigned i = 0; i < ARRAY_SIZE(copies); i++) {
		copies[i].len = 4095;
		copies[i].dest.u.gmfn = va_to_mfn(page);
		copies[i].dest.offset = 1;
	}
	check_eq(hypercall_grant_table_op(GNTTABOP_copy, copies, ARRAY_SIZE(copies)), 0);
	check_eq(copies[255].status, GNTST_okay);
}

static void grant_map(void)
{
	static struct gnttab_map_grant_ref maps[400];
	static struct gnttab_unmap_grant_ref unmaps[400];

	for (unsigned i = 0; i < ARRAY_SIZE(maps); i++)
		maps[i] = (struct gnttab_map_grant_ref){.flags = GNTMAP_device_map, .ref = 8 + i, .dom = 0};
	check_eq(hypercall_grant_table_op(GNTTABOP_map_grant_ref, maps, ARRAY_SIZE(maps)), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(maps); i++) {
		check_eq(maps[i].status, GNTST_okay);
		unmaps[i] = (struct gnttab_unmap_grant_ref){.handle = maps[i].handle,
							    .dev_bus_addr = maps[i].dev_bus_addr};
	}
	check_eq(hypercall_grant_table_op(GNTTABOP_unmap_grant_ref, unmaps, ARRAY_SIZE(unmaps)), 0);
}

static void cache_flush(void)
{
	static struct gnttab_cache_flush flushes[256];

	for (unsigned i = 0; i < ARRAY_SIZE(flushes); i++) {
		flushes[i] = (struct gnttab_cache_flush){.length = 4096,
							 .op = GNTTAB_CACHE_CLEAN | GNTTAB_CACHE_INVAL};
		flushes[i].a.dev_bus_addr = (uint64_t)va_to_mfn(page) << 12;
	}
	check_eq(hypercall_grant_table_op(GNTTABOP_cache_flush, flushes, ARRAY_SIZE(flushes)), 0);
}
