/* SPDX-License-Identifier: MIT */
/* Hypercall 29, sched_op (xen/sched.h), and its old form 6. */
#include "dom/domain.h"
#include "evt/evtchn.h"
#include "guest/hypercall.h"
#include "hypercalls.h"
#include "lib/errno.h"
#include "mm/guest_copy.h"
#include "sched/sched.h"
#include "xen/event_channel.h"
#include "xen/sched.h"

#define POLL_MAX_PORTS 128

static int shutdown(gva_t arg)
{
	struct sched_shutdown s;

	if (guest_get(&s, arg, sched_shutdown))
		return -EFAULT;
	domain_shutdown(current->domain, s.reason);
	return 0;
}

static int latch_shutdown_code(gva_t arg)
{
	struct domain *d = current->domain;
	struct sched_shutdown s;

	if (guest_get(&s, arg, sched_shutdown))
		return -EFAULT;
	spin_lock(&d->lock);
	if (!d->code_latched) {
		d->shutdown_code = s.reason;
		d->code_latched = true;
	}
	spin_unlock(&d->lock);
	return 0;
}

static int remote_shutdown(gva_t arg)
{
	struct sched_remote_shutdown s;
	struct domain *d;

	if (guest_get(&s, arg, sched_remote_shutdown))
		return -EFAULT;
	if (!current->domain->privileged)
		return -EPERM;
	d = domain_by_id(s.domain_id);
	if (!d)
		return -ESRCH;
	domain_shutdown(d, s.reason);
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
		if (port > d->max_port)
			return -EINVAL;
		if (evtchn_port_pending(d, port))
			return 1;
	}
	return 0;
}

/* Nothing can follow the wait inside the hypervisor, for a waiting vCPU has no stack here: the answer is 0
 * already, and the guest finds out itself which port it was, or that the time is over. */
static int poll(gva_t arg)
{
	struct vcpu *v = current;
	struct sched_poll p;
	evtchn_port_t only = 0;
	int rc;

	hypercall_was_long();
	if (guest_get(&p, arg, sched_poll))
		return -EFAULT;
	if (p.nr_ports > POLL_MAX_PORTS)
		return -EINVAL;
	if (p.nr_ports == 1 && guest_read(&only, p.ports, sizeof(only)))
		return -EFAULT;
	timer_stop(&v->poll_timer);
	/* First wait, then look: an event in between wakes us. */
	vcpu_poll_begin(v, only);
	rc = poll_ports_pending(&p);
	if (rc)
		vcpu_wake(v);
	else if (p.timeout && v->polling)
		timer_set(&v->poll_timer, p.timeout);
	return rc < 0 ? rc : 0;
}

static int watchdog(gva_t arg)
{
	struct domain *d = current->domain;
	struct sched_watchdog w;
	int rc;

	if (guest_get(&w, arg, sched_watchdog))
		return -EFAULT;
	spin_lock(&d->lock);
	rc = watchdog_set(d, w.id, w.timeout);
	spin_unlock(&d->lock);
	return rc;
}

long hc_sched_op(uint64_t cmd, uint64_t arg)
{
	switch ((uint32_t)cmd) {
	case SCHEDOP_yield:
		vcpu_yield();
		return 0;
	case SCHEDOP_block:
		vcpu_block(current);
		return 0;
	case SCHEDOP_shutdown:
		return shutdown(arg);
	case SCHEDOP_poll:
		return poll(arg);
	case SCHEDOP_remote_shutdown:
		return remote_shutdown(arg);
	case SCHEDOP_shutdown_code:
		return latch_shutdown_code(arg);
	case SCHEDOP_watchdog:
		return watchdog(arg);
	default:
		return -ENOSYS;
	}
}

long hc_sched_op_compat(uint64_t cmd, uint64_t arg)
{
	switch ((uint32_t)cmd) {
	case SCHEDOP_yield:
		vcpu_yield();
		return 0;
	case SCHEDOP_block:
		vcpu_block(current);
		return 0;
	case SCHEDOP_shutdown: /* the reason by value */
		domain_shutdown(current->domain, arg);
		return 0;
	default:
		return -ENOSYS;
	}
}
