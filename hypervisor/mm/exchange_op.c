// SPDX-License-Identifier: MIT
/*
 * XENMEM_exchange: give frames, get as many others, in other extents or with shorter addresses (for DMA). One
 * unit is what makes whole extents on both sides; nr_exchanged in the guest's structure counts input
 * extents done, which is also where a restart goes on.
 */
#include "dom/domain.h"
#include "entry/hypercall.h"
#include "hypercalls.h"
#include "lib/errno.h"
#include "mm/guest_copy.h"
#include "mm/memory.h"
#include "mm/memory_op.h"
#include "mm/mmu_owner.h"
#include "mm/page.h"
#include "xen/memory.h"

static bool sane(const struct xen_memory_exchange *e)
{
	const struct xen_memory_reservation *in = &e->in, *out = &e->out;

	return in->extent_order <= MAX_ORDER_DOMU && out->extent_order <= MAX_ORDER_DOMU &&
	       in->nr_extents <= ~0u && out->nr_extents <= ~0u && e->nr_exchanged <= in->nr_extents &&
	       in->nr_extents << in->extent_order == out->nr_extents << out->extent_order &&
	       in->domid == out->domid;
}

/* The unit that begins with input extent @from: collect its frames. */
static int unit_read(const struct xen_memory_exchange *e, uint64_t from, struct exchange *x)
{
	unsigned unit_order = MAX(e->in.extent_order, e->out.extent_order);
	unsigned in_order = e->in.extent_order;

	x->n = 1u << unit_order;
	x->out_order = e->out.extent_order;
	x->addr_bits = XENMEMF_get_address_bits(e->out.mem_flags);
	for (unsigned i = 0; i < x->n >> in_order; i++) {
		uint64_t mfn;

		if (guest_get_word(&mfn, e->in.extent_start, from + i))
			return -EFAULT;
		for (unsigned j = 0; j < 1u << in_order; j++) {
			if (!mfn_valid(mfn + j))
				return -EINVAL;
			x->in[(i << in_order) + j] = mfn + j;
		}
	}
	return 0;
}

/* Are the output words of the unit there? Asked before anything is given away. */
static int unit_probe(gva_t array, uint64_t from, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uint64_t word;

		if (guest_get_word(&word, array, from + i) || guest_put_word(array, from + i, word))
			return -EFAULT;
	}
	return 0;
}

/* Tell the guest its new frames, and the M2P where the guest wants them. */
static int unit_write(const struct xen_memory_exchange *e, uint64_t from, const struct exchange *x)
{
	for (unsigned i = 0; i < x->n >> x->out_order; i++) {
		uint64_t gpfn;

		if (guest_get_word(&gpfn, e->out.extent_start, from + i))
			return -EFAULT;
		for (unsigned j = 0; j < 1u << x->out_order; j++)
			m2p_set(x->out[i] + j, gpfn + j);
		if (guest_put_word(e->out.extent_start, from + i, x->out[i]))
			return -EFAULT;
	}
	return 0;
}

static int one_unit(struct domain *d, struct xen_memory_exchange *e, struct exchange *x)
{
	uint64_t out_from = e->nr_exchanged << e->in.extent_order >> e->out.extent_order;
	int rc = unit_read(e, e->nr_exchanged, x);

	if (!rc)
		rc = unit_probe(e->out.extent_start, out_from, x->n >> x->out_order);
	if (!rc)
		rc = memory_exchange(d, x);
	if (!rc)
		rc = unit_write(e, out_from, x);
	if (!rc)
		e->nr_exchanged += x->n >> e->in.extent_order;
	return rc;
}

/* Whole units only, since both sides hold the same number of frames and orders are powers of two. */
static int run(struct domain *d, struct xen_memory_exchange *e)
{
	struct exchange *x = heap_alloc_for(current->domain, sizeof(*x));
	uint64_t start = e->nr_exchanged;
	int rc = x ? 0 : -ENOMEM;

	while (!rc && e->nr_exchanged < e->in.nr_extents) {
		if (e->nr_exchanged != start && hypercall_preempt_check())
			rc = -ERESTART;
		else
			rc = one_unit(d, e, x);
	}
	heap_free(x);
	return rc;
}

long memory_exchange_op(gva_t arg)
{
	struct xen_memory_exchange e;
	struct domain *d;
	int rc;

	if (guest_get(&e, arg, xen_memory_exchange))
		return -EFAULT;
	if (!sane(&e))
		return -EINVAL;
	d = mmu_owner_get(e.in.domid, &rc);
	if (!d)
		return rc;
	rc = run(d, &e);
	domain_put(d);
	if (guest_put(arg, &e, xen_memory_exchange))
		return -EFAULT;
	return rc == -ERESTART ? HYPERCALL_RESTART(__HYPERVISOR_memory_op, XENMEM_exchange, arg) : rc;
}
