/* SPDX-License-Identifier: MIT */
/*
 * The protocol of the two hypercalls that take a list of changes to page tables, mmu_update and mmuext_op. The number
 * of entries done is written to @pdone, if that is not 0. A list that makes way for other work is executed again with
 * its rest and a mark in the count, which says that @pdone counts what came before. foreigndom names the owners.
 */
#pragma once

#include "guest/hypercall.h"
#include "mm/guest_copy.h"
#include "mm/mm.h"
#include "xlat.h"

#define LIST_RESTARTED (1u << 31) /* in the count */

struct mmu_list {
	unsigned nr;            /* of the hypercall: HYPERCALL_RESTARTS_* */
	enum xlat_struct entry; /* how long one is */
	/* Settle what an earlier part may have left, then run @count entries from @at on, for the domains that
	 * @foreigndom names; *done of them are. -ERESTART or PT_LEFT: other work waits; else the hypercall's result. */
	int (*any)(uint32_t foreigndom, gva_t at, uint32_t count, uint32_t *done);
};

/* The list stopped after @done entries with @rc; @before were done before it. If it stopped within a big tree or for
 * other work, it goes on: at once if nothing waits, else by a restart. Any other result is the hypercall's. */
long mmu_list_rest(const struct mmu_list *l, gva_t at, uint32_t count, gva_t pdone, uint64_t foreigndom,
		   uint32_t before, uint32_t done, int rc);

/* The hypercall: @own is @any for the caller's own tables and frames. */
static __always_inline long mmu_list_run(const struct mmu_list *l, gva_t at, uint32_t marked, gva_t pdone,
					 uint64_t foreigndom,
					 int (*own)(gva_t at, uint32_t count, uint32_t *done))
{
	uint32_t count = marked & ~LIST_RESTARTED, before = 0, done;
	int rc;

	if (unlikely(marked & LIST_RESTARTED)) {
		if (pdone && guest_read(&before, pdone, sizeof(before)))
			return -EFAULT;
		rc = l->any(foreigndom, at, count, &done);
	} else if (likely((uint32_t)foreigndom == DOMID_SELF)) {
		rc = own(at, count, &done);
	} else {
		rc = l->any(foreigndom, at, count, &done);
	}
	if (unlikely(rc))
		return mmu_list_rest(l, at, count, pdone, foreigndom, before, done, rc);
	done += before;
	return pdone && guest_write(pdone, &done, sizeof(done)) ? -EFAULT : 0;
}
