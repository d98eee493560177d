/* SPDX-License-Identifier: MIT */
/*
 * Hypercall 32, event_channel_op (xen/event_channel.h), and its old form 16. Every operation's structure is
 * the same for both kinds of guest, so one union is copied in, worked on and, where something is returned,
 * copied out whole.
 */
#include "evt/evtchn.h"
#include "guest/domain.h"
#include "guest/guest_ops.h"
#include "guest/hypercall.h"
#include "hypercalls.h"
#include "lib/errno.h"
#include "mm/guest_copy.h"
#include "xen/event_channel.h"
#include "xen/xen.h"

union evtchn_arg {
	struct evtchn_alloc_unbound alloc_unbound;
	struct evtchn_bind_interdomain bind_interdomain;
	struct evtchn_bind_virq bind_virq;
	struct evtchn_bind_pirq bind_pirq;
	struct evtchn_bind_ipi bind_ipi;
	struct evtchn_close close;
	struct evtchn_send send;
	struct evtchn_status status;
	struct evtchn_bind_vcpu bind_vcpu;
	struct evtchn_unmask unmask;
	struct evtchn_reset reset;
};

/* How much each operation reads, and whether it answers in the structure. Size 0: not offered. */
static const struct {
	uint8_t size;
	bool returns;
} ops[] = {
    [EVTCHNOP_bind_interdomain] = {sizeof(struct evtchn_bind_interdomain), true},
    [EVTCHNOP_bind_virq] = {sizeof(struct evtchn_bind_virq), true},
    [EVTCHNOP_bind_pirq] = {sizeof(struct evtchn_bind_pirq), true},
    [EVTCHNOP_close] = {sizeof(struct evtchn_close), false},
    [EVTCHNOP_send] = {sizeof(struct evtchn_send), false},
    [EVTCHNOP_status] = {sizeof(struct evtchn_status), true},
    [EVTCHNOP_alloc_unbound] = {sizeof(struct evtchn_alloc_unbound), true},
    [EVTCHNOP_bind_ipi] = {sizeof(struct evtchn_bind_ipi), true},
    [EVTCHNOP_bind_vcpu] = {sizeof(struct evtchn_bind_vcpu), false},
    [EVTCHNOP_unmask] = {sizeof(struct evtchn_unmask), false},
    [EVTCHNOP_reset] = {sizeof(struct evtchn_reset), false},
};

/* A domain named in an argument: others than oneself only for Dom0. Its reference in *d. */
static int named_domain(domid_t id, struct domain **d)
{
	*d = domain_by_id(id);
	if (!*d)
		return -ESRCH;
	if (*d != current->domain && !current->domain->privileged) {
		domain_put(*d);
		return -EPERM;
	}
	return 0;
}

static domid_t resolve_self(domid_t id)
{
	return id == DOMID_SELF ? current->domain->id : id;
}

/* Store a new port in the answer, or pass the error on. */
static int answer_port(int port, evtchn_port_t *where)
{
	if (port < 0)
		return port;
	*where = port;
	return 0;
}

static int op_alloc_unbound(struct evtchn_alloc_unbound *a)
{
	struct domain *d;
	int rc = named_domain(a->dom, &d);

	if (rc)
		return rc;
	/* DOMID_SELF as the peer means the caller, also when Dom0 allocates for another. */
	rc = answer_port(evtchn_alloc_unbound(d, resolve_self(a->remote_dom)), &a->port);
	domain_put(d);
	return rc;
}

static int op_bind_interdomain(struct evtchn_bind_interdomain *a)
{
	struct domain *remote = domain_by_id(a->remote_dom);
	int rc;

	if (!remote)
		return -ESRCH;
	rc = answer_port(evtchn_bind_interdomain(current->domain, remote, a->remote_port), &a->local_port);
	domain_put(remote);
	return rc;
}

static struct vcpu *own_vcpu(uint32_t id)
{
	struct domain *d = current->domain;

	return id < d->max_vcpus ? d->vcpu[id] : NULL;
}

