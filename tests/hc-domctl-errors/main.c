/* SPDX-License-Identifier: MIT */
/*
 * domctl with impossible arguments: each is refused with the error that the ABI has for it, nothing is changed,
 * and no domain, frame or pause count is lost or gained. A domain is not made with what does not exist, or under a
 * number that is taken; it does not change its kind once it has memory; no domain pauses, destroys or gives a context
 * to itself; vCPUs are those that there are; lists have limits, memory need not; a grant ends with its domain; no byte
 * of a hypercall page is left as it was. (Xen 4.17 has other errors for some.)
 */
#include "control.h"
#include "fw.h"
#include "ringlet/fv.h"
#include "xen/grant_table.h"

const char test_title[] = "hc-domctl-errors";

#define VCPUS     2
#define ALL_PAUSE 255

static xen_pfn_t frames[4];

/* What is refused answers nothing: the caller's structure is as it was. */
static int call(unsigned cmd, domid_t dom)
{
	static struct xen_domctl before;
	const char *is = (const char *)&op, *was = (const char *)&before;
	bool same = true;
	int rc;

	op.cmd = cmd;
	op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	op.domain = dom;
	before = op;
	rc = hypercall_domctl(&op);
	for (unsigned i = 0; i < sizeof(op); i++)
		same = same && is[i] == was[i];
	if (rc < 0 && !same)
		error("domctl %u is refused (%d), and has written into its structure all the same", cmd, rc);
	return rc;
}

static void clear(void)
{
	__builtin_memset(&op, 0, sizeof(op));
}

static struct xen_domctl_createdomain *creation(void)
{
	clear();
	op.u.createdomain.max_vcpus = VCPUS;
	op.u.createdomain.max_evtchn_port = -1;
	op.u.createdomain.max_grant_frames = 1;
	op.u.createdomain.max_maptrack_frames = 1;
	return &op.u.createdomain;
}

/* What is not to be created. */
#define REFUSED(change)                                                  \
	do {                                                             \
		struct xen_domctl_createdomain *c = creation();          \
		change;                                                  \
		check_eq(call(XEN_DOMCTL_createdomain, 0), -XEN_EINVAL); \
	} while (0)

static domid_t create(void)
{
	domid_t id;

	REFUSED(c->max_vcpus = 0);
	REFUSED(c->max_vcpus = XEN_LEGACY_MAX_VCPUS + 1);
	REFUSED(c->max_vcpus = ~0u);
	REFUSED(c->max_grant_frames = 0);
	REFUSED(c->max_grant_frames = 1 << 20);
	REFUSED(c->max_grant_frames = -2);
	REFUSED(c->max_maptrack_frames = 1 << 20);
	REFUSED(c->max_maptrack_frames = -2);
	REFUSED(c->flags = 1u << 31);
	REFUSED(c->arch.emulation_flags = 1);
	REFUSED(c->vmtrace_size = 4096);
	REFUSED(c->cpupool_id = 1);
	creation();
	check_eq(call(XEN_DOMCTL_createdomain, 0), 0);
	id = op.domain;
	creation();
	check_eq(call(XEN_DOMCTL_createdomain, id), -XEN_EEXIST);
	return id;
}

/* A domain that runs changes its kind no more, though it has nothing yet. */
static void kind_of_who_runs(domid_t id)
{
	clear();
	op.u.address_size.size = 32;
	check_eq(call(XEN_DOMCTL_set_address_size, id), 0);
	op.u.address_size.size = 64;
	check_eq(call(XEN_DOMCTL_set_address_size, id), 0);
	check_eq(call(XEN_DOMCTL_unpausedomain, id), 0);
	op.u.address_size.size = 32;
	check_eq(call(XEN_DOMCTL_set_address_size, id), -XEN_EACCES);
	check_eq(call(XEN_DOMCTL_unpausedomain, id), -XEN_EINVAL);
	check_eq(call(XEN_DOMCTL_unpausedomain, 0), -XEN_EINVAL);
	check_eq(call(XEN_DOMCTL_destroydomain, id), 0);
}

