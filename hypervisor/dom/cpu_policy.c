/* SPDX-License-Identifier: MIT */
/*
 * What a guest is told of the processor (SDM 2A, CPUID): its policy. By default the processor's own answer, with only
 * those bits that hold under the hypervisor; Dom0 may take more away (cpu_policy_op.c). What is a vCPU's own, and the
 * hypervisor's leaves, come in emul/cpuid.c.
 */
#include "dom/cpu_policy.h"
#include "cpu/features.h"
#include "cpu/fpu.h"
#include "cpu/x86.h"
#include "dom/domain.h"
#include "guest/abi.h"

#define BIT(n) (1u << (n))

#define MAX_LEAF     0xd
#define MAX_EXT_LEAF 0x80000008

/* Leaf 1 ECX: SSE3 PCLMULQDQ SSSE3 FMA CX16 SSE4.1 SSE4.2 MOVBE POPCNT AES XSAVE AVX F16C RDRAND. Not:
 * MONITOR, VMX, PCID, x2APIC, TSC deadline, OSXSAVE (emul/cpuid.c). */
#define LEAF1_ECX_AVX   (BIT(12) | BIT(28) | BIT(29))
#define LEAF1_ECX_XSAVE BIT(26)
#define LEAF1_ECX                                                                                         \
	(BIT(0) | BIT(1) | BIT(9) | BIT(13) | BIT(19) | BIT(20) | BIT(22) | BIT(23) | BIT(25) | BIT(30) | \
	 LEAF1_ECX_XSAVE | LEAF1_ECX_AVX)
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

/* @xcr0: the state that the processor and the hypervisor can save (fpu_xcr0_mask). */
static void leaf_1(uint64_t xcr0, uint32_t r[4])
{
	r[EBX] &= 0xff00; /* CLFLUSH size */
	r[ECX] &= LEAF1_ECX & ~(xcr0 & XCR0_AVX ? 0 : LEAF1_ECX_AVX) & ~(xcr0 ? 0 : LEAF1_ECX_XSAVE);
	r[ECX] |= LEAF1_ECX_HYPERVISOR;
	r[EDX] &= LEAF1_EDX;
}

static void leaf_7(uint64_t xcr0, uint32_t subleaf, uint32_t r[4])
{
	uint32_t avx = xcr0 & XCR0_AVX ? ~0u : 0;

	r[EAX] = r[EDX] = 0;
	r[EBX] &= subleaf ? 0 : LEAF7_EBX & (~LEAF7_EBX_AVX | avx);
	r[ECX] &= subleaf ? 0 : LEAF7_ECX_AVX & avx;
}

static void leaf_d(uint64_t mask, uint32_t subleaf, uint32_t r[4])
{
	if (subleaf == 0) {
		r[EAX] &= mask;
		r[ECX] = mask & XCR0_AVX ? 832 : 576; /* the maximum; EBX is what XCR0 enables now */
		r[EDX] = 0;
	} else if (subleaf == 1) {
		r[EAX] &= LEAFD_1_EAX;
		r[EBX] = r[ECX] = r[EDX] = 0;
	} else if (subleaf != 2 || !(mask & XCR0_AVX)) {
		r[EAX] = r[EBX] = r[ECX] = r[EDX] = 0;
	}
}

static void leaf_extended_1(const struct domain *d, uint32_t r[4])
{
	r[ECX] &= EXT1_ECX;
	r[EDX] &= EXT1_EDX | LEAF1_EDX; /* some vendors repeat leaf 1 */
	if (!d->abi->long_mode)
		r[EDX] &= ~EXT1_EDX_64;
}

static void filter(const struct domain *d, uint64_t xcr0, uint32_t leaf, uint32_t subleaf, uint32_t r[4])
{
	switch (leaf) {
	case 0:
		r[EAX] = MIN(r[EAX], MAX_LEAF);
		return;
	case 1:
		leaf_1(xcr0, r);
		return;
	case 7:
		leaf_7(xcr0, subleaf, r);
		return;
	case 0xd:
		leaf_d(xcr0, subleaf, r);
		return;
	case 2:
	case 4:
		return; /* caches */
	case 0x80000000:
		r[EAX] = MIN(r[EAX], MAX_EXT_LEAF);
		return;
	case 0x80000001:
		leaf_extended_1(d, r);
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

void cpu_policy_default(const struct domain *d, uint32_t leaf, uint32_t subleaf, uint32_t r[4])
{
	cpuid(leaf, subleaf, r);
	filter(d, fpu_xcr0_mask(), leaf, subleaf, r);
}

void cpu_policy_anywhere(const struct domain *d, uint32_t leaf, uint32_t subleaf, uint32_t r[4])
{
	r[EAX] = r[EBX] = r[ECX] = r[EDX] = ~0u;
	filter(d, XCR0_X87 | XCR0_SSE | XCR0_AVX, leaf, subleaf, r);
}

static bool has_subleaves(uint32_t leaf)
{
	return leaf == 4 || leaf == 7 || leaf == 0xb || leaf == 0xd;
}

static void of_policy(const struct cpu_policy *p, uint32_t leaf, uint32_t subleaf, uint32_t r[4])
{
	if (!has_subleaves(leaf))
		subleaf = XEN_CPUID_NO_SUBLEAF;
	r[EAX] = r[EBX] = r[ECX] = r[EDX] = 0;
	for (uint32_t i = 0; i < p->n; i++) {
		const struct xen_cpuid_leaf *l = &p->leaf[i];

		if (l->leaf == leaf && l->subleaf == subleaf) {
			r[EAX] = l->a;
			r[EBX] = l->b;
			r[ECX] = l->c;
			r[EDX] = l->d;
			return;
		}
	}
}

void cpu_policy_leaf(const struct domain *d, uint32_t leaf, uint32_t subleaf, uint32_t r[4])
{
	const struct cpu_policy *p = __atomic_load_n(&d->dom.cpu_policy, __ATOMIC_ACQUIRE);

	if (!p) {
		cpu_policy_default(d, leaf, subleaf, r);
		return;
	}
	of_policy(p, leaf, subleaf, r);
	if (leaf == 0x80000001 &&
	    !d->abi->long_mode) /* tools say what kind of guest it is after they set its policy */
		r[EDX] &= ~EXT1_EDX_64;
}
