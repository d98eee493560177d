/* SPDX-License-Identifier: MIT */
/*
 * Hypercall 32, event_channel_op (xen/event_channel.h), and its old form 16. A send, by far the most frequent, reads its port in
 * line; the others are rows.
 */
#include "evt/evtchn.h"
#include "guest/domain.h"
#include "guest/hypercall.h"
#include "hypercalls.h"
#include "lib/errno.h"
#include "mm/guest_copy.h"
#include "mm/sub_op.h"
#include "xen/event_channel.h"
#include "xen/xen.h"

/* The domain that an argument names; only Dom0 may name another than itself. *d holds a reference. */
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

static long op_alloc_unbound(struct vcpu *self, struct evtchn_alloc_unbound *a)
{
	struct domain *d;
	int rc = named_domain(a->dom, &d);

	if (rc)
		return rc;
	/* DOMID_SELF as the peer means the caller, also when Dom0 allocates for another domain. */
	rc = answer_port(evtchn_alloc_unbound(d, resolve_self(a->remote_dom)), &a->port);
	domain_put(d);
	return rc;
}

static long op_bind_interdomain(struct vcpu *self, struct evtchn_bind_interdomain *a)
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

static long op_bind_virq(struct vcpu *self, struct evtchn_bind_virq *a)
{
	struct vcpu *v = own_vcpu(a->vcpu);

	if (a->virq >= NR_VIRQS || (virq_is_global(a->virq) && a->vcpu != 0))
		return -EINVAL;
	return v ? answer_port(evtchn_bind_virq(v, a->virq), &a->port) : -ENOENT;
}

static long op_bind_ipi(struct vcpu *self, struct evtchn_bind_ipi *a)
{
	struct vcpu *v = own_vcpu(a->vcpu);

	return v ? answer_port(evtchn_bind_ipi(v), &a->port) : -ENOENT;
}

static long op_status(struct vcpu *self, struct evtchn_status *a)
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
static long op_reset(struct vcpu *self, struct evtchn_reset *a)
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

static long op_bind_pirq(struct vcpu *self, struct evtchn_bind_pirq *a)
{
	return answer_port(evtchn_bind_pirq(self->domain, a->pirq, a->flags), &a->port);
}

static long op_close(struct vcpu *self, struct evtchn_close *a)
{
	return evtchn_close(self->domain, a->port);
}

static long op_send(struct vcpu *self, struct evtchn_send *a)
{
	return evtchn_send(self->domain, a->port);
}

static long op_bind_vcpu(struct vcpu *self, struct evtchn_bind_vcpu *a)
{
	return evtchn_bind_vcpu(self->domain, a->port, a->vcpu);
}

static long op_unmask(struct vcpu *self, struct evtchn_unmask *a)
{
	return evtchn_unmask(self->domain, a->port);
}

/* The FIFO ABI is not offered; guests then stay with two levels. */
static const struct sub_op evtchn_ops[] = {
    [EVTCHNOP_bind_interdomain] =
	SUB_OP(op_bind_interdomain, evtchn_bind_interdomain, SUB_READS | SUB_ANSWERS),
    [EVTCHNOP_bind_virq] = SUB_OP(op_bind_virq, evtchn_bind_virq, SUB_READS | SUB_ANSWERS),
    [EVTCHNOP_bind_pirq] = SUB_OP(op_bind_pirq, evtchn_bind_pirq, SUB_READS | SUB_ANSWERS),
    [EVTCHNOP_close] = SUB_OP(op_close, evtchn_close, SUB_READS),
    [EVTCHNOP_send] = SUB_OP(op_send, evtchn_send, SUB_READS),
    [EVTCHNOP_status] = SUB_OP(op_status, evtchn_status, SUB_READS | SUB_ANSWERS),
    [EVTCHNOP_alloc_unbound] = SUB_OP(op_alloc_unbound, evtchn_alloc_unbound, SUB_READS | SUB_ANSWERS),
    [EVTCHNOP_bind_ipi] = SUB_OP(op_bind_ipi, evtchn_bind_ipi, SUB_READS | SUB_ANSWERS),
    [EVTCHNOP_bind_vcpu] = SUB_OP(op_bind_vcpu, evtchn_bind_vcpu, SUB_READS),
    [EVTCHNOP_unmask] = SUB_OP(op_unmask, evtchn_unmask, SUB_READS),
    [EVTCHNOP_reset] = SUB_OP(op_reset, evtchn_reset, SUB_READS),
};

static __cold long evtchn_op(uint32_t cmd, gva_t arg)
{
	return sub_op_run(evtchn_ops, ARRAY_SIZE(evtchn_ops), cmd, current, arg);
}

static __cold __attribute__((noinline)) long evtchn_op_restarting(uint32_t cmd, gva_t arg)
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
