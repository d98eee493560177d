/* SPDX-License-Identifier: MIT */
/*
 * Privileged instructions that are the same on the bare machine and in a PV guest, repeated: native/cost.c and
 * pv/cost.c have them in their tables.
 */
#include "x86/cost_instructions.h"

#define MSR_EFER 0xc0000080u

void cost_clear_task_switched(const struct cost_room *room, unsigned rounds)
{
	while (rounds--)
		__asm__ volatile("clts");
}

void cost_write_debug(const struct cost_room *room, unsigned rounds)
{
	while (rounds--)
		__asm__ volatile("mov %0, %%dr0" ::"r"(0ul));
}

void cost_read_cr0(const struct cost_room *room, unsigned rounds)
{
	uintptr_t value;

	while (rounds--)
		__asm__ volatile("mov %%cr0, %0" : "=r"(value));
}

void cost_read_efer(const struct cost_room *room, unsigned rounds)
{
	while (rounds--)
		__asm__ volatile("rdmsr" ::"c"(MSR_EFER) : "eax", "edx");
}
