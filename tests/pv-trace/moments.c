/* SPDX-License-Identifier: MIT */
/*
 * Moments of the trace that are about others. An upcall is followed by the ports that it tells of, at most eight, each of which there
 * is; a guest that writes its pending bits as it likes neither changes that nor makes the upcall long. The copy of a page
 * that another domain granted is told with that domain's number, and one that was refused is not.
 */
#include "control.h"
#include "records.h"
#include "xen/event_channel.h"
#include "xen/grant_table.h"
#include "xen/memory.h"

static unsigned moments_of(uint32_t n, uint32_t what, uint32_t argument)
{
	unsigned found = 0;

	for (uint32_t i = 0; i < n; i++)
		found += records[i].what == what && records[i].low == argument;
	return found;
}

static unsigned all_moments(uint32_t n, uint32_t what)
{
	unsigned found = 0;

	for (uint32_t i = 0; i < n; i++)
		found += records[i].what == what;
	return found;
}

static void forge(unsigned long pending)
{
	for (unsigned i = 0; i < ARRAY_SIZE(shared->evtchn_pending); i++)
		shared->evtchn_pending[i] = pending;
	shared->vcpu_info[0].evtchn_pending_sel = ~0ul;
	shared->vcpu_info[0].evtchn_upcall_pending = 1;
}

/* One upcall, with what is pending then, as records. */
static uint32_t traced_upcall(void)
{
	unsigned long before = upcalls;
	uint64_t lost;

	check_eq(trace(RINGLET_TRACE_start, RINGLET_TRACE_ALL, RECORDS), 0);
	events_on();
	check_eq(upcalls, before + 1);
	events_off();
	check_eq(trace(RINGLET_TRACE_stop, 0, 0), 0);
	return trace_read(&lost);
}

/* Instructions or ticks of an upcall. */
static uint32_t upcall_cost(bool forged)
{
	uint32_t best = ~0u;

	for (int i = 0; i < 8; i++) {
		uint64_t t;

		if (forged)
			forge(0);
		shared->vcpu_info[0].evtchn_upcall_pending = 1;
		t = ticks_now();
		events_on();
		t = ticks_now() - t;
		events_off();
		best = (uint32_t)t < best ? (uint32_t)t : best;
	}
	return best;
}

static uint32_t bind_ipi(void)
{
	struct evtchn_bind_ipi bind = {.vcpu = 0};

	check_eq(hypercall_event_channel_op(EVTCHNOP_bind_ipi, &bind), 0);
	return bind.port;
}

static void sends(uint32_t port)
{
	struct evtchn_send send = {.port = port};

	check_eq(hypercall_event_channel_op(EVTCHNOP_send, &send), 0);
}

static void told(void)
{
	uint32_t port[12], n, at = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(port); i++)
		port[i] = bind_ipi();
	event_mask(port[1], true);
	for (unsigned i = 0; i < 3; i++)
		sends(port[2 - i]);
	n = traced_upcall();
	check_eq(all_moments(n, RINGLET_RECORD_upcall), 1);
	check_eq(all_moments(n, RINGLET_RECORD_told), 2);
	while (at < n && records[at].what != RINGLET_RECORD_upcall)
		at++;
	check_eq(records[at + 1].what, RINGLET_RECORD_told);
	check_eq(records[at + 1].low, port[0]); /* of domain 0 */
	check_eq(records[at + 2].what, RINGLET_RECORD_told);
	check_eq(records[at + 2].low, port[2]);
	check_order(n);

	check_eq(hypercall_event_channel_op(EVTCHNOP_close, &(struct evtchn_close){.port = port[2]}), 0);
	forge(~0ul);
	n = traced_upcall();
	check_eq(all_moments(n, RINGLET_RECORD_told), 8);
	for (uint32_t i = 0; i < n; i++)
		check(records[i].what != RINGLET_RECORD_told || records[i].low <= port[ARRAY_SIZE(port) - 1]);
	check_eq(moments_of(n, RINGLET_RECORD_told, port[0]), 1);
	check_eq(moments_of(n, RINGLET_RECORD_told, port[1]), 0); /* masked */
	check_eq(moments_of(n, RINGLET_RECORD_told, port[2]), 0); /* no port any more */
	check_eq(moments_of(n, RINGLET_RECORD_told, port[3]), 1);
	check_order(n);
	forge(0);
	events_on();
	events_off();
	event_mask(port[1], false);
}

