/* SPDX-License-Identifier: MIT */
/*
 * Inside direct paging (mm/page.c, promote.c, partial.c, l1.c, pt_update.c): what validated tables hold.
 *
 * Each present entry of a validated table holds a reference to the frame it names, and a use of a type: an L1
 * entry of PGT_WRITABLE if l1_holds_write() says so, an entry of level n > 1 of the table type n - 1. Other L1 entries hold
 * the reference alone. Everything here needs the pt_lock of the table's owner.
 */
#pragma once

#include "guest/domain.h"
#include "guest/paging.h"
#include "lib/errno.h"
#include "mm/mm.h"
#include "mm/page.h"

#define PGT_KEY_OF(type)   ((uint64_t)(type) << PGT_SHIFT)
#define WRITABLE_VALIDATED (PGT_KEY_OF(PGT_WRITABLE) | PGT_VALIDATED)

/*
 * Two questions about a present L1 entry that have one answer today: what it holds, and what the processor lets through.
 * They part when the hypervisor takes away the right to write and leaves the use, to see the next store (log-dirty), or where
 * the processor walks other tables than these (hvm). So code that counts asks these functions, and not PTE_RW.
 */
#define PTE_HOLDS_WRITE PTE_RW /* a use of PGT_WRITABLE, and not the reference alone */

static inline bool l1_holds_write(uint64_t pte)
{
	return pte & PTE_HOLDS_WRITE;
}

/* Do both hold the same? */
static inline bool l1_same_uses(uint64_t a, uint64_t b)
{
	return !((a ^ b) & (PTE_ADDR | PTE_HOLDS_WRITE | PTE_P));
}

/* Is it present, and a store through it a page fault? */
static inline bool l1_refuses_write(uint64_t pte)
{
	return (pte & (PTE_P | PTE_RW)) == PTE_P;
}

/* As page_get_type, for a type and flags (PGT_CARRIER). */
int page_get_key(struct page_info *pg, uint64_t key);

/*
 * The contents of @pg, at @level, become or cease to be a page table, from *held entries on that hold what they
 * name; in any case *held says how many do afterwards (mm/promote.c). -ERESTART: the allowance is used up.
 */
int table_promote(struct page_info *pg, int level, bool carrier, unsigned *held);
int table_demote(struct page_info *pg, int level, bool carrier, unsigned *held);

/* One entry of level 2..4 of table @pg: get what it names, or put it. -ERESTART as in page_get_type and
 * page_put_type. */
int entry_get(struct page_info *pg, int level, uint64_t entry, enum slot_rule rule);
int entry_put(struct page_info *pg, int level, uint64_t entry);

/* ---- tables on their way (mm/partial.c) ---- */

/* Entries that may be got or put under one hold of the pt_lock: what bounds the time with interrupts off. */
#ifdef HOST_TEST
extern int host_allowance;
#define PT_ALLOWANCE host_allowance
#else
#define PT_ALLOWANCE PTES_PER_TABLE
#endif

static inline void pt_allow(struct domain *d)
{
	d->mm.pt_allowance = PT_ALLOWANCE;
}

/* Take the pt_lock for what may promote or demote tables; spin_unlock ends it. */
static inline void pt_begin(struct domain *d)
{
	spin_lock(&d->mm.pt_lock);
	pt_allow(d);
}

/* @pg, whose type word is @key with one use and @held entries that hold what they name, becomes a valid table: 0.
 * -ERESTART: it is partial now, and the use is its own. Another error: it is in no use. */
int table_raise(struct page_info *pg, uint64_t key, unsigned held);
/* Likewise, but its last use ends. @doomed: PGT_DOOMED or 0, for the case that it stops. */
int table_lower(struct page_info *pg, uint64_t key, unsigned held, uint64_t doomed);
/* Go on with a partial table, up to validity or down; its own use is the caller's, or gone. */
int table_resume(struct page_info *pg, bool up);
/* Put a use and the reference with it, after table_settle. PT_LEFT: the table stopped on its way down, and is noted. */
static inline int table_put(struct page_info *pg)
{
	struct domain *d = pg->owner;

	if (likely(!page_put_and_type(pg)))
		return 0;
	d->mm.pt_left = page_to_mfn(pg);
	return PT_LEFT;
}
/* Go on with the table that is left, if there is one: 0 or -ERESTART. */
int table_settle_left(struct domain *d) __cold;
static inline int table_settle(struct domain *d)
{
	return likely(!d->mm.pt_left) ? 0 : table_settle_left(d);
}

/* What l1_get and l1_put do not settle in line (mm/l1.c). */
int l1_get_slow(uint64_t pte, struct domain *d, struct domain *from) __rare;
int l1_get_writable(struct page_info *pg) __rare; /* on failure the reference is put */
void l1_put_writable(struct page_info *pg) __rare;

/* How a valid table of @d shows it in its type word. */
static inline uint64_t pt_tag_bits(const struct domain *d)
{
	_Static_assert(DOMAIN_TAGS - 1 <= PGT_TAG_MASK >> PGT_TAG_SHIFT, "each tag has room");
	return (uint64_t)d->pt_tag << PGT_TAG_SHIFT;
}

