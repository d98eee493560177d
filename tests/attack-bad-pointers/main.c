/* SPDX-License-Identifier: MIT */
/*
 * Every hypercall, every sub-operation that exists or does not, every argument a bad pointer: unmapped, not
 * canonical, in the hypervisor's part (its tables, its image, its map of all memory), at the very end of the
 * address space. Each call must return, with an error or a result that needed no memory; nothing else
 * happens: the guest's own page tables, its time and its traps work as before.
 */
#include "fw.h"

const char test_title[] = "attack-bad-pointers";

static const unsigned long bad[] = BAD_POINTERS;
static unsigned long calls;

static void call(unsigned nr, unsigned long a, unsigned long b, unsigned long c, unsigned long d,
		 unsigned long e)
{
	calls++;
#ifdef __x86_64__
	register unsigned long r10 __asm__("r10") = d;
	register unsigned long r8 __asm__("r8") = e;
	long rc = nr;
	__asm__ volatile("syscall"
			 : "+a"(rc), "+D"(a), "+S"(b), "+d"(c), "+r"(r10), "+r"(r8)::"rcx", "r11", "memory");
#else
	long rc = nr;
	__asm__ volatile("int $0x82" : "+a"(rc), "+b"(a), "+c"(b), "+d"(c), "+S"(d), "+D"(e)::"memory");
#endif
}

/* Calls whose first argument is a command and the second (or a later one) a pointer. Those that end or stop
 * the guest with any pointer at all are left out: shutdown needs none to be dangerous, block and poll could
 * wait. */
static void commands(void)
{
	static const unsigned ops[] = {__HYPERVISOR_memory_op,        __HYPERVISOR_xen_version,
				       __HYPERVISOR_event_channel_op, __HYPERVISOR_physdev_op,
				       __HYPERVISOR_callback_op,      __HYPERVISOR_grant_table_op};

	for (unsigned o = 0; o < ARRAY_SIZE(ops); o++)
		for (unsigned cmd = 0; cmd < 40; cmd++)
			for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
				call(ops[o], cmd, bad[i], bad[(i + 1) % ARRAY_SIZE(bad)], 1, 0);
	for (unsigned cmd = 0; cmd < 40; cmd++)
		for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
			if (cmd != VCPUOP_down) { /* the low half of a bad pointer may be 0, our only vCPU */
				call(__HYPERVISOR_vcpu_op, cmd, 0, bad[i], 0, 0);
				call(__HYPERVISOR_vcpu_op, cmd, bad[i], bad[i], 0, 0);
			}
			call(__HYPERVISOR_console_io, cmd, 64, bad[i], 0, 0);
			if (cmd != SCHEDOP_block && cmd != SCHEDOP_shutdown && cmd != SCHEDOP_shutdown_code)
				call(__HYPERVISOR_sched_op, cmd, bad[i], 0, 0, 0);
		}
}

/* Calls whose first argument is a pointer, with counts from none to absurd. */
static void pointers(void)
{
	static const unsigned counts[] = {0, 1, 2, 512, 0x7fffffff, 0xffffffff};

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		unsigned long p = bad[i];
		call(__HYPERVISOR_set_trap_table, p, 0, 0, 0, 0);
		call(__HYPERVISOR_platform_op, p, 0, 0, 0, 0);
		call(__HYPERVISOR_event_channel_op_compat, p, 0, 0, 0, 0);
		call(__HYPERVISOR_sysctl, p, 0, 0, 0, 0);
		call(__HYPERVISOR_domctl, p, 0, 0, 0, 0);
		call(__HYPERVISOR_update_va_mapping, p, p, p, p, 0);
		call(__HYPERVISOR_update_va_mapping_otherdomain, p, p, p, DOMID_SELF, 0);
		call(__HYPERVISOR_update_descriptor, p, p, p, p, 0);
		call(__HYPERVISOR_set_debugreg, i, p, 0, 0, 0);
		call(__HYPERVISOR_set_debugreg, 7, 0, 0, 0, 0);
		call(__HYPERVISOR_get_debugreg, p, 0, 0, 0, 0);
		call(__HYPERVISOR_frame_info, root_mfn(), p, 0, 0, 0);
		call(__HYPERVISOR_frame_info, p, p, 0, 0, 0);
		for (unsigned n = 0; n < ARRAY_SIZE(counts); n++) {
			if (counts[n])
				call(__HYPERVISOR_set_gdt, p, counts[n], 0, 0, 0);
			call(__HYPERVISOR_mmu_update, p, counts[n], p, DOMID_SELF, 0);
			call(__HYPERVISOR_mmuext_op, p, counts[n], p, DOMID_SELF, 0);
			call(__HYPERVISOR_multicall, p, counts[n], 0, 0, 0);
		}
	}
}

/* Pointers inside structures that themselves are fine. */
static void nested(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		struct xen_memory_reservation res = {
		    .extent_start = bad[i], .nr_extents = 4, .domid = DOMID_SELF};
		struct mmuext_op flush = {.cmd = MMUEXT_TLB_FLUSH_MULTI};
		struct sched_poll poll = {.ports = bad[i], .nr_ports = 4, .timeout = 1};
		struct xen_memory_map map = {.nr_entries = 64, .buffer = bad[i]};
		struct xen_machphys_mfn_list list = {.max_extents = 64, .extent_start = bad[i]};

		check(hypercall_memory_op(XENMEM_decrease_reservation, &res) <= 0);
		check(hypercall_memory_op(XENMEM_populate_physmap, &res) <= 0);
		check(hypercall_memory_op(XENMEM_memory_map, &map) < 0);
		check(hypercall_memory_op(XENMEM_machine_memory_map, &map) < 0);
		check(hypercall_memory_op(XENMEM_machphys_mfn_list, &list) < 0);
		flush.arg2.vcpumask = bad[i];
		check(hypercall_mmuext_op(&flush, 1, NULL, DOMID_SELF) < 0);
		check_eq(hypercall_sched_op(SCHEDOP_poll, &poll), -XEN_EFAULT);
	}
}

/* Results may not be written where the guest cannot write, either: to its own read-only page. */
static void readonly_result(void)
{
	unsigned *page = page_alloc();
	struct mmuext_op flush = {.cmd = MMUEXT_TLB_FLUSH_LOCAL};

	*page = 77;
	check_eq(page_set_ro(page, true), 0);
	check_eq(hypercall_xen_version(XENVER_capabilities, page), -XEN_EFAULT);
	hypercall_mmuext_op(&flush, 1, page, DOMID_SELF);
	check_eq(*page, 77);
	check_eq(page_set_ro(page, false), 0);
	/* Page tables above all. */
	void *table = root_page();
	pte_t before = *(pte_t *)table;
	check_eq(hypercall_xen_version(XENVER_capabilities, table), -XEN_EFAULT);
	check(*(pte_t *)table == before);
}

void test_main(void)
{
	pte_t before = *pte_of((unsigned long)test_title, 1);

	pointers();
	commands();
	nested();
	readonly_result();
	printk("%lu hostile calls\n", calls);
	trap_init(); /* what set_trap_table and callback_op may have read from mapped addresses */
	check(*pte_of((unsigned long)test_title, 1) == before);
	check_fault(VEC_UD, __asm__ volatile("ud2"));
	check_eq(hypercall_xen_version(XENVER_version, NULL), 4 << 16 | 17);
	for (unsigned nr = 43; nr < 48; nr++)
		check_eq(hypercall_multicall(&(struct multicall_entry){.op = nr}, 1), 0);
}
