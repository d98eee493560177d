/* SPDX-License-Identifier: MIT */
/* Inside the credit policy (credit.c): what it keeps for each queue, domain and vCPU, and the accounting (credit_account.c). */
#pragma once

#include "sched/policy.h"

/* Xen's credit is a tenth of a millisecond of CPU time: 300 are handed out to each CPU in 30 ms, and a vCPU keeps as many at most, or
 * owes as many. Here credit is counted in nanoseconds. */
#define ACCOUNT_NS (30 * NS_PER_MS)
#define BOOST_NS   (10 * NS_PER_MS)

#define CREDIT_WEIGHT 256 /* of a domain that has been given none */

enum credit_rank {
	CREDIT_BOOST,
	CREDIT_UNDER,
	CREDIT_OVER,
	CREDIT_PARKED,
	CREDIT_RANKS
};

struct credit_queue {
	struct list waiting[CREDIT_RANKS]; /* by run_link */
};

struct credit_domain {
	uint16_t weight; /* 1 to 65535 */
	uint16_t cap;    /* percent of one CPU; 0: none */
	struct list
	    link; /* among the domains that have active vCPUs; under the accounting's lock, as what follows */
	struct list active; /* these, by credit_vcpu.link */
	uint32_t nr_active;
	int64_t part; /* what this accounting gives to it */
};

struct credit_vcpu {
	struct vcpu *vcpu;
	struct list link; /* active: it takes part in the next accounting. Under its lock */
	int64_t credit;   /* ns; atomic */
	ns_t
	    turn; /* how long it has run since it was picked; under the queue's lock, as `listed` and `yields` */
	volatile uint8_t rank;
	uint8_t listed; /* on which list it waits */
	bool yields;    /* read at its next enqueue */
	volatile bool is_active;
};

/* What sysctl scheduler_op shows and sets; each is read at any time. */
struct credit_settings {
	uint32_t slice_ms, ratelimit_us;
};
extern struct credit_settings credit_settings;

static inline struct credit_queue *credit_queue(const struct sched_queue *q)
{
	return q->policy;
}

static inline struct credit_domain *credit_domain(const struct domain *d)
{
	return d->sched.policy;
}

static inline struct credit_vcpu *credit_of(const struct vcpu *v)
{
	return v->sched.policy;
}

/* @c has run: it takes part in the accountings from now on. A lock of a queue is held. */
void credit_join(struct credit_vcpu *c);
/* It does not any more; no-op if it did not. */
void credit_leave(struct credit_vcpu *c);
/* The policy's hook. */
void credit_charge(struct sched_queue *q, struct vcpu *v, ns_t ran);
/* Put each vCPU that waits on @q where its rank says. True: one of them should run now. Its lock held. */
bool credit_sort(struct sched_queue *q);