/*
 * Is @pg an L1 table of @d's in use, its contents validated? Without a reference a frame may change hands between two
 * reads, so this is one: a valid table's type word says whose it is. Under d's pt_lock the answer yes stays
 * true, since no CPU can take the table out of use.
 */
static inline bool is_live_l1(const struct page_info *pg, const struct domain *d)
{
	const uint64_t mask = PGT_KEY | PGT_VALIDATED | PGT_TAG_MASK,
		       wanted = PGT_KEY_OF(PGT_L1) | PGT_VALIDATED;
	uint32_t seen = (__atomic_load_n(&pg->type, __ATOMIC_RELAXED) & mask) >> PGT_TAG_SHIFT;

	return seen == ((uint32_t)(wanted >> PGT_TAG_SHIFT) | d->pt_tag);
}

/* The same for a table of level 2..4. */
static inline bool is_live_upper(const struct page_info *pg, const struct domain *d)
{
	uint64_t type = __atomic_load_n(&pg->type, __ATOMIC_RELAXED);

	return (type & PGT_VALIDATED) && (type & PGT_TAG_MASK) == pt_tag_bits(d) &&
	       (type & PGT_TYPE_MASK) >= PGT_KEY_OF(PGT_L2) && (type & PGT_TYPE_MASK) <= PGT_KEY_OF(PGT_L4);
}

/* Bits of an L1 entry that @d may set: cache control is for the domain that drives devices. */
static inline uint64_t l1_allowed(const struct domain *d)
{
	return d->paging->allowed[1] | (d->privileged ? PTE_PWT | PTE_PCD | PTE_PS : 0);
}

/* The present entry that stands for the guest's @pte. Never global: one CR3 load must forget every guest
 * translation (mm/tlb.c). */
static inline uint64_t l1_in(uint64_t pte, uint64_t added)
{
	return (pte & PTE_U ? pte : pte | added) & ~PTE_G;
}

/* A use of PGT_WRITABLE for a caller that holds a reference, which is put if the use is refused. Fast for what nearly
 * all frames are: mapped writable, or once mapped so. */
static inline int writable_get(struct page_info *pg)
{
	uint64_t type = pg->type;

	/* Such frames have no other flag. */
	if (likely(type >> PGT_SHIFT == WRITABLE_VALIDATED >> PGT_SHIFT) &&
	    likely(__atomic_compare_exchange_n(&pg->type, &type, type + 1, false, __ATOMIC_ACQ_REL,
					       __ATOMIC_RELAXED)))
		return 0;
	return rare_value(l1_get_writable, pg);
}

/* Put it, not the reference. Fast again: only the last use has something to note. It stays, and no CPU can get
 * another, until the stamp is taken (page_put_type). */
static inline void writable_put(struct page_info *pg)
{
	uint64_t type = pg->type;
	bool last = (type & PGT_COUNT) == 1;

	if (unlikely(!__atomic_compare_exchange_n(&pg->type, &type, last ? type & ~PGT_VALIDATED : type - 1,
						  false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))) {
		rare_call(l1_put_writable, pg);
		return;
	}
	if (last) {
		pg->stamp = tlb_stamp_now();
		__atomic_store_n(&pg->type, type - 1, __ATOMIC_RELEASE);
	}
}

/* Get what the present entry @pte names. */
static inline int l1_get(uint64_t pte, struct domain *d, struct domain *from)
{
	mfn_t mfn = pte_mfn(pte);
	struct page_info *pg = mfn_to_page(mfn);

	if (unlikely(!mfn_valid(mfn) || !page_get(pg, from)))
		return rare_value(l1_get_slow, pte, d, from);
	return l1_holds_write(pte) ? writable_get(pg) : 0;
}

/* Put what entry @pte held. */
static inline void l1_put(uint64_t pte)
{
	mfn_t mfn = pte_mfn(pte);
	struct page_info *pg = mfn_to_page(mfn);

	if (!(pte & PTE_P) || unlikely(mfn_is_io(mfn)))
		return;
	if (l1_holds_write(pte))
		writable_put(pg);
	page_put(pg);
}

/*
 * Changing an entry of a live table of @d (mm/pt_update.c). @from owns the frames that L1 entries may name;
 * @preserve_ad keeps Accessed and Dirty of the old entry.
 */
int pt_change_l1(uint64_t *where, uint64_t pte, struct domain *d, struct domain *from, bool preserve_ad);
/*
 * Entry at @offset of table @pg of level 2..4. *flush is set if TLBs must forget the old one before the guest goes
 * on. -ERESTART: nothing is changed yet. The caller began with pt_begin and has settled (table_settle), before it
 * looked what @pg is: what was left may have held the last use of it. Another table may be left afterwards.
 */
int pt_change_upper(struct page_info *pg, unsigned offset, uint64_t pte, bool preserve_ad, bool *flush);