static void give_vcpus_and_memory(domid_t id, unsigned bits)
{
	struct xen_memory_reservation r = {.nr_extents = ARRAY_SIZE(frames), .domid = id};

	for (unsigned max = 0; max < 40; max += 1 + max / 4)
		if (max != VCPUS) {
			op.u.max_vcpus.max = max;
			check_eq(call(XEN_DOMCTL_max_vcpus, id), -XEN_EINVAL);
		}
	op.u.max_vcpus.max = VCPUS;
	check_eq(call(XEN_DOMCTL_max_vcpus, id), 0);
	op.u.max_vcpus.max = 1;
	check_eq(call(XEN_DOMCTL_max_vcpus, 0), -XEN_EINVAL);

	op.u.address_size.size = 16;
	check_eq(call(XEN_DOMCTL_set_address_size, id), -XEN_EINVAL);
	op.u.address_size.size = 32;
	check_eq(call(XEN_DOMCTL_set_address_size, 0), -XEN_EINVAL);
	op.u.address_size.size = bits;
	check_eq(call(XEN_DOMCTL_set_address_size, id), 0);
	op.u.max_mem.max_memkb = ARRAY_SIZE(frames) * 4;
	check_eq(call(XEN_DOMCTL_max_mem, id), 0);
	set_xen_guest_handle(r.extent_start, frames);
	check_eq(hypercall_memory_op(XENMEM_populate_physmap, &r), ARRAY_SIZE(frames));
	op.u.address_size.size = 96 - bits; /* its frames were counted by the rules of the other kind */
	check_eq(call(XEN_DOMCTL_set_address_size, id), -XEN_EACCES);
	op.u.address_size.size = bits; /* which it is */
	check_eq(call(XEN_DOMCTL_set_address_size, id), 0);
}

/* More memory than there is anywhere, for a domain of either kind: a limit as good as any. */
static void memory_without_end(void)
{
	static const uint64_t kib[] = {~0ull, 1ull << 63, 3ull << 61, ~0ull / 10, 1ull << 44};
	static const uint32_t kinds[] = {0, RINGLET_CDF_fv};

	for (unsigned kind = 0; kind < ARRAY_SIZE(kinds); kind++) {
		creation()->flags = kinds[kind];
		check_eq(call(XEN_DOMCTL_createdomain, 0), 0);
		for (unsigned i = 0; i < ARRAY_SIZE(kib); i++) {
			op.u.max_mem.max_memkb = kib[i];
			check_eq(call(XEN_DOMCTL_max_mem, op.domain), 0);
		}
		check_eq(call(XEN_DOMCTL_destroydomain, op.domain), 0);
	}
}

static void vcpus(domid_t id)
{
	static uint64_t context[4096 / 8];
	static const unsigned wrong[] = {VCPUS, 31, 32, 4096, ~0u};
	uint8_t map = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		clear();
		op.u.vcpucontext.vcpu = wrong[i];
		set_xen_guest_handle(op.u.vcpucontext.ctxt, (void *)context);
		check_eq(call(XEN_DOMCTL_setvcpucontext, id), -XEN_EINVAL);
		check_eq(call(XEN_DOMCTL_getvcpucontext, id), -XEN_ESRCH);
		check_eq(call(XEN_DOMCTL_getvcpuinfo, id), -XEN_ESRCH);
		check_eq(call(XEN_DOMCTL_setvcpuaffinity, id), -XEN_EINVAL);
		check_eq(call(XEN_DOMCTL_getvcpuaffinity, id), -XEN_EINVAL);
	}
	clear();
	set_xen_guest_handle(op.u.vcpucontext.ctxt, (void *)context);
	check_eq(call(XEN_DOMCTL_getvcpucontext, id), -XEN_ENODATA); /* it has none yet */
	check_eq(call(XEN_DOMCTL_setvcpucontext, 0), -XEN_EINVAL);   /* its own */
	check_eq(call(XEN_DOMCTL_setvcpucontext, DOMID_SELF), -XEN_ESRCH);
	check_eq(call(XEN_DOMCTL_getvcpucontext, 0), -XEN_EINVAL);

	clear();
	check_eq(call(XEN_DOMCTL_setvcpuaffinity, id), -XEN_EINVAL); /* which of the two? */
	check_eq(call(XEN_DOMCTL_getvcpuaffinity, id), -XEN_EINVAL);
	for (unsigned flags = XEN_VCPUAFFINITY_HARD; flags <= XEN_VCPUAFFINITY_SOFT;
	     flags += XEN_VCPUAFFINITY_SOFT - XEN_VCPUAFFINITY_HARD) {
		op.u.vcpuaffinity.flags = flags;
		check_eq(call(XEN_DOMCTL_setvcpuaffinity, id), -XEN_EINVAL); /* no map */
		check_eq(call(XEN_DOMCTL_getvcpuaffinity, id), -XEN_EINVAL);
	}
	op.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD;
	op.u.vcpuaffinity.cpumap_hard.nr_bits = 8;
	set_xen_guest_handle(op.u.vcpuaffinity.cpumap_hard.bitmap, &map);
	check_eq(call(XEN_DOMCTL_setvcpuaffinity, id), -XEN_EINVAL); /* nowhere */
	set_xen_guest_handle(op.u.vcpuaffinity.cpumap_hard.bitmap, (uint8_t *)8);
	check_eq(call(XEN_DOMCTL_setvcpuaffinity, id), -XEN_EFAULT);
}

