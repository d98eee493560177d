/* SPDX-License-Identifier: MIT */
/*
 * The auditor's reading of page tables (audit/audit.c): what each of them holds, and whether each entry is one that a
 * guest may have: only bits that are the guest's or added by the hypervisor, only frames of its own domain,
 * granted, or reachable by privilege, and the hypervisor's slots as they were installed.
 */
#include "audit/audit.h"
#include "gnt/grant.h"
#include "guest/domain.h"
#include "mm/m2p.h"
#include "mm/mm.h"
#include "mm/pt.h"

static void bad_entry(struct page_info *table, unsigned slot, uint64_t entry, const char *why)
{
	audit_wrong("frame %lx of %s, level %u, slot %u: %016lx %s", (unsigned long)page_to_mfn(table),
		    table->owner->name, page_type_of(table), slot, (unsigned long)entry, why);
}

static bool is_live_table(const struct page_info *pg, int level)
{
	return page_type_of(pg) == (enum page_type)level && (pg->type & PGT_VALIDATED);
}

/* May @d's entry map frame @pg of another owner? */
static bool foreign_ok(struct domain *d, struct page_info *pg, bool writable)
{
	return d->privileged || (pg->owner && audit_grant_maps(d, page_to_mfn(pg), writable));
}

static void l1_entry(struct page_info *table, unsigned slot, uint64_t pte)
{
	struct domain *d = table->owner;
	mfn_t mfn = pte_mfn(pte);
	struct page_info *pg = mfn_to_page(mfn);

	if (pte & ~(l1_allowed(d) | d->paging->added[1]) || pte & PTE_G)
		bad_entry(table, slot, pte, "has bits that it may not have");
	if ((pte & d->paging->added[1] & PTE_U) != (d->paging->added[1] & PTE_U))
		bad_entry(table, slot, pte, "lacks the user bit");
	if (mfn_is_io(mfn)) {
		if (!d->privileged || !mmio_allowed(mfn))
			bad_entry(table, slot, pte, "maps device memory");
		return;
	}
	if (!(pg->count & PGC_COUNT))
		bad_entry(table, slot, pte, "maps a frame that belongs to no guest");
	else if (pg->owner != d && !foreign_ok(d, pg, l1_holds_write(pte)))
		bad_entry(table, slot, pte, "maps another domain's frame");
	if (l1_holds_write(pte))
		audit_use(mfn, PGT_WRITABLE);
	else
		audit_ref(mfn);
}

uint64_t audit_reserved_entry(const struct domain *d, int level, unsigned slot)
{
	if (level == 2)
		return m2p_compat_l2[slot];
	if (level == 3)
		return 0;
	return slot == SLOT_WINDOW ? make_pte(virt_to_mfn(d->mm.window_l3), PTE_P | PTE_RW | PTE_A)
				   : idle_root[slot];
}

static void upper_entry(struct page_info *table, int level, unsigned slot, uint64_t entry,
			enum slot_rule rule)
{
	struct domain *d = table->owner;
	mfn_t mfn = pte_mfn(entry);
	struct page_info *to = mfn_to_page(mfn);

	if (entry & ~(d->paging->allowed[level] | d->paging->added[level]) || entry & PTE_PS)
		bad_entry(table, slot, entry, "has bits that it may not have");
	if (!mfn_valid(mfn) || !(to->count & PGC_COUNT) || to->owner != d) {
		bad_entry(table, slot, entry, "names no frame of its domain");
		return;
	}
	if ((to == table || is_live_table(to, level)) && entry & PTE_RW)
		bad_entry(table, slot, entry, "is a writable linear entry");
	if ((to == table || is_live_table(to, level)) && level == d->paging->root_level)
		bad_entry(table, slot, entry, "is a root's linear entry");
	if (to == table)
		return; /* holds nothing */
	if (is_live_table(to, level)) {
		audit_use(mfn, level);
		audit_counts[page_to_mfn(table)].linear++;
		audit_counts[mfn].linear--;
		return;
	}
	audit_use(mfn, rule == SLOT_CARRIER ? AUDIT_CARRIER : level - 1);
}

static void upper_slot(struct page_info *table, int level, unsigned slot, uint64_t entry)
{
	const uint64_t by_processor = PTE_A | PTE_D;
	struct domain *d = table->owner;
	enum slot_rule rule = d->paging->slot_rule(level, slot, table->type & PGT_CARRIER);

	if (rule == SLOT_RESERVED) {
		if (level == 4 && slot == SLOT_M2P && !entry)
			return; /* hidden from applications: paging_rules.make_cr3 */
		if ((entry ^ audit_reserved_entry(d, level, slot)) & ~by_processor)
			bad_entry(table, slot, entry, "is in one of the hypervisor's slots");
	} else if (entry & PTE_P) {
		upper_entry(table, level, slot, entry, rule);
	} else if (rule == SLOT_CARRIER) {
		bad_entry(table, slot, entry, "is no carrier");
	}
}

void audit_table(struct page_info *pg)
{
	const uint64_t *t = mfn_to_virt(page_to_mfn(pg));
	int level = page_type_of(pg);
	bool partial = pg->type & PGT_PARTIAL;
	unsigned held = partial ? (pg->type & PGT_HELD_MASK) >> PGT_HELD_SHIFT : PTES_PER_TABLE;

	for (unsigned i = 0; i < held; i++) {
		/* The hypervisor's slots are filled last. */
		if (partial &&
		    pg->owner->paging->slot_rule(level, i, pg->type & PGT_CARRIER) == SLOT_RESERVED)
			continue;
		if (level > 1)
			upper_slot(pg, level, i, t[i]);
		else if (t[i] & PTE_P)
			l1_entry(pg, i, t[i]);
	}
}
