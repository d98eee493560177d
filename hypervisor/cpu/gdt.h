/* SPDX-License-Identifier: MIT */
/*
 * Segment selectors and the per-CPU descriptor pages. Xen's ABI gives guests the GDT entries 0..7167 (14
 * pages) and keeps the page at byte offset 0xe000 for the hypervisor: its own and the flat ones that guests
 * borrow. Each CPU has two such pages, one as pv64 guests expect it and one as pv32 guests do; a running
 * vCPU's descriptor window shows the right one as its page 14 (pv/desc.c), and an idle CPU uses GDTR = page -
 * 0xe000.
 */
#pragma once

#include "cpu/percpu.h"
#include "lib/types.h"

#define GDT_RESERVED_BYTE 0xe000u /* where the hypervisor's page begins */
#define GDT_LIMIT         0xefffu

/* The same in both pages. SYSCALL loads CS and SS = CS + 8 from here. */
#define SEL_HV_CS 0xe008
#define SEL_HV_DS 0xe010
#define SEL_TSS   0xe040
#define SEL_LDT   0xe050 /* the running vCPU's LDT: pv/desc.c writes the descriptor */

/* pv64 page (xen/arch-x86/xen-x86_64.h). SYSRET takes its selectors from SEL_GUEST_CS32: +8 SS, +16 CS. */
#define SEL_GUEST_CS32 0xe023
#define SEL_GUEST_DS   0xe02b
#define SEL_GUEST_CS64 0xe033

/* pv32 page (xen/arch-x86/xen-x86_32.h). */
#define SEL_COMPAT_KERNEL_CS 0xe019
#define SEL_COMPAT_KERNEL_DS 0xe021
#define SEL_COMPAT_USER_CS   0xe02b
#define SEL_COMPAT_USER_DS   0xe033

/* Index of a selector's descriptor in percpu.gdt / percpu.gdt_compat. */
#define GDT_INDEX(sel) (((sel)-GDT_RESERVED_BYTE) >> 3)

struct __packed tss {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7];
	uint64_t reserved2;
	uint16_t reserved3;
	uint16_t iomap_base;
};

/* Interrupt stacks (SDM 3A 6.14.5, Interrupt Stack Table), for what can strike before the entry code has set
 * GS: the first word of each page names its CPU (entry/traps.asm). #DB is among them because MOV SS can delay
 * one into the first instruction of SYSCALL's entry (SDM 3A 6.8.3). */
#define IST_DOUBLE_FAULT 1
#define IST_NMI          2
#define IST_MCE          3
#define IST_DEBUG        4
#define IST_COUNT        4
#define IST_STACK_SIZE   4096

/* Load GDTR; CS, SS and TR keep what they have, which is the same in every table. */
static inline void gdt_load(uint64_t base)
{
	struct gdtr r = {.limit = GDT_LIMIT, .base = base};

	__asm__ volatile("lgdt %0" : : "m"(r));
}

/* GDTR for a CPU without a guest. */
static inline void gdt_load_idle(void)
{
	__asm__ volatile("lgdt %0" : : "m"(this_cpu->idle_gdtr));
}

/* Where the next entry from a guest pushes its frame: the end of regs (struct vcpu). */
static inline void cpu_set_regs_top(uint64_t top)
{
	this_cpu->regs_top = top;
	this_cpu->tss->rsp[0] = top;
}

/* One CPU's tables. Page-aligned and at direct-map addresses, since guests' windows show the first two pages.
 */
struct cpu_tables {
	uint64_t gdt[512] __aligned(4096);
	uint64_t gdt_compat[512];
	uint8_t ist_stacks[IST_COUNT][IST_STACK_SIZE];
	struct tss tss __aligned(64);
};

/* Fill @t for @cpu and point cpu->gdt, gdt_compat and tss there. */
void gdt_fill(struct percpu *cpu, struct cpu_tables *t);
/* Load GDTR, the segment registers and TR of this CPU. GS base is set again: loading the selector clears it.
 */
void gdt_init_cpu(struct percpu *cpu);

/* Load GS with a guest's @selector; its base goes to KERNEL_GS_BASE (cpu/load_gs.asm). False: #GP, #NP or #PF. */
bool load_gs(uint16_t selector);

/* cpu/idt.c: build the IDT (once; @to: where each vector enters), and load it on this CPU. */
void idt_init(void *const to[256]);
void idt_load(void);
