/* SPDX-License-Identifier: MIT */
/*
 * Arguments that change while the hypervisor works on them. vCPU 1 turns fields of a structure to and fro between a legal
 * value and one that must be refused, as fast as it can; vCPU 0 makes the hypercall over and over. Whatever the hypervisor
 * checks, it must use: what is refused never takes effect, nothing is written beyond a page, and every count is right in
 * the end (the auditor). In turn: page-table updates, pins, batches, grant entries and operations, copies, lists of
 * frames, tables of descriptors and handlers, polled ports, event channels, the context of a new vCPU;
 * extended registers and the policy of another domain, the hypervisor's parameters.
 */
#include "control.h"
#include "domu.h"
#include "xen/hypfs.h"

const char test_title[] = "attack-double-fetch";

#define ROUNDS     200
#define PATIENCE   5000
#define GOOD_TIMES 3 /* longer is a field right than wrong */
#define MAX_FLIPS  6
#define REF        20u
#define RW         (PTE_P | PTE_RW | PTE_A | PTE_D)
#define RO         (PTE_P | PTE_A | PTE_D)
#define NO_FRAME   0x7ffffful
#define HYPERVISOR (((const unsigned long[])BAD_POINTERS)[3])

struct flip {
	volatile void *at;
	unsigned size;
	uint64_t good, bad;
};

static struct flip flips[MAX_FLIPS];
static volatile unsigned active, seen; /* how many are turned, and what vCPU 1 has last seen of that */
static volatile unsigned turns;
static char *data, *behind, *window; /* @behind: the frame after @data's */
static uint64_t window_pte;

static void put(const struct flip *f, uint64_t value)
{
	if (f->size == 2)
		*(volatile uint16_t *)f->at = value;
	else if (f->size == 4)
		*(volatile uint32_t *)f->at = value;
	else
		*(volatile uint64_t *)f->at = value;
}

static void wait(unsigned n)
{
	while (n--)
		__asm__ volatile("pause");
}

/* One field at a time is wrong, for a moment: so that most of each call finds what it should. */
static void turner(void)
{
	for (unsigned moment = 1;; moment = moment % 50 + 1) {
		unsigned n = active;

		for (unsigned i = 0; i < n; i++) {
			put(&flips[i], flips[i].bad);
			wait(moment);
			put(&flips[i], flips[i].good);
			wait(moment * GOOD_TIMES);
		}
		seen = n;
		turns++;
	}
}

/* Let vCPU 1 come some way between two calls, wherever its processor's time goes. */
static void mix(void)
{
	unsigned before = turns;

	for (unsigned i = 0; i < PATIENCE && turns == before; i++)
		__asm__ volatile("pause");
}

static void stop(void)
{
	active = 0;
	while (seen)
		hypercall_sched_op(SCHEDOP_yield, NULL);
}

/* A list of {field, legal value, value to be refused}; vCPU 1 begins at once. */
#define TURN(...)                                                   \
	do {                                                        \
		const struct flip list_[] = {__VA_ARGS__};          \
		stop();                                             \
		for (unsigned i_ = 0; i_ < ARRAY_SIZE(list_); i_++) \
			flips[i_] = list_[i_];                      \
		active = ARRAY_SIZE(list_);                         \
		while (!seen)                                       \
			hypercall_sched_op(SCHEDOP_yield, NULL);    \
	} while (0)
#define FLIP(field, good, bad)                                             \
	{                                                                  \
		&(field), sizeof(field), (uint64_t)(good), (uint64_t)(bad) \
	}

static uint64_t entry(const void *page, pte_t flags)
{
	return (uint64_t)va_to_mfn(page) << 12 | flags;
}

static uint64_t root_entry(void)
{
	return (uint64_t)root_mfn() << 12 | RW;
}

/* The window shows the data, if anything, and never the root writable. */
static void check_window(void)
{
	pte_t pte = *pte_of((unsigned long)window, 1);

	check(!(pte & PTE_P) || (pte & PTE_ADDR) >> 12 == va_to_mfn(data) ||
	      (pte & PTE_ADDR) >> 12 == va_to_mfn(window));
}

