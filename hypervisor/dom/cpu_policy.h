/* SPDX-License-Identifier: MIT */
/* What a guest is told of the processor by CPUID (SDM 2A), and by the few MSRs that say features. */
#pragma once

#include "guest/domain.h"
#include "xen/domctl.h"
#include "xen/sysctl.h"
#include "xen/xen.h"

/* Indexes of the registers of one answer. */
enum {
	EAX,
	EBX,
	ECX,
	EDX
};

/* As many leaves as the tools of this interface version ever pass: 10 basic ones without subleaves, 6 of leaf 4, 3 of 7,
 * 2 of 0xb, 63 of 0xd, 2 of hypervisors, 34 extended. */
#define CPU_POLICY_LEAVES 120

/* What Dom0 gave a domain. Ordered by leaf and subleaf; never changed, only replaced before the domain first runs. */
struct cpu_policy {
	uint32_t n;
	struct xen_cpuid_leaf leaf[CPU_POLICY_LEAVES];
};

/* The leaf as a PV guest of @d's word size may see it at most. */
void cpu_policy_default(const struct domain *d, uint32_t leaf, uint32_t subleaf, uint32_t r[4]);
/* Features that guests of @d's word size can have on the best of machines: the bits that may be set in the leaf's registers. */
void cpu_policy_anywhere(const struct domain *d, uint32_t leaf, uint32_t subleaf, uint32_t r[4]);
/* The leaf as @d sees it: of its policy, or the default one. Zeros where there is none. */
void cpu_policy_leaf(const struct domain *d, uint32_t leaf, uint32_t subleaf, uint32_t r[4]);

/*
 * For tools (xen/domctl.h, xen/sysctl.h). All return 0 or: -EFAULT, -ENOMEM; -ENOBUFS: there is more than fits, nothing
 * was written.
 * cpu_policy_set: only of a domain that never ran (-EEXIST). -EINVAL with err_leaf, err_subleaf or err_msr set: not
 * understood, or more than the machine has, as what a domain saved on another machine has seen. Features that guests have on no
 * machine are left out silently, as Xen does.
 */
long cpu_policy_get(struct domain *d, struct xen_domctl_cpu_policy *p);
long cpu_policy_set(struct domain *d, struct xen_domctl_cpu_policy *p);
/* -EINVAL: no such policy; -EOPNOTSUPP: of HVM guests. */
long cpu_policy_of_machine(struct xen_sysctl_cpu_policy *p);
long cpu_featureset(struct xen_sysctl_cpu_featureset *f);
