/* SPDX-License-Identifier: MIT */
/* The one IDT of all CPUs. Every gate is an interrupt gate: interrupts stay off inside the hypervisor. */
#include "cpu/gdt.h"
#include "cpu/x86.h"

#define GATE_INTERRUPT 0x8e00u /* present, 64-bit interrupt gate (SDM 3A 6.14.1) */
#define VECTOR_INT80   0x80    /* system calls of pv32 applications, bounced */
#define VECTOR_INT82   0x82    /* hypercalls of pv32 kernels */

static struct {
	uint64_t low, high;
} idt[256] __aligned(4096);

static void set_gate(unsigned vector, void *to, unsigned ist, unsigned dpl)
{
	uint64_t at = (uint64_t)to;

	idt[vector].low = (at & 0xffff) | (uint64_t)SEL_HV_CS << 16 | (uint64_t)ist << 32 |
			  (uint64_t)(GATE_INTERRUPT | dpl << 13) << 32 | (at >> 16 & 0xffff) << 48;
	idt[vector].high = at >> 32;
}

void idt_init(void *const to[256])
{
	for (unsigned v = 0; v < 256; v++)
		set_gate(v, to[v], 0, 0);
	/* These can strike where the stack or GS is not the hypervisor's: between an entry from a guest and its
	 * swapgs, or a MOV SS with a data breakpoint before SYSCALL. */
	set_gate(TRAP_DB, to[TRAP_DB], IST_DEBUG, 0);
	set_gate(TRAP_DF, to[TRAP_DF], IST_DOUBLE_FAULT, 0);
	set_gate(TRAP_NMI, to[TRAP_NMI], IST_NMI, 0);
	set_gate(TRAP_MC, to[TRAP_MC], IST_MCE, 0);
	/* INT3, INTO and system calls may come from ring 3, hypercalls from ring 1. A refused INT n raises
	 * #GP, whose handler finds the instruction and consults the guest's trap table. */
	set_gate(TRAP_BP, to[TRAP_BP], 0, 3);
	set_gate(TRAP_OF, to[TRAP_OF], 0, 3);
	set_gate(VECTOR_INT80, to[VECTOR_INT80], 0, 3);
	set_gate(VECTOR_INT82, to[VECTOR_INT82], 0, 1);
}

void idt_load(void)
{
	struct gdtr r = {.limit = sizeof(idt) - 1, .base = (uint64_t)idt};

	__asm__ volatile("lidt %0" : : "m"(r));
}
