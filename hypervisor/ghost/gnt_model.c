/* SPDX-License-Identifier: MIT */
/* The ghost's model of grants (see ghost/gnt.h). */
#include "ghost/gnt.h"

#include "cpu/ipi.h"
#include "dom/domain.h"
#include "ghost/ghost.h"
#include "ghost/rules.h"
#include "gnt/table.h"
#include "mm/page.h"

#define USED_FLAGS (GTF_reading | GTF_writing)
/* Only the marks of an entry belong to the hypervisor. A guest may change the rest at any time; only the marks' absence
 * or presence is promised to it. With a second processor not even that can be compared: the guest may clear them. */
#define MARKS_MASK (uint64_t)(cpus_online == 1 ? USED_FLAGS : 0)

_Static_assert(offsetof(struct grant_use, writers) == 4 && offsetof(struct grant_use, frame) == 8, "words");
_Static_assert(offsetof(struct maptrack, ref) == 8 && offsetof(struct maptrack, flags) == 12, "words");

/* ---- uses of an entry ---- */

static void *entry(struct grant_table *gt, uint32_t ref)
{
	return &gt->shared[ref / GRANTS_PER_FRAME][ref % GRANTS_PER_FRAME];
}

static struct grant_use *use_of(struct grant_table *gt, uint32_t ref)
{
	return &gt->uses[ref / GRANTS_PER_FRAME][ref % GRANTS_PER_FRAME];
}

static void count(struct grant_use *use, int64_t pins, int64_t writers)
{
	uint64_t both = ghost_word(use);

	ghost_expect(use, (uint32_t)(both + pins) | (uint64_t)((uint32_t)(both >> 32) + writers) << 32,
		     ~0ull);
}

static void mark(struct grant_table *gt, uint32_t ref, uint64_t set, uint64_t clear)
{
	uint64_t head = ghost_word(entry(gt, ref));

	ghost_expect(entry(gt, ref), (head | set) & ~clear, MARKS_MASK);
}

static bool admits(uint64_t head, domid_t who, bool readonly)
{
	return (head & (GTF_type_mask | GTF_sub_page)) == GTF_permit_access && (head >> 16 & 0xffff) == who &&
	       (readonly || !(head & GTF_readonly));
}

bool ghost_pin(struct domain *granter, uint32_t ref, domid_t who, bool readonly, mfn_t *mfn)
{
	struct grant_table *gt = granter->grants;
	struct grant_use *use;
	uint64_t head, both, named;
	uint32_t pins, writers;

	if (gt->closed || ref >= gt->frames * GRANTS_PER_FRAME)
		return false;
	use = use_of(gt, ref);
	head = ghost_word(entry(gt, ref));
	both = ghost_word(use);
	named = ghost_word(&use->frame);
	pins = both;
	writers = both >> 32;
	if (pins && (named >> 32 & 0xffff) != who)
		return false;
	if (!pins || (!readonly && !writers)) {
		if (!admits(head, who, readonly))
			return false;
		mark(gt, ref, readonly ? GTF_reading : USED_FLAGS, 0);
	}
	if (!pins) {
		named = head >> 32 | (uint64_t)who << 32;
		ghost_expect(&use->frame, named, 0xffffffffffffull);
	}
	count(use, 1, !readonly);
	*mfn = (uint32_t)named;
	return true;
}

void ghost_unpin(struct domain *granter, uint32_t ref, bool readonly)
{
	struct grant_table *gt = granter->grants;
	struct grant_use *use = use_of(gt, ref);
	uint64_t both;

	count(use, -1, -!readonly);
	both = ghost_word(use);
	if (gt->closed)
		return;
	if (!(uint32_t)both)
		mark(gt, ref, 0, USED_FLAGS);
	else if (!readonly && !(both >> 32))
		mark(gt, ref, 0, GTF_writing);
}

/* ---- what is held on the frame ---- */

bool ghost_grant_hold(mfn_t mfn, struct domain *granter, bool readonly)
{
	return readonly ? ghost_ref(mfn, granter) : ghost_hold(mfn, granter, PGT_WRITABLE);
}

void ghost_grant_drop(mfn_t mfn, bool readonly)
{
	if (readonly)
		ghost_unref(mfn);
	else
		ghost_let_go(mfn);
}

/* ---- the mapper's entry ---- */

static uint64_t *place(uint64_t addr, uint32_t flags)
{
	uint64_t *where;

	if (!(flags & GNTMAP_contains_pte))
		where = ghost_walk(addr);
	else
		where = (addr & 7) || addr >> PAGE_SHIFT >= max_mfn ? NULL : paddr_to_virt(addr);
	return where && ghost_is_table(virt_to_mfn(where), PGT_L1, current->domain) ? where : NULL;
}

static uint64_t entry_for(mfn_t mfn, uint32_t flags)
{
	uint64_t e = mfn << PAGE_SHIFT | 0x61 | (uint64_t)(flags >> 16 & 7) << 9;

	e |= flags & GNTMAP_readonly ? 0 : 2;
	e |= flags & GNTMAP_application_map ? 4 : 0;
	return rule_as_read(current->domain, 1, e);
}