static void pauses(domid_t id)
{
	check_eq(call(XEN_DOMCTL_pausedomain, 0), -XEN_EINVAL);
	check_eq(call(XEN_DOMCTL_unpausedomain, 0), -XEN_EINVAL);
	for (unsigned i = 1; i < ALL_PAUSE; i++) /* it began with one */
		check_eq(call(XEN_DOMCTL_pausedomain, id), 0);
	check_eq(call(XEN_DOMCTL_pausedomain, id), -XEN_EOVERFLOW);
	for (unsigned i = 0; i < ALL_PAUSE; i++)
		check_eq(call(XEN_DOMCTL_unpausedomain, id), 0);
	check_eq(call(XEN_DOMCTL_unpausedomain, id), -XEN_EINVAL);
	check_eq(call(XEN_DOMCTL_pausedomain, id), 0);
}

static char window[4096] __attribute__((aligned(4096)));

/* A frame of the domain's at the window; 0: none. */
static void map_frame(domid_t id, unsigned long mfn)
{
	pte_t pte = mfn ? (pte_t)mfn << 12 | PTE_P | PTE_RW | PTE_A | PTE_D : 0;

	check_eq(hypercall_update_va_mapping_otherdomain((unsigned long)window, pte, UVMF_INVLPG, id), 0);
}

static void frames_of(domid_t id)
{
	static xen_pfn_t list[1024];
	struct mmuext_op pin = {.cmd = MMUEXT_PIN_L1_TABLE};

	clear();
	op.u.getpageframeinfo3.num = 1025;
	set_xen_guest_handle(op.u.getpageframeinfo3.array, list);
	check_eq(call(XEN_DOMCTL_getpageframeinfo3, id), -XEN_E2BIG);
	op.u.getpageframeinfo3.num = ~0ull;
	check_eq(call(XEN_DOMCTL_getpageframeinfo3, id), -XEN_E2BIG);
	op.u.getpageframeinfo3.num = 1024;
	check_eq(call(XEN_DOMCTL_getpageframeinfo3, id), 0);

	/* The hypercall page: in no frame of others, in no page table. */
	pin.arg1.mfn = frames[0];
	check_eq(hypercall_mmuext_op(&pin, 1, NULL, id), 0);
	op.u.hypercall_init.gmfn = frames[0];
	check_eq(call(XEN_DOMCTL_hypercall_init, id), -XEN_EPERM);
	op.u.hypercall_init.gmfn = root_mfn();
	check_eq(call(XEN_DOMCTL_hypercall_init, id), -XEN_EACCES);
	op.u.hypercall_init.gmfn = ~0ull >> 12;
	check_eq(call(XEN_DOMCTL_hypercall_init, id), -XEN_EACCES);
	op.u.hypercall_init.gmfn = frames[1];
	map_frame(id, frames[1]);
	__builtin_memset(window, 0x5a, sizeof(window));
	check_eq(call(XEN_DOMCTL_hypercall_init, id), 0);
	/* No byte of it is what it was: a jump beside a hypercall hits a breakpoint. */
	for (unsigned i = 0; i < sizeof(window); i++)
		if (((volatile uint8_t *)window)[i] == 0x5a ||
		    (i % 32 == 31 && ((volatile uint8_t *)window)[i] != 0xcc)) {
			failure("byte %u of the hypercall page is %x", i, ((volatile uint8_t *)window)[i]);
			break;
		}
	map_frame(id, 0);
}

