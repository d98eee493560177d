/* SPDX-License-Identifier: MIT */
/*
 * Privileged operations, repeated, both ways: by hypercall, and by the plain instruction of native/cost.c, which traps
 * here and is emulated by the hypervisor. For the instructions the kernel needs virtual I/O privilege, and for
 * stores into page tables the assist "writable page tables"; it has both only meanwhile.
 */
#include "x86/internal.h"
#include "x86/cost_instructions.h"
#include "x86/cpu.h"
#include "cpu_ops.h"
#include "xen/physdev.h"

#define MSR_FS_BASE 0xc0000100u

static int masked_port, upcall_port;

static void null_hypercall(const struct cost_room *room, unsigned rounds)
{
	while (rounds--)
		hypercall_xen_version(XENVER_version, NULL);
}

/* @count calls in each round. */
static void multicall(unsigned rounds, unsigned count)
{
	static struct multicall_entry calls[64];

	for (unsigned i = 0; i < count; i++)
		calls[i] = (struct multicall_entry){.op = __HYPERVISOR_xen_version, .args = {XENVER_version}};
	while (rounds--)
		hypercall_multicall(calls, count);
}

static void multicall_8(const struct cost_room *room, unsigned rounds)
{
	multicall(rounds, 8);
}

static void multicall_64(const struct cost_room *room, unsigned rounds)
{
	multicall(rounds, 64);
}

static void new_base(const struct cost_room *room, unsigned rounds)
{
	struct mmuext_op ops[2] = {{.cmd = MMUEXT_NEW_BASEPTR}, {.cmd = MMUEXT_NEW_BASEPTR}};

	ops[0].arg1.mfn = pfn_to_mfn(room->root->kernel);
	ops[1].arg1.mfn = pfn_to_mfn(kernel_root);
	while (rounds--)
		hypercall_mmuext_op(&ops[rounds & 1], 1, NULL, DOMID_SELF);
}

static void write_root(const struct cost_room *room, unsigned rounds)
{
	const uintptr_t roots[2] = {xen_pfn_to_cr3(pfn_to_mfn(room->root->kernel)),
				    xen_pfn_to_cr3(pfn_to_mfn(kernel_root))};

	while (rounds--)
		__asm__ volatile("mov %0, %%cr3" ::"r"(roots[rounds & 1]) : "memory");
}

/* An event that comes in between takes the lock. */
static void event_mask(const struct cost_room *room, unsigned rounds)
{
	kernel_unlock();
	while (rounds--) {
		irq_enable();
		irq_disable();
	}
	kernel_lock();
}

static void interrupt_flag(const struct cost_room *room, unsigned rounds)
{
	kernel_unlock();
	while (rounds--)
		__asm__ volatile("sti\n\tcli" ::: "memory");
	kernel_lock();
}

static void read_port(const struct cost_room *room, unsigned rounds)
{
	while (rounds--)
		__asm__ volatile("inb %0, %%al" ::"i"(UNUSED_PORT) : "eax");
}

static void task_switch(const struct cost_room *room, unsigned rounds)
{
	while (rounds--)
		hypercall_fpu_taskswitch(0);
}

static void set_debug(const struct cost_room *room, unsigned rounds)
{
	while (rounds--)
		hypercall_set_debugreg(0, 0);
}

#ifdef __x86_64__
static void set_fs_base(const struct cost_room *room, unsigned rounds)
{
	while (rounds--)
		hypercall_set_segment_base(SEGBASE_FS, 0);
}

static void write_fs_base(const struct cost_room *room, unsigned rounds)
{
	while (rounds--)
		__asm__ volatile("wrmsr" ::"c"(MSR_FS_BASE), "a"(0), "d"(0));
}
#endif

static void set_timer(const struct cost_room *room, unsigned rounds)
{
	uint64_t later = system_time() + 1000000000u;

	while (rounds--)
		hypercall_set_timer_op(later);
}

static void send_masked(const struct cost_room *room, unsigned rounds)
{
	while (rounds--) {
		evtchn_notify(masked_port);
		evtchn_clear(masked_port);
	}
}

/* The upcall takes the lock, and comes back before the hypercall seems to be over. */
static void send(const struct cost_room *room, unsigned rounds)
{
	kernel_unlock();
	irq_enable();
	while (rounds--)
		evtchn_notify(upcall_port);
	irq_disable();
	kernel_lock();
}

static void yield(const struct cost_room *room, unsigned rounds)
{
	while (rounds--)
		hypercall_sched_op(SCHEDOP_yield, NULL);
}

const struct cost_op machine_cost_ops[] = {
    {"null_hypercall", null_hypercall},
    {"multicall_8", multicall_8},
    {"multicall_64", multicall_64},
    {"cr3_hypercall", new_base},
    {"cr3_instr", write_root},
    {"irq_flag_shared", event_mask},
    {"irq_flag_instr", interrupt_flag},
    {"port_instr", read_port},
    {"task_switched_hypercall", task_switch},
    {"task_switched_instr", cost_clear_task_switched},
    {"debug_hypercall", set_debug},
    {"debug_instr", cost_write_debug},
    {"read_cr0_instr", cost_read_cr0},
    {"read_msr_instr", cost_read_efer},
#ifdef __x86_64__
    {"fs_base_hypercall", set_fs_base},
    {"fs_base_instr", write_fs_base},
#endif
    {"timer_hypercall", set_timer},
    {"event_masked", send_masked},
    {"event_upcall", send},
    {"domain_switch", yield},
    {NULL, NULL},
};

static void upcall(void *data)
{
}

static void set_privileges(bool on)
{
	struct physdev_set_iopl iopl = {on};

	hypercall_physdev_op(PHYSDEVOP_set_iopl, &iopl);
	hypercall_vm_assist(on ? VMASST_CMD_enable : VMASST_CMD_disable, VMASST_TYPE_writable_pagetables);
}

/* The ports stay from the first time on. */
int cost_begin(void)
{
	if (masked_port <= 0)
		masked_port = evtchn_bind_ipi(cpu_id());
	if (upcall_port <= 0)
		upcall_port = evtchn_bind_ipi(cpu_id());
	if (masked_port < 0 || upcall_port < 0)
		return MIN(masked_port, upcall_port);
	evtchn_mask(masked_port);
	irq_register(upcall_port, upcall, NULL);
	set_privileges(true);
	return 0;
}

void cost_end(void)
{
	set_privileges(false);
}