static int op_bind_virq(struct evtchn_bind_virq *a)
{
	struct vcpu *v = own_vcpu(a->vcpu);

	if (a->virq >= NR_VIRQS || (virq_is_global(a->virq) && a->vcpu != 0))
		return -EINVAL;
	return v ? answer_port(evtchn_bind_virq(v, a->virq), &a->port) : -ENOENT;
}

static int op_bind_ipi(struct evtchn_bind_ipi *a)
{
	struct vcpu *v = own_vcpu(a->vcpu);

	return v ? answer_port(evtchn_bind_ipi(v), &a->port) : -ENOENT;
}

static int op_status(struct evtchn_status *a)
{
	struct domain *d;
	int rc = named_domain(a->dom, &d);

	if (rc)
		return rc;
	rc = evtchn_status(d, a);
	domain_put(d);
	return rc;
}

/* Restarting from port 0 is cheap: what was closed is skipped quickly. */
static int op_reset(struct evtchn_reset *a)
{
	struct domain *d;
	uint32_t next = 0;
	int rc = named_domain(a->dom, &d);

	if (rc)
		return rc;
	rc = evtchn_close_all(d, &next);
	domain_put(d);
	return rc;
}

static int evtchn_do(uint32_t cmd, union evtchn_arg *a)
{
	struct domain *d = current->domain;

	switch (cmd) {
	case EVTCHNOP_bind_interdomain:
		return op_bind_interdomain(&a->bind_interdomain);
	case EVTCHNOP_bind_virq:
		return op_bind_virq(&a->bind_virq);
	case EVTCHNOP_bind_pirq:
		return answer_port(evtchn_bind_pirq(d, a->bind_pirq.pirq), &a->bind_pirq.port);
	case EVTCHNOP_close:
		return evtchn_close(d, a->close.port);
	case EVTCHNOP_status:
		return op_status(&a->status);
	case EVTCHNOP_alloc_unbound:
		return op_alloc_unbound(&a->alloc_unbound);
	case EVTCHNOP_bind_ipi:
		return op_bind_ipi(&a->bind_ipi);
	case EVTCHNOP_bind_vcpu:
		return evtchn_bind_vcpu(d, a->bind_vcpu.port, a->bind_vcpu.vcpu);
	case EVTCHNOP_unmask:
		return evtchn_unmask(d, a->unmask.port);
	case EVTCHNOP_reset:
		return op_reset(&a->reset);
	default:
		return evtchn_send(d, a->send.port);
	}
}

static __cold long evtchn_op(uint32_t cmd, gva_t arg)
{
	union evtchn_arg a;
	int rc;

	/* The FIFO ABI is not offered; guests then stay with two levels. */
	if (cmd >= ARRAY_SIZE(ops) || !ops[cmd].size)
		return -ENOSYS;
	if (guest_read(&a, arg, ops[cmd].size))
		return -EFAULT;
	rc = evtchn_do(cmd, &a);
	if (!rc && ops[cmd].returns && guest_write(arg, &a, ops[cmd].size))
		return -EFAULT;
	return rc;
}

static __cold long evtchn_op_restarting(uint32_t cmd, gva_t arg)
{
	long rc = evtchn_op(cmd, arg);

	if (rc == -ERESTART)
		return HYPERCALL_RESTART(event_channel_op, cmd, arg);
	return rc;
}

long hc_event_channel_op(uint64_t cmd, uint64_t arg)
{
	uint32_t port;

	if (unlikely((uint32_t)cmd != EVTCHNOP_send))
		return evtchn_op_restarting(cmd, arg);
	if (unlikely(guest_read(&port, arg + offsetof(struct evtchn_send, port), sizeof(port))))
		return -EFAULT;
	return evtchn_send(current->domain, port);
}

/* The old form: command and structure in one, both where struct evtchn_op has them. */
long hc_event_channel_op_compat(uint64_t op)
{
	uint32_t cmd;
	long rc;

	if (guest_read(&cmd, op + offsetof(struct evtchn_op, cmd), sizeof(cmd)))
		return -EFAULT;
	if (cmd == EVTCHNOP_reset) /* younger than this form */
		return -ENOSYS;
	rc = evtchn_op(cmd, op + offsetof(struct evtchn_op, u));
	return rc;
}
