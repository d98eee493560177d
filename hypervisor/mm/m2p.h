/* SPDX-License-Identifier: MIT */
/* The machine-to-physical tables as mm/ sees them; all other code uses m2p_set and m2p_get (mm/page.h). */
#pragma once

#include "lib/types.h"

/* One PAE guest's share: the L2 entries for COMPAT_M2P_VA and up, at their places in the page. */
extern const uint64_t *m2p_compat_l2;
#define COMPAT_M2P_SLOT 428 /* of that L2: (0xf5800000 - 0xc0000000) >> 21 */

/* Let tools map the tables' frames read-only as DOMID_XEN's (XENMEM_machphys_mfn_list), some at a time. True: all of them
 * may be mapped; false: call again. */
bool m2p_share(void);
/* Frame of the 2 MiB part @i of the table with entries of 1 << @entry_shift bytes; 0 past its end. */
mfn_t m2p_frame(unsigned entry_shift, uint64_t i);
