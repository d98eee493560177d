/* SPDX-License-Identifier: MIT */
/*
 * No hypercall keeps interrupts off for long, whatever a guest asks for: each is called here with the heaviest arguments
 * that it takes, and the hypervisor says how long an interrupt could have waited. Where ticks are instructions and stays
 * are recorded (`ICOUNT=1`, option `stays`) they have a limit; anywhere else the calls only have to succeed.
 */
#include "control.h"
#include "grants.h"

const char test_title[] = "pv-stays";

static char text[65536] __attribute__((aligned(4096)));

/* ---- the console, events, the scheduler ---- */

static void console_write(void)
{
	__builtin_memset(text, '\r', sizeof(text)); /* which shows nowhere */
	check_eq(hypercall_console_io(CONSOLEIO_write, 4096, text), 0);
}

static void console_read(void)
{
	check(hypercall_console_io(CONSOLEIO_read, sizeof(text), text) >= 0);
}

static void poll(void)
{
	static evtchn_port_t ports[128];
	struct evtchn_alloc_unbound a = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF};
	struct sched_poll p = {.nr_ports = 128, .timeout = 1};
	struct evtchn_close c;

	check_eq(hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &a), 0);
	for (unsigned i = 0; i < 128; i++)
		ports[i] = a.port;
	set_xen_guest_handle(p.ports, ports);
	check_eq(hypercall_sched_op(SCHEDOP_poll, &p), 0);
	p.nr_ports = 129;
	check_eq(hypercall_sched_op(SCHEDOP_poll, &p), -XEN_EINVAL);
	p.nr_ports = ~0u;
	check_eq(hypercall_sched_op(SCHEDOP_poll, &p), -XEN_EINVAL);
	c.port = a.port;
	check_eq(hypercall_event_channel_op(EVTCHNOP_close, &c), 0);
}

/* Every port there is, and the search for another one; then all closed. */
static void ports(void)
{
	struct evtchn_alloc_unbound a = {.dom = other, .remote_dom = DOMID_SELF};
	struct evtchn_reset r = {.dom = other};

	while (!hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &a))
		;
	check_eq(hypercall_event_channel_op(EVTCHNOP_reset, &r), 0);
	check_eq(hypercall_event_channel_op(EVTCHNOP_reset, &r), 0);
}

/* All are taken but a low one; then that one too. */
static void last_port(void)
{
	struct evtchn_alloc_unbound a = {.dom = DOMID_SELF, .remote_dom = other};
	struct evtchn_close c;
	evtchn_port_t first, last;

	check_eq(hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &a), 0);
	first = a.port;
	while (!hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &a))
		;
	last = a.port;
	c.port = first;
	check_eq(hypercall_event_channel_op(EVTCHNOP_close, &c), 0);
	check_eq(hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &a), 0);
	check_eq(a.port, first);
	for (unsigned i = 0; i < 2; i++)
		check_eq(hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &a), -XEN_ENOSPC);
	for (c.port = first; c.port <= last; c.port++)
		check_eq(hypercall_event_channel_op(EVTCHNOP_close, &c), 0);
}

static void trap_table(void)
{
	static struct trap_info traps[4097];

	for (unsigned i = 0; i < 4096; i++)
		traps[i] = (struct trap_info){.vector = 200, .address = VIRT_BASE, .cs = FLAT_KERNEL_CS};
	check_eq(hypercall_set_trap_table(traps), 0);
}

/* ---- page tables and descriptors ---- */

static void clear_and_copy(void)
{
	static struct mmuext_op ops[256];
	unsigned done;

	for (unsigned i = 0; i < ARRAY_SIZE(ops); i++) {
		ops[i].cmd = i % 2 ? MMUEXT_CLEAR_PAGE : MMUEXT_COPY_PAGE;
		ops[i].arg1.mfn = va_to_mfn(page);
		ops[i].arg2.src_mfn = va_to_mfn(page2);
	}
	check_eq(hypercall_mmuext_op(ops, ARRAY_SIZE(ops), &done, DOMID_SELF), 0);
}

static uint64_t gdt[14][512] __attribute__((aligned(4096))), ldt[16][512] __attribute__((aligned(4096)));

