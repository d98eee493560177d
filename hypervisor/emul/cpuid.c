/* SPDX-License-Identifier: MIT */
/*
 * CPUID as guests see it (SDM 2A, CPUID): the domain's policy, what is the vCPU's own, and the leaves that name the
 * hypervisor. An application's plain CPUID shows the processor itself: nothing here is protection.
 */
#include "cpu/x86.h"
#include "dom/cpu_policy.h"
#include "emul/pv.h"
#include "guest/domain.h"
#include "lib/version.h"
#include "xen/arch-x86/cpuid.h"

#define LAST_XEN          XEN_CPUID_LEAF(2)
#define LEAF1_ECX_OSXSAVE (1u << 27)

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

/* The initial APIC id; OSXSAVE follows the guest's CR4; how much of the XSAVE area XCR0 enables now. */
static void vcpus_own(const struct vcpu *v, uint32_t leaf, uint32_t subleaf, uint32_t r[4])
{
	uint32_t now[4];

	if (leaf == 1) {
		r[EBX] |= v->id << 25;
		r[ECX] |= v->pv.cr4 & CR4_OSXSAVE ? LEAF1_ECX_OSXSAVE : 0;
	} else if (leaf == 0xd && subleaf == 0 && r[EAX]) {
		cpuid(leaf, subleaf, now);
		r[EBX] = now[EBX];
	}
}

void emul_cpuid(struct vcpu *v, struct cpu_user_regs *regs)
{
	uint32_t leaf = regs->rax, subleaf = regs->rcx, r[4];

	if (leaf >> 16 == XEN_CPUID_FIRST_LEAF >> 16) {
		hypervisor_leaf(leaf, r);
	} else {
		cpu_policy_leaf(v->domain, leaf, subleaf, r);
		vcpus_own(v, leaf, subleaf, r);
	}
	regs->rax = r[EAX];
	regs->rbx = r[EBX];
	regs->rcx = r[ECX];
	regs->rdx = r[EDX];
}
