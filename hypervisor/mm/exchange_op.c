/* SPDX-License-Identifier: MIT */
/*
 * XENMEM_exchange: give frames, get as many others, in other extents or with shorter addresses (for DMA). A
 * unit is the least that makes whole extents on both sides; nr_exchanged in the guest's structure counts the
 * input extents done, which is also where a restart goes on.
 */
#include "guest/domain.h"
#include "guest/hypercall.h"
#include "hypercalls.h"
#include "lib/errno.h"
#include "lib/string.h"
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

/* A unit goes through these phases; each goes on in steps of some frames. */
enum {
	READ,
	PROBE,
	TRADE,
	TELL
};
#define FRAMES_PER_STEP 64u

static unsigned in_extents(const struct xen_memory_exchange *e, const struct exchange *x)
{
	return x->n >> e->in.extent_order;
}

static unsigned out_extents(const struct exchange *x)
{
	return x->n >> x->out_order;
}

static uint64_t out_from(const struct xen_memory_exchange *e)
{
	return e->nr_exchanged << e->in.extent_order >> e->out.extent_order;
}

/* Input extent @i of the unit: collect its frames. */
static int read_extent(const struct xen_memory_exchange *e, struct exchange *x, unsigned i)
{
	unsigned order = e->in.extent_order;
	uint64_t mfn;

	if (guest_get_word(&mfn, e->in.extent_start, e->nr_exchanged + i))
		return -EFAULT;
	for (unsigned j = 0; j < 1u << order; j++) {
		if (!mfn_valid(mfn + j))
			return -EINVAL;
		x->in[(i << order) + j] = mfn + j;
	}
	return 0;
}

/* Is the word of output extent @i there? Asked before anything is given away. */
static int probe_extent(const struct xen_memory_exchange *e, unsigned i)
{
	uint64_t word;

	return guest_get_word(&word, e->out.extent_start, out_from(e) + i) ||
		       guest_put_word(e->out.extent_start, out_from(e) + i, word)
		   ? -EFAULT
		   : 0;
}

/* Tell the guest its new extent @i, and enter the gpfns it asks for in the M2P, for frames that it still owns. */
static int tell_extent(const struct xen_memory_exchange *e, struct domain *d, const struct exchange *x,
		       unsigned i)
{
	uint64_t gpfn;

	if (guest_get_word(&gpfn, e->out.extent_start, out_from(e) + i))
		return -EFAULT;
	for (unsigned j = 0; j < 1u << x->out_order; j++)
		m2p_set_of(d, x->out[i] + j, gpfn + j);
	return guest_put_word(e->out.extent_start, out_from(e) + i, x->out[i]) ? -EFAULT : 0;
}

/* The next step of phase READ, PROBE or TELL: whole extents, whose frames count. */
static int some_extents(const struct xen_memory_exchange *e, struct memory_work *w)
{
	unsigned extents = w->phase == READ ? in_extents(e, &w->x) : out_extents(&w->x), frames = 0;
	unsigned each = w->x.n / extents;
	int rc = 0;

	for (; w->at < extents && frames < FRAMES_PER_STEP && !rc; w->at++, frames += each)
		rc = w->phase == READ    ? read_extent(e, &w->x, w->at)
		     : w->phase == PROBE ? probe_extent(e, w->at)
					 : tell_extent(e, w->d, &w->x, w->at);
	return rc ? rc : w->at < extents ? -ERESTART : 0;
}

/* One step of the unit that begins with input extent nr_exchanged. 0: it is done; -ERESTART: it is not; or an error. */
static int step(struct xen_memory_exchange *e, struct memory_work *w)
{
	int rc = w->phase == TRADE ? memory_exchange(w->d, &w->x) : some_extents(e, w);

	if (rc)
		return rc;
	w->at = 0;
	if (w->phase++ < TELL)
		return -ERESTART;
	w->phase = READ;
	e->nr_exchanged += in_extents(e, &w->x);
	return 0;
}

/* Whole units only, since both sides hold the same number of frames and orders are powers of two. */
static int run(struct domain *d, struct xen_memory_exchange *e)
{
	uint64_t key[14] = {XENMEM_exchange};
	struct memory_work *w;
	int rc;

	_Static_assert(sizeof(*e) <= sizeof(key) - sizeof(*key), "the key has room for it");
	memcpy(key + 1, e, sizeof(*e));
	rc = memory_work_get(current, d, key, &w);
	if (rc)
		return rc;
	w->x.n = 1u << MAX(e->in.extent_order, e->out.extent_order);
	w->x.out_order = e->out.extent_order;
	w->x.addr_bits = XENMEMF_get_address_bits(e->out.mem_flags);
	while (e->nr_exchanged < e->in.nr_extents) {
		rc = step(e, w);
		if (rc && rc != -ERESTART)
			break;
		if (e->nr_exchanged < e->in.nr_extents && hypercall_preempt_check()) {
			memcpy(w->key + 1, e, sizeof(*e));
			return -ERESTART;
		}
	}
	memory_work_end(current); /* nothing is left to cancel */
	return rc == -ERESTART ? 0 : rc;
}

long memory_exchange_op(gva_t arg)
{
	struct xen_memory_exchange e;
	struct domain *d;
	int rc;

	memset(&e, 0, sizeof(e)); /* compared as a whole, gaps too */
	if (guest_get(&e, arg, xen_memory_exchange))
		return -EFAULT;
	if (!sane(&e))
		return -EINVAL;
	d = memory_domain_get(e.in.domid, &rc);
	if (!d)
		return rc;
	rc = run(d, &e);
	domain_put(d);
	if (guest_put(arg, &e, xen_memory_exchange))
		return -EFAULT;
	return rc == -ERESTART ? HYPERCALL_RESTART(memory_op, XENMEM_exchange, arg) : rc;
}
