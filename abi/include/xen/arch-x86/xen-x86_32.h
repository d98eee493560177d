/* SPDX-License-Identifier: MIT */
/* pv32: included by arch-x86/xen.h when compiling for 32 bits. */
#pragma once

#include <stdint.h>

#define FLAT_KERNEL_CS FLAT_RING1_CS
#define FLAT_KERNEL_DS FLAT_RING1_DS
#define FLAT_KERNEL_SS FLAT_RING1_SS
#define FLAT_USER_CS   FLAT_RING3_CS
#define FLAT_USER_DS   FLAT_RING3_DS
#define FLAT_USER_SS   FLAT_RING3_SS

/* The last 168 MiB are the hypervisor's; the M2P table lies at their start. */
#define HYPERVISOR_VIRT_START HYPERVISOR_VIRT_START_PAE
#define MACH2PHYS_VIRT_START  MACH2PHYS_VIRT_START_PAE
#define MACH2PHYS_VIRT_END    MACH2PHYS_VIRT_END_PAE
#define MACH2PHYS_NR_ENTRIES  ((MACH2PHYS_VIRT_END - MACH2PHYS_VIRT_START) >> 2)

struct cpu_user_regs {
	uint32_t ebx, ecx, edx, esi, edi, ebp, eax;
	uint16_t error_code;   /* private to the hypervisor */
	uint16_t entry_vector; /* private to the hypervisor */
	uint32_t eip;
	uint16_t cs;
	uint8_t saved_upcall_mask;
	uint8_t _pad0;
	uint32_t eflags; /* eflags.IF == !saved_upcall_mask */
	uint32_t esp;
	uint16_t ss, _pad1;
	uint16_t es, _pad2;
	uint16_t ds, _pad3;
	uint16_t fs, _pad4;
	uint16_t gs, _pad5;
};

/* A PAE root may lie above 4 GiB: CR3 as guests see it carries the frame number's top bits in its low 12. */
#define xen_pfn_to_cr3(pfn) (((unsigned)(pfn) << 12) | ((unsigned)(pfn) >> 20))
#define xen_cr3_to_pfn(cr3) (((unsigned)(cr3) >> 12) | ((unsigned)(cr3) << 20))

struct arch_vcpu_info {
	unsigned long cr2;
	unsigned long pad[5];
};

typedef struct xen_callback {
	unsigned long cs;
	unsigned long eip;
} xen_callback_t;
