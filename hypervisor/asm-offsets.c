/* SPDX-License-Identifier: MIT */
/* Structure offsets and constants for NASM. Compiled to assembly only; build.mk turns each marked line into a
 * %define in build/hypervisor/asm-offsets.inc. Add a line here, never a number in an .asm file. */
#include "cpu/gdt.h"
#include "cpu/percpu.h"
#include "dom/domain.h"
#include "hypercalls.h"
#include "mm/mm.h"
#include "pv/flags.h"
#include "pv/pv_mm.h"
#include "ringlet/sysctl.h"

#define DEFINE(name, value)        __asm__ volatile("\n->" #name " %0" : : "i"(value))
#define OFFSET(name, type, member) DEFINE(name, offsetof(struct type, member))

void asm_offsets(void);
void asm_offsets(void)
{
	/* struct percpu, addressed by gs: */
	OFFSET(CPU_SELF, percpu, self);
	OFFSET(CPU_CURRENT, percpu, vcpu);
	OFFSET(CPU_STACK_TOP, percpu, stack_top);
	OFFSET(CPU_REGS_TOP, percpu, regs_top);
	OFFSET(CPU_SCRATCH, percpu, scratch);
	OFFSET(CPU_SCRATCH_RBX, percpu, scratch_rbx);
	OFFSET(CPU_PENDING, percpu, pending);
	OFFSET(CPU_CR3, percpu, cr3);
	OFFSET(CPU_CR4, percpu, cr4);
	OFFSET(CPU_TSS, percpu, tss);
	OFFSET(CPU_TRACE_POS, percpu, trace.pos);
	OFFSET(CPU_TRACE_LIMIT, percpu, trace.limit);

	/* struct ringlet_record, and reasons (ringlet/sysctl.h) */
	OFFSET(RECORD_TSC, ringlet_record, tsc);
	OFFSET(RECORD_LOW, ringlet_record, low);
	OFFSET(RECORD_WHAT, ringlet_record, what);
	DEFINE(RECORD_SIZE, sizeof(struct ringlet_record));
	DEFINE(MODES_OF_RING1, (RINGLET_MODE_KNOWN | RINGLET_MODE_KERNEL | 1) * 0x110000);
	DEFINE(REASON_UNKNOWN, RINGLET_REASON_unknown);
	DEFINE(REASON_SYSCALL, RINGLET_REASON_syscall);

	/* struct vcpu */
	OFFSET(VCPU_REGS, vcpu, regs);
	OFFSET(VCPU_DOMAIN, vcpu, domain);
	OFFSET(VCPU_USER_MODE, vcpu, entry.user_mode);
	OFFSET(VCPU_WAY_BACK, vcpu, entry.way_back);
	DEFINE(BACK_BY_IRET, BACK_BY_IRET);
	DEFINE(BACK_BY_SYSRET, BACK_BY_SYSRET);
	DEFINE(BACK_BY_IRET32, BACK_BY_IRET32);
	OFFSET(VCPU_UPCALL, vcpu, info); /* whose first bytes they are */
	OFFSET(MASK_OFFSET, vcpu_info, evtchn_upcall_mask);
	OFFSET(VCPU_HYPERCALLS, vcpu, entry.hypercalls);
	OFFSET(VCPU_SYSCALL_CB, vcpu, entry.syscall_cb.address);
	OFFSET(VCPU_SYSCALL_SP, vcpu, entry.syscall_sp);
	OFFSET(VCPU_KERNEL_CR3, vcpu, mm.kernel_cr3);
	OFFSET(VCPU_USER_CR3, vcpu, mm.user_cr3);
	OFFSET(VCPU_GS_BASE_KERNEL, vcpu, pv.gs_base_kernel);
	OFFSET(VCPU_GS_BASE_USER, vcpu, pv.gs_base_user);
	OFFSET(DOMAIN_HYPERCALLS, domain, hypercalls);
	OFFSET(VCPU_SPECIAL, vcpu, entry.special.any);
	DEFINE(SPECIAL_TO_KERNEL, SPECIAL_TO_KERNEL);
	DEFINE(SPECIAL_TO_USER, SPECIAL_TO_USER);
	DEFINE(HYPERVISOR_END, PV64_HIGH_START);
	DEFINE(PV32_LOW_END, (int32_t)PV32_LOW_END);

	/* struct iret_context on the guest's stack */
	OFFSET(IRET_RAX, iret_context, rax);
	OFFSET(IRET_R11, iret_context, r11);
	OFFSET(IRET_RCX, iret_context, rcx);
	OFFSET(IRET_FLAGS, iret_context, flags);
	DEFINE(VGCF_IN_SYSCALL, VGCF_in_syscall);
	OFFSET(IRET_RIP, iret_context, rip);
	OFFSET(IRET_CS, iret_context, cs);
	OFFSET(IRET_RFLAGS, iret_context, rflags);
	OFFSET(IRET_RSP, iret_context, rsp);
	OFFSET(IRET_SS, iret_context, ss);
	DEFINE(FLAGS_SETTABLE, FLAGS_SETTABLE);
	DEFINE(FLAGS_FORCED, RFLAGS_IF | RFLAGS_MBS);
	DEFINE(FLAGS_AT_SYSCALL, (uint32_t)(FLAGS_KEPT_ON_ENTRY & ~RFLAGS_DF));
	DEFINE(RFLAGS_IF, RFLAGS_IF);
	DEFINE(RFLAGS_VM, RFLAGS_VM);
	DEFINE(MSR_KERNEL_GS_BASE, (int32_t)MSR_KERNEL_GS_BASE);
	DEFINE(NR_HYPERCALLS, NR_HYPERCALLS);

	/* struct cpu_user_regs, the frame of entry/ */
	OFFSET(REGS_R15, cpu_user_regs, r15);
	OFFSET(REGS_R14, cpu_user_regs, r14);
	OFFSET(REGS_R13, cpu_user_regs, r13);
	OFFSET(REGS_R12, cpu_user_regs, r12);
	OFFSET(REGS_RBP, cpu_user_regs, rbp);
	OFFSET(REGS_RBX, cpu_user_regs, rbx);
	OFFSET(REGS_R11, cpu_user_regs, r11);
	OFFSET(REGS_R10, cpu_user_regs, r10);
	OFFSET(REGS_R9, cpu_user_regs, r9);
	OFFSET(REGS_R8, cpu_user_regs, r8);
	OFFSET(REGS_RAX, cpu_user_regs, rax);
	OFFSET(REGS_RCX, cpu_user_regs, rcx);
	OFFSET(REGS_RDX, cpu_user_regs, rdx);
	OFFSET(REGS_RSI, cpu_user_regs, rsi);
	OFFSET(REGS_RDI, cpu_user_regs, rdi);
	OFFSET(REGS_ERROR_CODE, cpu_user_regs, error_code);
	OFFSET(REGS_ENTRY_VECTOR, cpu_user_regs, entry_vector);
	OFFSET(REGS_RIP, cpu_user_regs, rip);
	OFFSET(REGS_CS, cpu_user_regs, cs);
	OFFSET(REGS_RFLAGS, cpu_user_regs, rflags);
	OFFSET(REGS_RSP, cpu_user_regs, rsp);
	OFFSET(REGS_SS, cpu_user_regs, ss);
	OFFSET(REGS_ES, cpu_user_regs, es);
	DEFINE(REGS_SIZE, sizeof(struct cpu_user_regs));

	/* selectors (cpu/gdt.h) */
	DEFINE(SEL_HV_CS, SEL_HV_CS);
	DEFINE(SEL_HV_DS, SEL_HV_DS);
	DEFINE(SEL_GUEST_CS32, SEL_GUEST_CS32);
	DEFINE(SEL_GUEST_DS, SEL_GUEST_DS);
	DEFINE(SEL_GUEST_CS64, SEL_GUEST_CS64);
	DEFINE(SEL_COMPAT_KERNEL_DS, SEL_COMPAT_KERNEL_DS);
}
