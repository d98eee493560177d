/* SPDX-License-Identifier: MIT */
/*
 * Mapping granted frames. Host mapping: an L1 entry of the mapping guest's own gets the frame, named by a
 * virtual address of its current tables or by the entry's machine address. The entry holds reference and type
 * like any other (mm/pt.h), so a guest that overwrites it, or takes its table apart, leaves only a handle
 * that it can no longer give back. Device mapping: no entry, but the same hold on the frame,
 * which belongs to the handle; the address for the device is the machine address, since no IOMMU is used.
 *
 * What an unmap finds in the entry must be the frame of the handle with the handle's right to write:
 * otherwise a guest could give back a read-only entry in the name of a writable one and keep on writing.
 *
 * Locking: the granter's grant lock for the pin, then the mapper's pt_lock for the entry, never both.
 */
#include "cpu/cpuset.h"
#include "gnt/hold.h"
#include "gnt/pin.h"
#include "gnt/table.h"
#include "guest/domain.h"
#include "guest/hypercall.h"
#include "lib/errno.h"
#include "mm/mm.h"
#include "mm/pt.h"
#include "mm/walk.h"

#define PTE_AVAIL         (7ull << 9) /* bits the processor leaves to software (SDM 3A 4.5, 4-Level Paging) */
#define PTE_AVAIL_SHIFT   9
#define GNTMAP_AVAIL      16 /* GNTMAP_guest_avail_mask's lowest bit */
#define RELEASE_PER_CHECK 64

_Static_assert(GNTMAP_readonly == PTE_RW << 1 && GNTMAP_application_map == PTE_U << 1, "pte_for");

static inline uint64_t pte_for(mfn_t mfn, uint32_t flags)
{
	uint64_t rights = (flags ^ GNTMAP_readonly) & (GNTMAP_readonly | GNTMAP_application_map);
	uint64_t avail = (uint64_t)(flags >> GNTMAP_AVAIL) << PTE_AVAIL_SHIFT & PTE_AVAIL;

	return make_pte(mfn, PTE_P | PTE_A | PTE_D) | rights >> 1 | avail;
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
	if (unlikely(!is_live_l1(pg, v->domain)))
		return NULL;
	return where;
}

/* Write the entry, which takes over a hold on the frame. */
static inline int enter(struct vcpu *v, struct domain *granter, uint64_t addr, uint32_t flags, mfn_t mfn)
{
	struct domain *d = v->domain;
	uint64_t *where;

	if (unlikely(frame_hold(granter, mfn, flags & GNTMAP_readonly)))
		return GNTST_general_error;
	if (granter != d)
		granter->mm.tlb_abroad = CPUSET_ALL;
	spin_lock(&d->mm.pt_lock);
	where = find_entry(v, addr, flags);
	if (likely(where)) {
		uint64_t pte = l1_in(pte_for(mfn, flags), d->paging->added[1]);

		l1_put(__atomic_exchange_n(where, pte, __ATOMIC_ACQ_REL));
	}
	spin_unlock(&d->mm.pt_lock);
	if (likely(where))
		return GNTST_okay;
	frame_drop(mfn, flags & GNTMAP_readonly);
	return GNTST_general_error;
}

/* Take the entry away, or put in its place the one that maps @new_addr, which moves with all it holds. */
static inline int leave(struct vcpu *v, uint64_t addr, uint64_t new_addr, uint32_t flags, mfn_t mfn)
{
	struct domain *d = v->domain;
	uint64_t *where, *from = NULL, old = 0;
	int rc = GNTST_general_error;

	if (new_addr && (flags & GNTMAP_contains_pte))
		return rc;
	spin_lock(&d->mm.pt_lock);
	where = find_entry(v, addr, flags);
	if (new_addr)
		from = find_entry(v, new_addr, 0);
	if (where && l1_same_uses(*where, pte_for(mfn, flags)) && (!new_addr || (from && from != where))) {
		uint64_t new = from ? __atomic_exchange_n(from, 0, __ATOMIC_ACQ_REL) : 0;

		old = __atomic_exchange_n(where, new, __ATOMIC_ACQ_REL);
		rc = GNTST_okay;
	}
	l1_put(old);
	spin_unlock(&d->mm.pt_lock);
	return rc;
}

/* The entry is pinned: now the mapping itself. */
static __cold int map_for_device(struct vcpu *v, struct domain *granter,
				 const struct gnttab_map_grant_ref *op, mfn_t mfn)
{
	bool readonly = op->flags & GNTMAP_readonly;

	if (frame_hold(granter, mfn, readonly))
		return GNTST_general_error;
	if (!(op->flags & GNTMAP_host_map) || !enter(v, granter, op->host_addr, op->flags, mfn))
		return GNTST_okay;
	frame_drop(mfn, readonly);
	return GNTST_general_error;
}

