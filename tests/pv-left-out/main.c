/* SPDX-License-Identifier: MIT */
/*
 * What Ringlet leaves out by choice (docs/left-out.md), a guest is told in the way that kernels understand: the commands of
 * FIFO event channels are -ENOSYS whatever comes with them, so that it stays with two levels; grant tables of version 2
 * are -ENOSYS, the version is 1 before and after, there are no status frames, and what only version 2 has in an entry
 * grants nothing.
 */
#include "fw.h"
#include "xen/event_channel.h"
#include "xen/grant_table.h"

const char test_title[] = "pv-left-out";

static struct grant_entry_v1 table[PAGE_SIZE / sizeof(struct grant_entry_v1)]
    __attribute__((aligned(PAGE_SIZE)));
static char shown[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

static void fifo(void)
{
	static uint64_t arg[8];
	static const unsigned commands[] = {EVTCHNOP_init_control, EVTCHNOP_expand_array,
					    EVTCHNOP_set_priority};

	for (unsigned i = 0; i < ARRAY_SIZE(commands); i++) {
		check_eq(hypercall_event_channel_op(commands[i], arg), -XEN_ENOSYS);
		check_eq(hypercall_event_channel_op(commands[i], NULL), -XEN_ENOSYS);
	}
}

static void version_2(void)
{
	struct gnttab_set_version set = {.version = 2};
	struct gnttab_get_version get = {.dom = DOMID_SELF};
	struct gnttab_get_status_frames status = {.dom = DOMID_SELF, .nr_frames = 1};

	check_eq(hypercall_grant_table_op(GNTTABOP_set_version, &set, 1), -XEN_ENOSYS);
	check_eq(set.version, 1);
	check_eq(hypercall_grant_table_op(GNTTABOP_get_version, &get, 1), 0);
	check_eq(get.version, 1);
	check_eq(hypercall_grant_table_op(GNTTABOP_get_status_frames, &status, 1), 0);
	check_eq(status.status, GNTST_general_error);
}

static void map_table(void)
{
	static unsigned long frame;
	struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = 1};

	set_xen_guest_handle(setup.frame_list, &frame);
	check_eq(hypercall_grant_table_op(GNTTABOP_setup_table, &setup, 1), 0);
	check_eq(setup.status, GNTST_okay);
	if (hypercall_update_va_mapping((unsigned long)table,
					(pte_t)frame << 12 | PTE_P | PTE_RW | PTE_A | PTE_D, UVMF_INVLPG))
		error("cannot map the grant table");
}

static int16_t copy_from(unsigned ref)
{
	struct gnttab_copy copy = {.source = {.u.ref = ref, .domid = DOMID_SELF},
				   .dest = {.u.gmfn = va_to_mfn(shown), .domid = DOMID_SELF},
				   .len = 16,
				   .flags = GNTCOPY_source_gref};

	check_eq(hypercall_grant_table_op(GNTTABOP_copy, &copy, 1), 0);
	return copy.status;
}

void test_main(void)
{
	static char granted[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

	fifo();
	version_2();
	map_table();
	table[9] = (struct grant_entry_v1){
	    .domid = own_domid(), .frame = va_to_mfn(granted), .flags = GTF_permit_access};
	check_eq(copy_from(9), GNTST_okay);
	table[9].flags = GTF_transitive;
	check(copy_from(9) < 0);
	table[9].flags = GTF_permit_access | GTF_sub_page;
	check(copy_from(9) < 0);
}