/* Each holds the other domain for the time of the call alone. */
static void holds(domid_t id)
{
	static char place[4096] __attribute__((aligned(4096)));
	struct gnttab_map_grant_ref map = {
	    .host_addr = (unsigned long)place, .flags = GNTMAP_host_map, .ref = 5, .dom = id};
	struct evtchn_bind_interdomain bind = {.remote_dom = id, .remote_port = 77};
	struct evtchn_status status = {.dom = id, .port = 1};
	struct gnttab_query_size size = {.dom = id};

	check_eq(hypercall_grant_table_op(GNTTABOP_map_grant_ref, &map, 1), 0);
	check(map.status < 0);
	check(hypercall_event_channel_op(EVTCHNOP_bind_interdomain, &bind) < 0);
	check_eq(hypercall_event_channel_op(EVTCHNOP_status, &status), 0);
	check_eq(hypercall_grant_table_op(GNTTABOP_query_size, &size, 1), 0);
	check_eq(size.status, GNTST_okay);
}

static int16_t map_grant(domid_t id)
{
	static char place[4096] __attribute__((aligned(4096)));
	struct gnttab_map_grant_ref map = {
	    .host_addr = (unsigned long)place, .flags = GNTMAP_host_map, .ref = 7, .dom = id};
	struct gnttab_unmap_grant_ref unmap = {.host_addr = (unsigned long)place};

	check_eq(hypercall_grant_table_op(GNTTABOP_map_grant_ref, &map, 1), 0);
	if (map.status == GNTST_okay) {
		unmap.handle = map.handle;
		check_eq(hypercall_grant_table_op(GNTTABOP_unmap_grant_ref, &unmap, 1), 0);
		check_eq(unmap.status, GNTST_okay);
	}
	return map.status;
}

/* A grant of it ends with it, though we still look at its table, which keeps what is left of it from going. */
static void death(domid_t id)
{
	struct gnttab_setup_table setup = {.dom = id, .nr_frames = 1};
	xen_pfn_t table = 0;

	set_xen_guest_handle(setup.frame_list, &table);
	check_eq(hypercall_grant_table_op(GNTTABOP_setup_table, &setup, 1), 0);
	check_eq(setup.status, GNTST_okay);
	map_frame(id, table);
	((struct grant_entry_v1 *)window)[7] = (struct grant_entry_v1){GTF_permit_access, 0, frames[2]};
	check_eq(map_grant(id), GNTST_okay);
	check_eq(call(XEN_DOMCTL_destroydomain, id), 0);
	check(map_grant(id) < 0);
	check_eq(call(XEN_DOMCTL_pausedomain, id), -XEN_ESRCH);
	clear();
	check_eq(call(XEN_DOMCTL_getdomaininfo, id), 0);
	check_eq(op.domain, id);
	check(op.u.getdomaininfo.flags & XEN_DOMINF_dying);
	check_eq(hypercall_update_va_mapping((unsigned long)window, 0, UVMF_INVLPG), 0);
	check_eq(call(XEN_DOMCTL_pausedomain, id), -XEN_ESRCH);
}

/* The first word holds. */
static void shutdowns(domid_t id)
{
	struct sched_remote_shutdown stop = {.domain_id = id, .reason = SHUTDOWN_crash};

	check_eq(hypercall_sched_op(SCHEDOP_remote_shutdown, &stop), 0);
	stop.reason = SHUTDOWN_reboot;
	check_eq(hypercall_sched_op(SCHEDOP_remote_shutdown, &stop), 0);
	clear();
	check_eq(call(XEN_DOMCTL_getdomaininfo, id), 0);
	check(op.u.getdomaininfo.flags & XEN_DOMINF_shutdown);
	check_eq(op.u.getdomaininfo.flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask,
		 SHUTDOWN_crash);
}

static void one_life(unsigned bits)
{
	static const unsigned other[] = {0, 7999, 9999, ~0u};
	domid_t id = create();

	give_vcpus_and_memory(id, bits);
	vcpus(id);
	pauses(id);
	frames_of(id);
	holds(id);
	shutdowns(id);
	for (unsigned i = 0; i < ARRAY_SIZE(other); i++)
		check(call(other[i], id) < 0);
	check_eq(call(XEN_DOMCTL_destroydomain, 0), -XEN_EINVAL);
	check_eq(call(XEN_DOMCTL_destroydomain, DOMID_SELF), -XEN_ESRCH);
	death(id);
}

void test_main(void)
{
	uint64_t before;

	one_life(64); /* afterwards what is allocated once is there */
	one_life(32);
	before = free_pages();
	kind_of_who_runs(create());
	memory_without_end();
	one_life(64);
	one_life(32);
	check_eq(free_pages(), before);
}
