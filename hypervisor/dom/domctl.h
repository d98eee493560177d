/* SPDX-License-Identifier: MIT */
/* Inside dom/: what the control hypercalls share. */
#pragma once

#include "lib/types.h"

struct domain;
struct vcpu;
struct xen_domctl;
struct xen_domctl_getdomaininfo;
struct xen_sysctl;
struct xenctl_bitmap;

/* XEN_DOMINF_dying, _paused, _shutdown with its code. */
uint32_t domain_flags(const struct domain *d);
/* Fill @info with what XEN_DOMCTL_getdomaininfo tells of @d. */
void domain_info(struct domain *d, struct xen_domctl_getdomaininfo *info);
/* The operations on one vCPU (domctl_vcpu.c); -ENOSYS if @op is none of them. @copyback: it answers in *op.
 */
long domctl_vcpu(struct domain *d, struct xen_domctl *op, bool *copyback);
/* A CPU bitmap between the caller's memory and the hypervisor's. 0 or -EFAULT. */
int cpumap_get(cpuset_t *cpus, const struct xenctl_bitmap *map);
int cpumap_put(const struct xenctl_bitmap *map, cpuset_t cpus);

/* Sysctls that are not Xen's (ringlet/sysctl.h); set by trace/ at boot. */
extern long (*sysctl_extension)(struct xen_sysctl *op);

/* Register the debug keys (boot). */
void debug_keys_init(void);
