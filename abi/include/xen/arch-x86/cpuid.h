/* SPDX-License-Identifier: MIT */
/* The CPUID leaves by which a guest recognises its hypervisor. */
#pragma once

#define XEN_CPUID_FIRST_LEAF 0x40000000
#define XEN_CPUID_LEAF(i)    (XEN_CPUID_FIRST_LEAF + (i))

/* Leaf 0: EAX = last leaf, EBX:ECX:EDX = "XenVMMXenVMM". */
#define XEN_CPUID_SIGNATURE_EBX 0x566e6558
#define XEN_CPUID_SIGNATURE_ECX 0x65584d4d
#define XEN_CPUID_SIGNATURE_EDX 0x4d4d566e

/* Leaf 1: EAX = major << 16 | minor. Leaf 2: EAX = hypercall pages, EBX = MSR, ECX = features 1. */
#define XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD (1u << 0)

#define XEN_CPUID_MAX_NUM_LEAVES 5
