/* SPDX-License-Identifier: MIT */
/*
 * An ordinary domain and what belongs to others: their event channels (asked, closed, reset, allocated for them, bound
 * though offered to another), their grant tables (sizes, frames, versions), their grants (mapped or copied though granted
 * to another, or not at all), handles that are not its own. What is granted to it read-only it may read and nothing else:
 * it cannot be written, by no store, no hypercall and no emulation, even where it is a page table; it is no table, no
 * descriptor table, no vcpu_info of this domain, and cannot be given away. The victim looks at its memory in the end.
 */
#include "domu.h"

const char test_title[] = "attack-domu-others";

#define RW      (PTE_P | PTE_RW | PTE_A | PTE_D)
#define PORTS   300
#define REFS    512
#define HANDLES 64

static char window[3][4096] __attribute__((aligned(4096)));

static int event(unsigned cmd, void *arg)
{
	return hypercall_event_channel_op(cmd, arg);
}

static void channels_of(domid_t other)
{
	struct evtchn_reset reset = {.dom = other};
	struct evtchn_alloc_unbound theirs = {.dom = other, .remote_dom = DOMID_SELF};

	check_eq(event(EVTCHNOP_reset, &reset), -XEN_EPERM);
	check_eq(event(EVTCHNOP_alloc_unbound, &theirs), -XEN_EPERM);
	for (unsigned port = 0; port < PORTS; port++) {
		struct evtchn_status status = {.dom = other, .port = port};

		check_eq(event(EVTCHNOP_status, &status), -XEN_EPERM);
	}
}

/* How many of @other's ports can be bound; the last one's local end in *local. */
static unsigned bindable(domid_t other, evtchn_port_t *local)
{
	unsigned n = 0;

	for (unsigned port = 0; port < PORTS; port++) {
		struct evtchn_bind_interdomain bind = {.remote_dom = other, .remote_port = port};

		if (event(EVTCHNOP_bind_interdomain, &bind))
			continue;
		*local = bind.local_port;
		n++;
	}
	return n;
}

static void table_of(domid_t other)
{
	xen_pfn_t frames[32] = {0};
	struct gnttab_setup_table setup = {.dom = other, .nr_frames = 32};
	struct gnttab_query_size size = {.dom = other};
	struct gnttab_get_version version = {.dom = other};
	struct gnttab_dump_table dump = {.dom = other};

	set_xen_guest_handle(setup.frame_list, frames);
	check_eq(hypercall_grant_table_op(GNTTABOP_setup_table, &setup, 1), 0);
	check_eq(setup.status, GNTST_permission_denied);
	check_eq(frames[0], 0);
	check_eq(hypercall_grant_table_op(GNTTABOP_query_size, &size, 1), 0);
	check_eq(size.status, GNTST_permission_denied);
	check_eq(hypercall_grant_table_op(GNTTABOP_get_version, &version, 1), -XEN_EPERM);
	check_eq(hypercall_grant_table_op(GNTTABOP_dump_table, &dump, 1), 0);
	check_eq(dump.status, GNTST_permission_denied);
	dump.dom = DOMID_SELF; /* nor may it fill the log with its own */
	check_eq(hypercall_grant_table_op(GNTTABOP_dump_table, &dump, 1), 0);
	check_eq(dump.status, GNTST_permission_denied);
}

static struct gnttab_map_grant_ref map(domid_t other, unsigned ref, const void *where, unsigned flags)
{
	struct gnttab_map_grant_ref op = {.host_addr = (unsigned long)where,
					  .flags = GNTMAP_host_map | flags,
					  .ref = ref,
					  .dom = other,
					  .status = 77};

	check_eq(hypercall_grant_table_op(GNTTABOP_map_grant_ref, &op, 1), 0);
	return op;
}

static int unmap(grant_handle_t handle, const void *where)
{
	struct gnttab_unmap_grant_ref op = {
	    .host_addr = (unsigned long)where, .handle = handle, .status = 77};

	check_eq(hypercall_grant_table_op(GNTTABOP_unmap_grant_ref, &op, 1), 0);
	return op.status;
}

static int copy(domid_t from, unsigned ref, domid_t to, unsigned to_ref)
{
	struct gnttab_copy op = {.source = {.domid = from, .u.ref = ref}, .len = 64, .status = 77};

	op.dest.domid = to;
	op.flags = GNTCOPY_source_gref;
	if (to == DOMID_SELF) {
		op.dest.u.gmfn = va_to_mfn(window[1]);
	} else {
		op.dest.u.ref = to_ref;
		op.flags |= GNTCOPY_dest_gref;
	}
	check_eq(hypercall_grant_table_op(GNTTABOP_copy, &op, 1), 0);
	return op.status;
}

