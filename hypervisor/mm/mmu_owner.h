/* SPDX-License-Identifier: MIT */
/* Which domain the domid argument of the memory hypercalls means, and which processors a set of vCPUs means. */
#pragma once

#include "lib/types.h"

struct domain;

/* Owner of the frames to be mapped or pinned: the caller (DOMID_SELF or its own number), or, for a privileged
 * caller, any domain, DOMID_IO or DOMID_XEN. A reference is taken. NULL and *rc = -ESRCH or -EPERM. */
struct domain *mmu_owner_get(domid_t id, int *rc);

/* The domain whose allotment memory_op is about: the same, but DOMID_IO and DOMID_XEN have none (-ESRCH). */
struct domain *memory_domain_get(domid_t id, int *rc);

/* The processors that run the current domain's vCPUs named in the guest's bitmap @mask. 0 or -EFAULT. */
int vcpumask_to_cpus(gva_t mask, cpuset_t *cpus);