static void make_gdt(unsigned long *list)
{
	for (unsigned p = 0; p < 14; p++) {
		check_eq(page_set_ro(gdt[p], false), 0);
		for (unsigned i = 0; i < 512; i++)
			gdt[p][i] = 0x00cff3000000ffffull;
		check_eq(page_set_ro(gdt[p], true), 0);
		list[p] = va_to_mfn(gdt[p]);
	}
}

/* Whole tables of descriptors, each looked at. */
static void set_gdt(void)
{
	make_gdt(frames);
	check_eq(hypercall_set_gdt(frames, 14 * 512), 0);
	check_eq(hypercall_set_gdt(frames, 0), 0);
}

static void set_ldt(void)
{
	for (unsigned p = 0; p < 16; p++) {
		for (unsigned i = 0; i < 512; i++)
			ldt[p][i] = 0x00cff3000000ffffull;
		check_eq(page_set_ro(ldt[p], true), 0);
	}
	check_eq(mmuext1(MMUEXT_SET_LDT, (unsigned long)ldt, 16 * 512), 0);
	for (unsigned p = 0; p < 16; p++)
		check_no_fault(__asm__ volatile("mov %0, %%es" : : "r"(p * 4096 | 7)));
	__asm__ volatile("mov %0, %%es" : : "r"(FLAT_KERNEL_DS));
	check_eq(mmuext1(MMUEXT_SET_LDT, 0, 0), 0);
}

static void updates(void)
{
	static struct mmu_update u[1024];
	unsigned done;

	for (unsigned i = 0; i < ARRAY_SIZE(u); i++) {
		u[i].ptr = pte_maddr((unsigned long)page, 1) | MMU_NORMAL_PT_UPDATE;
		u[i].val = *pte_of((unsigned long)page, 1) ^ (i % 2 ? 0 : PTE_RW);
	}
	check_eq(hypercall_mmu_update(u, ARRAY_SIZE(u), &done, DOMID_SELF), 0);
}

/* A list of entries for an upper table, each of which names a full L1; and the list that takes them away. */
#define UPPERS 16
static void upper_entries(void)
{
	static pte_t l1[UPPERS][512] __attribute__((aligned(4096)));
	static struct mmu_update u[UPPERS];
	static pte_t *l2;
	unsigned done;

	if (!l2) {
		l2 = page_alloc();
		for (unsigned t = 0; t < UPPERS; t++) {
			for (unsigned i = 0; i < 512; i++)
				l1[t][i] = (pte_t)va_to_mfn(page) << 12 | PTE_P | PTE_RW | PTE_A | PTE_D;
			table_ready(l1[t]);
		}
		table_ready(l2);
		check_eq(mmuext1(MMUEXT_PIN_L2_TABLE, va_to_mfn(l2), 0), 0);
	}
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned t = 0; t < UPPERS; t++) {
			u[t].ptr = ((uint64_t)va_to_mfn(l2) << 12) + t * sizeof(pte_t);
			u[t].val =
			    round ? 0 : (uint64_t)va_to_mfn(l1[t]) << 12 | PTE_P | PTE_RW | PTE_U | PTE_A;
		}
		check_eq(hypercall_mmu_update(u, UPPERS, &done, DOMID_SELF), 0);
		check_eq(done, UPPERS);
	}
}

static pte_t *one_l1;

/* Each entry takes a frame of its own, to be made writable again. */
static void full_l1(void)
{
	static char data[512][4096] __attribute__((aligned(4096)));
	if (!one_l1) {
		one_l1 = page_alloc();
		for (unsigned i = 0; i < 512; i++)
			one_l1[i] = (pte_t)va_to_mfn(data[i]) << 12 | PTE_P | PTE_RW | PTE_A | PTE_D;
		table_ready(one_l1);
	}
	check_eq(mmuext1(MMUEXT_PIN_L1_TABLE, va_to_mfn(one_l1), 0), 0);
	check_eq(mmuext1(MMUEXT_UNPIN_TABLE, va_to_mfn(one_l1), 0), 0);
}

