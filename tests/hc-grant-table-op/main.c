/* SPDX-License-Identifier: MIT */
/*
 * grant_table_op, by a domain that grants to itself:
 *   the table     its size and limit, more frames on demand up to the limit, another domain's refused
 *   versions      1 is in force and may be asked for; of the others none but 2 is known
 *   mapping       read-only and writable, by address and by page-table entry, for devices; handles,
 *                 the marks in the entry, the entry's own rights and domain
 *   unmapping     the mapping is gone at once, the marks go with the last; what does not fit is refused
 *   replacing     the old mapping goes, the one named moves to its place
 *   copying       from and to grants and own pages, within pages
 *   the rest      swap, transfer, cache_flush, get_status_frames
 * Each entry of a list has its own status, and the call returns 0 all the same.
 */
#include "fw.h"
#include "xen/grant_table.h"

const char test_title[] = "hc-grant-table-op";

#define REF       8u /* the first that is not reserved */
#define LIST      40
#define BAD_REF   100000u
#define BAD_DOMID 0x7000

static struct grant_entry_v1 *table;
static volatile uint32_t *data, *window; /* the granted page, where it gets mapped */
static domid_t self;

static long one(unsigned cmd, void *op)
{
	return hypercall_grant_table_op(cmd, op, 1);
}

static void grant(grant_ref_t ref, const volatile void *page, unsigned flags)
{
	table[ref].domid = self;
	table[ref].frame = va_to_mfn((const void *)page);
	barrier();
	table[ref].flags = GTF_permit_access | flags;
}

static unsigned marks(grant_ref_t ref)
{
	barrier();
	return table[ref].flags & (GTF_reading | GTF_writing);
}

static struct gnttab_map_grant_ref map(grant_ref_t ref, uint64_t where, unsigned flags)
{
	struct gnttab_map_grant_ref op = {
	    .host_addr = where, .flags = flags, .ref = ref, .dom = self, .status = 77};

	check_eq(one(GNTTABOP_map_grant_ref, &op), 0);
	return op;
}

static struct gnttab_map_grant_ref map_ok(grant_ref_t ref, uint64_t where, unsigned flags)
{
	struct gnttab_map_grant_ref op = map(ref, where, flags);

	check_eq(op.status, GNTST_okay);
	return op;
}

static int unmap(grant_handle_t handle, uint64_t where, uint64_t device)
{
	struct gnttab_unmap_grant_ref op = {
	    .host_addr = where, .dev_bus_addr = device, .handle = handle, .status = 77};

	check_eq(one(GNTTABOP_unmap_grant_ref, &op), 0);
	return op.status;
}

static unsigned long addr(const volatile void *p)
{
	return (unsigned long)p;
}

/* ---- the table ---- */

/* The answer cannot be written: the table has grown all the same. */
static void unanswered(xen_pfn_t *frames)
{
	static char page[4096] __attribute__((aligned(4096)));
	struct gnttab_setup_table *setup = (void *)page;
	struct gnttab_query_size size = {.dom = DOMID_SELF};

	setup->dom = DOMID_SELF;
	setup->nr_frames = 4;
	set_xen_guest_handle(setup->frame_list, frames);
	check_eq(page_set_ro(page, true), 0);
	check_eq(one(GNTTABOP_setup_table, setup), -XEN_EFAULT);
	check(frames[3]);
	check_eq(one(GNTTABOP_query_size, &size), 0);
	check_eq(size.nr_frames, 4);
	check_eq(page_set_ro(page, false), 0);
}

/* An event that is due interrupts a table that grows by many frames; then it grows on. So it is within a multicall. */
static void interrupted(uint32_t to, bool multi)
{
	static xen_pfn_t frames[40];
	struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = to};
	struct multicall_entry entry = {.op = __HYPERVISOR_grant_table_op,
					.args = {GNTTABOP_setup_table, addr(&setup), 1}};
	unsigned long before = upcalls;

	set_xen_guest_handle(setup.frame_list, frames);
	shared->vcpu_info[0].evtchn_upcall_pending = 1;
	shared->vcpu_info[0].evtchn_upcall_mask = 0;
	check_eq(multi ? hypercall_multicall(&entry, 1) : one(GNTTABOP_setup_table, &setup), 0);
	events_off();
	check_eq(setup.status, GNTST_okay);
	check(upcalls > before);
	for (unsigned i = 0; i < to; i++)
		check(frames[i]);
}

