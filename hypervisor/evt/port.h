/* SPDX-License-Identifier: MIT */
/* Inside evt/: from a port number to its channel and its bits. */
#pragma once

#include "evt/evtchn.h"
#include "guest/abi.h"
#include "guest/domain.h"
#include "lib/tracepoint.h"

/* Bits are set and read as 32-bit words whatever a guest's long is: x86 is little-endian, so bit n of the
 * array lies at the same place for both. Only the selector counts in longs. */
static inline bool bit_test_and_set(void *array, uint32_t bit)
{
	uint32_t *word = (uint32_t *)array + bit / 32, mask = 1u << bit % 32;

	return __atomic_fetch_or(word, mask, __ATOMIC_SEQ_CST) & mask;
}

static inline bool bit_test_and_clear(void *array, uint32_t bit)
{
	uint32_t *word = (uint32_t *)array + bit / 32, mask = 1u << bit % 32;

	return __atomic_fetch_and(word, ~mask, __ATOMIC_SEQ_CST) & mask;
}

static inline bool bit_test(const void *array, uint32_t bit)
{
	const uint32_t *word = (const uint32_t *)array + bit / 32;

	return __atomic_load_n(word, __ATOMIC_RELAXED) >> bit % 32 & 1;
}

static inline void *vcpu_selector(const struct domain *d, struct vcpu *v)
{
	return view_selector(v->info, d->abi->word_shift);
}

/* The channel of @port, or NULL if the domain cannot have or never had it. evt.lock held. */
static inline struct evtchn *port_channel(struct domain *d, uint32_t port)
{
	struct evtchn *bucket;

	if (port > d->evt.max_port)
		return NULL;
	bucket = d->evt.bucket[port / EVTCHNS_PER_BUCKET];
	return bucket ? &bucket[port % EVTCHNS_PER_BUCKET] : NULL;
}

/* Take a free port. Its channel *ch is zero; the caller sets the state. -ENOSPC, -ENOMEM; -EINVAL: @d is dying.
 * evt.lock held. */
int port_alloc(struct domain *d, struct evtchn **ch);
void port_free(struct domain *d, uint32_t port, struct evtchn *ch);
/* @port became pending: vCPUs that poll for it wake up even if it is masked. */
void port_wake_pollers(struct domain *d, uint32_t port) __rare;
/* @v has an event, and is not the vCPU that this CPU runs: wake it, or fetch it out of its guest. */
void vcpu_rouse(struct vcpu *v) __rare;

/* vcpu_mark_events, in line. */
static inline void mark_events(struct vcpu *v)
{
	/* A full barrier: (W1) here, (W2) there. */
	if (!__atomic_exchange_n(&v->info->upcall_pending, 1, __ATOMIC_SEQ_CST) &&
	    unlikely(v != current || v->state == VCPU_BLOCKED))
		rare_call(vcpu_rouse, v);
}

/* The bits of an event for @v of @d, in line since it is the hot path of every send. */
static inline void port_set_pending(struct domain *d, struct vcpu *v, uint32_t port)
{
	if (bit_test_and_set(d->evt.pending, port))
		return;
	trace_point(TRACE_EVENT, (uint32_t)d->id << 16 | port);
	if (!bit_test(d->evt.mask, port) &&
	    !bit_test_and_set(vcpu_selector(d, v), port >> d->abi->word_shift))
		mark_events(v);
	if (unlikely(d->evt.pollers))
		rare_call(port_wake_pollers, d, port);
}

/* Set the port pending at the vCPU that its channel notifies. */
static inline void port_notify(struct domain *d, uint32_t port, const struct evtchn *ch)
{
	struct vcpu *v = d->vcpu[ch->vcpu];

	if (likely(v)) /* the tools may connect a port before they add the vCPUs */
		port_set_pending(d, v, port);
}

/* For evt/evtchn.c, evt.lock held: a port of state ECS_PIRQ closes; another vCPU is notified. */
void pirq_release(struct domain *d, uint32_t port, uint32_t pirq);
void pirq_bind_vcpu(struct domain *d, uint32_t pirq, const struct vcpu *v);
