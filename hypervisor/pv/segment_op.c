/* SPDX-License-Identifier: MIT */
/* set_segment_base: bases of FS and GS, which pv64 has. */
#include "dom/domain.h"
#include "guest/kind.h"
#include "hypercalls.h"

long hc_set_segment_base(uint64_t which, uint64_t base)
{
	return current->domain->pv->set_segment_base(which, base);
}
