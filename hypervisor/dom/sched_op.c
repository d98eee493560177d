/* SPDX-License-Identifier: MIT */
/* Hypercall 29, sched_op (xen/sched.h), and its old form 6. */
#include "dom/domain.h"
#include "evt/evtchn.h"
#include "guest/hypercall.h"
#include "hypercalls.h"
#include "lib/errno.h"
#include "mm/guest_copy.h"
#include "mm/sub_op.h"
#include "sched/sched.h"
#include "xen/event_channel.h"
#include "xen/sched.h"

#define POLL_MAX_PORTS 128

static long shutdown(struct vcpu *v, struct sched_shutdown *s)
{
	domain_shutdown(current->domain, s->reason);
	return 0;
}

static long latch_shutdown_code(struct vcpu *v, struct sched_shutdown *s)
{
	struct domain *d = current->domain;

	spin_lock(&d->dom.lock);
	if (!d->dom.code_latched) {
		d->dom.shutdown_code = s->reason;
		d->dom.code_latched = true;
	}
	spin_unlock(&d->dom.lock);
	return 0;
}

static long remote_shutdown(struct vcpu *v, struct sched_remote_shutdown *s)
{
	struct domain *d;

	if (!current->domain->privileged)
		return -EPERM;
	d = domain_by_id(s->domain_id);
	if (!d)
		return -ESRCH;
	domain_shutdown(d, s->reason);
	domain_put(d);
	return 0;
}

/* 1: one of the ports is pending already; 0: none. */
static int poll_ports_pending(const struct sched_poll *p)
{
	struct domain *d = current->domain;

	for (uint32_t i = 0; i < p->nr_ports; i++) {
		evtchn_port_t port;

		if (guest_read(&port, p->ports + i * sizeof(port), sizeof(port)))
			return -EFAULT;
		if (port > d->evt.max_port)
			return -EINVAL;
		if (evtchn_port_pending(d, port))
			return 1;
	}
	return 0;
}

/* Nothing can follow the wait inside the hypervisor, since a waiting vCPU has no stack here: the answer is 0
 * already, and the guest itself finds out which port it was, or that the time is over. */
static long poll(struct vcpu *v, struct sched_poll *p)
{
	evtchn_port_t only = 0;
	int rc;

	hypercall_was_long();
	if (p->nr_ports > POLL_MAX_PORTS)
		return -EINVAL;
	if (p->nr_ports == 1 && guest_read(&only, p->ports, sizeof(only)))
		return -EFAULT;
	timer_stop(&v->sched.poll_timer);
	/* First wait, then look: an event in between wakes @v. */
	vcpu_poll_begin(v, only);
	rc = poll_ports_pending(p);
	if (rc)
		vcpu_wake(v);
	else if (p->timeout && v->evt.polling)
		timer_set(&v->sched.poll_timer, p->timeout);
	return rc < 0 ? rc : 0;
}

static long watchdog(struct vcpu *v, struct sched_watchdog *w)
{
	struct domain *d = current->domain;
	int rc;

	spin_lock(&d->dom.lock);
	rc = watchdog_set(d, w->id, w->timeout);
	spin_unlock(&d->dom.lock);
	return rc;
}

static const struct sub_op sched_ops[] = {
    [SCHEDOP_shutdown] = SUB_OP(shutdown, sched_shutdown, SUB_READS),
    [SCHEDOP_poll] = SUB_OP(poll, sched_poll, SUB_READS),
    [SCHEDOP_remote_shutdown] = SUB_OP(remote_shutdown, sched_remote_shutdown, SUB_READS),
    [SCHEDOP_shutdown_code] = SUB_OP(latch_shutdown_code, sched_shutdown, SUB_READS),
    [SCHEDOP_watchdog] = SUB_OP(watchdog, sched_watchdog, SUB_READS),
};

long hc_sched_op(uint64_t cmd, uint64_t arg)
{
	switch ((uint32_t)cmd) {
	case SCHEDOP_yield:
		vcpu_yield();
		return 0;
	case SCHEDOP_block:
		vcpu_block(current);
		return 0;
	default:
		return sub_op_run(sched_ops, ARRAY_SIZE(sched_ops), cmd, current, arg);
	}
}

long hc_sched_op_compat(uint64_t cmd, uint64_t arg)
{
	switch ((uint32_t)cmd) {
	case SCHEDOP_yield:
	case SCHEDOP_block:
		return hc_sched_op(cmd, arg);
	case SCHEDOP_shutdown: /* the reason by value */
		domain_shutdown(current->domain, arg);
		return 0;
	default:
		return -ENOSYS;
	}
}
