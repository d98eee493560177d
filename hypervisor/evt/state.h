/* SPDX-License-Identifier: MIT */
/* What evt/ keeps in each domain and each vCPU (guest/domain.h). */
#pragma once

#include "lib/spinlock.h"
#include "lib/types.h"

struct evtchn;
struct pirqs;

struct domain_evt {
	/* Set once, at its creation: the bit arrays in shared_info. The bits themselves are changed atomically. */
	void *pending, *mask;
	volatile uint32_t pollers; /* a bit for each vCPU in SCHEDOP_poll: atomic, each vCPU its own */

	struct spinlock lock;      /* guards what follows; of the two ends of a pair: evt/evtchn.c */
	struct evtchn *bucket[32]; /* 128 ports each, allocated when first used */
	uint64_t ports_taken[64];  /* a bit for each port that is not free */
	struct pirqs *pirqs;       /* its physical interrupts (evt/pirq.c); NULL: it never had one */
	mfn_t pirq_eoi_mfn;        /* a page of its own that says which need an EOI; 0: none */
	uint32_t max_port;         /* highest port number it may use: set by Dom0 before it has any */
};

struct vcpu_evt {
	/* In SCHEDOP_poll: a pending port wakes it, masked or not. Under the lock of its run queue. */
	volatile bool polling;
	uint32_t poll_port; /* the single polled port, or 0 for several; set before `polling` */
	struct spinlock virq_lock;
	/* 0: unbound. Set under the domain's evt.lock and virq_lock, read under either. */
	uint32_t virq_port[24];
};
