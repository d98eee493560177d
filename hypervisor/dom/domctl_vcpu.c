/* SPDX-License-Identifier: MIT */
/* The domctls on one vCPU: its registers, its state, where it may run. domctl_lock held. */
#include "cpu/cpuset.h"
#include "dom/domain.h"
#include "dom/domctl.h"
#include "guest/hypercall.h"
#include "guest/kind.h"
#include "lib/errno.h"
#include "mm/guest_copy.h"
#include "mm/mm.h"
#include "mm/page.h"
#include "sched/sched.h"
#include "xen/domctl.h"
#include "xen/vcpu.h"
#include "xen/xen.h"

#define CPUMAP_BITS_MAX 4096 /* of a map that is filled: the rest of it is cleared bit by bit */

cpuset_t cpumap_all(void)
{
	return cpuset_below(nr_cpus);
}

int cpumap_get(cpuset_t *cpus, const struct xenctl_bitmap *map)
{
	uint32_t bytes = MIN((map->nr_bits + 7) / 8, (uint32_t)sizeof(*cpus));

	*cpus = 0;
	if (map->nr_bits > CPUMAP_BITS_MAX)
		return -E2BIG;
	if (guest_read(cpus, map->bitmap, bytes))
		return -EFAULT;
	*cpus &= cpuset_below(map->nr_bits);
	return 0;
}

int cpumap_put(const struct xenctl_bitmap *map, cpuset_t cpus)
{
	uint32_t bytes = (map->nr_bits + 7) / 8;

	if (map->nr_bits > CPUMAP_BITS_MAX)
		return -E2BIG;
	for (uint32_t i = 0; i < bytes; i++) {
		uint8_t byte = i < sizeof(cpus) ? cpus >> i * 8 : 0;

		if (guest_write(map->bitmap + i, &byte, 1))
			return -EFAULT;
	}
	return 0;
}

/* The context is in the target's layout, whatever the caller's is: only bytes here, until the kind reads them. */
static long set_context(struct domain *d, struct vcpu *v, gva_t ctxt)
{
	void *ctx;
	long rc;

	if (d == current->domain)
		return -EINVAL;
	ctx = heap_alloc_for(current->domain, d->doors->context_size);
	if (!ctx)
		return -ENOMEM;
	rc = guest_read(ctx, ctxt, d->doors->context_size);
	if (!rc) {
		domain_pause(d);
		do
			rc = vcpu_set_context(v, ctx);
		while (rc == -ERESTART && !pt_settle(d) && !hypercall_preempt_check());
		domain_unpause(d);
	}
	heap_free(ctx);
	return rc;
}

static long get_context(struct vcpu *v, gva_t ctxt)
{
	const struct guest_doors *doors = v->domain->doors;
	void *ctx;
	long rc;

	if (v->domain == current->domain) /* one of ours may be waiting for us right now */
		return -EINVAL;
	if (!v->dom.initialised)
		return -ENODATA;
	ctx = heap_alloc_for(current->domain, doors->context_size);
	if (!ctx)
		return -ENOMEM;
	vcpu_pause(v);
	doors->get_context(v, ctx);
	vcpu_unpause(v);
	rc = guest_write(ctxt, ctx, doors->context_size);
	heap_free(ctx);
	return rc;
}

static void info(struct vcpu *v, struct xen_domctl_getvcpuinfo *i)
{
	struct vcpu_runstate_info r;

	vcpu_runstate_get(v, &r);
	i->online = v->state != VCPU_OFFLINE;
	i->blocked = v->state == VCPU_BLOCKED;
	i->running = v->running;
	i->cpu_time = r.time[RUNSTATE_running];
	i->cpu = v->cpu->id;
}

static long set_affinity(struct vcpu *v, struct xen_domctl_vcpuaffinity *a)
{
	cpuset_t cpus;
	int rc;

	if (!(a->flags & XEN_VCPUAFFINITY_HARD)) /* soft affinity is a hint, and ignored */
		return 0;
	rc = cpumap_get(&cpus, &a->cpumap_hard);
	if (rc)
		return rc;
	if (!(cpus & cpumap_all()))
		return -EINVAL;
	vcpu_set_affinity(v, cpus);
	return cpumap_put(&a->cpumap_hard, cpus & cpumap_all());
}

static long get_affinity(struct vcpu *v, const struct xen_domctl_vcpuaffinity *a)
{
	long rc = 0;

	if (a->flags & XEN_VCPUAFFINITY_HARD)
		rc = cpumap_put(&a->cpumap_hard, v->sched.hard_affinity & cpumap_all());
	if (!rc && (a->flags & XEN_VCPUAFFINITY_SOFT))
		rc = cpumap_put(&a->cpumap_soft, cpumap_all());
	return rc;
}

struct vcpu *domctl_vcpu_of(struct domain *d, uint32_t id)
{
	return id < d->max_vcpus ? d->vcpu[id] : NULL;
}

/* The errors, and their order, are those of Xen: a number that the domain cannot have is -EINVAL here, unlike elsewhere. */
static long affinity(struct domain *d, uint32_t cmd, struct xen_domctl_vcpuaffinity *a)
{
	struct vcpu *v = domctl_vcpu_of(d, a->vcpu);

	if (!v)
		return a->vcpu < d->max_vcpus ? -ESRCH : -EINVAL;
	if (!(a->flags & (XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT)) ||
	    ((a->flags & XEN_VCPUAFFINITY_HARD) && !a->cpumap_hard.bitmap) ||
	    ((a->flags & XEN_VCPUAFFINITY_SOFT) && !a->cpumap_soft.bitmap))
		return -EINVAL;
	return cmd == XEN_DOMCTL_setvcpuaffinity ? set_affinity(v, a) : get_affinity(v, a);
}

long domctl_vcpu(struct domain *d, struct xen_domctl *op, bool *copyback)
{
	struct vcpu *v =
	    domctl_vcpu_of(d, op->u.vcpucontext.vcpu); /* the first member of all four structures */

	switch (op->cmd) {
	case XEN_DOMCTL_setvcpucontext:
		return v ? set_context(d, v, op->u.vcpucontext.ctxt) : -EINVAL;
	case XEN_DOMCTL_getvcpucontext:
		return v ? get_context(v, op->u.vcpucontext.ctxt) : -ESRCH;
	case XEN_DOMCTL_getvcpuinfo:
		if (!v)
			return -ESRCH;
		info(v, &op->u.getvcpuinfo);
		*copyback = true;
		return 0;
	case XEN_DOMCTL_setvcpuaffinity:
	case XEN_DOMCTL_getvcpuaffinity:
		return affinity(d, op->cmd, &op->u.vcpuaffinity);
	default:
		return domctl_state(d, op, copyback);
	}
}