/* The longest search: each word may have a port, and none has. */
static void forged_costs(void)
{
	uint32_t plain, forged;

	check_eq(trace(RINGLET_TRACE_start, RINGLET_TRACE_ALL, RECORDS), 0);
	plain = upcall_cost(false);
	forged = upcall_cost(true);
	check_eq(trace(RINGLET_TRACE_free, 0, 0), 0);
	printk("traced upcall: %u, with all bits of the selector set %u\n", plain, forged);
	if (upcall_cost(false) == upcall_cost(false)) /* ticks are instructions */
		check(forged < plain + 6000);
}

/* A domain with one page, which Dom0 may use by reference 8. */
#define REF 8
static domid_t granting(void)
{
	struct gnttab_setup_table setup = {.nr_frames = 1};
	struct xen_memory_reservation r = {.nr_extents = 1};
	volatile struct grant_entry_v1 *table = page_alloc();
	unsigned long va = (unsigned long)table;
	pte_t old = *pte_of(va, 1);
	xen_pfn_t mfn = 0, frame;

	op = (struct xen_domctl){0};
	op.u.createdomain.max_vcpus = 1;
	op.u.createdomain.max_evtchn_port = 127;
	op.u.createdomain.max_grant_frames = 1;
	op.u.createdomain.max_maptrack_frames = 1;
	check_eq(domctl(XEN_DOMCTL_createdomain, DOMID_INVALID), 0);
	r.domid = setup.dom = op.domain;
	op.u.max_mem.max_memkb = 64;
	check_eq(domctl(XEN_DOMCTL_max_mem, r.domid), 0);
	set_xen_guest_handle(r.extent_start, &mfn);
	check_eq(hypercall_memory_op(XENMEM_populate_physmap, &r), 1);
	set_xen_guest_handle(setup.frame_list, &frame);
	check_eq(hypercall_grant_table_op(GNTTABOP_setup_table, &setup, 1), 0);
	check_eq(setup.status, GNTST_okay);
	check_eq(hypercall_update_va_mapping_otherdomain(va, (pte_t)frame << 12 | (old & 0xfff), UVMF_INVLPG,
							 r.domid),
		 0);
	table[REF].domid = 0;
	table[REF].frame = mfn;
	table[REF].flags = GTF_permit_access;
	check_eq(hypercall_update_va_mapping(va, old, UVMF_INVLPG), 0);
	return r.domid;
}

static int copy(domid_t dom, uint32_t ref, unsigned len, bool into)
{
	static char page[4096] __attribute__((aligned(4096)));
	struct gnttab_copy c = {.len = len, .flags = into ? GNTCOPY_dest_gref : GNTCOPY_source_gref};

	c.source.domid = into ? DOMID_SELF : dom;
	c.dest.domid = into ? dom : DOMID_SELF;
	if (into) {
		c.source.u.gmfn = va_to_mfn(page);
		c.dest.u.ref = ref;
	} else {
		c.source.u.ref = ref;
		c.dest.u.gmfn = va_to_mfn(page);
	}
	check_eq(hypercall_grant_table_op(GNTTABOP_copy, &c, 1), 0);
	return c.status;
}

static void copied(void)
{
	domid_t dom = granting();
	uint64_t lost;
	uint32_t n;

	check_eq(copy(dom, REF, 40, false), GNTST_okay);
	check_eq(trace(RINGLET_TRACE_start, RINGLET_TRACE_ALL, RECORDS), 0);
	check_eq(copy(dom, REF, 700, false), GNTST_okay);
	check_eq(copy(dom, REF, 4096, true), GNTST_okay);
	check(copy(dom, REF + 1, 900, false) != GNTST_okay);
	check(copy(dom, REF, 4097, true) != GNTST_okay);
	check_eq(trace(RINGLET_TRACE_stop, 0, 0), 0);
	n = trace_read(&lost);
	check_eq(all_moments(n, RINGLET_RECORD_copy), 2);
	check_eq(moments_of(n, RINGLET_RECORD_copy, (uint32_t)dom << 16 | 700), 1);
	check_eq(moments_of(n, RINGLET_RECORD_copy, (uint32_t)dom << 16 | RINGLET_COPY_INTO | 4096), 1);
	check_order(n);
	check_eq(trace(RINGLET_TRACE_free, 0, 0), 0);
	check_eq(domctl(XEN_DOMCTL_destroydomain, dom), 0);
}

void moments(void)
{
	told();
	forged_costs();
	copied();
}
