// SPDX-License-Identifier: MIT
/*
 * Mapping granted frames. Host mapping: an L1 entry of the mapping guest's own gets the frame, named by a
 * virtual address of its current tables or by the entry's machine address. The entry holds reference and type
 * like any other (mm/pt.h), so a guest that overwrites it, or takes its table apart, leaves no more behind
 * than a handle that it can no longer give back. Device mapping: no entry, but the same hold on the frame,
 * which belongs to the handle; the address for the device is the machine address, since we drive no IOMMU.
 *
 * What an unmap finds in the entry must be the frame of the handle with the handle's right to write:
 * otherwise a guest could give back a read-only entry in the name of a writable one and keep on writing.
 *
 * Locking: the granter's grant lock for the pin, then the mapper's pt_lock for the entry, never both.
 */
#include "dom/domain.h"
#include "entry/hypercall.h"
#include "gnt/hold.h"
#include "gnt/table.h"
#include "lib/errno.h"
#include "mm/mm.h"
#include "mm/pt.h"
#include "mm/walk.h"

#define PTE_AVAIL         (7ull << 9) /* bits the processor leaves to software (SDM 3A 4.5, 4-Level Paging) */
#define PTE_AVAIL_SHIFT   9
#define GNTMAP_AVAIL      16 /* GNTMAP_guest_avail_mask's lowest bit */
#define RELEASE_PER_CHECK 64

static uint64_t pte_for(mfn_t mfn, uint32_t flags)
{
	uint64_t pte = make_pte(mfn, PTE_P | PTE_A | PTE_D);

	if (!(flags & GNTMAP_readonly))
		pte |= PTE_RW;
	if (flags & GNTMAP_application_map)
		pte |= PTE_U;
	return pte | ((uint64_t)(flags >> GNTMAP_AVAIL) << PTE_AVAIL_SHIFT & PTE_AVAIL);
}

/* The entry that a request names, in a live L1 of the current domain, or NULL. Under its pt_lock. */
static inline uint64_t *find_entry(struct vcpu *v, uint64_t addr, uint32_t flags)
{
	uint64_t *where = NULL;
	struct page_info *pg;

	if (!(flags & GNTMAP_contains_pte))
		where = walk_locked(v, addr);
	else if (!(addr & 7) && mfn_valid(addr >> PAGE_SHIFT))
		where = paddr_to_virt(addr);
	if (unlikely(!where))
		return NULL;
	pg = mfn_to_page(virt_to_mfn(where));
	if (unlikely((pg->type & (PGT_KEY | PGT_VALIDATED)) != (PGT_KEY_OF(PGT_L1) | PGT_VALIDATED) ||
		     pg->owner != v->domain))
		return NULL;
	return where;
}

static int enter(struct vcpu *v, struct domain *granter, uint64_t addr, uint32_t flags, mfn_t mfn)
{
	struct domain *d = v->domain;
	uint64_t *where;
	int rc = -EINVAL;

	/* Devices' memory has no owner, who alone can grant. */
	if (unlikely(mfn_is_io(mfn)))
		return GNTST_general_error;
	if (granter != d)
		granter->mapped_abroad = true;
	spin_lock(&d->pt_lock);
	where = find_entry(v, addr, flags);
	if (likely(where))
		rc = pt_change_l1(where, pte_for(mfn, flags), d, granter, false);
	spin_unlock(&d->pt_lock);
	return rc ? GNTST_general_error : GNTST_okay;
}

/* Take the entry away, or put in its place the one that maps @new_addr, which moves with all it holds. */
static int leave(struct vcpu *v, uint64_t addr, uint64_t new_addr, uint32_t flags, mfn_t mfn)
{
	struct domain *d = v->domain;
	const uint64_t checked = PTE_ADDR | PTE_P | PTE_RW;
	uint64_t *where, *from = NULL, old = 0;
	int rc = GNTST_general_error;

	if (new_addr && (flags & GNTMAP_contains_pte))
		return rc;
	spin_lock(&d->pt_lock);
	where = find_entry(v, addr, flags);
	if (new_addr)
		from = find_entry(v, new_addr, 0);
	if (where && !((*where ^ pte_for(mfn, flags)) & checked) && (!new_addr || (from && from != where))) {
		uint64_t new = from ? __atomic_exchange_n(from, 0, __ATOMIC_ACQ_REL) : 0;

		old = __atomic_exchange_n(where, new, __ATOMIC_ACQ_REL);
		rc = GNTST_okay;
	}
	l1_put(old);
	spin_unlock(&d->pt_lock);
	return rc;
}

