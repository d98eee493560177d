/* SPDX-License-Identifier: MIT */
/* Memory that comes, goes, is traded. */
#include "fuzz.h"

static void fill_frames(struct fuzz *f, unsigned long *list, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		list[i] = one_in(f, 4) ? any_mfn(f) : va_to_mfn(arena[page_for(f, 0)]);
}

static void keep(struct fuzz *f, const unsigned long *list, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (list[i] < max_mfn)
			frames[ARENA_PAGES + below(f, FRAMES - ARENA_PAGES)] = list[i];
}

static unsigned any_order(struct fuzz *f)
{
	return one_in(f, 3) ? below(f, 12) : one_in(f, 60) ? any_word(f) : 0;
}

void do_reservation(struct fuzz *f)
{
	static const unsigned cmds[] = {XENMEM_increase_reservation, XENMEM_decrease_reservation,
					XENMEM_populate_physmap};
	struct xen_memory_reservation *r = buffer(f, sizeof(*r));
	unsigned n = 1 + below(f, 8), cmd = cmds[below(f, 3)];
	unsigned long *list = buffer(f, n * sizeof(*list));

	fill_frames(f, list, n);
	/* Extents to be given away: the arena's, not the program's. */
	r->extent_order = cmd == XENMEM_decrease_reservation ? below(f, 2) : any_order(f);
	set_xen_guest_handle(r->extent_start, (void *)pointer(f, list));
	r->nr_extents = one_in(f, 40) ? any_word(f) & 0xff : n;
	r->mem_flags = one_in(f, 4) ? any_word(f) : 0;
	r->domid = one_in(f, 6) ? any_domid(f) : DOMID_SELF;
	if (cmd == XENMEM_decrease_reservation)
		for (unsigned i = 0; i < n; i++)
			list[i] = one_in(f, 8) ? below(f, max_mfn) & (f->dom0 ? 0 : ~0u)
					       : va_to_mfn(arena[page_for(f, 0) & ~1u]);
	call(f, __HYPERVISOR_memory_op, cmd, pointer(f, r), 0, 0, 0);
	if (cmd != XENMEM_decrease_reservation && !f->queueing)
		keep(f, list, n);
}

void do_exchange(struct fuzz *f)
{
	struct xen_memory_exchange *e = buffer(f, sizeof(*e));
	unsigned order = one_in(f, 3) ? below(f, 4) : 0, n = 1 + below(f, 4);
	unsigned long *in = buffer(f, 16 * n * sizeof(*in)), *out = buffer(f, 16 * n * sizeof(*out));

	/* n << order frames, as single ones on one side. */
	fill_frames(f, in, n << order);
	for (unsigned i = 0; i < n << order; i++) {
		if (!one_in(f, 6)) /* unused ones, of those that populate_physmap brought */
			in[i] = unmapped_mfn(f);
		if (f->dom0 && in[i] < frames[0])
			in[i] = frames[FRAMES - 1];
	}
	set_xen_guest_handle(e->in.extent_start, (void *)pointer(f, in));
	e->in.nr_extents = n << order;
	e->in.domid = e->out.domid = one_in(f, 8) ? any_domid(f) : DOMID_SELF;
	set_xen_guest_handle(e->out.extent_start, (void *)pointer(f, out));
	e->out.nr_extents = n;
	e->out.extent_order = order;
	e->out.mem_flags = one_in(f, 3) ? below(f, 64) : 0;
	if (one_in(f, 12))
		e->in.extent_order = any_word(f);
	if (one_in(f, 12))
		e->nr_exchanged = any_word(f);
	if (one_in(f, 12))
		e->out.nr_extents = any_word(f);
	call(f, __HYPERVISOR_memory_op, XENMEM_exchange, pointer(f, e), 0, 0, 0);
	if (!f->queueing)
		keep(f, out, n);
}

void do_memory_other(struct fuzz *f)
{
	static const unsigned cmds[] = {2, 3, 4, 5, 7, 9, 10, 12, 13, 14, 15, 23, 24, 25, 26, 27, 28};
	uint64_t *arg = buffer(f, 64);

	for (unsigned i = 0; i < 8; i++)
		arg[i] = any_word(f);
	if (one_in(f, 2))
		*(domid_t *)arg = any_domid(f);
	call(f, __HYPERVISOR_memory_op, one_in(f, 8) ? any_word(f) : cmds[below(f, ARRAY_SIZE(cmds))],
	     pointer(f, arg), 0, 0, 0);
}
