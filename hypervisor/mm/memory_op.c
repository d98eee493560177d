/* SPDX-License-Identifier: MIT */
/*
 * The hypercall memory_op: dispatch, and the operations on lists of extents. These return only how
 * many extents were done: a bad argument simply ends the list early. They restart with the number of
 * the next extent above the command.
 */
#include "mm/memory_op.h"
#include "guest/domain.h"
#include "guest/hypercall.h"
#include "hypercalls.h"
#include "lib/errno.h"
#include "mm/guest_copy.h"
#include "mm/memory.h"
#include "mm/mmu_owner.h"
#include "mm/page.h"
#include "xen/memory.h"

#define MAX_EXTENTS (~0u >> MEMOP_EXTENT_SHIFT)

/* An extent of several frames, in steps. 0: w->x.out[0] is the first; or -errno. */
static int populate_many(struct memory_work *w, const struct xen_memory_reservation *r, pfn_t gpfn)
{
	int rc;

	w->x.n = 1u << r->extent_order;
	w->x.out_order = r->extent_order;
	w->x.addr_bits = XENMEMF_get_address_bits(r->mem_flags);
	w->x.grows = true;
	w->x.gpfn = gpfn;
	do {
		rc = memory_exchange(w->d, &w->x);
	} while (rc == -ERESTART && !hypercall_preempt_check());
	return rc;
}

static int decrease_many(struct memory_work *w, const struct xen_memory_reservation *r, mfn_t mfn)
{
	int rc;

	do {
		rc = memory_decrease(w->d, mfn, r->extent_order, &w->at);
	} while (rc == -ERESTART && !hypercall_preempt_check());
	return rc;
}

/* Extent @i of several frames: a restart comes back to it, and to what was begun. */
static int large_extent(uint32_t cmd, struct domain *d, const struct xen_memory_reservation *r, uint64_t i,
			uint64_t given)
{
	uint64_t key[14] = {cmd, r->extent_order, r->mem_flags, i, given};
	struct memory_work *w;
	int rc = memory_work_get(current, d, key, &w);
	mfn_t mfn;

	if (!rc)
		rc = cmd == XENMEM_decrease_reservation ? decrease_many(w, r, given)
							: populate_many(w, r, given);
	if (rc == -ERESTART || !w)
		return rc;
	mfn = w->x.out[0];
	memory_work_end(current); /* nothing is left to cancel */
	/* The guest could be told at the beginning. If it no longer can, it owns the frames all the same. */
	if (!rc && cmd != XENMEM_decrease_reservation && r->extent_start &&
	    guest_put_word(r->extent_start, i, mfn))
		rc = -EFAULT;
	return rc;
}

static int small_extent(uint32_t cmd, struct domain *d, const struct xen_memory_reservation *r, uint64_t i,
			uint64_t given)
{
	uint32_t at = 0;
	mfn_t mfn;

	if (cmd == XENMEM_decrease_reservation)
		return memory_decrease(d, given, 0, &at);
	mfn = memory_populate(d, given, XENMEMF_get_address_bits(r->mem_flags));
	if (mfn == INVALID_MFN)
		return -ENOMEM;
	/* A guest that cannot be told its frame could never find it: the frame is taken back. */
	if (r->extent_start && guest_put_word(r->extent_start, i, mfn)) {
		memory_decrease(d, mfn, 0, &at);
		return -EFAULT;
	}
	return 0;
}

/* Can the guest be told of extent @i? Its word keeps its value. */
static bool can_be_told(const struct xen_memory_reservation *r, uint64_t i)
{
	uint64_t there;

	return !guest_get_word(&there, r->extent_start, i) && !guest_put_word(r->extent_start, i, there);
}

/* 0, -ERESTART, or another -errno. */
static int one_extent(uint32_t cmd, struct domain *d, const struct xen_memory_reservation *r, uint64_t i)
{
	uint64_t given = INVALID_PFN;

	if (cmd != XENMEM_increase_reservation && guest_get_word(&given, r->extent_start, i))
		return -EFAULT;
	if (!r->extent_order)
		return small_extent(cmd, d, r, i, given);
	if (cmd != XENMEM_decrease_reservation && r->extent_start && !can_be_told(r, i))
		return -EFAULT;
	return large_extent(cmd, d, r, i, given);
}

long memory_reservation_op(uint32_t cmd, uint64_t start, gva_t arg)
{
	struct xen_memory_reservation r;
	unsigned max_order = current->domain->privileged ? MAX_ORDER_DOM0 : MAX_ORDER_DOMU;
	struct domain *d;
	uint64_t i = start;
	int rc;

	if (guest_get(&r, arg, xen_memory_reservation) || r.nr_extents > MAX_EXTENTS ||
	    start >= r.nr_extents || r.extent_order > max_order)
		return start;
	d = memory_domain_get(r.domid, &rc);
	if (!d)
		return start;
	for (rc = 0; i < r.nr_extents; i++) {
		rc = i != start && hypercall_preempt_check() ? -ERESTART : one_extent(cmd, d, &r, i);
		if (rc)
			break;
	}
	domain_put(d);
	return rc == -ERESTART ? HYPERCALL_RESTART(memory_op, cmd | i << MEMOP_EXTENT_SHIFT, arg) : (long)i;
}

static long claim_pages(gva_t arg)
{
	struct xen_memory_reservation r;
	struct domain *d;
	int rc;

	if (!current->domain->privileged)
		return -EPERM;
	if (guest_get(&r, arg, xen_memory_reservation))
		return -EFAULT;
	if (r.extent_start || r.extent_order || r.mem_flags)
		return -EINVAL;
	d = memory_domain_get(r.domid, &rc);
	if (!d)
		return rc;
	rc = domain_claim_pages(d, r.nr_extents);
	domain_put(d);
	return rc;
}

long hc_memory_op(uint64_t cmd_arg, uint64_t arg)
{
	uint32_t cmd = cmd_arg & MEMOP_CMD_MASK;
	uint64_t start = (uint32_t)cmd_arg >> MEMOP_EXTENT_SHIFT;

	hypercall_was_long();
	switch (cmd) {
	case XENMEM_increase_reservation:
	case XENMEM_decrease_reservation:
	case XENMEM_populate_physmap:
		return memory_reservation_op(cmd, start, arg);
	case XENMEM_exchange:
		return memory_exchange_op(arg);
	case XENMEM_claim_pages:
		return claim_pages(arg);
	case XENMEM_add_to_physmap:
	case XENMEM_add_to_physmap_batch:
	case XENMEM_remove_from_physmap:
		return -EACCES;       /* a PV guest manages its physmap itself */
	case XENMEM_acquire_resource: /* tools know another way to each of them */
	case XENMEM_get_vnumainfo:
		return -EOPNOTSUPP;
	default:
		return memory_describe_op(cmd, arg);
	}
}
