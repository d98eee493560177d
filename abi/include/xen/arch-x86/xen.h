/* SPDX-License-Identifier: MIT */
/*
 * The part of the ABI that is about x86: words, selectors, fixed addresses, registers, a vCPU's initial
 * context. Every structure has its natural layout for the compiler's target: -m64 gives what pv64 guests
 * and the hypervisor use, -m32 what pv32 guests use.
 */
#pragma once

#include <stdint.h>

typedef unsigned long xen_ulong_t; /* a guest word */
typedef unsigned long xen_pfn_t;   /* a frame number in a guest word */
typedef uint16_t domid_t;
typedef uint64_t uint64_aligned_t __attribute__((aligned(8)));
typedef int64_t int64_aligned_t __attribute__((aligned(8)));

/* A guest virtual address inside a structure, as an integer: the hypervisor must never be able to
 * dereference one. The _64 form has one layout for both word sizes (domctl, sysctl). */
#define XEN_GUEST_HANDLE(type)         xen_ulong_t
#define XEN_GUEST_HANDLE_64(type)      uint64_aligned_t
#define set_xen_guest_handle(hnd, ptr) ((hnd) = (uintptr_t)(ptr))

/* Pages 14 and 15 of a vCPU's 16-page GDT belong to the hypervisor and hold these flat segments. */
#define FIRST_RESERVED_GDT_PAGE  14
#define FIRST_RESERVED_GDT_BYTE  (FIRST_RESERVED_GDT_PAGE * 4096)
#define FIRST_RESERVED_GDT_ENTRY (FIRST_RESERVED_GDT_BYTE / 8)

/* pv32: kernel in ring 1, applications in ring 3. */
#define FLAT_RING1_CS 0xe019
#define FLAT_RING1_DS 0xe021
#define FLAT_RING1_SS 0xe021
#define FLAT_RING3_CS 0xe02b
#define FLAT_RING3_DS 0xe033
#define FLAT_RING3_SS 0xe033
/* pv64: everything in ring 3. */
#define FLAT_RING3_CS32 0xe023
#define FLAT_RING3_CS64 0xe033
#define FLAT_RING3_DS32 0xe02b
#define FLAT_RING3_DS64 0x0000
#define FLAT_RING3_SS32 0xe02b
#define FLAT_RING3_SS64 0xe02b

/* What the hypervisor keeps of each address space. */
#define HYPERVISOR_VIRT_START_PAE 0xf5800000ul
#define MACH2PHYS_VIRT_START_PAE  0xf5800000ul
#define MACH2PHYS_VIRT_END_PAE    0xf6800000ul

#define XEN_LEGACY_MAX_VCPUS 32 /* vcpu_info structures inside shared_info */

#ifdef __x86_64__
#include "xen-x86_64.h"
#else
#include "xen-x86_32.h"
#endif

/* One exception gate, for set_trap_table; the table ends with a zero address. */
struct trap_info {
	uint8_t vector;
	uint8_t flags; /* bits 0-1: privilege needed for INT n; bit 2: mask events on entry */
	uint16_t cs;   /* pv32 only */
	unsigned long address;
};
#define TI_GET_DPL(ti)      ((ti)->flags & 3)
#define TI_GET_IF(ti)       ((ti)->flags & 4)
#define TI_SET_DPL(ti, dpl) ((ti)->flags |= (dpl))
#define TI_SET_IF(ti, on)   ((ti)->flags |= (!!(on)) << 2)

/* vcpu_guest_context.flags */
#define VGCF_i387_valid               (1 << 0)
#define VGCF_in_kernel                (1 << 2)
#define VGCF_failsafe_disables_events (1 << 3)
#define VGCF_syscall_disables_events  (1 << 4)
#define VGCF_online                   (1 << 5)
/* pv64, in the iret frame: rcx, r11, cs and ss of the frame need not be restored. */
#define VGCF_in_syscall (1 << 8)

/* The whole state of a vCPU, as VCPUOP_initialise and DOMCTL_setvcpucontext take it. */
struct vcpu_guest_context {
	struct {
		char x[512]; /* FXSAVE image */
	} fpu_ctxt;
	unsigned long flags; /* VGCF_* */
	struct cpu_user_regs user_regs;
	struct trap_info trap_ctxt[256];
	unsigned long ldt_base, ldt_ents;
	unsigned long gdt_frames[16], gdt_ents;
	unsigned long kernel_ss, kernel_sp;
	unsigned long ctrlreg[8]; /* [1]: pv64's user page tables */
	unsigned long debugreg[8];
#ifdef __x86_64__
	unsigned long event_callback_eip;
	unsigned long failsafe_callback_eip;
	unsigned long syscall_callback_eip;
#else
	unsigned long event_callback_cs;
	unsigned long event_callback_eip;
	unsigned long failsafe_callback_cs;
	unsigned long failsafe_callback_eip;
#endif
	unsigned long vm_assist;
#ifdef __x86_64__
	uint64_t fs_base;
	uint64_t gs_base_kernel;
	uint64_t gs_base_user;
#endif
};

/* The guest's own data in shared_info, for tools. */
struct arch_shared_info {
	unsigned long max_pfn;
	xen_pfn_t pfn_to_mfn_frame_list_list;
	unsigned long nmi_reason;
	unsigned long p2m_cr3;
	unsigned long p2m_vaddr;
	unsigned long p2m_generation;
#ifndef __x86_64__
	uint32_t wc_sec_hi;
#endif
};

/* Which devices an HVM guest sees, and guest options: part of DOMCTL_createdomain. */
struct xen_arch_domainconfig {
	uint32_t emulation_flags;
	uint32_t misc_flags;
};
#define XEN_X86_MSR_RELAXED (1u << 0)

/* One leaf of CPUID as tools pass it. */
struct xen_cpuid_leaf {
	uint32_t leaf, subleaf; /* XEN_CPUID_NO_SUBLEAF: it has none */
	uint32_t a, b, c, d;
};
#define XEN_CPUID_NO_SUBLEAF 0xffffffffu

struct xen_msr_entry {
	uint32_t idx;
	uint32_t flags;
	uint64_t val;
};

/* Forced emulation: after these bytes the hypervisor executes CPUID. */
#define XEN_EMULATE_PREFIX ".byte 0x0f,0x0b,0x78,0x65,0x6e ; "
#define XEN_CPUID          XEN_EMULATE_PREFIX "cpuid"
