/* SPDX-License-Identifier: MIT */
/*
 * What a domain can make the hypervisor allocate is on the domain's account and has an end: event channels, grant frames,
 * handles of mappings, memory maps, counters, contexts that are refused, vCPUs. Each is taken until it is refused, with
 * an error and no more; the account stays below its limit, grows by what was taken, and does not grow when the same is
 * taken again. What others have claimed is not there for it. A dead domain's account is empty: every frame is free again.
 */
#include "control.h"
#include "fw.h"
#include "ringlet/sysctl.h"

const char test_title[] = "attack-quota";

#ifdef __x86_64__
#define PORTS 4096
#else
#define PORTS 1024
#endif
#define GRANT_FRAMES    64u
#define HANDLES         (1024u * 256)
#define BATCH           32u
#define GRANT_FRAME_USE (3 * PAGE_SIZE) /* the frame, and two pages of uses */

static uint64_t limit_of_last;

static uint64_t held(domid_t id)
{
	struct ringlet_overhead *o = (void *)sys.u.pad;

	o->domain = id;
	check_eq(sysctl(RINGLET_SYSCTL_overhead), 0);
	check(o->bytes > 0 && o->bytes <= o->limit);
	limit_of_last = o->limit;
	return o->bytes;
}

static void audit(void)
{
	static char key = 'a';

	set_xen_guest_handle(sys.u.debug_keys.keys, &key);
	sys.u.debug_keys.nr_keys = 1;
	check_eq(sysctl(XEN_SYSCTL_debug_keys), 0);
}

static evtchn_port_t port[PORTS];

static unsigned all_ports(void)
{
	struct evtchn_alloc_unbound alloc = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF};
	unsigned n = 0;
	int rc;

	while ((rc = hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &alloc)) == 0 && n < PORTS)
		port[n++] = alloc.port;
	check_eq(rc, -XEN_ENOSPC);
	return n;
}

static void close_ports(unsigned n)
{
	struct evtchn_close close;

	while (n--) {
		close.port = port[n];
		check_eq(hypercall_event_channel_op(EVTCHNOP_close, &close), 0);
	}
}

static void event_channels(void)
{
	uint64_t before = held(DOMID_SELF), after;

	close_ports(all_ports());
	after = held(DOMID_SELF);
	check(after > before && after - before <= PORTS * 64);
	close_ports(all_ports());
	check_eq(held(DOMID_SELF), after);
}

static int setup_table(unsigned frames)
{
	static xen_pfn_t list[GRANT_FRAMES + 1];
	struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = frames};

	set_xen_guest_handle(setup.frame_list, list);
	check_eq(hypercall_grant_table_op(GNTTABOP_setup_table, &setup, 1), 0);
	return setup.status;
}

static void grant_frames(void)
{
	uint64_t before = held(DOMID_SELF);

	check_eq(setup_table(GRANT_FRAMES), GNTST_okay);
	check_eq(held(DOMID_SELF), before + (GRANT_FRAMES - 1) * GRANT_FRAME_USE);
	check(setup_table(GRANT_FRAMES + 1) != GNTST_okay);
	check(setup_table(~0u) != GNTST_okay);
	check_eq(setup_table(GRANT_FRAMES), GNTST_okay);
	check_eq(held(DOMID_SELF), before + (GRANT_FRAMES - 1) * GRANT_FRAME_USE);
}

/* We are Dom0, and grant to ourselves. */
#define SELF 0
#define REF  8u

static struct gnttab_map_grant_ref map[BATCH];
static struct gnttab_unmap_grant_ref unmap[BATCH];

/* Returns the bus address of what is granted. */
static uint64_t grant_one(void)
{
	static xen_pfn_t frame;
	struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = 1};
	struct grant_entry_v1 *table = page_alloc();
	unsigned long granted = va_to_mfn(page_alloc());

	set_xen_guest_handle(setup.frame_list, &frame);
	check_eq(hypercall_grant_table_op(GNTTABOP_setup_table, &setup, 1), 0);
	check_eq(hypercall_update_va_mapping(
		     (unsigned long)table, (pte_t)frame << 12 | PTE_P | PTE_RW | PTE_A | PTE_D, UVMF_INVLPG),
		 0);
	table[REF] = (struct grant_entry_v1){.domid = SELF, .frame = granted};
	barrier();
	table[REF].flags = GTF_permit_access;
	return (uint64_t)granted << 12;
}

/* Handles without an address, until there are no more. Returns how many there were. */
static unsigned all_handles(void)
{
	for (unsigned n = 0;; n += BATCH) {
		for (unsigned i = 0; i < BATCH; i++)
			map[i] = (struct gnttab_map_grant_ref){
			    .flags = GNTMAP_device_map | GNTMAP_readonly, .ref = REF, .dom = SELF};
		check_eq(hypercall_grant_table_op(GNTTABOP_map_grant_ref, map, BATCH), 0);
		for (unsigned i = 0; i < BATCH; i++)
			if (map[i].status)
				return n + i;
	}
}

static void unmap_handles(unsigned n, uint64_t bus)
{
	for (unsigned first = 0; first < n; first += BATCH) {
		for (unsigned i = 0; i < BATCH; i++)
			unmap[i] = (struct gnttab_unmap_grant_ref){.handle = first + i, .dev_bus_addr = bus};
		check_eq(hypercall_grant_table_op(GNTTABOP_unmap_grant_ref, unmap, BATCH), 0);
		for (unsigned i = 0; i < BATCH; i++)
			if (unmap[i].status != GNTST_okay) {
				failure("handle %u is not unmapped: %d", first + i, unmap[i].status);
				return;
			}
	}
}

