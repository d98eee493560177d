/* SPDX-License-Identifier: MIT */
/* grant_table_op: version 1 tables exist or the call says -ENOSYS as a whole; a bad command never succeeds.
 */
#include "fw.h"
#include "xen/grant_table.h"

const char test_title[] = "hc-grant-table-op";

void test_main(void)
{
	struct gnttab_query_size size = {.dom = DOMID_SELF};
	long rc = hypercall_grant_table_op(GNTTABOP_query_size, &size, 1);

	if (rc == 0)
		check(size.status == GNTST_okay && size.max_nr_frames >= 1);
	else
		check_eq(rc, -XEN_ENOSYS);
	check_eq(hypercall_grant_table_op(99, &size, 1), -XEN_ENOSYS);
}
