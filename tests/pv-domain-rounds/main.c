/* SPDX-License-Identifier: MIT */
/*
 * A thousand domains, of both kinds in turn, each built as far as chance will have it and then destroyed: without
 * memory, with some, with page tables pinned and not, with vCPUs that have a context, that run (nothing good), with
 * event channels offered to it, while we map some of its frames. Afterwards every frame is free again, the numbers are
 * unknown, our ports are closed, and the auditor (audit=exit, and here every 100 rounds) is content.
 */
#include "control.h"
#include "fw.h"

const char test_title[] = "pv-domain-rounds";

#define ROUNDS 1000
#define PAGES  24
#define RW     (PTE_P | PTE_RW | PTE_A | PTE_D)

static xen_pfn_t mfn[PAGES];
static char window[4096] __attribute__((aligned(4096)));
static uint32_t seed = 1;

static unsigned below(unsigned n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static void audit(void)
{
	static char key = 'a';

	set_xen_guest_handle(sys.u.debug_keys.keys, &key);
	sys.u.debug_keys.nr_keys = 1;
	check_eq(sysctl(XEN_SYSCTL_debug_keys), 0);
}

static domid_t create(unsigned bits, unsigned vcpus)
{
	domid_t id;

	op = (struct xen_domctl){0};
	op.u.createdomain.max_vcpus = vcpus;
	op.u.createdomain.max_evtchn_port = -1;
	op.u.createdomain.max_grant_frames = 4;
	op.u.createdomain.max_maptrack_frames = 4;
	check_eq(domctl(XEN_DOMCTL_createdomain, DOMID_INVALID), 0);
	id = op.domain;
	op.u.address_size.size = bits;
	check_eq(domctl(XEN_DOMCTL_set_address_size, id), 0);
	op.u.max_vcpus.max = vcpus;
	check_eq(domctl(XEN_DOMCTL_max_vcpus, id), 0);
	op.u.max_mem.max_memkb = PAGES * 4;
	check_eq(domctl(XEN_DOMCTL_max_mem, id), 0);
	return id;
}

static void map(unsigned long frame, domid_t id)
{
	check_eq(hypercall_update_va_mapping_otherdomain((unsigned long)window, (pte_t)frame << 12 | RW,
							 UVMF_INVLPG, id),
		 0);
}

static void unmap(void)
{
	check_eq(hypercall_update_va_mapping((unsigned long)window, 0, UVMF_INVLPG), 0);
}

/* Fill frame @i of it with @n entries of @flags that name the frames from @to on, one after the other. */
static void fill(domid_t id, unsigned i, unsigned n, unsigned to, pte_t flags)
{
	map(mfn[i], id);
	for (unsigned e = 0; e < n; e++)
		((volatile pte_t *)window)[e] = (pte_t)mfn[to + e] << 12 | flags;
	unmap();
}

static int foreign_pin(domid_t id, unsigned cmd, unsigned i)
{
	struct mmuext_op pin = {.cmd = cmd};

	pin.arg1.mfn = mfn[i];
	return hypercall_mmuext_op(&pin, 1, NULL, id);
}

/* Frame 0: the root; 4 to 7: L2s; 1: an L1 that maps the data from 8 on; pv64: 2 the L3, 4 its L2. */
static void tables(domid_t id, unsigned bits)
{
	fill(id, 1, 8, 8, RW | PTE_U);
	fill(id, 4, 1, 1, RW | PTE_U);
	fill(id, 7, 1, 1, RW | PTE_U);
	if (bits == 64) {
		fill(id, 2, 1, 4, RW | PTE_U);
		fill(id, 0, 1, 2, RW | PTE_U);
	} else {
		fill(id, 0, 4, 4, PTE_P);
	}
	check_eq(foreign_pin(id, bits == 64 ? MMUEXT_PIN_L4_TABLE : MMUEXT_PIN_L3_TABLE, 0), 0);
}

/* What was given, and flags and selectors as they were made fit for a guest. */
static void same_context(const uint64_t *given, const uint64_t *back, unsigned bits)
{
	const uint32_t *g = (const uint32_t *)given, *b = (const uint32_t *)back;

	check_eq(b[0] & 0xffff, g[0] & 0xffff);
	check_eq(b[24 / 4], g[24 / 4]);
	check(back[160 / 8] == given[160 / 8]);
	check_eq(b[0x200 / 4] & (VGCF_i387_valid | VGCF_in_kernel | VGCF_online),
		 VGCF_i387_valid | VGCF_in_kernel | VGCF_online);
	if (bits == 64)
		check(back[0x1378 / 8 + 3] == given[0x1378 / 8 + 3]);
	else
		check_eq(b[0xa9c / 4 + 3], g[0xa9c / 4 + 3]);
}

/* A context whose code is nowhere: it faults at once and is ended, or is destroyed before. */
static void run(domid_t id, unsigned bits)
{
	static uint64_t back[700],
	    context[700]; /* either layout; the words that matter at their places (abi-notes) */
	uint64_t cr3 = bits == 64 ? (uint64_t)mfn[0] << 12 : (uint32_t)(mfn[0] << 12) | mfn[0] >> 20;

	for (unsigned i = 0; i < ARRAY_SIZE(context); i++)
		context[i] = 0;
	context[0x200 / 8] = VGCF_i387_valid | VGCF_in_kernel | VGCF_online;
	if (bits == 64) {
		context[(0x208 + 136) / 8] = 0xe033;
		context[(0x208 + 160) / 8] = 0xe02b;
		context[0x1378 / 8 + 3] = cr3;
	} else {
		((uint32_t *)context)[(0x204 + 36) / 4] = 0xe019;
		((uint32_t *)context)[(0x204 + 48) / 4] = 0xe021;
		((uint32_t *)context)[0xa9c / 4 + 3] = cr3;
	}
	((uint16_t *)context)[0] = 0x27f; /* FXSAVE: FCW, MXCSR, XMM0 */
	((uint32_t *)context)[24 / 4] = 0x9f80;
	context[160 / 8] = 0x0123456789abcdef;
	op.u.vcpucontext.vcpu = 0;
	set_xen_guest_handle(op.u.vcpucontext.ctxt, (void *)context);
	check_eq(domctl(XEN_DOMCTL_setvcpucontext, id), 0);
	set_xen_guest_handle(op.u.vcpucontext.ctxt, (void *)back);
	check_eq(domctl(XEN_DOMCTL_getvcpucontext, id), 0);
	same_context(context, back, bits);
	domctl(XEN_DOMCTL_unpausedomain, id);
}

static void one_round(unsigned i)
{
	unsigned bits = i & 1 ? 32 : 64, stage = below(6);
	domid_t id = create(bits, 1 + below(3));
	struct evtchn_alloc_unbound offer = {.dom = DOMID_SELF, .remote_dom = id};
	struct evtchn_alloc_unbound theirs = {.dom = id, .remote_dom = DOMID_SELF};
	struct evtchn_bind_interdomain bind = {.remote_dom = id};
	struct evtchn_close close;
	struct xen_memory_reservation r = {.nr_extents = PAGES, .domid = id};

	for (unsigned page = 0; page < PAGES; page++)
		mfn[page] = page;
	set_xen_guest_handle(r.extent_start, mfn);
	r.mem_flags = XENMEMF_address_bits(32);
	if (stage > 0)
		check_eq(hypercall_memory_op(XENMEM_populate_physmap, &r), PAGES);
	if (stage > 1)
		tables(id, bits);
	if (stage > 2) {
		check_eq(hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &offer), 0);
		check_eq(hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &theirs), 0);
		bind.remote_port = theirs.port;
		check_eq(hypercall_event_channel_op(EVTCHNOP_bind_interdomain, &bind), 0);
	}
	if (stage > 3 && i % 16 < 2) {
		run(id, bits);
		for (unsigned n = below(300); n; n--)
			hypercall_sched_op(SCHEDOP_yield, NULL);
	}
	if (stage > 4) /* we still hold one when it is gone */
		map(mfn[PAGES - 1], id);
	check_eq(domctl(XEN_DOMCTL_destroydomain, id), 0);
	if (stage > 4)
		unmap();
	if (stage > 2) {
		close.port = offer.port;
		check_eq(hypercall_event_channel_op(EVTCHNOP_close, &close), 0);
		close.port = bind.local_port;
		check_eq(hypercall_event_channel_op(EVTCHNOP_close, &close), 0);
	}
	check_eq(domctl(XEN_DOMCTL_pausedomain, id), -XEN_ESRCH);
}

void test_main(void)
{
	uint64_t before = 0, after;

	for (unsigned i = 0; i < ROUNDS; i++) {
		if (i == 8) { /* by now what is allocated once is there */
			audit();
			before = free_pages();
		}
		one_round(i);
		if (i % 100 == 99)
			audit();
	}
	after = free_pages();
	check_eq(after, before);
}