static void updates(void)
{
	static struct mmu_update u;
	static struct multicall_entry m;

	u = (struct mmu_update){.ptr = window_pte, .val = entry(data, RO)};
	TURN(FLIP(u.val, entry(data, RO), root_entry()), FLIP(u.ptr, window_pte, (uint64_t)root_mfn() << 12));
	for (unsigned i = 0; i < ROUNDS; i++, mix()) {
		hypercall_mmu_update(&u, 1, NULL, DOMID_SELF);
		check_window();
	}
	stop();
	m = (struct multicall_entry){.op = __HYPERVISOR_update_va_mapping,
				     .args = {(unsigned long)window, (unsigned long)entry(data, RO)}};
	TURN(FLIP(m.op, __HYPERVISOR_update_va_mapping, 60), FLIP(m.args[1], entry(data, RO), root_entry()),
	     FLIP(m.args[0], (unsigned long)window, HYPERVISOR));
	for (unsigned i = 0; i < ROUNDS; i++, mix()) {
		hypercall_multicall(&m, 1);
		check_window();
	}
	stop();
}

static void pins(void)
{
	static struct mmuext_op pin;
	pte_t *table = page_alloc(), *evil = page_alloc();

	evil[5] = root_entry();
	check_eq(page_set_ro(table, true), 0);
	check_eq(page_set_ro(evil, true), 0);
	pin = (struct mmuext_op){.cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = va_to_mfn(table)};
	TURN(FLIP(pin.cmd, MMUEXT_PIN_L1_TABLE, MMUEXT_UNPIN_TABLE),
	     FLIP(pin.arg1.mfn, va_to_mfn(table), va_to_mfn(evil)));
	for (unsigned i = 0; i < ROUNDS; i++, mix())
		hypercall_mmuext_op(&pin, 1, NULL, DOMID_SELF);
	stop();
	mmuext1(MMUEXT_UNPIN_TABLE, va_to_mfn(table), 0);
	check(mmuext1(MMUEXT_UNPIN_TABLE, va_to_mfn(evil), 0) < 0);
	pin = (struct mmuext_op){.cmd = MMUEXT_SET_LDT, .arg1.linear_addr = (unsigned long)table};
	TURN(FLIP(pin.arg2.nr_ents, 512, 99999),
	     FLIP(pin.arg1.linear_addr, (unsigned long)table, HYPERVISOR & ~0xffful));
	for (unsigned i = 0; i < ROUNDS; i++, mix())
		hypercall_mmuext_op(&pin, 1, NULL, DOMID_SELF);
	stop();
	check_eq(mmuext1(MMUEXT_SET_LDT, 0, 0), 0);
	check_eq(page_set_ro(table, false), 0);
	check_eq(page_set_ro(evil, false), 0);
}

static void descriptor_tables(void)
{
	static unsigned long frames[2];
	static struct trap_info traps[2];
	static struct callback_register cb;
	uint64_t *gdt = page_alloc();

	check_eq(page_set_ro(gdt, true), 0);
	frames[0] = frames[1] = va_to_mfn(gdt);
	TURN(FLIP(frames[0], va_to_mfn(gdt), root_mfn()), FLIP(frames[1], va_to_mfn(gdt), NO_FRAME));
	for (unsigned i = 0; i < ROUNDS; i++, mix())
		hypercall_set_gdt(frames, 1024);
	stop();
	check_eq(hypercall_set_gdt(frames, 0), 0);
	check_eq(page_set_ro(gdt, false), 0);
	traps[0] = (struct trap_info){.vector = 77, .cs = FLAT_KERNEL_CS, .address = (unsigned long)data};
	TURN(FLIP(traps[0].address, (unsigned long)data, HYPERVISOR),
	     FLIP(traps[0].cs, FLAT_KERNEL_CS, 0xe008));
	for (unsigned i = 0; i < ROUNDS; i++, mix())
		hypercall_set_trap_table(traps);
	stop();
	trap_init();
	cb.type = CALLBACKTYPE_failsafe;
#ifdef __x86_64__
	TURN(FLIP(cb.address, (unsigned long)data, HYPERVISOR));
#else
	cb.address.cs = FLAT_KERNEL_CS;
	TURN(FLIP(cb.address.eip, (unsigned long)data, HYPERVISOR),
	     FLIP(cb.address.cs, FLAT_KERNEL_CS, 0xe008));
#endif
	for (unsigned i = 0; i < ROUNDS; i++, mix())
		hypercall_callback_op(CALLBACKOP_register, &cb);
	stop();
}

