/* SPDX-License-Identifier: MIT */
/*
 * Segments on the bare machine: our own GDT, and the TSS from which the processor takes the kernel's stack
 * at a trap from user mode. (SDM 3A 3.4.5, Segment Descriptors; 7.7, Task Management in 64-bit Mode)
 */
#include "x86/internal.h"
#include "cpu_ops.h"
#include "segments.h"
#include "x86/descriptor.h"

#define MSR_FS_BASE 0xc0000100u

struct table_pointer {
	uint16_t limit;
	uintptr_t base;
} __attribute__((packed));

#ifdef __x86_64__
struct tss {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7];
	uint64_t reserved2;
	uint16_t reserved3, iomap;
} __attribute__((packed));
#define CODE_BITS 0x00a00000ull /* L: 64-bit code */
#else
struct tss {
	uint32_t link, esp0, ss0, esp1, ss1, esp2, ss2, cr3, eip, eflags, regs[8], segs[6], ldt;
	uint16_t trap, iomap;
};
#define CODE_BITS 0x00c00000ull /* D: 32-bit code, limit in pages */
#endif

#define FLAT_CODE(dpl) (0x000f9a000000ffffull | CODE_BITS << 32 | (uint64_t)(dpl) << 45)
#define FLAT_DATA(dpl) (0x00cf92000000ffffull | (uint64_t)(dpl) << 45)
#define TSS_AVAILABLE  0x0000890000000000ull

extern uintptr_t kernel_sp; /* entry.asm: for SYSCALL, which does not look into the TSS */

static struct tss tss = {.iomap = sizeof(struct tss)};
static char fault_stack[4096] __attribute__((aligned(16)));

static uint64_t gdt[16] = {
    [1] = FLAT_CODE(0),
    [2] = FLAT_DATA(0),
#ifdef __x86_64__
    [5] = FLAT_CODE(3),
#else
    [3] = FLAT_CODE(3),
#endif
    [4] = FLAT_DATA(3),
};

void segments_init(void)
{
	struct table_pointer pointer = {sizeof(gdt) - 1, (uintptr_t)gdt};
	unsigned slot = TSS_SELECTOR / 8;

	gdt[slot] = descriptor((uintptr_t)&tss, sizeof(tss) - 1, TSS_AVAILABLE);
#ifdef __x86_64__
	gdt[slot + 1] = (uintptr_t)&tss >> 32;
	tss.ist[0] = (uintptr_t)fault_stack + sizeof(fault_stack);
	__asm__ volatile("lgdt %0\n\t"
			 "push %1\n\tlea 1f(%%rip), %%rax\n\tpush %%rax\n\tlretq\n1:" ::"m"(pointer),
			 "i"(KERNEL_CS)
			 : "rax", "memory");
#else
	tss.ss0 = KERNEL_DS;
	__asm__ volatile("lgdt %0\n\tljmp %1, $1f\n1:" ::"m"(pointer), "i"(KERNEL_CS) : "memory");
#endif
	__asm__ volatile(
	    "mov %0, %%ds\n\tmov %0, %%es\n\tmov %0, %%ss\n\tmov %1, %%fs\n\tmov %1, %%gs" ::"r"(KERNEL_DS),
	    "r"(0));
	__asm__ volatile("ltr %w0" ::"r"(TSS_SELECTOR));
	kernel_stack_set(fault_stack + sizeof(fault_stack));
}

void kernel_stack_set(void *stack_top)
{
#ifdef __x86_64__
	tss.rsp[0] = (uintptr_t)stack_top;
#else
	tss.esp0 = (uintptr_t)stack_top;
#endif
	kernel_sp = (uintptr_t)stack_top;
}

void tls_load(uintptr_t base)
{
#ifdef __x86_64__
	write_msr(MSR_FS_BASE, base);
#else
	gdt[TLS_GDT_ENTRY] = descriptor(base, 0xfffff, FLAT_DATA(3) & ~0x000f00000000ffffull);
#endif
}
