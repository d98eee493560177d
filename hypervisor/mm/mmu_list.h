/* SPDX-License-Identifier: MIT */
/*
 * The protocol of the two hypercalls that take a list of changes to page tables, mmu_update and mmuext_op: how many entries
 * are done is told at @pdone, if that is not 0; a list that makes way for other work is executed again with what is left
 * of it and a mark in the count, which says that @pdone counts what came before. foreigndom names the owners.
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
	/* Run @count entries from @at on, for the domains that @foreigndom names, after what an earlier part may have left has
	 * been settled. *done of them are; -ERESTART or PT_LEFT if other work waits, or another result of the hypercall. */
	int (*any)(uint32_t foreigndom, gva_t at, uint32_t count, uint32_t *done);
};

/* The list stopped after @done entries with @rc, @before were done before it. Within a big tree or before other work it goes
 * on if nothing waits, or else by a restart; another result is the hypercall's. */
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
