/* SPDX-License-Identifier: MIT */
/*
 * Event channels: the states of a port and the moves between them.
 *
 *   free -> unbound -> interdomain     alloc_unbound here, bind_interdomain there
 *   free -> virq, ipi, pirq            bind_*
 *   any  -> free                       close; the other end of an interdomain pair falls back to unbound
 *
 * Locking: d->evt.lock; for the two ends of a pair both locks, the domain at the lower address first. An
 * interdomain end can only be undone under both, so a sender that holds its own end's lock may use the other.
 *
 * Lifetime: a channel names its partner without a reference. The partner lives as long as the pair: it drops its
 * reference to itself after it has closed all its ports (dom/destroy.c), and no pair is made or undone without both
 * locks. So the holder of either lock may use the partner, or take a reference to it. After the lock is released, only
 * such a reference keeps the partner.
 */
#include "evt/port.h"
#include "guest/hypercall.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/printk.h"
#include "xen/event_channel.h"

static void lock_pair(struct domain *a, struct domain *b)
{
	spin_lock(&MIN(a, b)->evt.lock);
	if (a != b)
		spin_lock(&MAX(a, b)->evt.lock);
}

static void unlock_pair(struct domain *a, struct domain *b)
{
	spin_unlock(&a->evt.lock);
	if (a != b)
		spin_unlock(&b->evt.lock);
}

int evtchn_alloc_unbound(struct domain *d, domid_t remote)
{
	struct evtchn *ch;
	int port;

	spin_lock(&d->evt.lock);
	port = port_alloc(d, &ch);
	if (port >= 0)
		*ch = (struct evtchn){.state = ECS_UNBOUND, .remote_domid = remote};
	spin_unlock(&d->evt.lock);
	return port;
}

int evtchn_bind_interdomain(struct domain *d, struct domain *remote, uint32_t remote_port)
{
	struct evtchn *lch, *rch;
	int port;

	lock_pair(d, remote);
	rch = port_channel(remote, remote_port);
	if (!rch || rch->state != ECS_UNBOUND || rch->remote_domid != d->id)
		port = -EINVAL;
	else
		port = port_alloc(d, &lch);
	if (port >= 0) {
		*lch = (struct evtchn){
		    .state = ECS_INTERDOMAIN, .remote = remote, .remote_port = remote_port, .peer = rch};
		rch->state = ECS_INTERDOMAIN;
		rch->remote = d;
		rch->remote_port = port;
		rch->peer = lch;
		/* The peer may have sent before this end was bound. */
		port_notify(d, port, lch);
	}
	unlock_pair(d, remote);
	return port;
}

int evtchn_bind_virq(struct vcpu *v, uint32_t virq)
{
	struct domain *d = v->domain;
	struct evtchn *ch;
	int port;

	if (virq >= ARRAY_SIZE(v->evt.virq_port))
		return -EINVAL;
	if (virq_is_global(virq) && v->id != 0)
		return -EINVAL;
	spin_lock(&d->evt.lock);
	port = v->evt.virq_port[virq] ? -EEXIST : port_alloc(d, &ch);
	if (port >= 0) {
		*ch = (struct evtchn){.state = ECS_VIRQ, .virq = virq, .vcpu = v->id};
		spin_lock(&v->evt.virq_lock);
		v->evt.virq_port[virq] = port;
		spin_unlock(&v->evt.virq_lock);
	}
	spin_unlock(&d->evt.lock);
	return port;
}

int evtchn_bind_ipi(struct vcpu *v)
{
	struct domain *d = v->domain;
	struct evtchn *ch;
	int port;

	spin_lock(&d->evt.lock);
	port = port_alloc(d, &ch);
	if (port >= 0)
		*ch = (struct evtchn){.state = ECS_IPI, .vcpu = v->id};
	spin_unlock(&d->evt.lock);
	return port;
}

long evtchn_send(struct domain *d, uint32_t port)
{
	struct domain *to = d;
	struct evtchn *ch;
	long rc = 0;

	spin_lock(&d->evt.lock);
	ch = port_channel(d, port);
	switch (ch ? ch->state : ECS_FREE) {
	case ECS_INTERDOMAIN:
		to = ch->remote;
		port = ch->remote_port;
		ch = ch->peer;
		/* fall through */
	case ECS_IPI:
		port_notify(to, port, ch);
		break;
	case ECS_UNBOUND: /* nobody listens yet: silently lost */
		break;
	default:
		rc = -EINVAL;
	}
	spin_unlock(&d->evt.lock);
	return rc;
}

int evtchn_bind_vcpu(struct domain *d, uint32_t port, uint32_t vcpu)
{
	struct evtchn *ch;
	int rc = -EINVAL;

	if (vcpu >= d->max_vcpus || !d->vcpu[vcpu])
		return -ENOENT;
	spin_lock(&d->evt.lock);
	ch = port_channel(d, port);
	switch (ch ? ch->state : ECS_FREE) {
	case ECS_VIRQ:
		if (!virq_is_global(ch->virq))
			break;
		/* fall through */
	case ECS_UNBOUND:
	case ECS_INTERDOMAIN:
	case ECS_PIRQ:
		ch->vcpu = vcpu;
		if (ch->state == ECS_PIRQ)
			pirq_bind_vcpu(d, ch->pirq, d->vcpu[vcpu]);
		rc = 0;
	}
	spin_unlock(&d->evt.lock);
	return rc;
}

