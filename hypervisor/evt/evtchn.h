/* SPDX-License-Identifier: MIT */
/* Event channels, 2-level ABI (xen/event_channel.h): mechanism only; the hypercall is evt/evtchn_op.c. */
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
	uint8_t virq;         /* ECS_VIRQ */
	uint16_t vcpu;        /* notified vCPU */
	domid_t remote_domid; /* ECS_UNBOUND: who may bind */
	uint32_t remote_port; /* ECS_INTERDOMAIN */
	uint32_t pirq;        /* ECS_PIRQ */
	struct domain *remote;
};

#define EVTCHNS_PER_BUCKET 128

/* All return a port or -errno (xen/event_channel.h names the errors); they take d->evt_lock, and for two
 * domains both, lower address first. */
int evtchn_alloc_unbound(struct domain *d, domid_t remote);
int evtchn_bind_interdomain(struct domain *d, struct domain *remote, uint32_t remote_port);
int evtchn_bind_virq(struct vcpu *v, uint32_t virq);
int evtchn_bind_ipi(struct vcpu *v);
int evtchn_bind_pirq(struct domain *d, uint32_t pirq);
int evtchn_close(struct domain *d, uint32_t port);
int evtchn_send(struct domain *d, uint32_t port);
int evtchn_unmask(struct domain *d, uint32_t port);
int evtchn_bind_vcpu(struct domain *d, uint32_t port, uint32_t vcpu);
void evtchn_close_all(struct domain *d); /* EVTCHNOP_reset, and on death */

/* Raise VIRQ @virq of @v (per-vCPU ones) or of Dom0's vCPU 0 (global ones). Any context but interrupt. */
void send_virq(struct vcpu *v, uint32_t virq);
void send_global_virq(uint32_t virq);
void send_pirq(uint32_t pirq);

/* True if @v must not block: an unmasked event is pending. */
bool vcpu_event_pending(const struct vcpu *v);
