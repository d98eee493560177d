/* SPDX-License-Identifier: MIT */
/* What the processors can do and what of it is used; found once on the boot CPU, constant afterwards. */
#pragma once

#include "cpu/x86.h"

struct cpu_features {
	bool smep, smap; /* used: present and not switched off on the command line */
	bool xsave;
	bool umip, fsgsbase, gb_pages; /* present */
	bool fpu_keeps_pointers; /* FXRSTOR and XRSTOR leave the x87 pointers of the last vCPU (cpu/fpu.c) */
	bool x2apic, tsc_deadline;
	bool cpuid_fault;         /* used (cpu/cpuid_fault.h) */
	bool tcg;                 /* QEMU's translator: CPUID 0x40000000 says TCGTCGTCGTCG */
	uint64_t supervisor_bits; /* of CR4: smep and smap */
	uint32_t phys_bits;
	uint32_t max_leaf, max_ext_leaf;
	char vendor[13], brand[49];
};
extern struct cpu_features features;

/* CR4 of a CPU whose guest has asked for nothing, without SMEP and SMAP. */
#define CR4_BASE (CR4_DE | CR4_PAE | CR4_MCE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT)

/* Detect; halts with a sentence if something that the hypervisor requires is missing. */
void features_init(void);
/* CR0, CR4, EFER, PAT and the SYSCALL MSRs of this CPU: where a SYSCALL of 64-bit code enters, and one of 32-bit code. */
void features_cpu_init(void (*syscall_to)(void), void (*syscall32_to)(void));

/* The SMEP and SMAP bits of CR4 while a kind of guests runs; OSXSAVE stays as it is. */
static inline void cpu_set_supervisor_protection(bool allow)
{
	uint64_t cr4 = this_cpu->cr4, bits = features.supervisor_bits;

	cpu_set_cr4(allow ? cr4 | bits : cr4 & ~bits);
}
