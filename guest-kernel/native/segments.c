/* SPDX-License-Identifier: MIT */
/*
 * Segments on the bare machine: the kernel's own GDT, and the TSS from which the processor takes the kernel's stack
 * at a trap from user mode. Each processor has its own of both, as stack and TLS segment belong to the
 * running process. (SDM 3A 3.4.5, Segment Descriptors; 7.7, Task Management in 64-bit Mode)
 */
#include "x86/internal.h"
#include "cpu_ops.h"
#include "kern/lib/string.h"
#include "segments.h"
#include "x86/descriptor.h"

#define MSR_FS_BASE        0xc0000100u
#define MSR_KERNEL_GS_BASE 0xc0000102u

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

/* For SYSCALL, which does not read the TSS: entry.asm reaches it through GS. */
static struct syscall_stack {
	uintptr_t kernel_sp, user_sp;
} syscall_stacks[CPU_MAX];

static struct tss tss[CPU_MAX];
static uint64_t gdt[CPU_MAX][16];
/* For a double fault or NMI; neither returns. */
static char fault_stack[KERNEL_STACK_SIZE] __attribute__((aligned(KERNEL_STACK_SIZE)));

static const uint64_t flat_segments[16] = {
    [1] = FLAT_CODE(0),
    [2] = FLAT_DATA(0),
#ifdef __x86_64__
    [5] = FLAT_CODE(3),
#else
    [3] = FLAT_CODE(3),
#endif
    [4] = FLAT_DATA(3),
};

#ifndef __x86_64__
/* A double fault needs another stack, which in 32 bit only another task has. Its TSS serves all processors: none
 * returns. The interrupted state is in the TSS of the processor, which the GDT tells. (SDM 3A 7.3, Task Switching) */
static struct tss double_fault_tss;

static void double_fault(void)
{
	struct table_pointer pointer;
	const struct tss *old;

	__asm__ volatile("sgdt %0" : "=m"(pointer));
	old = &tss[(pointer.base - (uintptr_t)gdt) / sizeof(gdt[0])];
	kernel_stack_overflow(old->eip, old->regs[4]);
}

static uint64_t double_fault_task(void)
{
	double_fault_tss = (struct tss){
	    .cr3 = read_cr3(),
	    .eip = (uintptr_t)double_fault,
	    .eflags = 2,
	    .regs[4] = (uintptr_t)fault_stack + sizeof(fault_stack) - 16,
	    .segs = {KERNEL_DS, KERNEL_CS, KERNEL_DS, KERNEL_DS, 0, 0}, /* ES CS SS DS FS GS */
	    .iomap = sizeof(struct tss),
	};
	return descriptor((uintptr_t)&double_fault_tss, sizeof(double_fault_tss) - 1, TSS_AVAILABLE);
}
#endif

void segments_init(void)
{
	unsigned cpu = cpu_id(), slot = TSS_SELECTOR / 8;
	struct table_pointer pointer = {sizeof(gdt[cpu]) - 1, (uintptr_t)gdt[cpu]};

	memcpy(gdt[cpu], flat_segments, sizeof(flat_segments));
	gdt[cpu][slot] = descriptor((uintptr_t)&tss[cpu], sizeof(tss[cpu]) - 1, TSS_AVAILABLE);
	tss[cpu].iomap = sizeof(struct tss);
#ifdef __x86_64__
	gdt[cpu][slot + 1] = (uintptr_t)&tss[cpu] >> 32;
	tss[cpu].ist[0] = (uintptr_t)fault_stack + sizeof(fault_stack);
	__asm__ volatile("lgdt %0\n\t"
			 "push %1\n\tlea 1f(%%rip), %%rax\n\tpush %%rax\n\tlretq\n1:" ::"m"(pointer),
			 "i"(KERNEL_CS)
			 : "rax", "memory");
#else
	tss[cpu].ss0 = KERNEL_DS;
	gdt[cpu][DOUBLE_FAULT_SELECTOR / 8] = double_fault_task();
	__asm__ volatile("lgdt %0\n\tljmp %1, $1f\n1:" ::"m"(pointer), "i"(KERNEL_CS) : "memory");
#endif
	__asm__ volatile(
	    "mov %0, %%ds\n\tmov %0, %%es\n\tmov %0, %%ss\n\tmov %1, %%fs\n\tmov %1, %%gs" ::"r"(KERNEL_DS),
	    "r"(0));
	__asm__ volatile("ltr %w0" ::"r"(TSS_SELECTOR));
#ifdef __x86_64__
	write_msr(MSR_KERNEL_GS_BASE, (uintptr_t)&syscall_stacks[cpu]);
#endif
	kernel_stack_set(fault_stack + sizeof(fault_stack));
}

void kernel_stack_set(void *stack_top)
{
#ifdef __x86_64__
	tss[cpu_id()].rsp[0] = (uintptr_t)stack_top;
#else
	tss[cpu_id()].esp0 = (uintptr_t)stack_top;
#endif
	syscall_stacks[cpu_id()].kernel_sp = (uintptr_t)stack_top;
}

void tls_load(uintptr_t base)
{
#ifdef __x86_64__
	write_msr(MSR_FS_BASE, base);
#else
	gdt[cpu_id()][TLS_GDT_ENTRY] = descriptor(base, 0xfffff, FLAT_DATA(3) & ~0x000f00000000ffffull);
#endif
}