/* Take one end of a pair apart; the other one waits for a new partner. Both locks held. */
static void unbind_pair(struct domain *d, uint32_t port, struct evtchn *ch)
{
	struct evtchn *rch = ch->peer;

	port_free(d, port, ch);
	rch->state = ECS_UNBOUND;
	rch->remote = NULL;
	rch->peer = NULL;
	rch->remote_port = 0;
	rch->remote_domid = d->id;
}

static void unbind_virq(struct domain *d, const struct evtchn *ch)
{
	/* A global one is kept at vCPU 0, which bound it, whichever vCPU it notifies by now. */
	struct vcpu *v = d->vcpu[virq_is_global(ch->virq) ? 0 : ch->vcpu];

	spin_lock(&v->evt.virq_lock);
	v->evt.virq_port[ch->virq] = 0;
	spin_unlock(&v->evt.virq_lock);
}

/* Lock @d, and the partner of @port if there is one. Returns the partner, or else @d, with a reference. */
static struct domain *lock_with_partner(struct domain *d, uint32_t port)
{
	struct domain *remote = d, *partner;

	domain_get(remote);
	for (;;) {
		struct evtchn *ch;

		lock_pair(d, remote);
		ch = port_channel(d, port);
		if (!ch || ch->state != ECS_INTERDOMAIN || ch->remote == remote)
			return remote;
		/* Only now the partner is known, and its lock may come first. With no lock held the pair may end. */
		partner = ch->remote;
		domain_get(partner);
		unlock_pair(d, remote);
		domain_put(remote);
		remote = partner;
	}
}

int evtchn_close(struct domain *d, uint32_t port)
{
	struct domain *remote = lock_with_partner(d, port);
	struct evtchn *ch = port_channel(d, port);
	int rc = 0;

	switch (ch ? ch->state : ECS_FREE) {
	case ECS_FREE:
	case ECS_RESERVED:
		rc = -EINVAL;
		break;
	case ECS_INTERDOMAIN:
		unbind_pair(d, port, ch);
		break;
	case ECS_VIRQ:
		unbind_virq(d, ch);
		port_free(d, port, ch);
		break;
	case ECS_PIRQ:
		pirq_release(d, port, ch->pirq);
		port_free(d, port, ch);
		break;
	default:
		port_free(d, port, ch);
	}
	unlock_pair(d, remote);
	domain_put(remote);
	return rc;
}

int evtchn_close_all(struct domain *d, uint32_t *next)
{
	for (uint32_t port = MAX(*next, 1u); port <= d->evt.max_port; port++) {
		if (!d->evt.bucket[port / EVTCHNS_PER_BUCKET])
			break; /* ports are given from the lowest on: nor is there a later one */
		evtchn_close(d, port);
		if (port % 64 == 0 && hypercall_preempt_check()) {
			*next = port + 1;
			return -ERESTART;
		}
	}
	*next = 0;
	return 0;
}

int evtchn_status(struct domain *d, struct evtchn_status *st)
{
	static const uint8_t status[] = {
	    [ECS_FREE] = EVTCHNSTAT_closed,     [ECS_RESERVED] = EVTCHNSTAT_closed,
	    [ECS_UNBOUND] = EVTCHNSTAT_unbound, [ECS_INTERDOMAIN] = EVTCHNSTAT_interdomain,
	    [ECS_PIRQ] = EVTCHNSTAT_pirq,       [ECS_VIRQ] = EVTCHNSTAT_virq,
	    [ECS_IPI] = EVTCHNSTAT_ipi,
	};
	struct evtchn *ch;
	struct evtchn free = {.state = ECS_FREE};

	if (st->port > d->evt.max_port)
		return -EINVAL;
	spin_lock(&d->evt.lock);
	ch = port_channel(d, st->port);
	if (!ch) /* its bucket was never used */
		ch = &free;
	st->status = status[ch->state];
	st->vcpu = ch->vcpu;
	switch (ch->state) {
	case ECS_UNBOUND:
		st->u.unbound.dom = ch->remote_domid;
		break;
	case ECS_INTERDOMAIN:
		st->u.interdomain.dom = ch->remote->id;
		st->u.interdomain.port = ch->remote_port;
		break;
	case ECS_PIRQ:
		st->u.pirq = ch->pirq;
		break;
	case ECS_VIRQ:
		st->u.virq = ch->virq;
		break;
	}
	spin_unlock(&d->evt.lock);
	return 0;
}

/* One line, under the lock. */
static void dump_port(struct domain *d, uint32_t port, const struct evtchn *ch)
{
	static const char *const names[] = {"free", "reserved", "unbound", "interdomain",
					    "pirq", "virq",     "ipi"};
	char peer[32] = "";

	if (ch->state == ECS_INTERDOMAIN)
		snprintf(peer, sizeof(peer), " to %s port %u", ch->remote->name, ch->remote_port);
	else if (ch->state == ECS_VIRQ)
		snprintf(peer, sizeof(peer), " %u", ch->virq);
	else if (ch->state == ECS_UNBOUND)
		snprintf(peer, sizeof(peer), " for d%u", ch->remote_domid);
	printk("%s port %u: %s%s, vcpu %u%s%s\n", d->name, port, names[ch->state], peer, ch->vcpu,
	       bit_test(d->evt.pending, port) ? ", pending" : "",
	       bit_test(d->evt.mask, port) ? ", masked" : "");
}

void evtchn_dump(struct domain *d)
{
	for (uint32_t port = 1; port <= d->evt.max_port; port++) {
		const struct evtchn *ch;

		spin_lock(&d->evt.lock);
		ch = port_channel(d, port);
		if (ch && ch->state != ECS_FREE)
			dump_port(d, port, ch);
		spin_unlock(&d->evt.lock);
		if (!ch)
			break; /* nor any later one */
	}
}