static void grant_mapping(void)
{
	struct grant_entry_v1 *e = &grant_table()[REF];
	static struct gnttab_map_grant_ref map;
	static struct gnttab_unmap_grant_ref unmap;
	unsigned mapped = 0;

	*e = (struct grant_entry_v1){
	    .domid = own_domid(), .frame = va_to_mfn(data), .flags = GTF_permit_access};
	map = (struct gnttab_map_grant_ref){
	    .host_addr = (unsigned long)window, .flags = GNTMAP_host_map, .ref = REF, .dom = own_domid()};
	unmap.host_addr = (unsigned long)window;
	/* The marks in the flags are the hypervisor's to set: the turner leaves the flags alone. */
	TURN(FLIP(e->frame, va_to_mfn(data), root_mfn()), FLIP(e->domid, own_domid(), own_domid() + 1),
	     FLIP(map.ref, REF, 100000), FLIP(map.host_addr, (unsigned long)window, HYPERVISOR),
	     FLIP(map.flags, GNTMAP_host_map, 0));
	for (unsigned i = 0; i < ROUNDS; i++, mix()) {
		map.status = 77;
		hypercall_grant_table_op(GNTTABOP_map_grant_ref, &map, 1);
		check_window();
		if (map.status)
			continue;
		mapped++;
		/* The handle is right, and the address may be: what fails now is done again below. */
		unmap.handle = map.handle;
		mix();
		hypercall_grant_table_op(GNTTABOP_unmap_grant_ref, &unmap, 1);
		check_eq(unmap.status, 0);
	}
	stop();
	check_eq(e->flags & (GTF_reading | GTF_writing), 0);
	e->flags = 0;
	printk("mapped %u of %u times\n", mapped, ROUNDS);
}

static void grant_copy(void)
{
	struct grant_entry_v1 *e = &grant_table()[REF];
	static struct gnttab_copy copy;

	*e = (struct grant_entry_v1){
	    .domid = own_domid(), .frame = va_to_mfn(data), .flags = GTF_permit_access};
	copy = (struct gnttab_copy){.source = {.domid = DOMID_SELF, .u.gmfn = va_to_mfn(window)},
				    .dest = {.domid = own_domid(), .u.ref = REF},
				    .flags = GNTCOPY_dest_gref,
				    .len = 64};
	__builtin_memset(window, 0xee, PAGE_SIZE);
	__builtin_memset(behind, 0x11, PAGE_SIZE);
	TURN(FLIP(copy.len, 64, 4096), FLIP(copy.dest.offset, 0, 4000),
	     FLIP(copy.source.u.gmfn, va_to_mfn(window), NO_FRAME), FLIP(copy.dest.u.ref, REF, 3),
	     FLIP(e->frame, va_to_mfn(data), root_mfn()));
	for (unsigned i = 0; i < ROUNDS; i++, mix())
		hypercall_grant_table_op(GNTTABOP_copy, &copy, 1);
	stop();
	for (unsigned i = 0; i < PAGE_SIZE; i++)
		if (behind[i] != 0x11) {
			failure("a copy went beyond its page");
			break;
		}
	check_eq(e->flags & (GTF_reading | GTF_writing), 0);
	e->flags = 0;
}

/* Frames given away, taken and traded; the list names, now and then, one that is not ours. */
static void frame_lists(void)
{
	static xen_pfn_t in, out, mfn;
	static struct xen_memory_exchange x;
	static struct xen_memory_reservation r;
	struct xen_memory_domain self = {.domid = DOMID_SELF};
	void *page = page_alloc();
	long pages = hypercall_memory_op(XENMEM_current_reservation, &self);

	mfn = va_to_mfn(page);
	check_eq(hypercall_update_va_mapping((unsigned long)page, 0, UVMF_INVLPG), 0);
	x = (struct xen_memory_exchange){.in = {.nr_extents = 1, .domid = DOMID_SELF},
					 .out = {.nr_extents = 1, .domid = DOMID_SELF}};
	set_xen_guest_handle(x.in.extent_start, &in);
	set_xen_guest_handle(x.out.extent_start, &out);
	for (unsigned i = 0; i < ROUNDS / 10; i++, mix()) {
		out = ((unsigned long)page - VIRT_BASE) / PAGE_SIZE;
		x.nr_exchanged = 0;
		TURN(FLIP(in, mfn, NO_FRAME), FLIP(x.in.nr_extents, 1, 1 << 20),
		     FLIP(x.out.extent_order, 0, 30));
		if (!hypercall_memory_op(XENMEM_exchange, &x) && x.nr_exchanged)
			mfn = out;
		stop();
	}
	check_eq(hypercall_memory_op(XENMEM_current_reservation, &self), pages);
	for (unsigned i = 0; i < ROUNDS / 10; i++, mix()) {
		r = (struct xen_memory_reservation){.nr_extents = 1, .domid = DOMID_SELF};
		set_xen_guest_handle(r.extent_start, &in);
		TURN(FLIP(in, mfn, NO_FRAME), FLIP(r.extent_order, 0, 40), FLIP(r.domid, DOMID_SELF, 0x7000));
		if (hypercall_memory_op(XENMEM_decrease_reservation, &r) != 1)
			continue;
		stop();
		in = ((unsigned long)page - VIRT_BASE) / PAGE_SIZE;
		r = (struct xen_memory_reservation){.nr_extents = 1, .domid = DOMID_SELF};
		set_xen_guest_handle(r.extent_start, &in);
		check_eq(hypercall_memory_op(XENMEM_populate_physmap, &r), 1);
		mfn = in;
	}
	stop();
	check_eq(hypercall_memory_op(XENMEM_current_reservation, &self), pages);
	check_eq(hypercall_update_va_mapping((unsigned long)page, (uint64_t)mfn << 12 | RW, UVMF_INVLPG), 0);
}

