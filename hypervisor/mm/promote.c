/* SPDX-License-Identifier: MIT */
/*
 * Promotion and demotion of page tables: rule (3) of the essay in mm/page.c. A table's entries are checked
 * and its references taken while no guest can write it: its type is already a table's, only not yet valid.
 *
 * Linear entries. A guest may map its tables by letting an entry of level n name a table of level n instead
 * of n - 1 (the classic self-map). Read-only, that is harmless: the walk ends one level early and shows
 * tables as pages. Only roots are never named so (linear_allowed). An entry naming its own table holds nothing. One
 * naming another table B holds a use of B's type; page_info.linear counts such entries, up in the table that has
 * them, down in the one they name, and a table may be on one side only. So there are no chains, which could form a
 * circle that never dies or make the recursion here as deep as the guest likes.
 *
 * Either way may stop between entries of an upper table, never within an L1 (mm/partial.c).
 *
 * Locking: the owner's pt_lock.
 */
#include "guest/hypercall.h"
#include "lib/errno.h"
#include "mm/pt.h"

#define UPPER_COST 4  /* of an entry of an upper table, in entries of an L1, which the allowance counts */
#define LINE       8  /* entries in a cache line */
#define BLOCK      64 /* entries to be looked at in one go where most are absent */

/* Asked before each further entry, which it charges. */
static bool allowance_spent(struct domain *d)
{
	bool spent = d->mm.pt_allowance <= 0;

	d->mm.pt_allowance -= UPPER_COST;
	return spent;
}

/* The first of the @n entries, a part of a table, of which @e is one. */
static __always_inline uint64_t *first_of(uint64_t *e, unsigned n)
{
	return (uint64_t *)ROUND_DOWN((uint64_t)e, n * sizeof(*e));
}

/* Is one of the @n entries from @e on present? */
static __always_inline bool any_present(const uint64_t *e, unsigned n)
{
	uint64_t all = 0;

#pragma GCC unroll 64
	for (unsigned i = 0; i < n; i++)
		all |= e[i];
	return all & PTE_P;
}

/*
 * @e is absent and the first entry of a cache line: the last entry before the next present one, or before the end of
 * the table. Most entries of most tables are absent: eight are looked at in one go, and beyond an empty line 64. Where
 * entries are present nothing is looked at twice, so a full table costs no more.
 */
static uint64_t *last_absent(uint64_t *e)
{
	if (!any_present(e, LINE)) {
		e += LINE;
		if (e == first_of(e, BLOCK) + LINE && !any_present(e, BLOCK - LINE))
			e += BLOCK - LINE;
		while (e != first_of(e, BLOCK) && !any_present(e, LINE))
			e += LINE;
		if (e == first_of(e, BLOCK))
			while (e != first_of(e, PTES_PER_TABLE) && !any_present(e, BLOCK))
				e += BLOCK;
		if (e == first_of(e, PTES_PER_TABLE))
			return e - 1;
	}
	while (!any_present(e, LINE))
		e += LINE;
	while (!(*e & PTE_P))
		e++;
	return e - 1;
}

/* A loop over a table is at the absent @e: the last entry that it need not look at. */
static inline uint64_t *pass_absent(uint64_t *e)
{
	return e == first_of(e, LINE) ? last_absent(e) : e;
}

static int l1_promote(struct page_info *pg)
{
	uint64_t *const t = mfn_to_virt(page_to_mfn(pg)), *e;
	struct domain *d = pg->owner;
	const uint64_t refused = ~l1_allowed(d), added = d->paging->added[1];
	int rc = 0;

	for (e = t; e < t + PTES_PER_TABLE; e++) {
		uint64_t given = *e, pte;

		if (!(given & PTE_P)) {
			e = pass_absent(e);
			continue;
		}
		if (unlikely(given & refused)) {
			rc = -EINVAL;
			break;
		}
		pte = l1_in(given, added);
		rc = l1_get(pte, d, d);
		if (unlikely(rc))
			break;
		if (pte != given)
			*e = pte;
	}
	if (unlikely(rc))
		while (e-- > t)
			l1_put(*e);
	return rc;
}

