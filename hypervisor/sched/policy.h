/* SPDX-License-Identifier: MIT */
/*
 * The scheduler's interface: what a policy is, and what it may know. sched.c is the mechanism; a policy is one file beside
 * rr.c and one row of policies.c. It keeps what it needs in queue->policy, domain->sched.policy and vcpu->sched.policy, which
 * nothing else looks into.
 */
#pragma once

#include "sched/sched.h"

struct xen_domctl_scheduler_op;
struct xen_sysctl_scheduler_op;

/* A CPU's run queue (percpu.sched). */
struct sched_queue {
	struct spinlock lock;
	struct percpu *cpu;
	struct vcpu *running; /* chosen for this CPU; its state may still be on its way in */
	void *policy;         /* the policy's own */
	uint32_t nr_waiting;  /* vCPUs that wait here; the policy counts them */
	bool look_again;      /* queue_steal() could not look at everything */
	struct timer slice;   /* ends the current slice, or comes before its end */
	ns_t slice_end;
	uint64_t switches;
};

/* How a vCPU comes to a queue. */
enum sched_arrival {
	SCHED_GOES_ON, /* taken off the CPU while still runnable */
	SCHED_WAKES,   /* an event came, or it was brought up: it may go ahead of others */
	SCHED_COMES,   /* unpaused, or from a CPU that it may no longer use */
};

/* How to share the processors. Where nothing else is said, a hook is called with the lock of the queue concerned held, and
 * may lock others by trylock only. It never sees an idle vCPU. A vCPU that waits is linked by its run_link: this is how
 * the mechanism knows that it waits. */
struct sched_policy {
	const char *name;  /* sched=name */
	uint32_t sched_id; /* XEN_SCHEDULER_*: the one with the same parameters for a domain */

	/* Make q->policy; at boot, no lock. -ENOMEM. */
	int (*queue_init)(struct sched_queue *q);
	/* Make d->sched.policy, on the account of @d, and free it, after its vCPUs'; no lock. -ENOMEM. NULL: none is needed. */
	int (*domain_init)(struct domain *d);
	void (*domain_free)(struct domain *d);
	/* Make v->sched.policy, on the account of its domain; no lock: @v is not in use yet. -ENOMEM. */
	int (*vcpu_init)(struct vcpu *v);
	void (*vcpu_free)(struct vcpu *v); /* no lock: @v is not in use any more */

	/* @v is runnable and waits from now on. True: the CPU should choose again; an idle one does in any case. */
	bool (*enqueue)(struct sched_queue *q, struct vcpu *v, enum sched_arrival how);
	void (*dequeue)(struct sched_queue *q, struct vcpu *v);
	/* Take the next one off @q, or from another queue by queue_steal(). NULL: idle; but not while a vCPU that may run
	 * here waits anywhere. @slice: for how long; 0: until it gives up the CPU. */
	struct vcpu *(*pick)(struct sched_queue *q, ns_t *slice);
	/* The CPU on whose queue @v, newly awake, should wait. A new vCPU is asked about without a lock. */
	struct percpu *(*place)(struct vcpu *v);

	/* @v, which is still chosen, has run for @ran since it was last charged or began. */
	void (*charge)(struct sched_queue *q, struct vcpu *v, ns_t ran);
	/* current gives up its turn; the CPU will choose again. No lock: a note in v->sched.policy, for enqueue. */
	void (*yield)(struct vcpu *v);
	/* The parameters of @d: read or change them. Calls are serialised, no lock. NULL: there are none. -errno. */
	long (*adjust)(struct domain *d, struct xen_domctl_scheduler_op *op);
	/* The policy's own parameters, of all domains: as adjust. */
	long (*global)(struct xen_sysctl_scheduler_op *op);
	/* Print a line for each vCPU that waits. */
	void (*dump)(struct sched_queue *q);
};

extern const struct sched_policy sched_rr;     /* round robin with stealing between CPUs */
extern const struct sched_policy sched_credit; /* weights and caps, as Xen's credit scheduler */
/* Those that sched= can name, ended by NULL; the first is the default. */
extern const struct sched_policy *const sched_policies[];
extern const struct sched_policy *sched_policy; /* the chosen one */

static inline struct sched_queue *queue_of(const struct percpu *cpu)
{
	return cpu->sched;
}

/* Nothing runs or waits there. Without its lock: a hint. */
static inline bool queue_is_idle(const struct sched_queue *q)
{
	return q->running == q->cpu->idle && !q->nr_waiting;
}

/* The CPU on whose queue @v, newly awake, should wait: its last one if that is idle, another idle one, the one with the fewest
 * waiting. A hint only: queues are read without their locks. For `place`. */
struct percpu *queue_place(struct vcpu *v);

/* Look through the other CPUs' queues for a vCPU that the CPU of @q may run. @take takes one of @from's, if it likes one,
 * or returns NULL; both locks are held. The vCPU now belongs to @q, whose caller holds its lock. NULL: there is none. */
struct vcpu *queue_steal(struct sched_queue *q, int64_t limit,
			 struct vcpu *(*take)(struct sched_queue *from, struct sched_queue *q,
					      int64_t limit));

/* For @take: may the CPU of @q run @v, and is it saved? */
static inline bool queue_may_take(struct sched_queue *q, const struct vcpu *v)
{
	if (!(v->sched.hard_affinity >> q->cpu->id & 1))
		return false;
	if (!v->running)
		return true;
	q->look_again = true;
	return false;
}
