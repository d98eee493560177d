/* SPDX-License-Identifier: MIT */
/* Memory that comes, goes, is traded; grants given, mapped, copied. */
#include "fuzz.h"
#include "xen/grant_table.h"

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
			in[i] = frames[ARENA_PAGES + below(f, FRAMES - ARENA_PAGES)];
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
	static const unsigned cmds[] = {2, 3, 4, 5, 7, 9, 10, 12, 13, 14, 15, 23, 24, 25, 27, 28};
	uint64_t *arg = buffer(f, 64);

	for (unsigned i = 0; i < 8; i++)
		arg[i] = any_word(f);
	if (one_in(f, 2))
		*(domid_t *)arg = any_domid(f);
	call(f, __HYPERVISOR_memory_op, one_in(f, 8) ? any_word(f) : cmds[below(f, ARRAY_SIZE(cmds))],
	     pointer(f, arg), 0, 0, 0);
}

/* ---- grants ---- */

#define REFS 64 /* those that it uses */

static char shared_grants[4096] __attribute__((aligned(4096)));
static bool grants_mapped;

void do_grant_setup(struct fuzz *f)
{
	struct gnttab_setup_table *s = buffer(f, sizeof(*s));
	unsigned long *list = buffer(f, 64 * sizeof(*list));

	s->dom = one_in(f, 10) ? any_domid(f) : DOMID_SELF;
	s->nr_frames = one_in(f, 10) ? any_word(f) : 1 + below(f, 4);
	set_xen_guest_handle(s->frame_list, (void *)pointer(f, list));
	call(f, __HYPERVISOR_grant_table_op, GNTTABOP_setup_table, pointer(f, s), 1, 0, 0);
	if (f->queueing || !f->first || grants_mapped || s->status || !list[0])
		return;
	grants_mapped = !hypercall_update_va_mapping(
	    (unsigned long)shared_grants, (pte_t)list[0] << 12 | PTE_P | PTE_RW | PTE_A | PTE_D, UVMF_INVLPG);
}

/* The domain that entries and requests name: often ourselves, since nobody else need be there. */
static domid_t partner(struct fuzz *f)
{
	if (one_in(f, 4))
		return one_in(f, 2) ? any_domid(f) : 0;
	return one_in(f, 2) ? f->self : DOMID_SELF;
}

void do_grant_entry(struct fuzz *f)
{
	volatile struct grant_entry_v1 *e = (void *)shared_grants;

	if (!grants_mapped)
		return;
	e += below(f, REFS);
	e->frame = any_mfn(f);
	e->domid = one_in(f, 4) ? any_domid(f) : f->self;
	barrier();
	e->flags = one_in(f, 6) ? any_word(f) : GTF_permit_access | (one_in(f, 3) ? GTF_readonly : 0);
}

void do_grant_map(struct fuzz *f)
{
	struct gnttab_map_grant_ref *m = buffer(f, sizeof(*m));
	int level;

	m->flags = one_in(f, 4) ? below(f, 64) : 2 /* GNTMAP_host_map */ | (one_in(f, 3) ? 4 : 0);
	m->host_addr = m->flags & 16 ? live_entry(f, &level) : arena_va(f) & ~4095ul;
	if (one_in(f, 12))
		m->host_addr = any_word(f);
	m->ref = one_in(f, 12) ? any_word(f) : below(f, REFS);
	m->dom = partner(f);
	call(f, __HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, pointer(f, m), 1, 0, 0);
	if (!f->queueing && !m->status)
		f->handles[below(f, ARRAY_SIZE(f->handles))] = m->handle;
}

void do_grant_unmap(struct fuzz *f)
{
	struct gnttab_unmap_grant_ref *u = buffer(f, sizeof(*u));
	bool replace = one_in(f, 4);

	u->host_addr = one_in(f, 4) ? any_word(f) : arena_va(f) & ~4095ul;
	u->dev_bus_addr = one_in(f, 2) ? 0 : one_in(f, 2) ? any_word(f) : (uint64_t)any_mfn(f) << 12;
	u->handle = one_in(f, 6) ? any_word(f) : f->handles[below(f, ARRAY_SIZE(f->handles))];
	call(f, __HYPERVISOR_grant_table_op, replace ? GNTTABOP_unmap_and_replace : GNTTABOP_unmap_grant_ref,
	     pointer(f, u), 1, 0, 0);
}

void do_grant_copy(struct fuzz *f)
{
	struct gnttab_copy *c = buffer(f, sizeof(*c));

	c->flags = one_in(f, 20) ? any_word(f) : below(f, 4);
	c->source.u.gmfn = c->flags & GNTCOPY_source_gref ? below(f, REFS) : any_mfn(f);
	c->dest.u.gmfn = c->flags & GNTCOPY_dest_gref ? below(f, REFS) : va_to_mfn(arena[page_for(f, 0)]);
	c->source.domid = partner(f);
	c->dest.domid = partner(f);
	c->source.offset = one_in(f, 8) ? any_word(f) : below(f, 2048);
	c->dest.offset = one_in(f, 8) ? any_word(f) : below(f, 2048);
	c->len = one_in(f, 8) ? any_word(f) : below(f, 2048);
	call(f, __HYPERVISOR_grant_table_op, GNTTABOP_copy, pointer(f, c), 1, 0, 0);
}

/* A request that is nearly right. */
static void fill_grant_request(struct fuzz *f, unsigned cmd, void *arg)
{
	struct gnttab_swap_grant_ref *swap = arg;
	struct gnttab_cache_flush *flush = arg;
	struct gnttab_transfer *transfer = arg;

	switch (cmd) {
	case GNTTABOP_swap_grant_ref:
		*swap = (struct gnttab_swap_grant_ref){.ref_a = below(f, REFS), .ref_b = below(f, REFS)};
		break;
	case GNTTABOP_cache_flush:
		flush->a.dev_bus_addr = (uint64_t)any_mfn(f) << 12 | below(f, 4096);
		flush->offset = below(f, 4096);
		flush->length = below(f, 4200);
		flush->op = below(f, 5);
		break;
	case GNTTABOP_transfer:
		*transfer =
		    (struct gnttab_transfer){.mfn = any_mfn(f), .domid = any_domid(f), .ref = below(f, REFS)};
		break;
	case GNTTABOP_set_version:
		((struct gnttab_set_version *)arg)->version = below(f, 4);
		break;
	default: /* the rest begins with the domain it is about, or nearly */
		*(domid_t *)arg = any_domid(f);
		((uint32_t *)arg)[1] = below(f, 6);
	}
}

void do_grant_other(struct fuzz *f)
{
	uint64_t *arg = buffer(f, 256);
	unsigned cmd = one_in(f, 20) ? any_word(f) : below(f, 14);

	if (f->dom0 && cmd == GNTTABOP_dump_table) /* the serial line is slow */
		return;
	if (one_in(f, 3))
		for (unsigned i = 0; i < 32; i++)
			arg[i] = one_in(f, 2) ? any_word(f) : 0;
	else
		fill_grant_request(f, cmd, arg);
	call(f, __HYPERVISOR_grant_table_op, cmd, pointer(f, arg),
	     one_in(f, 10) ? any_word(f) : 1 + below(f, 3), 0, 0);
}