/* Each entry takes the same full table, and gives it up. */
static void pins(void)
{
	static struct mmuext_op ops[32];
	unsigned done;

	for (unsigned i = 0; i < ARRAY_SIZE(ops); i++) {
		ops[i].cmd = i % 2 ? MMUEXT_UNPIN_TABLE : MMUEXT_PIN_L1_TABLE;
		ops[i].arg1.mfn = va_to_mfn(one_l1);
	}
	check_eq(hypercall_mmuext_op(ops, ARRAY_SIZE(ops), &done, DOMID_SELF), 0);
	check_eq(done, ARRAY_SIZE(ops));
}

/* The first time, all frames of the M2P become ones that tools may map. */
static void m2p_list(void)
{
	struct xen_machphys_mfn_list l = {.max_extents = 1};

	set_xen_guest_handle(l.extent_start, frames);
	check_eq(hypercall_memory_op(XENMEM_machphys_mfn_list, &l), 0);
	check_eq(l.nr_extents, 1);
}

/* ---- batches ---- */

static void batch(unsigned nr, unsigned long a0, unsigned long a1, unsigned long a2, unsigned long a3)
{
	static struct multicall_entry calls[64];

	for (unsigned i = 0; i < ARRAY_SIZE(calls); i++)
		calls[i] = (struct multicall_entry){.op = nr, .args = {a0, a1, a2, a3}};
	check_eq(hypercall_multicall(calls, ARRAY_SIZE(calls)), 0);
}

static void batches(void)
{
	static struct mmuext_op clear, pin[2];
	static struct gnttab_copy copies[16];
	static struct xen_memory_reservation r;
	static unsigned long list[1];

	pin[0].cmd = MMUEXT_PIN_L1_TABLE;
	pin[1].cmd = MMUEXT_UNPIN_TABLE;
	pin[0].arg1.mfn = pin[1].arg1.mfn = va_to_mfn(one_l1);
	batch(__HYPERVISOR_mmuext_op, (unsigned long)pin, 2, 0, DOMID_SELF);
	clear.cmd = MMUEXT_CLEAR_PAGE;
	clear.arg1.mfn = va_to_mfn(page);
	batch(__HYPERVISOR_mmuext_op, (unsigned long)&clear, 1, 0, DOMID_SELF);
	for (unsigned i = 0; i < 16; i++) {
		copies[i] = (struct gnttab_copy){.len = 4096};
		copies[i].source.u.gmfn = va_to_mfn(page);
		copies[i].dest.u.gmfn = va_to_mfn(page2);
		copies[i].source.domid = copies[i].dest.domid = DOMID_SELF;
	}
	batch(__HYPERVISOR_grant_table_op, GNTTABOP_copy, (unsigned long)copies, 16, 0);
	r = (struct xen_memory_reservation){.nr_extents = 1, .domid = other};
	set_xen_guest_handle(r.extent_start, list);
	batch(__HYPERVISOR_memory_op, XENMEM_increase_reservation, (unsigned long)&r, 0, 0);
	batch(__HYPERVISOR_set_gdt, (unsigned long)frames, 14 * 512, 0, 0);
	check_eq(hypercall_set_gdt(frames, 0), 0);
	batch(__HYPERVISOR_set_trap_table, 0, 0, 0, 0);
	trap_init();
}

/* Each entry as long as one may be without a look at other work of its own. */
static void flush_batch(void)
{
	static struct gnttab_cache_flush flushes[16];

	for (unsigned i = 0; i < ARRAY_SIZE(flushes); i++) {
		flushes[i] = (struct gnttab_cache_flush){.length = 4096, .op = GNTTAB_CACHE_CLEAN};
		flushes[i].a.dev_bus_addr = (uint64_t)va_to_mfn(page) << 12;
	}
	batch(__HYPERVISOR_grant_table_op, GNTTABOP_cache_flush, (unsigned long)flushes, 16, 0);
}

