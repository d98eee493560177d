/* SPDX-License-Identifier: MIT */
/* See dom0_size.h. */
#include "boot/dom0_size.h"

#define PAGES(mib)    ((uint64_t)(mib) << (20 - PAGE_SHIFT))
#define DEFAULT_SHARE 4           /* dom0_mem= not given: a quarter of what is available, */
#define DEFAULT_MIN   PAGES(64)   /* but not less than this, */
#define DEFAULT_MAX   PAGES(4096) /* nor more */

/* What the hypervisor keeps for itself and for what it holds on behalf of domains: a part, within limits. */
#define RESERVE_SHARE 16
#define RESERVE_MIN   PAGES(4)
#define RESERVE_MAX   PAGES(128)

static uint64_t available_of(uint64_t free)
{
	uint64_t reserve = MIN(MAX(free / RESERVE_SHARE, RESERVE_MIN), RESERVE_MAX);

	return free - MIN(free, reserve);
}

static uint64_t pages_of(const struct mem_amount *a, uint64_t available)
{
	uint64_t pages = (a->bytes >> PAGE_SHIFT) + available / 100 * a->percent;

	return a->minus ? available - MIN(available, pages) : pages;
}

static uint64_t by_default(uint64_t available)
{
	return MIN(MAX(available / DEFAULT_SHARE, DEFAULT_MIN), DEFAULT_MAX);
}

struct dom0_size dom0_size_choose(const struct dom0_mem *o, uint64_t free)
{
	uint64_t available = available_of(free), wanted = by_default(available), limit = ~0ull;
	struct dom0_size s = {.available = available};

	if (o->size.given)
		wanted = pages_of(&o->size, available);
	else
		wanted = MIN(wanted, available); /* not asked for: nothing to warn of */
	if (o->max.given)
		limit = pages_of(&o->max, available);
	wanted = MIN(wanted, limit);
	if (o->min.given)
		wanted = MAX(wanted, pages_of(&o->min, available));
	s.wanted = wanted;
	s.pages = MIN(wanted, available);
	s.max_pages = o->max.given ? MAX(s.pages, MIN(limit, available)) : s.pages;
	return s;
}
