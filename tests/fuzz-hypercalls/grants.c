/* SPDX-License-Identifier: MIT */
/* Grants given, mapped, copied, transferred, revoked: with ourselves, and with a peer that does the same. */
#include "fuzz.h"

#define REFS 64 /* those that it uses */

static char shared_grants[4096] __attribute__((aligned(4096)));
static bool grants_mapped;
static volatile unsigned long handles[16]; /* of mappings: both vCPUs unmap them, and race for it */

static void setup(struct fuzz *f, domid_t domid, uint32_t frames_wanted)
{
	struct gnttab_setup_table *s = buffer(f, sizeof(*s));
	unsigned long *list = buffer(f, 64 * sizeof(*list));

	s->dom = domid;
	s->nr_frames = frames_wanted;
	set_xen_guest_handle(s->frame_list, (void *)pointer(f, list));
	call(f, __HYPERVISOR_grant_table_op, GNTTABOP_setup_table, pointer(f, s), 1, 0, 0);
	if (f->queueing || !f->first || grants_mapped || s->status || !list[0])
		return;
	grants_mapped = !hypercall_update_va_mapping(
	    (unsigned long)shared_grants, (pte_t)list[0] << 12 | PTE_P | PTE_RW | PTE_A | PTE_D, UVMF_INVLPG);
}

void do_grant_setup(struct fuzz *f)
{
	setup(f, one_in(f, 10) ? any_domid(f) : DOMID_SELF, one_in(f, 10) ? any_word(f) : 1 + below(f, 4));
}

/* Before anything else, so that there is something to share. */
void grants_init(struct fuzz *f)
{
	while (!grants_mapped)
		setup(f, DOMID_SELF, 1);
	for (unsigned i = 0; i < REFS; i++)
		do_grant_entry(f);
}

/* The domain that entries and requests name: our peer, or ourselves, since no other domain need be there. */
static domid_t partner(struct fuzz *f)
{
	if (f->peer && !one_in(f, 3))
		return f->peer;
	if (one_in(f, 4))
		return one_in(f, 2) ? any_domid(f) : 0;
	return one_in(f, 2) ? f->self : DOMID_SELF;
}

/* Give, change, revoke. */
void do_grant_entry(struct fuzz *f)
{
	volatile struct grant_entry_v1 *e = (void *)shared_grants;

	if (!grants_mapped)
		return;
	e += below(f, REFS);
	if (one_in(f, 5)) {
		e->flags = 0;
		return;
	}
	e->frame = one_in(f, 3) ? any_mfn(f) : va_to_mfn(arena[page_for(f, 0)]);
	e->domid = partner(f);
	if (e->domid == DOMID_SELF)
		e->domid = f->self;
	barrier();
	if (one_in(f, 6))
		e->flags = any_word(f);
	else if (one_in(f, 8))
		e->flags = GTF_accept_transfer;
	else
		e->flags = GTF_permit_access | (one_in(f, 3) ? GTF_readonly : 0);
}

void do_grant_map(struct fuzz *f)
{
	unsigned n = one_in(f, 3) ? 1 + below(f, 4) : 1;
	struct gnttab_map_grant_ref *m = buffer(f, n * sizeof(*m));
	int level;

	for (unsigned i = 0; i < n; i++) {
		m[i].flags =
		    one_in(f, 4) ? below(f, 64) : GNTMAP_host_map | (one_in(f, 3) ? GNTMAP_readonly : 0);
		m[i].host_addr =
		    m[i].flags & GNTMAP_contains_pte ? live_entry(f, &level) : arena_va(f) & ~4095ul;
		if (one_in(f, 12))
			m[i].host_addr = any_word(f);
		m[i].ref = one_in(f, 12) ? any_word(f) : below(f, REFS);
		m[i].dom = partner(f);
		m[i].status = -1;
	}
	call(f, __HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, pointer(f, m), n, 0, 0);
	for (unsigned i = 0; i < n && !f->queueing; i++)
		if (!m[i].status) {
			worked[MAPPED] += m[i].dom == f->peer;
			handles[below(f, ARRAY_SIZE(handles))] = m[i].handle;
		}
}

/* Often one handle twice. */
void do_grant_unmap(struct fuzz *f)
{
	unsigned n = one_in(f, 3) ? 1 + below(f, 3) : 1;
	unsigned long handle = handles[below(f, ARRAY_SIZE(handles))];
	struct gnttab_unmap_grant_ref *u = buffer(f, n * sizeof(*u));
	bool replace = one_in(f, 4);

	for (unsigned i = 0; i < n; i++) {
		u[i].host_addr = one_in(f, 4) ? any_word(f) : arena_va(f) & ~4095ul;
		u[i].dev_bus_addr = one_in(f, 2)   ? 0
				    : one_in(f, 2) ? any_word(f)
						   : (uint64_t)any_mfn(f) << 12;
		u[i].handle = one_in(f, 6) ? any_word(f) : handle;
		if (one_in(f, 2))
			handle = handles[below(f, ARRAY_SIZE(handles))];
	}
	call(f, __HYPERVISOR_grant_table_op, replace ? GNTTABOP_unmap_and_replace : GNTTABOP_unmap_grant_ref,
	     pointer(f, u), n, 0, 0);
}

void do_grant_copy(struct fuzz *f)
{
	struct gnttab_copy *c = buffer(f, sizeof(*c));

	c->flags = one_in(f, 20) ? any_word(f) : below(f, 4);
	c->source.u.gmfn = c->flags & GNTCOPY_source_gref ? below(f, REFS) : any_mfn(f);
	c->dest.u.gmfn = c->flags & GNTCOPY_dest_gref ? below(f, REFS) : va_to_mfn(arena[page_for(f, 0)]);
	c->source.domid = c->flags & GNTCOPY_source_gref || one_in(f, 8) ? partner(f) : DOMID_SELF;
	c->dest.domid = c->flags & GNTCOPY_dest_gref || one_in(f, 8) ? partner(f) : DOMID_SELF;
	c->source.offset = one_in(f, 8) ? any_word(f) : below(f, 2048);
	c->dest.offset = one_in(f, 8) ? any_word(f) : below(f, 2048);
	c->status = -1;
	c->len = one_in(f, 8) ? any_word(f) : below(f, 2048);
	call(f, __HYPERVISOR_grant_table_op, GNTTABOP_copy, pointer(f, c), 1, 0, 0);
	worked[COPIED] +=
	    !f->queueing && f->peer && !c->status && (c->source.domid == f->peer || c->dest.domid == f->peer);
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
		*transfer = (struct gnttab_transfer){.mfn = one_in(f, 4) ? any_mfn(f) : unmapped_mfn(f),
						     .domid = partner(f),
						     .ref = below(f, REFS),
						     .status = -1};
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
