/* SPDX-License-Identifier: MIT */
/*
 * Tables on their way: promotion and demotion that stop and go on, so that a tree of any size keeps a CPU from
 * other work for a bounded time.
 *
 * A CPU that promotes or demotes takes the pt_lock by pt_begin, which gives it an allowance of entries. When that
 * is used up it stops between two entries of an upper table (an L1 is done whole), releases the lock, looks
 * whether other work waits (hypercall_preempt_check), and comes back at once or by a restart of the hypercall.
 * No vCPU keeps a note of it: the progress stands in the frame.
 *
 *	(1) A partial table has the type it was to have or had, exactly one use of that type, and a reference. Both
 *	    are the state's own: no entry, root or pin holds a use of it.
 *	(2) It is not validated. By (1) no walk leads to it, and no use of it can be got: for another type it is
 *	    in use, and a linear entry needs a validated table. So its memory does not change either.
 *	(3) Its entries below a border hold what they name, as in a valid table; those from the border on hold
 *	    nothing. The way down is the way up backwards: one state serves both.
 *
 * By (2) a partial table looks like a frame whose promotion has just begun on another CPU, and all that
 * the essay in mm/page.c says of types still holds.
 *
 * Any CPU may go on with a partial table, whichever CPU stopped there. A caller that needs it as the table that it was
 * to be carries it further up, and on success takes over the state's use. So when the tables at the border of a tree's
 * levels stopped together, a restart finds its way through them again. A promotion that found a bad entry must go
 * down and report that afterwards; if it stops, the table is doomed: it goes down only, and then the caller that
 * needed it is refused.
 *
 * A caller that put the last use of a table that then stopped has nothing to restart: the entry, root or pin is gone.
 * The table is noted in domain.mm.pt_left, one for each domain, since each operation that may leave one first settles what
 * was left (table_settle), and a hypercall returns to the guest only when it has settled (pt_settle) or will be
 * restarted. The first caller to come settles for all.
 *
 * A guest may choose not to restart. What it leaves partial stays so, unusable to it as memory,
 * until it is used as a table again or the domain ends: mm_relinquish finds every partial frame in the domain's
 * list.
 *
 * Locking: the owner's pt_lock.
 */
#include "cpu/panic.h"
#include "guest/hypercall.h"
#include "mm/pt.h"

static int level_of(uint64_t key)
{
	return (key & PGT_TYPE_MASK) >> PGT_SHIFT;
}

static void stop(struct page_info *pg, uint64_t key, unsigned held, uint64_t doomed)
{
	__atomic_add_fetch(&pg->count, 1, __ATOMIC_ACQ_REL);
	pg->owner->mm.partial_tables++;
	__atomic_store_n(&pg->type, key | PGT_PARTIAL | doomed | (uint64_t)held << PGT_HELD_SHIFT | 1,
			 __ATOMIC_RELEASE);
}

int table_raise(struct page_info *pg, uint64_t key, unsigned held)
{
	int rc = table_promote(pg, level_of(key), key & PGT_CARRIER, &held), stopped;

	if (likely(!rc)) {
		__atomic_store_n(&pg->type, key | PGT_VALIDATED | pt_tag_bits(pg->owner) | 1,
				 __ATOMIC_RELEASE);
		return 0;
	}
	if (rc == -ERESTART) {
		stop(pg, key, held, 0);
		return rc;
	}
	stopped = table_lower(pg, key, held, PGT_DOOMED);
	return stopped ? stopped : rc;
}

int table_lower(struct page_info *pg, uint64_t key, unsigned held, uint64_t doomed)
{
	int rc = table_demote(pg, level_of(key), key & PGT_CARRIER, &held);

	if (rc) {
		stop(pg, key, held, doomed);
		return rc;
	}
	pg->stamp = tlb_stamp_now();
	__atomic_store_n(&pg->type, key, __ATOMIC_RELEASE);
	return 0;
}

int table_resume(struct page_info *pg, bool up)
{
	uint64_t type = pg->type, key = type & PGT_KEY, doomed = type & PGT_DOOMED;
	unsigned held = (type & PGT_HELD_MASK) >> PGT_HELD_SHIFT;
	struct domain *d = pg->owner;
	int rc;

	BUG_ON(!(type & PGT_PARTIAL) || !d->mm.partial_tables);
	d->mm.partial_tables--;
	__atomic_store_n(&pg->type, key | 1, __ATOMIC_RELEASE);
	if (up && !doomed) {
		rc = table_raise(pg, key, held);
	} else {
		rc = table_lower(pg, key, held, doomed);
		if (up && !rc)
			rc = -EINVAL;
	}
	/* Not before: code that sees no note relies on the table having been taken apart. */
	if (d->mm.pt_left == page_to_mfn(pg) && (up || rc != -ERESTART))
		__atomic_store_n(&d->mm.pt_left, 0, __ATOMIC_RELEASE);
	page_put(pg); /* the state's; if it stopped again, it has another */
	return rc;
}

int table_settle_left(struct domain *d)
{
	return table_resume(mfn_to_page(d->mm.pt_left), false);
}

int pt_settle_left(struct domain *d)
{
	int rc;

	do {
		pt_begin(d);
		rc = table_settle(d);
		spin_unlock(&d->mm.pt_lock);
	} while (rc && !hypercall_preempt_check());
	return rc;
}