static void map_batch(void)
{
	static struct gnttab_map_grant_ref maps[16 * 64];
	static struct gnttab_unmap_grant_ref unmaps[16 * 64];
	static struct multicall_entry calls[64];

	for (unsigned i = 0; i < ARRAY_SIZE(maps); i++)
		maps[i] =
		    (struct gnttab_map_grant_ref){.flags = GNTMAP_device_map, .ref = 8 + i % 400, .dom = 0};
	for (unsigned i = 0; i < ARRAY_SIZE(calls); i++)
		calls[i] = (struct multicall_entry){
		    .op = __HYPERVISOR_grant_table_op,
		    .args = {GNTTABOP_map_grant_ref, (unsigned long)&maps[16 * i], 16}};
	check_eq(hypercall_multicall(calls, ARRAY_SIZE(calls)), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(maps); i++)
		unmaps[i] = (struct gnttab_unmap_grant_ref){.handle = maps[i].handle,
							    .dev_bus_addr = maps[i].dev_bus_addr};
	for (unsigned i = 0; i < ARRAY_SIZE(calls); i++)
		calls[i] = (struct multicall_entry){
		    .op = __HYPERVISOR_grant_table_op,
		    .args = {GNTTABOP_unmap_grant_ref, (unsigned long)&unmaps[16 * i], 16}};
	check_eq(hypercall_multicall(calls, ARRAY_SIZE(calls)), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(unmaps); i++)
		check_eq(unmaps[i].status, GNTST_okay);
}

static void update_batch(void)
{
	static struct mmu_update u[31];

	for (unsigned i = 0; i < ARRAY_SIZE(u); i++) {
		u[i].ptr = pte_maddr((unsigned long)page, 1) | MMU_NORMAL_PT_UPDATE;
		u[i].val = *pte_of((unsigned long)page, 1) ^ (i % 2 ? PTE_RW : 0);
	}
	batch(__HYPERVISOR_mmu_update, (unsigned long)u, ARRAY_SIZE(u) - 1, 0, DOMID_SELF);
	check_eq(hypercall_mmu_update(u, 1, NULL, DOMID_SELF), 0);
}

static void poll_batch(void)
{
	static evtchn_port_t ports[128];
	static struct sched_poll p = {.nr_ports = 128, .timeout = 1};

	for (unsigned i = 0; i < 128; i++)
		ports[i] = 4000;
	if (sizeof(long) == 4)
		for (unsigned i = 0; i < 128; i++)
			ports[i] = 1000;
	set_xen_guest_handle(p.ports, ports);
	batch(__HYPERVISOR_sched_op, SCHEDOP_poll, (unsigned long)&p, 0, 0);
}

/* A table of the second level with as many entries as there can be; each names the same valid L1. */
static void upper_pins(void)
{
	static pte_t l2[512] __attribute__((aligned(4096)));
	static struct mmuext_op ops[2] = {{.cmd = MMUEXT_PIN_L2_TABLE}, {.cmd = MMUEXT_UNPIN_TABLE}};
	static struct multicall_entry calls[64];

	check_eq(mmuext1(MMUEXT_PIN_L1_TABLE, va_to_mfn(one_l1), 0), 0);
	for (unsigned i = 0; i < 512; i++)
		l2[i] = (pte_t)va_to_mfn(one_l1) << 12 | PTE_P | PTE_RW | PTE_U | PTE_A;
	table_ready(l2);
	ops[0].arg1.mfn = ops[1].arg1.mfn = va_to_mfn(l2);
	for (unsigned i = 0; i < ARRAY_SIZE(calls); i++)
		calls[i] = (struct multicall_entry){.op = __HYPERVISOR_mmuext_op,
						    .args = {(unsigned long)&ops[i % 2], 1, 0, DOMID_SELF}};
	check_eq(hypercall_multicall(calls, ARRAY_SIZE(calls)), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(calls); i++)
		check_eq(calls[i].result, 0);
}

/* A second vCPU, whose whole GDT is looked at, if there is one to be. */
static void nowhere(void)
{
	for (;;)
		;
}

static void initialise(void)
{
	struct vcpu_guest_context *c = vcpu_context(nowhere);

	if (hypercall_vcpu_op(VCPUOP_is_up, 1, NULL) == -XEN_ENOENT)
		return;
	make_gdt(c->gdt_frames);
	c->gdt_ents = 14 * 512;
	check_eq(hypercall_vcpu_op(VCPUOP_initialise, 1, c), 0);
}

/* ---- Dom0's own ---- */