static void handles(void)
{
	uint64_t before = held(DOMID_SELF), after, bus = grant_one();

	check_eq(all_handles(), HANDLES);
	after = held(DOMID_SELF);
	check(after - before >= HANDLES * 16 && after - before <= HANDLES * 16 + 4 * PAGE_SIZE);
	unmap_handles(HANDLES, bus);
	check_eq(all_handles(), HANDLES);
	check_eq(held(DOMID_SELF), after);
	unmap_handles(HANDLES, bus);
}

/* What is only held during a call, and calls that come to nothing. */
static void nothing_stays(void)
{
	static char nonsense[8192];
	static xen_pfn_t none[4];
	struct xen_memory_exchange exchange = {.in = {.nr_extents = 4, .domid = DOMID_SELF},
					       .out = {.nr_extents = 4, .domid = DOMID_SELF}};
	uint64_t before = held(DOMID_SELF);

	set_xen_guest_handle(exchange.in.extent_start, none);
	set_xen_guest_handle(exchange.out.extent_start, none);
	for (unsigned i = 0; i < 1000; i++) {
		check(hypercall_vcpu_op(VCPUOP_initialise, 0, nonsense) < 0);
		check(hypercall_vcpu_op(VCPUOP_initialise, 1, nonsense) < 0);
		check(hypercall_memory_op(XENMEM_exchange, &exchange) < 0);
		check(domctl(XEN_DOMCTL_setvcpucontext, SELF) < 0);
		check(domctl(XEN_DOMCTL_getvcpucontext, SELF) < 0);
	}
	check_eq(held(DOMID_SELF), before);
}

static domid_t create(unsigned vcpus, unsigned grants, unsigned handles_frames)
{
	__builtin_memset(&op, 0, sizeof(op));
	op.u.createdomain.max_vcpus = vcpus;
	op.u.createdomain.max_evtchn_port = -1;
	op.u.createdomain.max_grant_frames = grants;
	op.u.createdomain.max_maptrack_frames = handles_frames;
	check_eq(domctl(XEN_DOMCTL_createdomain, 0), 0);
	return op.domain;
}

/* As many vCPUs as there can be, and a memory map, over and over. */
static void biggest_domain(void)
{
	uint64_t before = free_pages(), small, after;
	domid_t id = create(1, 1, 0);
	struct xen_foreign_memory_map fmap = {.domid = id, .map.nr_entries = 64};
	static char entries[64 * 20];

	held(id);
	small = limit_of_last;
	check_eq(domctl(XEN_DOMCTL_destroydomain, id), 0);
	id = fmap.domid = create(32, GRANT_FRAMES, 1024);
	check(held(id) < 64 * 1024);
	check(limit_of_last > small + 31 * 64 * 1024 + HANDLES * 16);
	for (unsigned bits = 32; bits <= 64; bits += 32) {
		op.u.address_size.size = bits;
		check_eq(domctl(XEN_DOMCTL_set_address_size, id), 0);
		op.u.max_vcpus.max = 32;
		check_eq(domctl(XEN_DOMCTL_max_vcpus, id), 0);
		after = held(id);
		check_eq(domctl(XEN_DOMCTL_max_vcpus, id), 0);
		check_eq(held(id), after);
	}
	set_xen_guest_handle(fmap.map.buffer, entries);
	for (unsigned i = 0; i < 100; i++)
		check_eq(hypercall_memory_op(XENMEM_set_memory_map, &fmap), 0);
	check(held(id) - after <= 4096);
	audit();
	check_eq(domctl(XEN_DOMCTL_destroydomain, id), 0);
	((struct ringlet_overhead *)sys.u.pad)->domain = id;
	check_eq(sysctl(RINGLET_SYSCTL_overhead), -XEN_ESRCH);
	check_eq(free_pages(), before);
}

/* All that is free is claimed: nothing is left to make tables of. */
static void claimed(void)
{
	domid_t id = create(1, 1, 0);
	struct xen_memory_reservation claim = {.nr_extents = free_pages(), .domid = id};
	struct evtchn_alloc_unbound alloc = {.dom = id, .remote_dom = DOMID_SELF};
	unsigned n = 0;
	int rc;

	op.u.max_mem.max_memkb = claim.nr_extents * 4;
	check_eq(domctl(XEN_DOMCTL_max_mem, id), 0);
	check_eq(hypercall_memory_op(XENMEM_claim_pages, &claim), 0);
	while ((rc = hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &alloc)) == 0 && n < PORTS)
		n++;
	check_eq(rc, -XEN_ENOMEM);
	check_eq(n, 127); /* the first ports came with the domain */
	op.u.max_vcpus.max = 1;
	check_eq(domctl(XEN_DOMCTL_max_vcpus, id), -XEN_ENOMEM);
	claim.nr_extents = 0;
	check_eq(hypercall_memory_op(XENMEM_claim_pages, &claim), 0);
	check_eq(hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &alloc), 0);
	check_eq(domctl(XEN_DOMCTL_max_vcpus, id), 0);
	check_eq(domctl(XEN_DOMCTL_destroydomain, id), 0);
}

void test_main(void)
{
	audit(); /* it keeps some memory of its own */
	event_channels();
	grant_frames();
	handles();
	nothing_stays();
	biggest_domain();
	claimed();
	audit();
}
