/* SPDX-License-Identifier: MIT */
/*
 * Privileged instructions, repeated: what the bare machine's kernel uses where pv/cost.c makes hypercalls too. The
 * same file runs in ring 1 under a hypervisor that lets them trap and emulates them.
 */
#include "x86/internal.h"
#include "x86/cost_instructions.h"
#include "cpu_ops.h"
#include "pit.h"

#define MSR_FS_BASE 0xc0000100u
#define UNUSED_LINE 5u

static void write_root(const struct cost_room *room, unsigned rounds)
{
	const uintptr_t roots[2] = {room->root->kernel << PAGE_SHIFT, kernel_root << PAGE_SHIFT};

	while (rounds--)
		write_cr3(roots[rounds & 1]);
}

/* No interrupt comes between: STI lets interrupts in only after the instruction that follows it. */
static void interrupt_flag(const struct cost_room *room, unsigned rounds)
{
	while (rounds--)
		__asm__ volatile("sti\n\tcli" ::: "memory");
}

static void read_port(const struct cost_room *room, unsigned rounds)
{
	while (rounds--)
		inb(UNUSED_PORT);
}

#ifdef __x86_64__
static void write_fs_base(const struct cost_room *room, unsigned rounds)
{
	while (rounds--)
		write_msr(MSR_FS_BASE, 0);
}
#endif

static void set_timer(const struct cost_room *room, unsigned rounds)
{
	while (rounds--)
		pit_oneshot(0xffff);
}

/* As if a device interrupted; the handler takes the lock. */
static void interrupt(const struct cost_room *room, unsigned rounds)
{
	kernel_unlock();
	while (rounds--)
		__asm__ volatile("int %0" ::"i"(VECTOR_IRQ + UNUSED_LINE) : "memory");
	kernel_lock();
}

const struct cost_op machine_cost_ops[] = {
    {"cr3_instr", write_root},
    {"irq_flag_instr", interrupt_flag},
    {"port_instr", read_port},
    {"task_switched_instr", cost_clear_task_switched},
    {"debug_instr", cost_write_debug},
    {"read_cr0_instr", cost_read_cr0},
    {"read_msr_instr", cost_read_efer},
#ifdef __x86_64__
    {"fs_base_instr", write_fs_base},
#endif
    {"timer_instr", set_timer},
    {"event_upcall", interrupt},
    {NULL, NULL},
};

int cost_begin(void)
{
	return 0;
}

void cost_end(void)
{
}