static void events(void)
{
	static evtchn_port_t ports[2];
	static struct sched_poll poll;
	static struct evtchn_alloc_unbound offer;
	static struct evtchn_bind_vcpu bind;
	struct evtchn_bind_ipi ipi = {.vcpu = 0};

	check_eq(hypercall_event_channel_op(EVTCHNOP_bind_ipi, &ipi), 0);
	ports[0] = ports[1] = ipi.port;
	poll = (struct sched_poll){.nr_ports = 2, .timeout = 1};
	set_xen_guest_handle(poll.ports, ports);
	TURN(FLIP(ports[0], ipi.port, ~0u), FLIP(poll.nr_ports, 2, 1u << 31), FLIP(poll.timeout, 1, 2));
	for (unsigned i = 0; i < ROUNDS; i++, mix())
		hypercall_sched_op(SCHEDOP_poll, &poll);
	stop();
	bind = (struct evtchn_bind_vcpu){.port = ipi.port, .vcpu = 0};
	offer = (struct evtchn_alloc_unbound){.dom = DOMID_SELF};
	TURN(FLIP(bind.port, ipi.port, ~0u), FLIP(bind.vcpu, 0, 31), FLIP(offer.dom, DOMID_SELF, 0x7000));
	for (unsigned i = 0; i < ROUNDS; i++, mix()) {
		struct evtchn_close close;

		hypercall_event_channel_op(EVTCHNOP_bind_vcpu, &bind);
		if (hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &offer))
			continue;
		close.port = offer.port;
		check_eq(hypercall_event_channel_op(EVTCHNOP_close, &close), 0);
	}
	stop();
}

/* It may be done once in the end; a bad one never is. */
static void contexts(void)
{
	static struct vcpu_guest_context c;
	bool done = false;

	c = *vcpu_context(turner); /* the address is never gone to */
	c.gdt_ents = 0;
	TURN(FLIP(c.ctrlreg[3], xen_pfn_to_cr3(root_mfn()), xen_pfn_to_cr3(va_to_mfn(data))),
	     FLIP(c.flags, VGCF_in_kernel, 0), FLIP(c.gdt_ents, 0, 512), FLIP(c.ldt_ents, 0, 99999),
	     FLIP(c.trap_ctxt[3].address, 0, HYPERVISOR));
	for (unsigned i = 0; i < ROUNDS; i++, mix())
		done |= !hypercall_vcpu_op(VCPUOP_initialise, 2, &c);
	stop();
	printk("vCPU 2 has %s context\n", done ? "a" : "no");
}

/* Extended registers whose header turns: XRSTOR would fault in the hypervisor. What another domain has is always good. */
static void extended_registers(domid_t dom)
{
	static uint64_t image[106], got[106];

	op.u.vcpuextstate = (struct xen_domctl_vcpuextstate){.size = sizeof(image)};
	set_xen_guest_handle(op.u.vcpuextstate.buffer, image);
	check_eq(domctl(XEN_DOMCTL_getvcpuextstate, dom), 0);
	if (!op.u.vcpuextstate.size) /* a processor without */
		return;
	TURN(FLIP(image[66], image[66], 1ull << 62), FLIP(image[67], 0, 1ull << 63), FLIP(image[70], 0, 5),
	     FLIP(image[0], image[0], 4), FLIP(op.u.vcpuextstate.size, sizeof(image), 1ull << 40));
	for (unsigned i = 0; i < ROUNDS / 4; i++, mix())
		domctl(XEN_DOMCTL_setvcpuextstate, dom);
	stop();
	op.u.vcpuextstate.size = sizeof(got);
	set_xen_guest_handle(op.u.vcpuextstate.buffer, got);
	check_eq(domctl(XEN_DOMCTL_getvcpuextstate, dom), 0);
	check(got[0] != 4 && got[66] != 1ull << 62 && !got[67] && !got[70]);
}