static void sizes(void)
{
	struct gnttab_query_size size = {.dom = DOMID_SELF};
	struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = 1};
	struct gnttab_dump_table dump = {.dom = DOMID_SELF};
	xen_pfn_t frames[4] = {0};
	pte_t pte;

	check_eq(one(GNTTABOP_query_size, &size), 0);
	check_eq(size.status, GNTST_okay);
	check(size.nr_frames >= 1 && size.max_nr_frames >= 4 && size.nr_frames <= size.max_nr_frames);
	check_eq(hypercall_grant_table_op(GNTTABOP_query_size, &size, 2), -XEN_EINVAL);
	size.dom = BAD_DOMID;
	check_eq(one(GNTTABOP_query_size, &size), 0);
	check_eq(size.status, GNTST_bad_domain);

	check_eq(one(GNTTABOP_dump_table, &dump), 0); /* the log is not any domain's to fill */
	check_eq(dump.status, start_info->flags & SIF_INITDOMAIN ? GNTST_okay : GNTST_permission_denied);

	set_xen_guest_handle(setup.frame_list, frames);
	check_eq(one(GNTTABOP_setup_table, &setup), 0);
	check_eq(setup.status, GNTST_okay);
	check(frames[0] && !frames[1]);
	setup.nr_frames = 3;
	check_eq(one(GNTTABOP_setup_table, &setup), 0);
	check_eq(setup.status, GNTST_okay);
	check(frames[0] && frames[1] && frames[2] && !frames[3]);
	unanswered(frames);
	interrupted(20, false);
	interrupted(40, true);
	setup.nr_frames = size.max_nr_frames + 1;
	check_eq(one(GNTTABOP_setup_table, &setup), 0);
	check_eq(setup.status, GNTST_general_error);
	setup.nr_frames = 1;
	setup.dom = BAD_DOMID;
	check_eq(one(GNTTABOP_setup_table, &setup), 0);
	check_eq(setup.status, GNTST_bad_domain);
	size.dom = DOMID_SELF;
	check_eq(one(GNTTABOP_query_size, &size), 0);
	check(size.nr_frames >= 40);

	pte = (pte_t)frames[0] << 12 | PTE_P | PTE_RW | PTE_A | PTE_D;
	if (hypercall_update_va_mapping(addr(table), pte, UVMF_INVLPG))
		error("cannot map the grant table");
}

static void versions(void)
{
	struct gnttab_set_version set = {.version = 1};
	struct gnttab_get_version get = {.dom = DOMID_SELF};

	check_eq(one(GNTTABOP_set_version, &set), 0);
	check_eq(one(GNTTABOP_get_version, &get), 0);
	check_eq(get.version, 1);
	set.version = 3;
	check_eq(one(GNTTABOP_set_version, &set), -XEN_EINVAL);
	check_eq(set.version, 1);
	get.dom = BAD_DOMID;
	check_eq(one(GNTTABOP_get_version, &get), -XEN_ESRCH);
}

static void commands(void)
{
	struct gnttab_get_status_frames st = {.dom = DOMID_SELF, .nr_frames = 1};

	check_eq(hypercall_grant_table_op(99, &st, 1), -XEN_ENOSYS);
	check_eq(hypercall_grant_table_op(GNTTABOP_map_grant_ref, &st, 0), 0);
	check_eq(hypercall_grant_table_op(GNTTABOP_map_grant_ref, &st, ~0u), -XEN_EINVAL);
	check_eq(hypercall_grant_table_op(GNTTABOP_map_grant_ref, (void *)8, 1), -XEN_EFAULT);
	check_eq(one(GNTTABOP_get_status_frames, &st), 0);
	check_eq(st.status, GNTST_general_error);
}

/* ---- mapping ---- */

static void map_read_only(void)
{
	struct gnttab_map_grant_ref op;

	grant(REF, data, 0);
	op = map_ok(REF, addr(window), GNTMAP_host_map | GNTMAP_readonly);
	check_eq(marks(REF), GTF_reading);
	check(op.dev_bus_addr == (uint64_t)va_to_mfn((void *)data) << 12);
	check_eq(window[5], data[5]);
	check_fault(VEC_PF, window[5] = 1);
	check_eq(unmap(op.handle, addr(window), 0), GNTST_okay);
	check_eq(marks(REF), 0);
	check_fault(VEC_PF, (void)window[5]);
}

