/* SPDX-License-Identifier: MIT */
/*
 * CPUID as guests see it (SDM 2A, CPUID). The processor's own answer, with only those bits that hold under
 * the hypervisor, and the leaves that name it. An application's plain CPUID shows the processor itself:
 * nothing here is protection.
 */
#include "cpu/features.h"
#include "cpu/fpu.h"
#include "cpu/x86.h"
#include "dom/domain.h"
#include "emul/pv.h"
#include "guest/abi.h"
#include "pv/version.h"
#include "xen/arch-x86/cpuid.h"

#define BIT(n) (1u << (n))

enum {
	EAX,
	EBX,
	ECX,
	EDX
};

#define MAX_LEAF     0xd
#define MAX_EXT_LEAF 0x80000008
#define LAST_XEN     XEN_CPUID_LEAF(2)

/* Leaf 1 ECX: SSE3 PCLMULQDQ SSSE3 FMA CX16 SSE4.1 SSE4.2 MOVBE POPCNT AES XSAVE AVX F16C RDRAND. Not:
 * MONITOR, VMX, PCID, x2APIC, TSC deadline. OSXSAVE follows the guest's CR4. */
#define LEAF1_ECX_AVX   (BIT(12) | BIT(28) | BIT(29))
#define LEAF1_ECX_XSAVE BIT(26)
#define LEAF1_ECX                                                                                         \
	(BIT(0) | BIT(1) | BIT(9) | BIT(13) | BIT(19) | BIT(20) | BIT(22) | BIT(23) | BIT(25) | BIT(30) | \
	 LEAF1_ECX_XSAVE | LEAF1_ECX_AVX)
#define LEAF1_ECX_OSXSAVE    BIT(27)
#define LEAF1_ECX_HYPERVISOR BIT(31)
/* EDX: FPU DE TSC MSR PAE CX8 APIC CMOV PAT CLFSH MMX FXSR SSE SSE2. Not: VME, PSE, SEP, PGE, MCE, MTRR,
 * PSE36. */
#define LEAF1_EDX                                                                                     \
	(BIT(0) | BIT(2) | BIT(4) | BIT(5) | BIT(6) | BIT(8) | BIT(9) | BIT(15) | BIT(16) | BIT(19) | \
	 BIT(23) | BIT(24) | BIT(25) | BIT(26))
/* Leaf 7 EBX: BMI1 AVX2 BMI2 ERMS RDSEED ADX CLFLUSHOPT CLWB SHA. Not: FSGSBASE, SMEP, INVPCID, SMAP,
 * AVX-512. */
#define LEAF7_EBX_AVX BIT(5)
#define LEAF7_EBX     (BIT(3) | BIT(8) | BIT(9) | BIT(18) | BIT(19) | BIT(23) | BIT(24) | BIT(29) | LEAF7_EBX_AVX)
#define LEAF7_ECX_AVX (BIT(9) | BIT(10)) /* VAES VPCLMULQDQ */
/* Leaf 0xd subleaf 1: XSAVEOPT alone; the area is saved in the plain format. */
#define LEAFD_1_EAX BIT(0)
/* 0x80000001 ECX: LAHF ABM SSE4A MISALIGNSSE 3DNOWPREFETCH. EDX: SYSCALL NX MMXEXT LM 3DNOW. Not: large
 * pages. */
#define EXT1_ECX    (BIT(0) | BIT(5) | BIT(6) | BIT(7) | BIT(8))
#define EXT1_EDX    (BIT(11) | BIT(20) | BIT(22) | BIT(29) | BIT(30) | BIT(31))
#define EXT1_EDX_64 (BIT(11) | BIT(29))
#define EXT7_EDX    BIT(8) /* the TSC does not stop or change its rate */

static bool has_avx(void)
{
	return fpu_xcr0_mask() & XCR0_AVX;
}

static void leaf_1(const struct vcpu *v, uint32_t r[4])
{
	r[EBX] = (r[EBX] & 0xff00) | v->id << 25; /* CLFLUSH size, initial APIC id */
	r[ECX] &= LEAF1_ECX & ~(has_avx() ? 0 : LEAF1_ECX_AVX) & ~(fpu_xcr0_mask() ? 0 : LEAF1_ECX_XSAVE);
	r[ECX] |= LEAF1_ECX_HYPERVISOR | (v->cr4 & CR4_OSXSAVE ? LEAF1_ECX_OSXSAVE : 0);
	r[EDX] &= LEAF1_EDX;
}

