/* SPDX-License-Identifier: MIT */
/* pv64: included by arch-x86/xen.h when compiling for 64 bits. */
#pragma once

#include <stdint.h>

#define FLAT_KERNEL_CS FLAT_RING3_CS64
#define FLAT_KERNEL_DS FLAT_RING3_DS64
#define FLAT_KERNEL_SS FLAT_RING3_SS64
#define FLAT_USER_CS   FLAT_RING3_CS64
#define FLAT_USER_DS   FLAT_RING3_DS64
#define FLAT_USER_SS   FLAT_RING3_SS64

/* Slots 256 to 271 of every root page table are the hypervisor's; the M2P table lies at their start. */
#define HYPERVISOR_VIRT_START 0xffff800000000000ul
#define HYPERVISOR_VIRT_END   0xffff880000000000ul
#define MACH2PHYS_VIRT_START  0xffff800000000000ul
#define MACH2PHYS_VIRT_END    0xffff804000000000ul
#define MACH2PHYS_NR_ENTRIES  ((MACH2PHYS_VIRT_END - MACH2PHYS_VIRT_START) >> 3)

/* set_segment_base: which base. */
#define SEGBASE_FS          0
#define SEGBASE_GS_USER     1
#define SEGBASE_GS_KERNEL   2
#define SEGBASE_GS_USER_SEL 3 /* the value is a selector to load, not a base */

/* What the iret hypercall finds at the top of the guest kernel's stack. */
struct iret_context {
	uint64_t rax, r11, rcx, flags, rip, cs, rflags, rsp, ss;
};

struct cpu_user_regs {
	uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	uint32_t error_code;   /* private to the hypervisor */
	uint32_t entry_vector; /* private to the hypervisor */
	uint64_t rip;
	uint16_t cs, _pad0[1];
	uint8_t saved_upcall_mask;
	uint8_t _pad1[3];
	uint64_t rflags; /* rflags.IF == !saved_upcall_mask */
	uint64_t rsp;
	uint16_t ss, _pad2[3];
	uint16_t es, _pad3[3];
	uint16_t ds, _pad4[3];
	uint16_t fs, _pad5[3]; /* non-zero: takes precedence over fs_base */
	uint16_t gs, _pad6[3]; /* non-zero: takes precedence over gs_base_user */
};

#define xen_pfn_to_cr3(pfn) ((unsigned long)(pfn) << 12)
#define xen_cr3_to_pfn(cr3) ((unsigned long)(cr3) >> 12)

struct arch_vcpu_info {
	unsigned long cr2;
	unsigned long pad;
};

typedef unsigned long xen_callback_t;