/* The entry is pinned: now the mapping itself. */
static int map_pinned(struct vcpu *v, struct domain *granter, const struct gnttab_map_grant_ref *op,
		      mfn_t mfn)
{
	bool device = op->flags & GNTMAP_device_map, readonly = op->flags & GNTMAP_readonly;
	int rc = device ? frame_hold(granter, mfn, readonly) : GNTST_okay;

	if (rc)
		return GNTST_general_error;
	if (!(op->flags & GNTMAP_host_map))
		return GNTST_okay;
	rc = enter(v, granter, op->host_addr, op->flags, mfn);
	if (rc && device)
		frame_drop(mfn, readonly);
	return rc;
}

int grant_map(struct vcpu *v, struct domain *granter, struct gnttab_map_grant_ref *op)
{
	struct grant_table *own = v->domain->grants;
	bool readonly = op->flags & GNTMAP_readonly;
	struct maptrack *m;
	uint32_t handle;
	mfn_t mfn;
	int rc;

	if (!(op->flags & (GNTMAP_host_map | GNTMAP_device_map)))
		return GNTST_bad_gntref;
	handle = maptrack_get(own);
	if (unlikely(handle == MAPTRACK_NONE))
		return GNTST_no_space;
	rc = grant_pin(granter, op->ref, v->domain->id, readonly, &mfn);
	if (likely(!rc)) {
		rc = map_pinned(v, granter, op, mfn);
		if (unlikely(rc))
			grant_unpin(granter, op->ref, readonly);
	}
	if (unlikely(rc)) {
		maptrack_put(own, handle);
		return rc;
	}
	domain_get(granter);
	m = maptrack_at(own, handle);
	m->granter = granter;
	m->ref = op->ref;
	/* The last: from here on another vCPU may unmap it. */
	__atomic_store_n(&m->flags, op->flags & ~MAPTRACK_BUSY, __ATOMIC_RELEASE);
	op->handle = handle;
	op->dev_bus_addr = mfn << PAGE_SHIFT;
	return GNTST_okay;
}

/* Our mapping pins the entry, so what it says of the frame stays. */
static mfn_t frame_of(const struct maptrack *m)
{
	return grant_use(m->granter->grants, m->ref)->frame;
}

int grant_unmap_begin(struct vcpu *v, struct grant_unmap *u)
{
	struct maptrack *m = maptrack_claim(v->domain->grants, u->handle), was;
	int rc = GNTST_okay;
	mfn_t mfn;

	u->done = 0;
	if (unlikely(!m))
		return GNTST_bad_handle;
	mfn = frame_of(m);
	if (u->dev_addr && (m->flags & GNTMAP_device_map)) {
		if (u->dev_addr != mfn << PAGE_SHIFT)
			rc = GNTST_bad_dev_addr;
		u->done = GNTMAP_device_map;
	}
	if (!rc && u->host_addr && (m->flags & GNTMAP_host_map)) {
		rc = leave(v, u->host_addr, u->new_addr, m->flags, mfn);
		u->done |= GNTMAP_host_map;
	}
	if (unlikely(rc || !u->done)) {
		u->done = 0;
		maptrack_unclaim(v->domain->grants, u->handle, 0, &was);
	}
	return rc;
}

void grant_unmap_end(struct domain *d, const struct grant_unmap *u)
{
	struct maptrack was, *m = maptrack_at(d->grants, u->handle);
	bool readonly = m->flags & GNTMAP_readonly;

	if (u->done & GNTMAP_device_map)
		frame_drop(frame_of(m), readonly);
	if (maptrack_unclaim(d->grants, u->handle, u->done, &was)) {
		grant_unpin(was.granter, was.ref, readonly);
		domain_put(was.granter);
	}
}

/* The page tables are gone, and with them what host mappings held. */
static void release(struct maptrack *m)
{
	bool readonly = m->flags & GNTMAP_readonly;

	if (m->flags & GNTMAP_device_map)
		frame_drop(frame_of(m), readonly);
	grant_unpin(m->granter, m->ref, readonly);
	domain_put(m->granter);
	m->granter = NULL;
}

int grant_release_maps(struct domain *d)
{
	struct grant_table *gt = d->grants;

	for (; gt->release_next < gt->maptrack_frames * MAPTRACKS_PER_FRAME; gt->release_next++) {
		struct maptrack *m = maptrack_at(gt, gt->release_next);

		if (m->granter)
			release(m);
		if (gt->release_next % RELEASE_PER_CHECK == 0 && hypercall_preempt_check()) {
			gt->release_next++;
			return -ERESTART;
		}
	}
	while (gt->maptrack_frames)
		heap_free_pages(gt->maptrack[--gt->maptrack_frames], 0);
	heap_free(gt->maptrack);
	gt->maptrack = NULL;
	gt->maptrack_free = MAPTRACK_NONE;
	return 0;
}