static void map_writable(void)
{
	struct gnttab_map_grant_ref op, second;

	op = map_ok(REF, addr(window), GNTMAP_host_map);
	check_eq(marks(REF), GTF_reading | GTF_writing);
	window[7] = 0x1234;
	check_eq(data[7], 0x1234);
	/* A second one, for reading; the writer's mark goes with the writer. */
	second = map_ok(REF, addr(window) + PAGE_SIZE, GNTMAP_host_map | GNTMAP_readonly);
	check(second.handle != op.handle);
	check_eq(window[7 + PAGE_SIZE / 4], 0x1234);
	check_eq(unmap(op.handle, addr(window), 0), GNTST_okay);
	check_eq(marks(REF), GTF_reading);
	check_eq(unmap(second.handle, addr(window) + PAGE_SIZE, 0), GNTST_okay);
	check_eq(marks(REF), 0);
	check_eq(unmap(op.handle, addr(window), 0), GNTST_bad_handle);
}

static void map_by_entry(void)
{
	uint64_t entry = pte_maddr(addr(window), 1);
	struct gnttab_map_grant_ref op;

	op = map_ok(REF, entry, GNTMAP_host_map | GNTMAP_contains_pte | 1u << 16);
	window[9] = 99;
	check_eq(data[9], 99);
	check(*pte_of(addr(window), 1) & 0x200); /* the guest's first free bit, as asked */
	check_eq(unmap(op.handle, entry + 8, 0), GNTST_general_error);
	check_eq(marks(REF), GTF_reading | GTF_writing);
	check_eq(unmap(op.handle, entry, 0), GNTST_okay);
	check_eq(*pte_of(addr(window), 1), 0);
	check_eq(map(REF, entry + 4, GNTMAP_host_map | GNTMAP_contains_pte).status, GNTST_general_error);
	check_eq(
	    map(REF, (uint64_t)va_to_mfn((void *)data) << 12, GNTMAP_host_map | GNTMAP_contains_pte).status,
	    GNTST_general_error);
	check_eq(marks(REF), 0);
}

static void map_for_devices(void)
{
	struct gnttab_map_grant_ref op = map_ok(REF, 0, GNTMAP_device_map);

	check_eq(marks(REF), GTF_reading | GTF_writing);
	check_eq(unmap(op.handle, 0, op.dev_bus_addr + PAGE_SIZE), GNTST_bad_dev_addr);
	check_eq(unmap(op.handle, 0, op.dev_bus_addr), GNTST_okay);
	check_eq(marks(REF), 0);
	/* Both kinds under one handle, which lives until both are gone. */
	op = map_ok(REF, addr(window), GNTMAP_device_map | GNTMAP_host_map);
	check_eq(unmap(op.handle, addr(window), 0), GNTST_okay);
	check_eq(marks(REF), GTF_reading | GTF_writing);
	check_eq(unmap(op.handle, 0, op.dev_bus_addr), GNTST_okay);
	check_eq(marks(REF), 0);
	check_eq(unmap(op.handle, 0, op.dev_bus_addr), GNTST_bad_handle);
}

static void map_refused(void)
{
	struct gnttab_map_grant_ref op = {
	    .host_addr = addr(window), .flags = GNTMAP_host_map, .ref = REF, .dom = BAD_DOMID};

	check_eq(one(GNTTABOP_map_grant_ref, &op), 0);
	check_eq(op.status, GNTST_bad_domain);
	op.dom = DOMID_SELF; /* granters go by their numbers */
	check_eq(one(GNTTABOP_map_grant_ref, &op), 0);
	check_eq(op.status, GNTST_bad_domain);
	check_eq(map(REF, addr(window), 0).status, GNTST_bad_gntref);
	check_eq(map(BAD_REF, addr(window), GNTMAP_host_map).status, GNTST_bad_gntref);
	check_eq(map(REF + 1, addr(window), GNTMAP_host_map).status, GNTST_general_error); /* empty */
	check_eq(map(REF, 8, GNTMAP_host_map).status, GNTST_general_error); /* no table there */
	check_eq(map(REF, HYPERVISOR_VIRT_START, GNTMAP_host_map).status, GNTST_general_error);
	grant(REF, data, GTF_readonly);
	check_eq(map(REF, addr(window), GNTMAP_host_map).status, GNTST_general_error);
	check_eq(marks(REF), 0);
	table[REF].domid = self + 1;
	check_eq(map(REF, addr(window), GNTMAP_host_map | GNTMAP_readonly).status, GNTST_general_error);
	check_eq(marks(REF), 0);
	grant(REF, data, 0);
}

/* ---- unmapping ---- */

