/* SPDX-License-Identifier: MIT */
/* Hypercall 24, vcpu_op (xen/vcpu.h): a domain starts, stops and looks at its own vCPUs, and sets their
 * timers and shared areas. */
#include "cpu/clock.h"
#include "dom/domain.h"
#include "guest/hypercall.h"
#include "guest/kind.h"
#include "hypercalls.h"
#include "lib/errno.h"
#include "mm/guest_copy.h"
#include "mm/mm.h"
#include "mm/page.h"
#include "mm/sub_op.h"
#include "sched/sched.h"
#include "xen/sched.h"
#include "xen/vcpu.h"
#include "xen/xen.h"

#define MIN_PERIOD (NS_PER_SEC / 1000)

static int set_context(struct vcpu *v, const void *ctx)
{
	int rc = -EEXIST;

	spin_lock(&v->domain->dom.lock);
	if (!v->dom.initialised)
		rc = vcpu_set_context(v, ctx);
	spin_unlock(&v->domain->dom.lock);
	return rc;
}

static int initialise(struct vcpu *v, gva_t arg)
{
	const struct guest_doors *doors = v->domain->doors;
	void *ctx;
	int rc;

	hypercall_was_long();
	ctx = heap_alloc_for(v->domain, doors->context_size); /* too big for the stack */
	if (!ctx)
		return -ENOMEM;
	if (guest_read(ctx, arg, doors->context_size)) {
		rc = -EFAULT;
	} else {
		do
			rc = set_context(v, ctx);
		while (rc == -ERESTART && !pt_settle(v->domain) && !hypercall_preempt_check());
	}
	heap_free(ctx);
	return rc;
}

static int up(struct vcpu *v)
{
	if (!v->dom.initialised)
		return -EINVAL;
	vcpu_online(v);
	return 0;
}

/* A domain whose last vCPU goes down has ended. */
static int down(struct vcpu *v)
{
	struct domain *d = v->domain;
	struct vcpu *other;

	vcpu_offline(v);
	for_each_vcpu (d, other)
		if (other->state != VCPU_OFFLINE)
			return 0;
	domain_shutdown(d, SHUTDOWN_poweroff);
	return 0;
}

static long get_runstate(struct vcpu *v, struct vcpu_runstate_info *info)
{
	vcpu_runstate_get(v, info);
	return 0;
}

/* The area is written now, to see whether it can be, and at each later switch to the vCPU. */
static long register_runstate(struct vcpu *v, struct vcpu_register_runstate_memory_area *area)
{
	struct vcpu_runstate_info info;

	vcpu_runstate_get(v, &info);
	if (guest_put(area->addr.p, &info, vcpu_runstate_info))
		return -EFAULT;
	v->sched.runstate_area = area->addr.p;
	return 0;
}

static long register_time(struct vcpu *v, struct vcpu_register_time_memory_area *area)
{
	struct vcpu_time_info info;

	info = v->info->time;
	if (guest_put(area->addr.p, &info, vcpu_time_info))
		return -EFAULT;
	v->sched.time_area = area->addr.p;
	return 0;
}

static long set_periodic(struct vcpu *v, struct vcpu_set_periodic_timer *set)
{
	if (set->period_ns < MIN_PERIOD || set->period_ns > INT64_MAX)
		return -EINVAL;
	vcpu_set_periodic(v, set->period_ns);
	return 0;
}

/* Set at each switch of tasks by some kernels, so it reads in line. */
static int set_singleshot(struct vcpu *v, gva_t arg)
{
	struct vcpu_set_singleshot_timer set;

	if (v != current)
		return -EINVAL;
	if (guest_get(&set, arg, vcpu_set_singleshot_timer))
		return -EFAULT;
	if ((set.flags & VCPU_SSHOTTMR_future) && set.timeout_abs_ns < now())
		return -ETIME;
	vcpu_set_singleshot(v, set.timeout_abs_ns);
	return 0;
}

static long register_info(struct vcpu *v, struct vcpu_register_vcpu_info *info)
{
	int rc;

	spin_lock(&v->domain->dom.lock);
	rc = vcpu_map_info(v, info->mfn, info->offset);
	spin_unlock(&v->domain->dom.lock);
	return rc;
}

void vcpu_send_nmi(struct vcpu *v)
{
	__atomic_store_n(&v->entry.nmi_pending, true, __ATOMIC_SEQ_CST);
	vcpu_wake(v);
	if (v->running)
		cpu_raise(v->cpu, PENDING_SCHEDULE); /* so that its exit path looks */
}

static int send_nmi(struct vcpu *v, gva_t arg)
{
	if (arg)
		return -EINVAL;
	vcpu_send_nmi(v);
	return 0;
}

static const struct sub_op vcpu_ops[] = {
    [VCPUOP_get_runstate_info] = SUB_OP(get_runstate, vcpu_runstate_info, SUB_ANSWERS),
    [VCPUOP_register_runstate_memory_area] =
	SUB_OP(register_runstate, vcpu_register_runstate_memory_area, SUB_READS),
    [VCPUOP_set_periodic_timer] = SUB_OP(set_periodic, vcpu_set_periodic_timer, SUB_READS),
    [VCPUOP_register_vcpu_info] = SUB_OP(register_info, vcpu_register_vcpu_info, SUB_READS),
    [VCPUOP_register_vcpu_time_memory_area] =
	SUB_OP(register_time, vcpu_register_time_memory_area, SUB_READS),
};

long hc_vcpu_op(uint64_t cmd, uint64_t vcpuid, uint64_t arg)
{
	struct domain *d = current->domain;
	struct vcpu *v;
	int rc;

	vcpuid = (uint32_t)vcpuid;
	v = vcpuid < d->max_vcpus ? d->vcpu[vcpuid] : NULL;
	if (!v)
		return -ENOENT;
	switch ((uint32_t)cmd) {
	case VCPUOP_initialise:
		rc = initialise(v, arg);
		return rc == -ERESTART ? HYPERCALL_RESTART(vcpu_op, cmd, vcpuid, arg) : rc;
	case VCPUOP_up:
		return up(v);
	case VCPUOP_down:
		return down(v);
	case VCPUOP_is_up:
		return v->state != VCPU_OFFLINE;
	case VCPUOP_stop_periodic_timer:
		vcpu_set_periodic(v, 0);
		return 0;
	case VCPUOP_set_singleshot_timer:
		return set_singleshot(v, arg);
	case VCPUOP_stop_singleshot_timer:
		if (v != current)
			return -EINVAL;
		timer_stop(&v->sched.singleshot);
		return 0;
	case VCPUOP_send_nmi:
		return send_nmi(v, arg);
	case VCPUOP_get_physid: /* only for a vCPU pinned to one processor for good, which none is */
		return -EINVAL;
	default:
		return sub_op_run(vcpu_ops, ARRAY_SIZE(vcpu_ops), cmd, v, arg);
	}
}
