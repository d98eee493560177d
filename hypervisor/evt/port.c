/* SPDX-License-Identifier: MIT */
/*
 * Ports and their bits: allocation in buckets, pending, mask, selector, upcall.
 *
 * The bits live in memory that the guest writes at will, so nothing read from there is trusted for more than
 * the guest's own good. Setting a bit needs no lock; allocation and state need d->evt.lock.
 *
 * No wake-up is lost. Two sides write one thing each and then look at the other's; with a locked instruction or a fence
 * between the two, at least one sees the other. So each side's order matters:
 *
 *	(W1) A sender sets the pending bit, then looks at the mask; sets the selector's bit, then the upcall byte, and
 *	     then looks whether the vCPU is blocked (wake it) or runs (fetch it out of its guest). If a bit was set
 *	     already, it stops: the sender that set the bit goes on from there.
 *	(W2) A vCPU that sleeps becomes blocked, and then looks at the upcall byte (sched/sched.c, block).
 *	(W3) A vCPU that unmasks a port clears the mask, and then looks at the pending bit (evtchn_unmask).
 *	(W4) A vCPU that polls notes it and becomes blocked, both under its queue's lock, and then looks at the
 *	     pending bits (vcpu_poll_begin, sched_op.c); the sender sets the pending bit, then looks for pollers.
 *
 * tests/verify/events.pml is a model of these rules, which `make verify` explores completely. Change both together.
 */
#include "evt/port.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/page.h"
#include "xen/event_channel.h"
#include "xen/xen.h"

void (*evtchn_wake)(struct vcpu *v), (*evtchn_kick)(struct vcpu *v);

int evtchn_init(struct domain *d)
{
	uint32_t ports = d->abi->max_ports;

	d->evt.pending = shared_pending(d->shared_info);
	d->evt.mask = shared_mask(d->shared_info, ports);
	d->evt.max_port = MIN(d->evt.max_port, ports - 1);
	if (!d->evt.bucket[0]) {
		d->evt.bucket[0] = heap_alloc_for(d, EVTCHNS_PER_BUCKET * sizeof(struct evtchn));
		if (!d->evt.bucket[0])
			return -ENOMEM;
	}
	/* Port 0 means "none" in many structures, so it is never allocated. */
	d->evt.bucket[0][0].state = ECS_RESERVED;
	d->evt.ports_taken[0] |= 1;
	return 0;
}

uint64_t evtchn_most(const struct domain *d)
{
	uint32_t ports = MIN(d->evt.max_port, d->abi->max_ports - 1);

	return (ports / EVTCHNS_PER_BUCKET + 1) * heap_size(EVTCHNS_PER_BUCKET * sizeof(struct evtchn));
}

void evtchn_destroy(struct domain *d)
{
	for (unsigned i = 0; i < ARRAY_SIZE(d->evt.bucket); i++) {
		heap_free(d->evt.bucket[i]);
		d->evt.bucket[i] = NULL;
	}
}

_Static_assert(sizeof(((struct domain *)0)->evt.ports_taken) * 8 ==
		   ARRAY_SIZE(((struct domain *)0)->evt.bucket) * EVTCHNS_PER_BUCKET,
	       "a bit for each port");

/* Beyond d->evt.max_port: there is none. By words, since a guest that has nearly all ports may ask as often as it likes. */
static uint32_t lowest_free(const struct domain *d)
{
	uint32_t i = 0;

	while (i < ARRAY_SIZE(d->evt.ports_taken) && !~d->evt.ports_taken[i])
		i++;
	return i * 64 + (i < ARRAY_SIZE(d->evt.ports_taken) ? __builtin_ctzll(~d->evt.ports_taken[i]) : 0);
}

int port_alloc(struct domain *d, struct evtchn **ch)
{
	struct evtchn **bucket;
	uint32_t port;

	/* Nothing may be bound to a domain that is being taken apart: its ports were closed already. */
	if (d->state >= DOMAIN_DYING)
		return -EINVAL;
	port = lowest_free(d);
	if (port > d->evt.max_port)
		return -ENOSPC;
	bucket = &d->evt.bucket[port / EVTCHNS_PER_BUCKET];
	if (!*bucket)
		*bucket = heap_alloc_for(d, EVTCHNS_PER_BUCKET * sizeof(struct evtchn));
	if (!*bucket)
		return -ENOMEM;
	*ch = &(*bucket)[port % EVTCHNS_PER_BUCKET];
	d->evt.ports_taken[port / 64] |= 1ull << port % 64;
	return port;
}

