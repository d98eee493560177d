/* SPDX-License-Identifier: MIT */
/* What the assembly of entry/ and its C halves call in each other, and what others may call here. */
#pragma once

#include "lib/types.h"

struct cpu_user_regs;
struct vcpu;

/* exit.asm: run the current vCPU, after whatever is pending. The CPU's stack is abandoned. */
void exit_to_guest(void) __noreturn;
/* idle.c: hlt, interrupts, schedule, leave to guests by exit.asm. */
void idle_loop(void) __noreturn;
/* exit.asm: abandon the CPU's stack and idle. */
void enter_idle(void) __noreturn;

/* Where guests enter, for the IDT (traps.asm) and the MSRs (syscall.asm). */
extern void *const idt_stubs[256];
void syscall_entry(void);
void syscall32_entry(void);

/* Boot, once: fill the dispatch tables. */
void hypercall_init(void);

/* Called by the assembly. @regs is &current->regs unless said otherwise. */
void trap_from_guest(struct vcpu *v, struct cpu_user_regs *regs);
void trap_from_hypervisor(struct cpu_user_regs *regs); /* on the CPU's stack; may change regs->rip */
void trap_paranoid(struct cpu_user_regs *regs);        /* on an interrupt stack */
void exit_fault(struct cpu_user_regs *frame); /* IRETQ failed: the guest's registers, see traps.asm */
void exit_work(void);
void app_syscall(struct vcpu *v);
void app_syscall32(struct vcpu *v);
void app_bad_stack(struct vcpu *v);
void hypercall_int82_trap(struct vcpu *v);

/* entry/page_fault.c: a guest's #PF, and the hypervisor's own (true: the access may be repeated). */
void page_fault_guest(struct vcpu *v, struct cpu_user_regs *regs);
bool page_fault_hypervisor(struct cpu_user_regs *regs);