static void read_log(void)
{
	sys.u.readconsole = (struct xen_sysctl_readconsole){.count = sizeof(text)};
	set_xen_guest_handle(sys.u.readconsole.buffer, text);
	check_eq(sysctl(XEN_SYSCTL_readconsole), 0);
}

static void read_trace(void)
{
	static struct ringlet_record records[4096];
	struct ringlet_trace *t = (void *)sys.u.pad;

	*t =
	    (struct ringlet_trace){.command = RINGLET_TRACE_start, .domain = RINGLET_TRACE_ALL, .size = 4096};
	check_eq(sysctl(RINGLET_SYSCTL_trace), 0);
	for (unsigned i = 0; i < 5000; i++)
		hypercall_xen_version(0, NULL);
	*t = (struct ringlet_trace){.command = RINGLET_TRACE_read, .count = 4096};
	set_xen_guest_handle(t->buffer, records);
	check_eq(sysctl(RINGLET_SYSCTL_trace), 0);
	check(t->count >= 1024 && t->count <= 2048);
	*t = (struct ringlet_trace){.command = RINGLET_TRACE_free};
	check_eq(sysctl(RINGLET_SYSCTL_trace), 0);
}

static void affinity(void)
{
	__builtin_memset(text, 0, sizeof(text));
	op.u.vcpuaffinity = (struct xen_domctl_vcpuaffinity){.flags = XEN_VCPUAFFINITY_HARD};
	set_xen_guest_handle(op.u.vcpuaffinity.cpumap_hard.bitmap, (uint8_t *)text);
	op.u.vcpuaffinity.cpumap_hard.nr_bits = 4096;
	check_eq(on_other(XEN_DOMCTL_getvcpuaffinity), 0);
	op.u.vcpuaffinity.cpumap_hard.nr_bits = 8 * sizeof(text);
	check_eq(on_other(XEN_DOMCTL_getvcpuaffinity), -XEN_E2BIG);
}

static void list_domains(void)
{
	static struct xen_domctl_getdomaininfo infos[64];

	sys.u.getdomaininfolist = (struct xen_sysctl_getdomaininfolist){.max_domains = 64};
	set_xen_guest_handle(sys.u.getdomaininfolist.buffer, infos);
	check_eq(sysctl(XEN_SYSCTL_getdomaininfolist), 0);
	check_eq(sysctl(XEN_SYSCTL_physinfo), 0);
}

static void create_with(unsigned vcpus)
{
	__builtin_memset(&op, 0, sizeof(op));
	other = 0;
	op.u.createdomain.max_vcpus = vcpus;
	op.u.createdomain.max_evtchn_port = -1;
	op.u.createdomain.max_grant_frames = 64;
	op.u.createdomain.max_maptrack_frames = 1024;
	op.u.createdomain.grant_opts = 1;
	check_eq(on_other(XEN_DOMCTL_createdomain), 0);
	other = op.domain;
}

static void create_many_vcpus(void)
{
	create_with(32);
	op.u.max_vcpus.max = 32;
	check_eq(on_other(XEN_DOMCTL_max_vcpus), 0);
	op.u.max_mem.max_memkb = 1 << 20;
	check_eq(on_other(XEN_DOMCTL_max_mem), 0);
}

static void address_size(void)
{
	op.u.address_size.size = 32;
	check_eq(on_other(XEN_DOMCTL_set_address_size), 0);
	op.u.address_size.size = 64;
	check_eq(on_other(XEN_DOMCTL_set_address_size), 0);
}

/* Each in its own page, to the last entry, with every vCPU's grants and ports. */
static void grow_other(void)
{
	struct gnttab_setup_table setup = {.dom = other, .nr_frames = 64};

	set_xen_guest_handle(setup.frame_list, frames);
	check_eq(hypercall_grant_table_op(GNTTABOP_setup_table, &setup, 1), 0);
	check_eq(setup.status, GNTST_okay);
}

static void frame_info(void)
{
	for (unsigned i = 0; i < 1024; i++)
		frames[i] = i;
	op.u.getpageframeinfo3.num = 1024;
	set_xen_guest_handle(op.u.getpageframeinfo3.array, frames);
	check_eq(on_other(XEN_DOMCTL_getpageframeinfo3), 0);
	op.u.getpageframeinfo3.num = 1025;
	check_eq(on_other(XEN_DOMCTL_getpageframeinfo3), -XEN_E2BIG);
}