static void leaf_7(uint32_t subleaf, uint32_t r[4])
{
	uint32_t avx = has_avx() ? ~0u : 0;

	r[EAX] = r[EDX] = 0;
	r[EBX] &= subleaf ? 0 : LEAF7_EBX & (~LEAF7_EBX_AVX | avx);
	r[ECX] &= subleaf ? 0 : LEAF7_ECX_AVX & avx;
}

static void leaf_d(uint32_t subleaf, uint32_t r[4])
{
	uint64_t mask = fpu_xcr0_mask();

	if (subleaf == 0) {
		r[EAX] &= mask;
		r[ECX] = mask & XCR0_AVX ? 832 : 576; /* the maximum; EBX, what XCR0 enables now, is real */
		r[EDX] = 0;
	} else if (subleaf == 1) {
		r[EAX] &= LEAFD_1_EAX;
		r[EBX] = r[ECX] = r[EDX] = 0;
	} else if (subleaf != 2 || !(mask & XCR0_AVX)) {
		r[EAX] = r[EBX] = r[ECX] = r[EDX] = 0;
	}
}

static void leaf_extended_1(const struct vcpu *v, uint32_t r[4])
{
	r[ECX] &= EXT1_ECX;
	r[EDX] &= EXT1_EDX | LEAF1_EDX; /* some vendors repeat leaf 1 */
	if (!v->domain->abi->long_mode)
		r[EDX] &= ~EXT1_EDX_64;
}

static void hypervisor_leaf(uint32_t leaf, uint32_t r[4])
{
	r[EAX] = r[EBX] = r[ECX] = r[EDX] = 0;
	switch (leaf) {
	case XEN_CPUID_LEAF(0):
		r[EAX] = LAST_XEN;
		r[EBX] = XEN_CPUID_SIGNATURE_EBX;
		r[ECX] = XEN_CPUID_SIGNATURE_ECX;
		r[EDX] = XEN_CPUID_SIGNATURE_EDX;
		break;
	case XEN_CPUID_LEAF(1):
		r[EAX] = VERSION_MAJOR << 16 | VERSION_MINOR;
		break;
	case XEN_CPUID_LEAF(2):
		r[EAX] = 1;          /* hypercall pages */
		r[EBX] = 0x40000000; /* the MSR that fills them (msr.c) */
		r[ECX] = XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD;
		break;
	}
}

static void filter(const struct vcpu *v, uint32_t leaf, uint32_t subleaf, uint32_t r[4])
{
	switch (leaf) {
	case 0:
		r[EAX] = MIN(r[EAX], MAX_LEAF);
		return;
	case 1:
		leaf_1(v, r);
		return;
	case 7:
		leaf_7(subleaf, r);
		return;
	case 0xd:
		leaf_d(subleaf, r);
		return;
	case 2:
	case 4:
		return; /* caches */
	case 0x80000000:
		r[EAX] = MIN(r[EAX], MAX_EXT_LEAF);
		return;
	case 0x80000001:
		leaf_extended_1(v, r);
		return;
	case 0x80000002 ... 0x80000006:
		return; /* name, caches */
	case 0x80000007:
		r[EAX] = r[EBX] = r[ECX] = 0;
		r[EDX] &= EXT7_EDX;
		return;
	case 0x80000008:
		r[EBX] = r[ECX] = r[EDX] = 0; /* EAX: address widths */
		return;
	}
	r[EAX] = r[EBX] = r[ECX] = r[EDX] = 0;
}

void emul_cpuid(struct vcpu *v, struct cpu_user_regs *regs)
{
	uint32_t leaf = regs->rax, subleaf = regs->rcx, r[4];

	if (leaf >> 16 == XEN_CPUID_FIRST_LEAF >> 16) {
		hypervisor_leaf(leaf, r);
	} else {
		cpuid(leaf, subleaf, r);
		filter(v, leaf, subleaf, r);
	}
	regs->rax = r[EAX];
	regs->rbx = r[EBX];
	regs->rcx = r[ECX];
	regs->rdx = r[EDX];
}
