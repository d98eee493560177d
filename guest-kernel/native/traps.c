/* SPDX-License-Identifier: MIT */
/*
 * Telling the processor where traps go: the interrupt descriptor table, and the MSRs of SYSCALL.
 * (SDM 3A 6.11, IDT Descriptors; 5.8.8, Fast System Calls in 64-Bit Mode)
 */
#include "x86/internal.h"
#include "cpu_ops.h"
#include "segments.h"
#include "x86/cpu.h"

#define TRAP_ENTRIES 64u

#define MSR_STAR  0xc0000081u
#define MSR_LSTAR 0xc0000082u
#define MSR_FMASK 0xc0000084u

#define GATE_INTERRUPT 0x8e00u /* present, interrupts off on entry */
#define GATE_TASK      0x8500u
#define GATE_DPL3      0x6000u

extern void syscall_entry(void), int80_entry(void);

struct gate {
	uint16_t offset_low, selector, flags, offset_mid;
#ifdef __x86_64__
	uint32_t offset_high, reserved;
#endif
};

static struct gate idt[256];

static void set_gate(unsigned vector, uintptr_t entry, unsigned flags)
{
	struct gate *g = &idt[vector];

	g->offset_low = entry;
	g->selector = KERNEL_CS;
	g->flags = GATE_INTERRUPT | flags;
	g->offset_mid = entry >> 16;
#ifdef __x86_64__
	g->offset_high = entry >> 32;
#endif
}

/* Breakpoint (3) and overflow (4) may be raised by applications. */
static unsigned gate_flags(unsigned vector)
{
	if (vector == 3 || vector == 4)
		return GATE_DPL3;
#ifdef __x86_64__
	if (vector == 8 || vector == 2) /* double fault, NMI: on a stack of their own, ist[0] */
		return 1;
#endif
	return 0;
}

static void fill_table(void)
{
	for (unsigned v = 0; v < TRAP_ENTRIES; v++)
		set_gate(v, trap_entries[v], gate_flags(v));
#ifndef __x86_64__
	idt[VECTOR_DOUBLE_FAULT] = (struct gate){.selector = DOUBLE_FAULT_SELECTOR, .flags = GATE_TASK};
#endif
	set_gate(TRAP_SYSCALL, (uintptr_t)int80_entry, GATE_DPL3);
}

/* One table serves all processors; each is told of it. */
void traps_init(void)
{
	struct {
		uint16_t limit;
		uintptr_t base;
	} __attribute__((packed)) pointer = {sizeof(idt) - 1, (uintptr_t)idt};

	if (cpu_id() == 0)
		fill_table();
	__asm__ volatile("lidt %0" ::"m"(pointer));
#ifdef __x86_64__
	/* Asked here and not in boot.asm: Intel's processors report it only in 64-bit mode. */
	if (!(cpuid(0x80000001).edx >> 11 & 1))
		panic("this processor lacks SYSCALL, which is needed");
	write_msr(MSR_STAR, (uint64_t)KERNEL_CS << 32);
	write_msr(MSR_LSTAR, (uintptr_t)syscall_entry);
	/* As an interrupt gate does; with NT set, the kernel's IRET would fault. (SDM 3A 6.12.1.3, Flag Usage) */
	write_msr(MSR_FMASK, FLAG_IF | FLAG_TF | FLAG_DF | FLAG_NT);
#endif
}

uintptr_t fault_address(void)
{
	return read_cr2();
}