static void l1_demote(struct page_info *pg)
{
	uint64_t *const t = mfn_to_virt(page_to_mfn(pg));

	for (uint64_t *e = t; e < t + PTES_PER_TABLE; e++)
		if (*e & PTE_P)
			l1_put(*e);
		else
			e = pass_absent(e);
}

/*
 * A root cannot stand in for a table of the level below. PAE's has four entries, and 64-bit walks would take it for
 * something else. pv64's has the hypervisor's slots, and one level late they lead through the tables of its direct map to
 * all memory: not for ring 3, but for the hypervisor, when a guest names such an address as its own.
 */
static bool linear_allowed(const struct domain *d, int level)
{
	return level < d->paging->root_level;
}

/* @pg gets an entry naming @to, both tables of one level. The caller holds a reference to @to. */
static int linear_get(struct page_info *pg, struct page_info *to, int level)
{
	uint64_t type = to->type;

	if ((type & PGT_KEY) != PGT_KEY_OF(level) || !(type & PGT_VALIDATED) || pg->linear < 0 ||
	    to->linear > 0)
		return -EINVAL;
	__atomic_add_fetch(&to->type, 1, __ATOMIC_ACQ_REL);
	pg->linear++;
	to->linear--;
	return 0;
}

static int target_get(struct page_info *pg, struct page_info *to, int level, uint64_t entry,
		      enum slot_rule rule)
{
	uint64_t key = PGT_KEY_OF(level - 1) | (rule == SLOT_CARRIER ? PGT_CARRIER : 0);
	int rc = page_get_key(to, key);

	if (rc && rc != -ERESTART && rule == SLOT_GUEST && !(entry & PTE_RW) &&
	    linear_allowed(pg->owner, level))
		return linear_get(pg, to, level);
	/* The hypervisor's share of a carrier belongs to this root alone. */
	if (!rc && rule == SLOT_CARRIER && (to->type & PGT_COUNT) != 1) {
		page_put_type(to);
		rc = -EINVAL;
	}
	return rc;
}

int entry_get(struct page_info *pg, int level, uint64_t entry, enum slot_rule rule)
{
	struct domain *d = pg->owner;
	mfn_t mfn = pte_mfn(entry);
	struct page_info *to = mfn_to_page(mfn);
	int rc;

	if (entry & ~d->paging->allowed[level])
		return -EINVAL;
	if (mfn_valid(mfn) && to == pg)
		return rule == SLOT_GUEST && !(entry & PTE_RW) && linear_allowed(d, level) ? 0 : -EINVAL;
	to = page_get_mfn(mfn, d);
	if (!to)
		return -EINVAL;
	rc = target_get(pg, to, level, entry, rule);
	if (rc)
		page_put(to);
	return rc;
}

int entry_put(struct page_info *pg, int level, uint64_t entry)
{
	struct page_info *to = mfn_to_page(pte_mfn(entry));

	if (!(entry & PTE_P) || to == pg)
		return 0;
	if (page_type_of(to) != (enum page_type)level)
		return page_put_and_type(to);
	pg->linear--;
	to->linear++;
	return page_put_and_type(to);
}

static int slot_get(struct page_info *pg, int level, uint64_t *entry, enum slot_rule rule)
{
	int rc;

	if (!(*entry & PTE_P))
		return rule == SLOT_CARRIER ? -EINVAL : 0;
	rc = entry_get(pg, level, *entry, rule);
	if (!rc)
		*entry |= pg->owner->paging->added[level];
	return rc;
}

/* Only roots and carriers have slots that are not just the guest's. In all others an empty slot needs no work,
 * and most slots of most tables are empty. Empty slots count, but none is a place to stop. */
static bool is_plain(const struct domain *d, int level, bool carrier)
{
	return level != d->paging->root_level && !carrier;
}