/* A policy of which a word and the length turn. */
static void policies(domid_t dom)
{
	static struct xen_cpuid_leaf leaf = {.leaf = 1, .subleaf = XEN_CPUID_NO_SUBLEAF}, got[120];
	uint32_t vmx = 1u << 5;

	op.u.cpu_policy = (struct xen_domctl_cpu_policy){.nr_leaves = 1};
	set_xen_guest_handle(op.u.cpu_policy.leaves, &leaf);
	TURN(FLIP(leaf.c, 0, vmx), FLIP(leaf.leaf, 1, 0x12345678), FLIP(op.u.cpu_policy.nr_leaves, 1, ~0u));
	for (unsigned i = 0; i < ROUNDS / 4; i++, mix())
		domctl(XEN_DOMCTL_set_cpu_policy, dom);
	stop();
	op.u.cpu_policy = (struct xen_domctl_cpu_policy){.nr_leaves = ARRAY_SIZE(got)};
	set_xen_guest_handle(op.u.cpu_policy.leaves, got);
	check_eq(domctl(XEN_DOMCTL_get_cpu_policy, dom), 0);
	for (unsigned i = 0; i < op.u.cpu_policy.nr_leaves; i++)
		check(got[i].leaf != 0x12345678 && (got[i].leaf != 1 || !(got[i].c & vmx)));
}

/* A value whose end turns; the path, too. */
static void files(void)
{
	static char value[] = "info", path[] = "/params/guest_loglvl";
	static struct {
		struct xen_hypfs_direntry e;
		char text[32];
	} got;
	char was[32];
	uint32_t size;

	check_eq(hypercall_hypfs_op(XEN_HYPFS_OP_read, path, sizeof(path), &got, sizeof(got)), 0);
	__builtin_memcpy(was, got.text, sizeof(was));
	size = got.e.content_len;
	TURN(FLIP(*(uint16_t *)(value + 3), 'o', 'o' | 'o' << 8),
	     FLIP(*(uint16_t *)(path + 19), 'l', 'l' | 'l' << 8));
	for (unsigned i = 0; i < ROUNDS / 4; i++, mix()) {
		hypercall_hypfs_op(XEN_HYPFS_OP_write_contents, path, sizeof(path), value, sizeof(value));
		if (!hypercall_hypfs_op(XEN_HYPFS_OP_read, path, sizeof(path), &got, sizeof(got)))
			check(got.e.content_len <= sizeof(got.text) && !got.text[got.e.content_len - 1]);
	}
	stop();
	check_eq(hypercall_hypfs_op(XEN_HYPFS_OP_write_contents, path, sizeof(path), was, size), 0);
}

static void control(void)
{
	domid_t dom;

	op.u.createdomain = (struct xen_domctl_createdomain){.max_vcpus = 1,
							     .max_evtchn_port = -1,
							     .max_grant_frames = 1,
							     .max_maptrack_frames = 1,
							     .grant_opts = 1};
	check_eq(domctl(XEN_DOMCTL_createdomain, 0), 0);
	dom = op.domain;
	op.u.max_vcpus.max = 1;
	check_eq(domctl(XEN_DOMCTL_max_vcpus, dom), 0);
	extended_registers(dom);
	policies(dom);
	files();
	check_eq(domctl(XEN_DOMCTL_destroydomain, dom), 0);
}

void test_main(void)
{
	if (hypercall_vcpu_op(VCPUOP_initialise, 1, vcpu_context(turner)) ||
	    hypercall_vcpu_op(VCPUOP_up, 1, NULL))
		error("no vCPU 1");
	window = page_alloc();
	data = page_alloc();
	behind = page_alloc();
	if (va_to_mfn(behind) != va_to_mfn(data) + 1)
		error("frames of the image do not follow each other");
	window_pte = pte_maddr((unsigned long)window, 1);
	grant_copy();
	updates();
	pins();
	descriptor_tables();
	grant_mapping();
	frame_lists();
	events();
	contexts();
	control();
}
