/* SPDX-License-Identifier: MIT */
/* Pages of a front end's own that stay granted to its back end. */
#ifndef DRIVERS_GRANTED_H
#define DRIVERS_GRANTED_H

#include "drivers/grants.h"
#include "kern/mm/page.h"

struct granted {
	pfn_t page; /* 0: none */
	grant_ref_t ref;
};

/* A zeroed page that domain @backend may write. False: no page or no grant is left. */
static inline bool granted_new(struct granted *g, domid_t backend)
{
	long ref;

	g->page = page_alloc_zeroed();
	if (!g->page)
		return false;
	ref = grant_access(backend, g->page, false);
	if (ref < 0) {
		page_put(g->page);
		g->page = 0;
		return false;
	}
	g->ref = ref;
	return true;
}

/* A page that the back end does not let go is lost. */
static inline void granted_end(struct granted *g)
{
	if (g->page && grant_end(g->ref))
		page_put(g->page);
	g->page = 0;
}

#endif
