/* SPDX-License-Identifier: MIT */
/*
 * Event channels, 2-level ABI (xen/event_channel.h): mechanism only; the hypercall is evt/evtchn_op.c.
 * A port is a bit in the domain's shared_info; setting it while unmasked sets the selector bit of the
 * notified vCPU and asks for its upcall.
 */
#pragma once

#include "lib/types.h"

struct domain;
struct vcpu;

enum evtchn_state {
	ECS_FREE,
	ECS_RESERVED,
	ECS_UNBOUND,
	ECS_INTERDOMAIN,
	ECS_PIRQ,
	ECS_VIRQ,
	ECS_IPI,
};

struct evtchn {
	uint8_t state;
	uint8_t virq;          /* ECS_VIRQ */
	uint16_t vcpu;         /* notified vCPU */
	domid_t remote_domid;  /* ECS_UNBOUND: the domain that may bind */
	uint32_t remote_port;  /* ECS_INTERDOMAIN */
	uint32_t pirq;         /* ECS_PIRQ */
	struct domain *remote; /* ECS_INTERDOMAIN; not counted, but alive: evtchn.c */
	struct evtchn *peer;   /* its channel there: remote_port's */
};

#define EVTCHNS_PER_BUCKET 128

/* Find the bit arrays in the new domain's shared_info; reserve port 0. -ENOMEM. */
int evtchn_init(struct domain *d);
/* Bytes of memory that all its ports may take. */
uint64_t evtchn_most(const struct domain *d);
/* Give back the buckets of a domain all of whose ports are closed. */
void evtchn_destroy(struct domain *d);

/* All return a port or -errno (xen/event_channel.h names the errors); they take d->evt.lock, and for two
 * domains both, lower address first. */
int evtchn_alloc_unbound(struct domain *d, domid_t remote);
int evtchn_bind_interdomain(struct domain *d, struct domain *remote, uint32_t remote_port);
int evtchn_bind_virq(struct vcpu *v, uint32_t virq);
int evtchn_bind_ipi(struct vcpu *v);
int evtchn_bind_pirq(struct domain *d, uint32_t pirq, uint32_t flags); /* BIND_PIRQ__* */
int evtchn_close(struct domain *d, uint32_t port);
long evtchn_send(struct domain *d, uint32_t port);
int evtchn_unmask(struct domain *d, uint32_t port);
int evtchn_bind_vcpu(struct domain *d, uint32_t port, uint32_t vcpu);
struct evtchn_status;
int evtchn_status(struct domain *d, struct evtchn_status *st);
/* Close every port from *next on. -ERESTART with *next set where to go on while other work waits. */
int evtchn_close_all(struct domain *d, uint32_t *next);
bool evtchn_port_pending(struct domain *d, uint32_t port);
bool evtchn_port_masked(struct domain *d, uint32_t port);
void evtchn_dump(struct domain *d); /* debug key e */

/* Set @port's pending bit, notifying @v. For virq.c and the senders within evt/. */
void evtchn_set_pending(struct vcpu *v, uint32_t port);
/* Ask for @v's upcall: its selector was set. */
void vcpu_mark_events(struct vcpu *v);
/* VCPUOP_register_vcpu_info moved the vcpu_info: the guest must rescan every port. */
void evtchn_rescan(struct vcpu *v);

/* Make a sleeping vCPU runnable; fetch one that runs elsewhere out of its guest. The scheduler sets both, since it is
 * a layer above this one (sched_init). */
extern void (*evtchn_wake)(struct vcpu *v), (*evtchn_kick)(struct vcpu *v);

/* Raise VIRQ @virq of @v (per-vCPU ones) or of Dom0 (global ones). Any context but interrupt. */
void send_virq(struct vcpu *v, uint32_t virq);
void send_global_virq(uint32_t virq);
bool virq_is_global(uint32_t virq);

/* True if @v must not block: an event is pending and its upcall is not masked. */
bool vcpu_event_pending(const struct vcpu *v);
/* For the trace: up to @most ports that an upcall of @v tells of now, into @ports; how many. They are ports of its domain, which
 * writes their bits as it likes. */
unsigned vcpu_told_ports(struct vcpu *v, uint16_t *ports, unsigned most);