static bool enter(const struct gnttab_map_grant_ref *op, struct domain *granter, mfn_t mfn)
{
	bool readonly = op->flags & GNTMAP_readonly;
	uint64_t *where, old;

	if (!ghost_grant_hold(mfn, granter, readonly))
		return false;
	where = place(op->host_addr, op->flags);
	if (!where) {
		ghost_grant_drop(mfn, readonly);
		return false;
	}
	old = ghost_word(where);
	ghost_expect(where, entry_for(mfn, op->flags), ~0x60ull);
	ghost_l1_out(old);
	return true;
}

static bool map_pinned(const struct gnttab_map_grant_ref *op, struct domain *granter, mfn_t mfn)
{
	bool readonly = op->flags & GNTMAP_readonly, device = op->flags & GNTMAP_device_map;

	if (device && !ghost_grant_hold(mfn, granter, readonly))
		return false;
	if (!(op->flags & GNTMAP_host_map) || enter(op, granter, mfn))
		return true;
	if (device)
		ghost_grant_drop(mfn, readonly);
	return false;
}

bool ghost_map(const struct gnttab_map_grant_ref *op, struct domain *granter)
{
	bool readonly = op->flags & GNTMAP_readonly;
	mfn_t mfn;

	if (!(op->flags & (GNTMAP_host_map | GNTMAP_device_map)) ||
	    !ghost_pin(granter, op->ref, current->domain->id, readonly, &mfn))
		return false;
	if (map_pinned(op, granter, mfn))
		return true;
	ghost_unpin(granter, op->ref, readonly);
	return false;
}

/* ---- the end of a mapping ---- */

/* Take the entry away, or put in its place the one that maps @from_addr. */
static bool leave(uint64_t addr, uint64_t from_addr, uint32_t flags, mfn_t mfn)
{
	uint64_t *where, *from, old, moved = 0;

	if (from_addr && (flags & GNTMAP_contains_pte))
		return false;
	where = place(addr, flags);
	from = from_addr ? place(from_addr, 0) : NULL;
	if (!where || (from_addr && (!from || from == where)))
		return false;
	old = ghost_word(where);
	if ((old ^ entry_for(mfn, flags)) & 0x000ffffffffff003ull)
		return false;
	if (from) {
		moved = ghost_word(from);
		ghost_expect(from, 0, ~0ull);
	}
	ghost_expect(where, moved, ~0x60ull);
	ghost_l1_out(old);
	return true;
}

static struct maptrack *handle_at(uint32_t handle)
{
	struct grant_table *gt = current->domain->grants;

	if (handle / MAPTRACKS_PER_FRAME >= gt->maptrack_frames)
		return NULL;
	return &gt->maptrack[handle / MAPTRACKS_PER_FRAME][handle % MAPTRACKS_PER_FRAME];
}

bool ghost_handle_is(uint32_t handle, const struct domain *granter, uint32_t ref, uint32_t flags)
{
	const struct maptrack *m = handle_at(handle);

	return m && m->granter == granter && m->ref == ref && m->flags == (flags & ~MAPTRACK_BUSY);
}

uint32_t ghost_handles(const struct domain *d)
{
	const struct grant_table *gt = d->grants;
	uint32_t used = 0;

	for (uint32_t i = 0; i < gt->maptrack_frames; i++)
		for (uint32_t j = 0; j < MAPTRACKS_PER_FRAME; j++)
			used += !!(gt->maptrack[i][j].flags & MAPTRACK_PARTS);
	return used;
}

enum ghost_unmapped ghost_unmap(uint32_t handle, uint64_t host_addr, uint64_t dev_addr, uint64_t from_addr)
{
	struct maptrack *m = handle_at(handle);
	uint32_t flags = m ? ghost_word(&m->ref) >> 32 : 0, gone = 0;
	bool readonly = flags & GNTMAP_readonly;
	mfn_t mfn;

	if (!(flags & MAPTRACK_PARTS))
		return UNMAP_REFUSED;
	mfn = (uint32_t)ghost_word(&use_of(m->granter->grants, m->ref)->frame);
	if (dev_addr && (flags & GNTMAP_device_map)) {
		if (dev_addr != mfn << PAGE_SHIFT)
			return UNMAP_REFUSED;
		gone |= GNTMAP_device_map;
	}
	if (host_addr && (flags & GNTMAP_host_map)) {
		if (!leave(host_addr, from_addr, flags, mfn))
			return UNMAP_REFUSED;
		gone |= GNTMAP_host_map;
	}
	if (!gone)
		return UNMAP_NOTHING;
	if (gone & GNTMAP_device_map)
		ghost_grant_drop(mfn, readonly);
	ghost_expect(&m->ref, (uint64_t)(flags & ~gone) << 32, (uint64_t)MAPTRACK_PARTS << 32);
	if (flags & ~gone & MAPTRACK_PARTS)
		return UNMAP_HALF;
	ghost_unpin(m->granter, m->ref, readonly);
	return UNMAP_DONE;
}
