/* SPDX-License-Identifier: MIT */
/* platform_op: no operation is needed by PV guests; a bad pointer or operation is refused. */
#include "fw.h"

const char test_title[] = "hc-platform-op";

void test_main(void)
{
	check(hypercall_platform_op((void *)8) < 0);
	check(hypercall_platform_op(page_alloc()) < 0);
}