/* Entries of @other that can be mapped or copied from: those offered to us alone. */
static unsigned usable(domid_t other, unsigned flags)
{
	unsigned n = 0;

	for (unsigned ref = 0; ref < REFS; ref++) {
		struct gnttab_map_grant_ref op = map(other, ref, window[0], flags);
		bool copied = copy(other, ref, DOMID_SELF, 0) == GNTST_okay;

		if (op.status) {
			check(op.status < 0);
			check(!copied || !(flags & GNTMAP_readonly));
			continue;
		}
		check(copied);
		n++;
		check_eq(unmap(op.handle, window[0]), GNTST_okay);
	}
	return n;
}

/* Of a page that is mapped read-only at window[0], and whose frame is @mfn. */
static void read_only(domid_t victim, unsigned ref, uint64_t mfn)
{
	struct vcpu_register_vcpu_info info = {.mfn = mfn};
	unsigned long frames[1] = {mfn};
	struct gnttab_transfer transfer = {.mfn = mfn, .domid = victim, .ref = ref, .status = 77};
	struct mmu_update update = {.ptr = mfn << 12, .val = 0};
	xen_pfn_t frame = mfn;
	struct xen_memory_reservation r = {.nr_extents = 1, .domid = DOMID_SELF};
	volatile unsigned long *word = (volatile unsigned long *)window[0];

	check_fault(VEC_PF, *word = 0);
	check_fault(VEC_PF, __atomic_exchange_n(word, 0, __ATOMIC_SEQ_CST));
	check_refused(pte_write(pte_maddr((unsigned long)window[0], 1), mfn << 12 | RW));
	check_refused(hypercall_update_va_mapping((unsigned long)window[1], mfn << 12 | PTE_P, UVMF_INVLPG));
	check_refused(hypercall_mmu_update(&update, 1, NULL, DOMID_SELF));
	check_refused(hypercall_mmu_update(&update, 1, NULL, victim | (victim + 1) << 16));
	check_refused(mmuext1(MMUEXT_PIN_L1_TABLE, mfn, 0));
	check_refused(mmuext1(MMUEXT_CLEAR_PAGE, mfn, 0));
	check_refused(mmuext1(MMUEXT_COPY_PAGE, mfn, va_to_mfn(window[1])));
	check_refused(mmuext1(MMUEXT_COPY_PAGE, va_to_mfn(window[1]), mfn));
	check_refused(mmuext1(MMUEXT_NEW_BASEPTR, mfn, 0));
	check_refused(pte_write(pte_maddr((unsigned long)window[0], 2), mfn << 12 | RW | PTE_U));
	check_refused(hypercall_set_gdt(frames, 512));
	check_refused(hypercall_update_descriptor(mfn << 12, 0));
	check_refused(hypercall_vcpu_op(VCPUOP_register_vcpu_info, 0, &info));
	check_eq(hypercall_grant_table_op(GNTTABOP_transfer, &transfer, 1), 0);
	check(transfer.status < 0);
	set_xen_guest_handle(r.extent_start, &frame);
	check_eq(hypercall_memory_op(XENMEM_decrease_reservation, &r), 0);
	check(map(victim, ref, window[2], 0).status < 0); /* writable */
	check(copy(victim, VICTIM_DATA_REF(own_domid()), victim, ref) < 0);
}

/* The same with writable page tables on: that assist is for a domain's own tables. */
static void read_only_everyhow(domid_t victim, unsigned ref)
{
	struct gnttab_map_grant_ref op = map(victim, ref, window[0], GNTMAP_readonly);

	if (op.status) {
		failure("what is granted to us cannot be mapped: %d", op.status);
		return;
	}
	read_only(victim, ref, op.dev_bus_addr >> 12);
	check_eq(hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables), 0);
	read_only(victim, ref, op.dev_bus_addr >> 12);
	check_eq(hypercall_vm_assist(VMASST_CMD_disable, VMASST_TYPE_writable_pagetables), 0);
	check(unmap(op.handle + 1, window[0]) < 0);
	check(unmap(op.handle, window[1]) < 0);
	check_eq(unmap(op.handle, window[0]), GNTST_okay);
	check(unmap(op.handle, window[0]) < 0);
}

void test_main(void)
{
	domid_t victim = victim_domid();
	evtchn_port_t local = 0;
	struct evtchn_send send;

	check(victim);
	channels_of(0);
	channels_of(victim);
	table_of(0);
	table_of(victim);
	check_eq(bindable(0, &local), 0);
	check_eq(bindable(victim, &local), 1);
	check_eq(bindable(victim, &local), 0);
	check_eq(usable(0, GNTMAP_readonly), 0);
	check_eq(usable(victim, 0), 1);
	check_eq(usable(victim, GNTMAP_readonly), 3);
	for (unsigned handle = 0; handle < HANDLES; handle++)
		check(unmap(handle, window[0]) < 0);
	read_only_everyhow(victim, VICTIM_DATA_REF(own_domid()));
	read_only_everyhow(victim, VICTIM_TABLE_REF(own_domid()));
	send.port = local;
	check_eq(event(EVTCHNOP_send, &send), 0); /* "unharmed" */
}
