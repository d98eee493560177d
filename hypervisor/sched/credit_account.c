/* SPDX-License-Identifier: MIT */
/* The accounting of the credit policy (credit.c): who gets how much of the CPUs' time. */
#include "sched/credit.h"
#include "sched/queue.h"

static void account(void *arg);

static struct spinlock lock; /* taken within a queue's, never around one */
static struct list domains = LIST_INIT(domains);
static struct timer accounting = {.handler = account}; /* set while there are active vCPUs */
static int64_t balance;                                /* the credit of all, as the last accounting left it */

void credit_join(struct credit_vcpu *c)
{
	struct credit_domain *d = credit_domain(c->vcpu->domain);

	spin_lock(&lock);
	if (!c->is_active) {
		c->is_active = true;
		if (list_empty(&domains))
			timer_set(&accounting, now() + ACCOUNT_NS);
		list_add_tail(&c->link, &d->active);
		if (!d->nr_active++)
			list_add_tail(&d->link, &domains);
	}
	spin_unlock(&lock);
}

static void drop_out(struct credit_vcpu *c)
{
	struct credit_domain *d = credit_domain(c->vcpu->domain);

	if (!c->is_active)
		return;
	c->is_active = false;
	list_del(&c->link);
	if (!--d->nr_active)
		list_del(&d->link);
}

void credit_leave(struct credit_vcpu *c)
{
	spin_lock(&lock);
	drop_out(c);
	spin_unlock(&lock);
}

/* What the vCPUs of @d may get in one accounting, together. */
static int64_t most(const struct credit_domain *d)
{
	int64_t all = d->nr_active * ACCOUNT_NS;

	return d->cap ? MIN(all, (int64_t)(d->cap * ACCOUNT_NS / 100)) : all;
}

static inline int64_t weight_of(const struct credit_domain *d)
{
	return (int64_t)d->weight * d->nr_active;
}

/* To each domain its part of @total by weight, but no more than it may get: what is left goes to the others by theirs. To
 * settle one makes the parts of the others larger, so each that is settled stays so. */
static void divide(int64_t total)
{
	struct credit_domain *d;
	int64_t weights = 0;
	bool again = true;

	list_for_each (d, &domains, link) {
		d->part = -1;
		weights += weight_of(d);
	}
	while (again) {
		again = false;
		list_for_each (d, &domains, link) {
			if (d->part >= 0 || total * weight_of(d) / weights < most(d))
				continue;
			d->part = most(d);
			total -= d->part;
			weights -= weight_of(d);
			again = weights > 0;
		}
	}
	list_for_each (d, &domains, link)
		if (d->part < 0)
			d->part = total * weight_of(d) / weights;
}

/* @c gets @part; of a capped domain it may owe @debt. */
static void hand_out(struct credit_vcpu *c, int64_t part, int64_t debt, bool capped)
{
	int64_t credit = __atomic_add_fetch(&c->credit, part, __ATOMIC_RELAXED);
	int64_t kept = MAX(credit, -(int64_t)ACCOUNT_NS);

	if (credit < 0) {
		c->rank =
		    capped && (c->rank == CREDIT_PARKED || credit < -debt) ? CREDIT_PARKED : CREDIT_OVER;
	} else {
		if (c->rank != CREDIT_BOOST)
			c->rank = CREDIT_UNDER;
		if (credit > (int64_t)ACCOUNT_NS) { /* it does not use what it gets */
			kept = credit / 2;
			drop_out(c);
		}
	}
	__atomic_fetch_add(&c->credit, kept - credit, __ATOMIC_RELAXED);
	balance += kept;
}

static void hand_out_all(void)
{
	int64_t total = nr_cpus * ACCOUNT_NS - MIN(balance, 0);
	struct credit_domain *d, *next_domain;
	struct credit_vcpu *c, *next;

	divide(total);
	balance = 0;
	list_for_each_safe (d, next_domain, &domains, link) {
		int64_t n = d->nr_active;

		list_for_each_safe (c, next, &d->active, link)
			hand_out(c, d->part / n, d->cap * (int64_t)ACCOUNT_NS / 100 / n, d->cap);
	}
}

/* Ranks are in force at once on each CPU: one that waits may be better now than the one that runs. */
static void account(void *arg)
{
	for (uint32_t i = 0; i < nr_cpus; i++) {
		struct sched_queue *q = queue_of(cpu_table[i]);

		if (!q)
			continue;
		spin_lock(&q->lock);
		if (!vcpu_is_idle(q->running))
			credit_charge(q, q->running, queue_uncharged(q, now()));
		spin_unlock(&q->lock);
	}
	spin_lock(&lock);
	hand_out_all();
	if (!list_empty(&domains))
		timer_set(&accounting, now() + ACCOUNT_NS);
	spin_unlock(&lock);
	for (uint32_t i = 0; i < nr_cpus; i++) {
		struct sched_queue *q = queue_of(cpu_table[i]);
		bool again;

		if (!q)
			continue;
		spin_lock(&q->lock);
		again = credit_sort(q);
		spin_unlock(&q->lock);
		if (again)
			cpu_raise(q->cpu, PENDING_SCHEDULE);
	}
}
