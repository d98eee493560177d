/* SPDX-License-Identifier: MIT */
/*
 * What each processor owns. In the hypervisor GS_BASE points at this structure; while a guest runs GS is
 * the guest's and KERNEL_GS_BASE points here, so every entry from a guest begins with swapgs.
 * Offsets for NASM are generated from this file (hypervisor/asm-offsets.c).
 */
#pragma once

#include "lib/types.h"

struct domain;
struct ringlet_record;
struct vcpu;
struct timer;

#define MAX_CPUS       32
#define CPU_STACK_SIZE 16384

/* percpu.pending: why the exit path must not go straight back to the guest. */
#define PENDING_SCHEDULE 0x1  /* the slice is over, or a better vCPU woke */
#define PENDING_TIMER    0x2  /* the LAPIC timer fired: run due timers */
#define PENDING_CALL     0x4  /* another CPU asks something of this one (cpu/ipi.c) */
#define PENDING_DEBUG    0x8  /* console input or debug keys wait: console_work() */
#define PENDING_NMI      0x20 /* the machine's, for Dom0 */
#define PENDING_IRQ      0x10 /* device interrupts wait to be sent to Dom0: irq_work() */

/* What LGDT loads. */
struct gdtr {
	uint16_t limit;
	uint64_t base;
} __packed;

/* Where the next trace record goes (trace/ring.h). */
struct trace_cursor {
	struct ringlet_record *pos, *limit;
};

struct percpu {
	struct percpu *self;
	struct vcpu *vcpu;    /* `current`: the vCPU whose state the processor holds, perhaps the idle one */
	uint64_t stack_top;   /* of this CPU's hypervisor stack; entry code loads RSP from here */
	uint64_t regs_top;    /* end of current's frame: &current->regs + offset of ES; equals TSS.RSP0 */
	uint64_t scratch;     /* the syscall entry parks the guest's RSP here */
	uint64_t scratch_rbx; /* and its RBX there */
	uint32_t pending;     /* PENDING_*: the one exit word (plus the vCPU's own upcall bytes) */
	uint32_t id;          /* 0 .. nr_cpus-1 */
	uint32_t apic_id;
	bool online;
	uint64_t cr4; /* what CR4 holds now, so that equal writes are skipped */
	uint64_t cr3; /* what CR3 holds now */
	struct tss *tss;
	uint64_t *gdt; /* the hypervisor's page of descriptors (cpu/gdt.h), direct-map address, for pv64 */
	uint64_t *gdt_compat; /* the same for pv32 */
	struct list_timers {
		struct timer *first;         /* by expiry, soonest first */
		struct timer *volatile busy; /* its handler is running */
		uint64_t fired;              /* how many handlers have run here */
	} timers;
	uint64_t tlb_stamp;    /* flush clock at this CPU's last full flush (mm/tlb.c) */
	struct vcpu *tlb_vcpu; /* the vCPU whose translations this CPU may hold; NULL: none (mm/root.c) */
	void *sched;           /* struct sched_queue */
	struct vcpu *idle;
	struct trace_cursor trace;
	struct gdtr idle_gdtr; /* of a CPU without a guest (cpu/gdt.h) */
};

/* The current CPU's structure. GCC's named address space makes each access one %gs: instruction. */
#if defined(__SEG_GS) && !defined(HOST_TEST)
#define this_cpu ((struct percpu __seg_gs *)0)
#else
#define this_cpu (&host_percpu) /* unit tests and clang-tidy: a plain structure */
extern struct percpu host_percpu;
#endif

#define current (this_cpu->vcpu)

extern struct percpu *cpu_table[MAX_CPUS]; /* by CPU number; NULL past nr_cpus */
extern uint32_t nr_cpus;

/* Set PENDING_* bits for @cpu and, if it is another one, kick it out of its guest by IPI (with no bits: kick
 * it anyway). */
void cpu_raise(struct percpu *cpu, uint32_t bits);
/* The same for the executing CPU, which is in the hypervisor and so comes to its exit path anyway. */
static inline void cpu_raise_self(uint32_t bits)
{
	__atomic_or_fetch(&this_cpu->self->pending, bits, __ATOMIC_SEQ_CST);
}
/* Answer what other CPUs ask of this one (cpu/ipi.c). */
void cpu_service_requests(void);

/* Prepare @cpu (cpu/percpu.c), and make the executing CPU the one of @cpu. boot/smp.c provides the memory. */
struct cpu_tables;
void percpu_fill(struct percpu *cpu, struct cpu_tables *tables, void *stack, uint32_t id, uint32_t apic_id);
void percpu_load(struct percpu *cpu);