static __attribute__((noinline)) int upper_promote(struct page_info *pg, int level, bool carrier,
						   unsigned *held)
{
	mfn_t mfn = page_to_mfn(pg);
	uint64_t *t = mfn_to_virt(mfn);
	struct domain *d = pg->owner;
	const bool plain = is_plain(d, level, carrier);
	unsigned i;
	int rc = 0;

	for (i = *held; i < PTES_PER_TABLE; i++) {
		enum slot_rule rule;

		if (plain && !(t[i] & PTE_P)) {
			unsigned last = pass_absent(&t[i]) - t;

			d->mm.pt_allowance -= last + 1 - i;
			i = last;
			continue;
		}
		rule = d->paging->slot_rule(level, i, carrier);
		if (rule == SLOT_RESERVED)
			continue;
		rc = allowance_spent(d) ? -ERESTART : slot_get(pg, level, &t[i], rule);
		if (rc)
			break;
	}
	*held = i;
	if (!rc && level == d->paging->root_level)
		rc = d->paging->root_promote(d, mfn);
	if (!rc && level == 2)
		rc = d->paging->l2_promote(d, mfn, carrier);
	return rc;
}

/* The first entry that holds nothing may name a table that stopped on its way, which is why this one stopped: the
 * other goes down first. */
static int border_demote(struct page_info *pg, int level, bool carrier, unsigned slot)
{
	const uint64_t *t = mfn_to_virt(page_to_mfn(pg));
	struct domain *d = pg->owner;
	struct page_info *to;
	int rc = 0;

	if (slot == PTES_PER_TABLE || !(t[slot] & PTE_P) ||
	    d->paging->slot_rule(level, slot, carrier) == SLOT_RESERVED)
		return 0;
	to = page_get_mfn(pte_mfn(t[slot]), d);
	if (!to)
		return 0;
	if ((to->type & PGT_PARTIAL) && page_type_of(to) == (enum page_type)(level - 1))
		rc = table_resume(to, false);
	page_put(to);
	return rc;
}

/* Slot @i - 1 is absent: how many slots from there down are seen to be so in one go. */
static __always_inline unsigned absent_below(const uint64_t *t, unsigned i)
{
	if (i % LINE || any_present(t + i - LINE, LINE))
		return 1;
	return i % BLOCK || any_present(t + i - BLOCK, BLOCK - LINE) ? LINE : BLOCK;
}

/* What the hypervisor put there is simply cleared. */
static __attribute__((noinline)) int upper_demote(struct page_info *pg, int level, bool carrier,
						  unsigned *held)
{
	uint64_t *t = mfn_to_virt(page_to_mfn(pg));
	struct domain *d = pg->owner;
	const bool plain = is_plain(d, level, carrier);
	unsigned i = *held;
	int rc = border_demote(pg, level, carrier, i);

	while (!rc && i) {
		if (plain && !(t[i - 1] & PTE_P)) {
			unsigned n = absent_below(t, i);

			d->mm.pt_allowance -= n;
			i -= n;
		} else if (d->paging->slot_rule(level, i - 1, carrier) == SLOT_RESERVED) {
			t[--i] = 0;
		} else if (allowance_spent(d)) {
			rc = -ERESTART;
		} else {
			i--;
			rc = entry_put(pg, level, t[i]);
			/* A table of this level that had no other use stays partial and unnoted: to go on with it
			 * from here would lead round in circles. */
			if (rc && page_type_of(mfn_to_page(pte_mfn(t[i]))) == (enum page_type)level)
				rc = 0;
		}
	}
	*held = i;
	return rc;
}

int table_promote(struct page_info *pg, int level, bool carrier, unsigned *held)
{
	if (level > pg->owner->paging->root_level)
		return -EINVAL;
	hypercall_was_long();
	if (level > 1)
		return upper_promote(pg, level, carrier, held);
	pg->owner->mm.pt_allowance -= PTES_PER_TABLE;
	return l1_promote(pg);
}

int table_demote(struct page_info *pg, int level, bool carrier, unsigned *held)
{
	hypercall_was_long();
	if (level > 1)
		return upper_demote(pg, level, carrier, held);
	/* A refused L1 holds nothing. */
	if (*held) {
		pg->owner->mm.pt_allowance -= PTES_PER_TABLE;
		l1_demote(pg);
	}
	return 0;
}