static void unmap_refused(void)
{
	struct gnttab_map_grant_ref op;

	check_eq(unmap(0x7fffffff, addr(window), 0), GNTST_bad_handle);
	op = map_ok(REF, addr(window), GNTMAP_host_map);
	check_eq(unmap(op.handle, addr(data), 0) == GNTST_okay, 1); /* the same frame, the same rights */
	check_eq(marks(REF), 0);
	hypercall_update_va_mapping(
	    addr(data), (pte_t)table[REF].frame << 12 | PTE_P | PTE_RW | PTE_A | PTE_D, UVMF_INVLPG);
	op = map_ok(REF, addr(window), GNTMAP_host_map);
	check_eq(unmap(op.handle, addr(table), 0), GNTST_general_error);
	check_eq(unmap(op.handle, addr(window) + PAGE_SIZE, 0), GNTST_general_error);
	check_eq(unmap(op.handle, 0, 0), GNTST_okay); /* nothing asked for, nothing done */
	check_eq(marks(REF), GTF_reading | GTF_writing);
	check_eq(unmap(op.handle, addr(window), 0), GNTST_okay);
}

static void replace(void)
{
	struct gnttab_map_grant_ref op = map_ok(REF, addr(window), GNTMAP_host_map);
	volatile uint32_t *spare = page_alloc();
	unsigned long frame = va_to_mfn((void *)spare);
	struct gnttab_unmap_and_replace r = {
	    .host_addr = addr(window), .new_addr = addr(spare), .handle = op.handle, .status = 77};

	/* By itself: it would stay, and no handle would name it. */
	r.new_addr = r.host_addr;
	check_eq(one(GNTTABOP_unmap_and_replace, &r), 0);
	check(r.status < 0);
	check(marks(REF) != 0);
	r.new_addr = addr(spare);
	spare[3] = 0x77;
	check_eq(one(GNTTABOP_unmap_and_replace, &r), 0);
	check_eq(r.status, GNTST_okay);
	check_eq(marks(REF), 0);
	check_eq(window[3], 0x77);
	check_fault(VEC_PF, (void)spare[3]);
	check_eq(hypercall_update_va_mapping(addr(spare), (pte_t)frame << 12 | PTE_P | PTE_RW | PTE_A | PTE_D,
					     UVMF_INVLPG),
		 0);
	check_eq(one(GNTTABOP_unmap_and_replace, &r), 0);
	check_eq(r.status, GNTST_bad_handle);
}

/* More than fit between two looks at other work. */
static void lists(void)
{
	static struct gnttab_map_grant_ref maps[LIST];
	static struct gnttab_unmap_grant_ref unmaps[LIST];

	for (unsigned i = 0; i < LIST; i++)
		maps[i] = (struct gnttab_map_grant_ref){.flags = GNTMAP_device_map | GNTMAP_readonly,
							.ref = i % 7 == 6 ? BAD_REF : REF,
							.dom = self};
	check_eq(hypercall_grant_table_op(GNTTABOP_map_grant_ref, maps, LIST), 0);
	for (unsigned i = 0; i < LIST; i++) {
		check_eq(maps[i].status, i % 7 == 6 ? GNTST_bad_gntref : GNTST_okay);
		unmaps[i].handle = i % 7 == 6 ? 0x7fffffff : maps[i].handle;
		unmaps[i].dev_bus_addr = maps[i].dev_bus_addr;
	}
	check_eq(marks(REF), GTF_reading);
	check_eq(hypercall_grant_table_op(GNTTABOP_unmap_grant_ref, unmaps, LIST), 0);
	for (unsigned i = 0; i < LIST; i++)
		check_eq(unmaps[i].status, i % 7 == 6 ? GNTST_bad_handle : GNTST_okay);
	check_eq(marks(REF), 0);
}

/* ---- copying ---- */

static int copy(struct gnttab_copy op)
{
	op.status = 77;
	check_eq(one(GNTTABOP_copy, &op), 0);
	return op.status;
}

