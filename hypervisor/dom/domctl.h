/* SPDX-License-Identifier: MIT */
/* Inside dom/: what the control hypercalls share. */
#pragma once

#include "cpu/cpuset.h"
#include "lib/types.h"

struct domain;
struct vcpu;
struct xen_domctl;
struct xen_domctl_getdomaininfo;
struct xen_sysctl;
struct xen_sysctl_cpupool_op;
struct xen_sysctl_scheduler_op;
struct xenctl_bitmap;

/* XEN_DOMINF_dying, _paused, _shutdown with its code. */
uint32_t domain_flags(const struct domain *d);
/* Fill @info with what XEN_DOMCTL_getdomaininfo tells of @d. */
void domain_info(struct domain *d, struct xen_domctl_getdomaininfo *info);
/* The operations on one vCPU (domctl_vcpu.c); -ENOSYS if @op is none of them. @copyback: it answers in *op.
 */
long domctl_vcpu(struct domain *d, struct xen_domctl *op, bool *copyback);
/* Those on what is saved of a domain beside vCPU contexts (domctl_state.c); -ENOSYS if @op is none of them. */
long domctl_state(struct domain *d, struct xen_domctl *op, bool *copyback);
/* The vCPU, or NULL. */
struct vcpu *domctl_vcpu_of(struct domain *d, uint32_t id);
cpuset_t cpumap_all(void); /* a bit for each CPU of the machine */
/* A CPU bitmap between the caller's memory and the hypervisor's. 0, -EFAULT; -E2BIG: so many CPUs are none. */
int cpumap_get(cpuset_t *cpus, const struct xenctl_bitmap *map);
int cpumap_put(const struct xenctl_bitmap *map, cpuset_t cpus);

/* Sysctl cpupool_op (cpupool_op.c). -EBUSY, -EFAULT, -EINVAL, -ENOENT, -ENOSYS, -EOPNOTSUPP. */
long cpupool_op(struct xen_sysctl_cpupool_op *p);
/* Sysctl scheduler_op, parameters of a pool's scheduler: -EOPNOTSUPP, there are none; -EINVAL, -ESRCH. */
long cpupool_scheduler_op(struct xen_sysctl_scheduler_op *s);
/* Sysctls that are not Xen's (ringlet/sysctl.h); set by trace/ at boot. */
extern long (*sysctl_extension)(struct xen_sysctl *op);

/* Register the debug keys (boot). */
void debug_keys_init(void);
