/* SPDX-License-Identifier: MIT */
/*
 * Addresses that are no guest's, not canonical or the hypervisor's, wherever an address can be given that is not just
 * a pointer to arguments (attack-bad-pointers has those): entry points, segment bases by hypercall and by WRMSR, the
 * LDT, mappings, TLB flushes, areas that the hypervisor writes to later, the context of a vCPU. Each is refused and
 * changes nothing, or does no harm when it is used. pv32's entry points may be any 32-bit address: what is not the
 * guest's faults when it is fetched. (Xen 4.17 treats set_callbacks of pv64, and its own addresses as entry points, so too.)
 */
#include "msr.h"
#include "time.h"

const char test_title[] = "attack-addresses";

extern char event_entry[];

#ifdef __x86_64__
#define MSR_FS_BASE        0xc0000100u
#define MSR_GS_BASE        0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u

static const unsigned long not_canonical[] = {0x0000800000000000ul, 0x00007ffffffffffful + 2,
					      0xffff7ffffffffffful, 1ul << 63, 0x0123456789abcdeful};
static const unsigned long hypervisors[] = {0xffff800000000000ul, 0xffff820000000000ul, 0xffff828000000000ul,
					    0xffff830000000000ul, 0xffff87fffffffffful};

static void entry_points(unsigned long bad)
{
	static const unsigned types[] = {CALLBACKTYPE_event, CALLBACKTYPE_failsafe, CALLBACKTYPE_syscall,
					 CALLBACKTYPE_nmi,   CALLBACKTYPE_sysenter, CALLBACKTYPE_syscall32};
	struct trap_info table[2] = {{VEC_UD, 0, FLAT_KERNEL_CS, bad}, {0}};

	for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
		struct callback_register reg = {.type = types[i], .address = bad};

		check_eq(hypercall_callback_op(CALLBACKOP_register, &reg), -XEN_EINVAL);
	}
	check_eq(hypercall_set_callbacks(bad, 0x1000, 0x1000, 0), -XEN_EINVAL);
	check_eq(hypercall_set_callbacks((unsigned long)event_entry, bad, 0x1000, 0), -XEN_EINVAL);
	check_eq(hypercall_set_callbacks((unsigned long)event_entry, 0x1000, bad, 0), -XEN_EINVAL);
	check_eq(hypercall_set_trap_table(table), -XEN_EINVAL);
}

static void bases(unsigned long bad)
{
	static const unsigned which[] = {SEGBASE_FS, SEGBASE_GS_USER, SEGBASE_GS_KERNEL};

	for (unsigned i = 0; i < ARRAY_SIZE(which); i++) {
		check_eq(hypercall_set_segment_base(which[i], 0x1230), 0);
		check_eq(hypercall_set_segment_base(which[i], bad), -XEN_EINVAL);
	}
	check_fault(VEC_GP, wrmsr(MSR_FS_BASE, bad));
	check_fault(VEC_GP, wrmsr(MSR_GS_BASE, bad));
	check_fault(VEC_GP, wrmsr(MSR_KERNEL_GS_BASE, bad));
	check_eq(rdmsr(MSR_FS_BASE), 0x1230);
	check_eq(rdmsr(MSR_GS_BASE), 0x1230);
	check_eq(rdmsr(MSR_KERNEL_GS_BASE), 0x1230);
}

/* The base of a segment may be the hypervisor's: it opens nothing. */
static void base_of_hypervisor(unsigned long base)
{
	if (hypercall_set_segment_base(SEGBASE_FS, base) == 0) {
		check_fault(VEC_PF, __asm__ volatile("movl $1, %%fs:0" ::: "memory"));
		hypercall_sched_op(SCHEDOP_yield, NULL);
		check_fault(VEC_PF, __asm__ volatile("movl $1, %%fs:0" ::: "memory"));
	}
	check_eq(hypercall_set_segment_base(SEGBASE_FS, 0), 0);
	FAULT_TRY(wrmsr(MSR_GS_BASE, base));
	hypercall_sched_op(SCHEDOP_yield, NULL);
	wrmsr(MSR_GS_BASE, 0);
}
#else
static const unsigned long not_canonical[] = {0xfffff000ul};
static const unsigned long hypervisors[] = {0xf5800000ul, 0xf6000000ul, 0xffc00000ul};

static void entry_points(unsigned long bad)
{
	struct trap_info table[2] = {{VEC_UD, 0, FLAT_KERNEL_CS, bad}, {0}};

	check_eq(hypercall_set_trap_table(table), -XEN_EINVAL);
	if (hypercall_set_callbacks(FLAT_KERNEL_CS, bad, FLAT_KERNEL_CS, bad) == 0) {
		shared->vcpu_info[0].evtchn_upcall_pending = 1;
		FAULT_TRY(events_on());
		check_eq(fault.vector, VEC_PF);
		check_eq(fault.ip, bad);
		events_off();
		shared->vcpu_info[0].evtchn_upcall_pending = 0;
	}
}

static void bases(unsigned long bad)
{
}

static void base_of_hypervisor(unsigned long base)
{
}
#endif

static void tables(unsigned long bad)
{
	unsigned long aligned = bad & ~4095ul;
	static const unsigned flushes[] = {UVMF_NONE, UVMF_INVLPG, UVMF_TLB_FLUSH, UVMF_INVLPG | UVMF_ALL};
	pte_t pte = (pte_t)va_to_mfn(root_page()) << 12 | PTE_P;

	check_eq(mmuext1(MMUEXT_SET_LDT, aligned, 512), -XEN_EINVAL);
	for (unsigned i = 0; i < ARRAY_SIZE(flushes); i++)
		check(hypercall_update_va_mapping(bad, pte, flushes[i]) < 0);
	check(hypercall_update_va_mapping_otherdomain(bad, pte, UVMF_INVLPG, DOMID_SELF) < 0);
	/* To flush what is not there is no error and no harm. */
	mmuext1(MMUEXT_INVLPG_LOCAL, bad, 0);
	mmuext1(MMUEXT_INVLPG_ALL, bad, 0);
}

/* The hypervisor writes to these on its own, at every switch. */
static void areas(unsigned long bad)
{
	static struct vcpu_runstate_info runstate;
	static struct vcpu_time_info time;
	struct vcpu_register_runstate_memory_area area = {.addr.p = bad};
	struct vcpu_register_time_memory_area times = {.addr.p = bad};

	hypercall_vcpu_op(VCPUOP_register_runstate_memory_area, 0, &area);
	hypercall_vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &times);
	for (unsigned i = 0; i < 3; i++)
		hypercall_sched_op(SCHEDOP_yield, NULL);
	area.addr.p = (unsigned long)&runstate;
	times.addr.p = (unsigned long)&time;
	check_eq(hypercall_vcpu_op(VCPUOP_register_runstate_memory_area, 0, &area), 0);
	check_eq(hypercall_vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &times), 0);
}

static void all(unsigned long bad)
{
	entry_points(bad);
	bases(bad);
	tables(bad);
	areas(bad);
	trap_init();
	check_fault(VEC_UD, __asm__ volatile("ud2"));
}

void test_main(void)
{
	hypercall_vm_assist(VMASST_CMD_disable, VMASST_TYPE_writable_pagetables);
	for (unsigned i = 0; i < ARRAY_SIZE(not_canonical); i++)
		all(not_canonical[i]);
	for (unsigned i = 0; i < ARRAY_SIZE(hypervisors); i++) {
		entry_points(hypervisors[i]);
		tables(hypervisors[i]);
		areas(hypervisors[i]);
		base_of_hypervisor(hypervisors[i]);
	}
}