static inline int map_pinned(struct vcpu *v, struct domain *granter, const struct gnttab_map_grant_ref *op,
			     mfn_t mfn)
{
	if (unlikely(op->flags & GNTMAP_device_map))
		return map_for_device(v, granter, op, mfn);
	return enter(v, granter, op->host_addr, op->flags, mfn);
}

int grant_map(struct vcpu *v, struct domain *granter, struct gnttab_map_grant_ref *op)
{
	struct grant_table *own = v->domain->grants;
	bool readonly = op->flags & GNTMAP_readonly;
	struct maptrack *m;
	uint32_t handle;
	mfn_t mfn;
	int rc;

	if (unlikely(!(op->flags & MAPTRACK_PARTS)))
		return GNTST_bad_gntref;
	m = maptrack_get(own, &handle);
	if (unlikely(!m))
		return GNTST_no_space;
	rc = grant_pin(granter, op->ref, v->domain->id, readonly, &mfn);
	if (likely(!rc)) {
		rc = map_pinned(v, granter, op, mfn);
		if (unlikely(rc))
			grant_unpin(granter, op->ref, readonly);
	}
	if (unlikely(rc)) {
		maptrack_put(own, m, handle);
		return rc;
	}
	m->granter = granter;
	m->ref = op->ref;
	/* The last: from here on another vCPU may unmap it. */
	__atomic_store_n(&m->flags, op->flags & ~MAPTRACK_BUSY, __ATOMIC_RELEASE);
	op->handle = handle;
	op->dev_bus_addr = mfn << PAGE_SHIFT;
	return GNTST_okay;
}

/* The mapping pins the entry, so what it says of the frame stays. */
static inline mfn_t frame_of(const struct maptrack *m)
{
	return grant_use(m->granter->grants, m->ref)->frame;
}

int grant_unmap_begin(struct vcpu *v, struct grant_unmap *u, uint64_t host_addr, uint64_t dev_addr,
		      uint64_t new_addr)
{
	struct maptrack *m = maptrack_claim(v->domain->grants, u->handle);
	int rc = GNTST_okay;
	mfn_t mfn;

	u->done = 0;
	if (unlikely(!m))
		return GNTST_bad_handle;
	u->m = m;
	mfn = frame_of(m);
	if (dev_addr && (m->flags & GNTMAP_device_map)) {
		if (dev_addr != mfn << PAGE_SHIFT)
			rc = GNTST_bad_dev_addr;
		u->done = GNTMAP_device_map;
	}
	if (!rc && host_addr && (m->flags & GNTMAP_host_map)) {
		rc = leave(v, host_addr, new_addr, m->flags, mfn);
		u->done |= GNTMAP_host_map;
	}
	if (unlikely(rc || !u->done)) {
		u->done = 0;
		__atomic_store_n(&m->flags, m->flags & ~MAPTRACK_BUSY, __ATOMIC_RELEASE);
	}
	return rc;
}

void grant_unmap_end(struct domain *d, const struct grant_unmap *u)
{
	struct maptrack *m = u->m;
	struct domain *granter = m->granter;
	grant_ref_t ref = m->ref;
	uint32_t left = m->flags & ~(u->done | MAPTRACK_BUSY);
	bool readonly = m->flags & GNTMAP_readonly;

	if (unlikely(u->done & GNTMAP_device_map))
		frame_drop(frame_of(m), readonly);
	if (unlikely(left & MAPTRACK_PARTS)) {
		__atomic_store_n(&m->flags, left, __ATOMIC_RELEASE);
		return;
	}
	maptrack_put(d->grants, m, u->handle);
	grant_unpin(granter, ref, readonly);
	domain_put(granter);
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
	while (gt->maptrack_frames) {
		heap_free_pages(gt->maptrack[--gt->maptrack_frames], 0);
		if (gt->maptrack_frames % RELEASE_PER_CHECK == 0 && gt->maptrack_frames &&
		    hypercall_preempt_check()) {
			gt->release_next =
			    gt->maptrack_frames * MAPTRACKS_PER_FRAME; /* no mapping is left in them */
			return -ERESTART;
		}
	}
	heap_free(gt->maptrack);
	gt->maptrack = NULL;
	gt->maptrack_free = MAPTRACK_NONE;
	return 0;
}