static void destroy(void)
{
	struct evtchn_alloc_unbound a = {.dom = other, .remote_dom = DOMID_SELF};

	while (!hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &a))
		;
	for (unsigned i = 0; i < FRAMES; i++)
		frames[i] = i;
	check_eq(memory(XENMEM_populate_physmap, frames, FRAMES, 0, 0), FRAMES);
	check_eq(on_other(XEN_DOMCTL_destroydomain), 0);
}

static const struct {
	const char *name;
	void (*what)(void);
	uint64_t limit;
} calls[] = {
    {"createdomain, max_vcpus", create_many_vcpus, STAY_LIMIT},
    {"set_address_size", address_size, STAY_LIMIT_FULL},
    {"populate_physmap, 2048 frames", populate_small, STAY_LIMIT},
    {"decrease_reservation, 2048 frames", decrease_small, STAY_LIMIT},
    {"populate_physmap, 4 of order 9", populate_big, STAY_LIMIT},
    {"decrease_reservation, 4 of order 9", decrease_big, STAY_LIMIT},
    {"populate_physmap, order 13", populate_huge, STAY_LIMIT},
    {"decrease_reservation, order 13", decrease_huge, STAY_LIMIT},
    {"populate_physmap, 2048 frames", populate_small, STAY_LIMIT},
    {"exchange to order 9", exchange_to_big, STAY_LIMIT},
    {"exchange of order 9", exchange_big, STAY_LIMIT},
    {"exchange to order 0", exchange_to_small, STAY_LIMIT},
    {"decrease_reservation, 2048 frames", decrease_small, STAY_LIMIT},
    {"address bits", address_bits, STAY_LIMIT},
    {"setup_table", setup_table, STAY_LIMIT},
    {"granting pages", grant_pages, STAY_LIMIT},
    {"grant copy", grant_copy, STAY_LIMIT},
    {"grant map, unmap", grant_map, STAY_LIMIT},
    {"cache_flush", cache_flush, STAY_LIMIT},
    {"setup_table, again", setup_table, STAY_LIMIT},
    {"console write", console_write, STAY_LIMIT},
    {"console read", console_read, STAY_LIMIT},
    {"poll", poll, STAY_LIMIT},
    {"ports", ports, STAY_LIMIT},
    {"the last port", last_port, STAY_LIMIT},
    {"set_trap_table", trap_table, STAY_LIMIT},
    {"clear and copy pages", clear_and_copy, STAY_LIMIT},
    {"a full L1", full_l1, STAY_LIMIT_FULL},
    {"set_gdt", set_gdt, STAY_LIMIT},
    {"set_ldt", set_ldt, STAY_LIMIT},
    {"mmu_update", updates, STAY_LIMIT},
    {"mmu_update of upper entries", upper_entries, STAY_LIMIT_FULL},
    {"pins and unpins", pins, STAY_LIMIT_FULL},
    {"multicall", batches, STAY_LIMIT_FULL},
    {"machphys_mfn_list", m2p_list, STAY_LIMIT},
    {"multicall of upper pins", upper_pins, STAY_LIMIT_FULL},
    {"multicall of cache_flush", flush_batch, STAY_LIMIT},
    {"multicall of maps and unmaps", map_batch, STAY_LIMIT},
    {"multicall of mmu_update", update_batch, STAY_LIMIT},
    {"multicall of poll", poll_batch, STAY_LIMIT},
    {"VCPUOP_initialise", initialise, STAY_LIMIT},
    {"readconsole", read_log, STAY_LIMIT},
    {"reading a trace", read_trace, STAY_LIMIT_FULL},
    {"getvcpuaffinity", affinity, STAY_LIMIT},
    {"getdomaininfolist, physinfo", list_domains, STAY_LIMIT},
    {"setup_table of another", grow_other, STAY_LIMIT},
    {"getpageframeinfo3", frame_info, STAY_LIMIT},
    {"destroydomain", destroy, STAY_LIMIT_FULL},
};

void test_main(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(calls); i++)
		stays_of(calls[i].name, calls[i].what, calls[i].limit);
}
