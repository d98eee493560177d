/* SPDX-License-Identifier: MIT */
/* Sysctls on CPU pools and their schedulers (xen/sysctl.h): there is one pool, number 0, of all CPUs and all domains. */
#include "dom/domctl.h"
#include "guest/domain.h"
#include "lib/errno.h"
#include "sched/policy.h"
#include "xen/sysctl.h"

#define POOL 0

static uint32_t domains(void)
{
	struct domain *d;
	uint32_t n = 0, next = 0;

	while ((d = domain_next(next)) != NULL) {
		next = d->id + 1;
		n += d->state < DOMAIN_DYING;
		domain_put(d);
	}
	return n;
}

/* The first pool whose number is at least the one asked for: so tools go through all of them. */
static long info(struct xen_sysctl_cpupool_op *p)
{
	if (p->cpupool_id != POOL)
		return -ENOENT;
	p->sched_id = sched_policy->sched_id;
	p->n_dom = domains();
	return cpumap_put(&p->cpumap, cpumap_all());
}

static long move_domain(const struct xen_sysctl_cpupool_op *p)
{
	struct domain *d = p->domid < DOMID_FIRST_RESERVED ? domain_by_id(p->domid) : NULL;

	if (!d)
		return -EINVAL;
	domain_put(d);
	return p->cpupool_id == POOL ? 0 : -ENOENT; /* it is there already */
}

long cpupool_op(struct xen_sysctl_cpupool_op *p)
{
	switch (p->op) {
	case XEN_SYSCTL_CPUPOOL_OP_INFO:
		return info(p);
	case XEN_SYSCTL_CPUPOOL_OP_FREEINFO: /* the CPUs of no pool */
		return cpumap_put(&p->cpumap, 0);
	case XEN_SYSCTL_CPUPOOL_OP_CREATE:
		return -EOPNOTSUPP;
	case XEN_SYSCTL_CPUPOOL_OP_DESTROY:
	case XEN_SYSCTL_CPUPOOL_OP_ADDCPU:
	case XEN_SYSCTL_CPUPOOL_OP_RMCPU:
		return p->cpupool_id == POOL ? -EBUSY : -ENOENT;
	case XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN:
		return move_domain(p);
	default:
		return -ENOSYS;
	}
}

long cpupool_scheduler_op(struct xen_sysctl_scheduler_op *s)
{
	if (s->cpupool_id != POOL)
		return -ESRCH;
	if (s->sched_id != sched_policy->sched_id)
		return -EINVAL;
	return sched_policy->global ? sched_policy->global(s) : -EOPNOTSUPP;
}