void port_free(struct domain *d, uint32_t port, struct evtchn *ch)
{
	*ch = (struct evtchn){.state = ECS_FREE};
	d->evt.ports_taken[port / 64] &= ~(1ull << port % 64);
	/* An old event must not surprise the next user of the port. */
	bit_test_and_clear(d->evt.pending, port);
}

bool vcpu_event_pending(const struct vcpu *v)
{
	return v->info->upcall_pending && !v->info->upcall_mask;
}

/* Not those that are no ports: a guest that sets their bits would hide the others. */
static uint32_t deliverable(const struct domain *d, uint32_t word)
{
	return __atomic_load_n((uint32_t *)d->evt.pending + word, __ATOMIC_RELAXED) &
	       ~__atomic_load_n((uint32_t *)d->evt.mask + word, __ATOMIC_RELAXED) &
	       (uint32_t)(d->evt.ports_taken[word / 2] >> word % 2 * 32);
}

/* Of those below bit @bit of a selector. */
static unsigned told_below(const struct domain *d, uint32_t bit, uint16_t *ports, unsigned most)
{
	uint32_t words = 1u << (d->abi->word_shift - 5), end = (bit + 1) * words;
	unsigned n = 0;

	for (uint32_t w = bit * words; w < end; w++)
		for (uint32_t bits = deliverable(d, w); bits && n < most; bits &= bits - 1)
			ports[n++] = w * 32 + __builtin_ctz(bits);
	return n;
}

unsigned vcpu_told_ports(struct vcpu *v, uint16_t *ports, unsigned most)
{
	const struct domain *d = v->domain;
	const uint32_t *selector = vcpu_selector(d, v);
	uint32_t words = d->abi->max_ports >> d->abi->word_shift >> 5;
	unsigned n = 0;

	for (uint32_t w = 0; w < words; w++)
		for (uint32_t bits = __atomic_load_n(selector + w, __ATOMIC_RELAXED); bits && n < most;
		     bits &= bits - 1)
			n += told_below(d, w * 32 + __builtin_ctz(bits), ports + n, most - n);
	return n;
}

void vcpu_rouse(struct vcpu *v)
{
	if (v->state == VCPU_BLOCKED)
		evtchn_wake(v);
	else if (v->running)
		evtchn_kick(v);
}

void vcpu_mark_events(struct vcpu *v)
{
	mark_events(v);
}

void port_wake_pollers(struct domain *d, uint32_t port)
{
	uint32_t pollers = d->evt.pollers;

	while (pollers) {
		struct vcpu *v = d->vcpu[__builtin_ctz(pollers)];

		pollers &= pollers - 1;
		if (v->evt.poll_port == 0 || v->evt.poll_port == port)
			evtchn_wake(v);
	}
}

void evtchn_set_pending(struct vcpu *v, uint32_t port)
{
	port_set_pending(v->domain, v, port);
}

void evtchn_rescan(struct vcpu *v)
{
	memset(vcpu_selector(v->domain, v), 0xff, (1u << v->domain->abi->word_shift) / 8);
	vcpu_mark_events(v);
}

bool evtchn_port_pending(struct domain *d, uint32_t port)
{
	return bit_test(d->evt.pending, port);
}

bool evtchn_port_masked(struct domain *d, uint32_t port)
{
	return bit_test(d->evt.mask, port);
}

int evtchn_unmask(struct domain *d, uint32_t port)
{
	struct evtchn *ch;
	struct vcpu *v;
	int rc = -EINVAL;

	spin_lock(&d->evt.lock);
	ch = port_channel(d, port);
	if (ch && (v = d->vcpu[ch->vcpu]) != NULL) {
		/* Only a port that was masked can have lost its edge. */
		if (bit_test_and_clear(d->evt.mask, port) && bit_test(d->evt.pending, port) &&
		    !bit_test_and_set(vcpu_selector(d, v), port >> d->abi->word_shift))
			vcpu_mark_events(v);
		rc = 0;
	}
	spin_unlock(&d->evt.lock);
	return rc;
}
