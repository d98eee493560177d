/* SPDX-License-Identifier: MIT */
/*
 * This kernel's grant table: frames shared with the hypervisor, which reads the entries that the kernel writes.
 * They are mapped at page frames of the kernel, whose own machine frames are unused meanwhile. An entry's flags
 * are written last and make it valid; a compare-and-exchange takes it back, so either the hypervisor has marked
 * it as used before, or finds it empty (xen/grant_table.h).
 *
 * Locking: none, interrupts are off.
 */
#include "drivers/grants.h"
#include "cpu_ops.h"
#include "kern/lib/errno.h"
#include "kern/mm/page.h"

#define TABLE_ORDER  2 /* frames of the table: 2048 references */
#define TABLE_FRAMES (1u << TABLE_ORDER)
#define REFS         (TABLE_FRAMES * PAGE_SIZE / sizeof(struct grant_entry_v1))

static struct grant_entry_v1 *table;
static grant_ref_t next_ref; /* where the search for a free one continues */

static bool map_table(pfn_t pfn, const xen_pfn_t *frames)
{
	for (unsigned i = 0; i < TABLE_FRAMES; i++) {
		pte_t pte = (pte_t)frames[i] << PAGE_SHIFT | PTE_P | PTE_W | PTE_A | PTE_D;

		if (hypercall_update_va_mapping((uintptr_t)pfn_to_virt(pfn + i), pte, UVMF_INVLPG))
			return false;
	}
	return true;
}

static int table_init(void)
{
	xen_pfn_t frames[TABLE_FRAMES];
	struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = TABLE_FRAMES};
	pfn_t pfn = page_alloc(TABLE_ORDER);

	if (!pfn)
		return -ENOMEM;
	set_xen_guest_handle(setup.frame_list, frames);
	if (hypercall_grant_table_op(GNTTABOP_setup_table, &setup, 1) || setup.status) {
		page_free(pfn);
		return -ENODEV;
	}
	if (!map_table(pfn, frames))
		panic("cannot map the grant table");
	table = pfn_to_virt(pfn);
	next_ref = GNTTAB_NR_RESERVED_ENTRIES;
	return 0;
}

static long free_ref(void)
{
	for (unsigned i = GNTTAB_NR_RESERVED_ENTRIES; i < REFS; i++) {
		grant_ref_t ref = next_ref;

		next_ref = next_ref + 1 < REFS ? next_ref + 1 : GNTTAB_NR_RESERVED_ENTRIES;
		if (!table[ref].flags)
			return ref;
	}
	return -ENOSPC;
}

long grant_access(domid_t domid, pfn_t pfn, bool readonly)
{
	int rc = table ? 0 : table_init();
	long ref = rc ? rc : free_ref();

	if (ref < 0)
		return ref;
	table[ref].domid = domid;
	table[ref].frame = pfn_to_mfn(pfn);
	__atomic_store_n(&table[ref].flags, GTF_permit_access | (readonly ? GTF_readonly : 0),
			 __ATOMIC_RELEASE);
	return ref;
}

bool grant_end(grant_ref_t ref)
{
	uint16_t flags = __atomic_load_n(&table[ref].flags, __ATOMIC_ACQUIRE);

	do {
		if (flags & (GTF_reading | GTF_writing))
			return false;
	} while (!__atomic_compare_exchange_n(&table[ref].flags, &flags, 0, false, __ATOMIC_SEQ_CST,
					      __ATOMIC_SEQ_CST));
	return true;
}