static void copies(void)
{
	volatile uint32_t *to = page_alloc();
	struct gnttab_copy op = {.len = PAGE_SIZE, .flags = GNTCOPY_source_gref};

	for (unsigned i = 0; i < PAGE_SIZE / 4; i++)
		data[i] = i * 3;
	op.source.u.ref = REF;
	op.source.domid = self;
	op.dest.u.gmfn = va_to_mfn((void *)to);
	op.dest.domid = DOMID_SELF;
	check_eq(copy(op), GNTST_okay);
	for (unsigned i = 0; i < PAGE_SIZE / 4; i++)
		check(to[i] == i * 3);
	check_eq(marks(REF), 0);

	op.source.offset = 8;
	check_eq(copy(op), GNTST_bad_copy_arg);
	op.len = 16;
	op.dest.offset = PAGE_SIZE - 16;
	check_eq(copy(op), GNTST_okay);
	check_eq(to[PAGE_SIZE / 4 - 4], data[2]);
	op.dest.offset = PAGE_SIZE - 15;
	check_eq(copy(op), GNTST_bad_copy_arg);
	op.dest.offset = 0;
	op.source.u.ref = BAD_REF;
	check_eq(copy(op), GNTST_bad_gntref);
	op.source.u.ref = REF + 1;
	check_eq(copy(op), GNTST_general_error);
	op.source.u.ref = REF;
	op.source.domid = BAD_DOMID;
	check_eq(copy(op), GNTST_bad_domain);
	op.source.domid = self;
	op.dest.domid = BAD_DOMID;
	check_eq(copy(op), GNTST_bad_domain);
	op.dest.domid = self; /* frame numbers are for DOMID_SELF */
	check_eq(copy(op), GNTST_permission_denied);
	op.dest.domid = DOMID_SELF;
	op.dest.u.gmfn = 0x7ffffff;
	check_eq(copy(op), GNTST_bad_page);

	op = (struct gnttab_copy){.len = 4, .flags = GNTCOPY_dest_gref};
	op.source.u.gmfn = va_to_mfn((void *)to);
	op.source.domid = DOMID_SELF;
	op.dest.u.ref = REF;
	op.dest.domid = self;
	to[0] = 0x5555;
	check_eq(copy(op), GNTST_okay);
	check_eq(data[0], 0x5555);
	grant(REF, data, GTF_readonly);
	check_eq(copy(op), GNTST_general_error);
	grant(REF, data, 0);
}

/* ---- the rest ---- */

static void others(void)
{
	struct gnttab_swap_grant_ref swap = {.ref_a = REF, .ref_b = REF + 1};
	struct gnttab_transfer transfer = {.mfn = 0x7ffffff, .domid = self, .ref = REF};
	struct gnttab_cache_flush flush = {.length = PAGE_SIZE, .op = GNTTAB_CACHE_CLEAN};
	struct gnttab_map_grant_ref op;

	check_eq(one(GNTTABOP_swap_grant_ref, &swap), 0);
	check_eq(swap.status, GNTST_okay);
	check_eq(table[REF].flags, 0);
	check_eq(table[REF + 1].frame, va_to_mfn((void *)data));
	op = map_ok(REF + 1, 0, GNTMAP_device_map);
	check_eq(one(GNTTABOP_swap_grant_ref, &swap), 0);
	check_eq(swap.status, GNTST_eagain);
	check_eq(unmap(op.handle, 0, op.dev_bus_addr), GNTST_okay);
	check_eq(one(GNTTABOP_swap_grant_ref, &swap), 0);
	check_eq(swap.status, GNTST_okay);
	check_eq(table[REF].frame, va_to_mfn((void *)data));
	swap.ref_b = BAD_REF;
	check_eq(one(GNTTABOP_swap_grant_ref, &swap), 0);
	check_eq(swap.status, GNTST_bad_gntref);

	check_eq(one(GNTTABOP_transfer, &transfer), 0);
	check_eq(transfer.status, GNTST_bad_page);

	flush.a.dev_bus_addr = (uint64_t)va_to_mfn((void *)data) << 12;
	check_eq(one(GNTTABOP_cache_flush, &flush), 0);
	flush.offset = 1;
	check_eq(one(GNTTABOP_cache_flush, &flush), -XEN_EINVAL);
	flush.length = 1;
	flush.op = 8;
	check_eq(one(GNTTABOP_cache_flush, &flush), -XEN_EINVAL);
	flush.op = GNTTAB_CACHE_INVAL; /* alone: what was there before would come back */
	check_eq(one(GNTTABOP_cache_flush, &flush), -XEN_EOPNOTSUPP);
	flush.op = GNTTAB_CACHE_CLEAN | GNTTAB_CACHE_INVAL;
	check_eq(one(GNTTABOP_cache_flush, &flush), 0);
	flush.a.dev_bus_addr = 0x7ffffffull << 12;
	check_eq(one(GNTTABOP_cache_flush, &flush), -XEN_EINVAL);
}

void test_main(void)
{
	table = page_alloc();
	data = page_alloc();
	window = page_alloc();
	page_alloc(); /* its second page */
	self = 0;     /* Dom0, as every guest test */
	data[5] = 0xabcd;
	sizes();
	versions();
	commands();
	map_read_only();
	map_writable();
	map_by_entry();
	map_for_devices();
	map_refused();
	unmap_refused();
	replace();
	lists();
	copies();
	others();
}
