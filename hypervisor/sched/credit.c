/* SPDX-License-Identifier: MIT */
/*
 * Scheduling policy: credit, with the arithmetic and the constants of Xen's scheduler of that name.
 *
 * Credit is CPU time. A vCPU burns it as it runs. Every ACCOUNT_NS the time that all CPUs have had is handed out
 * (credit_account.c): to each domain by its weight, once for each of its vCPUs that have run lately, and no more than its
 * cap. A vCPU that has credit is UNDER its share. One that has none is OVER it, and runs where nobody else wants to. One
 * that wakes UNDER is in BOOST until it has run for BOOST_NS: it goes ahead of those that compute. A vCPU of a capped
 * domain that has had its part is PARKED: it waits, and no CPU takes it, until an accounting gives it credit again.
 *
 * Each CPU has a list of waiting vCPUs for each rank: first come, first served. A CPU whose own next vCPU is OVER, or that
 * has none, looks for a better one elsewhere. This, and one accounting for all CPUs, keep the shares right on several.
 *
 * A rank changes under the lock of the vCPU's queue, and in the accounting, without it. So a vCPU that waits knows on which
 * list it is (`listed`), whatever its rank has become, and at its end the accounting has each queue sorted again.
 */
#include "sched/credit.h"
#include "lib/errno.h"
#include "lib/printk.h"
#include "mm/page.h"
#include "xen/domctl.h"
#include "xen/sysctl.h"

struct credit_settings credit_settings = {.slice_ms = 30, .ratelimit_us = 1000};

static int credit_queue_init(struct sched_queue *q)
{
	struct credit_queue *cq = heap_alloc(sizeof(*cq));

	if (!cq)
		return -ENOMEM;
	for (unsigned i = 0; i < CREDIT_RANKS; i++)
		list_init(&cq->waiting[i]);
	q->policy = cq;
	return 0;
}

static int credit_domain_init(struct domain *d)
{
	struct credit_domain *c = heap_alloc_for(d, sizeof(*c));

	if (!c)
		return -ENOMEM;
	list_init(&c->link);
	list_init(&c->active);
	c->weight = CREDIT_WEIGHT;
	d->sched.policy = c;
	return 0;
}

static void credit_domain_free(struct domain *d)
{
	heap_free(d->sched.policy);
}

static int credit_vcpu_init(struct vcpu *v)
{
	struct credit_vcpu *c = heap_alloc_for(v->domain, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->vcpu = v;
	list_init(&c->link);
	c->rank = CREDIT_UNDER;
	v->sched.policy = c;
	return 0;
}

static void credit_vcpu_free(struct vcpu *v)
{
	credit_leave(credit_of(v));
	heap_free(v->sched.policy);
}

/* ---- Waiting ---- */

/* Link @v behind all that wait with @rank. Those that are parked wait for no CPU: nobody needs to look for them. */
static void list_as(struct sched_queue *q, struct vcpu *v, uint8_t rank)
{
	credit_of(v)->listed = rank;
	list_add_tail(&v->sched.run_link, &credit_queue(q)->waiting[rank]);
	q->nr_waiting += rank != CREDIT_PARKED;
}

static void credit_dequeue(struct sched_queue *q, struct vcpu *v)
{
	list_del(&v->sched.run_link);
	q->nr_waiting -= credit_of(v)->listed != CREDIT_PARKED;
}

static bool credit_enqueue(struct sched_queue *q, struct vcpu *v, enum sched_arrival how)
{
	struct credit_vcpu *c = credit_of(v);
	bool yields = c->yields && c->rank < CREDIT_OVER;

	c->yields = false;
	if (how == SCHED_WAKES && c->rank == CREDIT_UNDER)
		c->rank = CREDIT_BOOST;
	/* Until the next accounting, one that yields waits behind those that are over their shares, too. */
	list_as(q, v, yields ? CREDIT_OVER : c->rank);
	return how != SCHED_GOES_ON && !vcpu_is_idle(q->running) && c->rank < credit_of(q->running)->rank;
}

bool credit_sort(struct sched_queue *q)
{
	struct credit_queue *cq = credit_queue(q);
	unsigned running = vcpu_is_idle(q->running) ? CREDIT_PARKED : credit_of(q->running)->rank;
	struct vcpu *v, *next;
	unsigned best = 0;

	for (unsigned i = 0; i < CREDIT_RANKS; i++) {
		list_for_each_safe (v, next, &cq->waiting[i], sched.run_link) {
			if (credit_of(v)->rank == i)
				continue;
			credit_dequeue(q, v);
			list_as(q, v, credit_of(v)->rank);
		}
	}
	while (best < CREDIT_PARKED && list_empty(&cq->waiting[best]))
		best++;
	return best < running || (running == CREDIT_PARKED && !vcpu_is_idle(q->running));
}

/* ---- Running ---- */

void credit_charge(struct sched_queue *q, struct vcpu *v, ns_t ran)
{
	struct credit_vcpu *c = credit_of(v);

	__atomic_fetch_sub(&c->credit, (int64_t)ran, __ATOMIC_RELAXED);
	c->turn += ran;
	if (c->rank == CREDIT_BOOST && c->turn >= BOOST_NS)
		c->rank = CREDIT_UNDER;
	if (unlikely(!c->is_active))
		credit_join(c);
}

static void credit_yield(struct vcpu *v)
{
	credit_of(v)->yields = true;
}

static struct vcpu *first_below(const struct sched_queue *q, unsigned below)
{
	struct credit_queue *cq = credit_queue(q);

	for (unsigned i = 0; i < below; i++)
		if (!list_empty(&cq->waiting[i]))
			return list_entry(cq->waiting[i].next, struct vcpu, sched.run_link);
	return NULL;
}

/* The best vCPU of a rank before @below that @q may have. */
static struct vcpu *credit_take(struct sched_queue *from, struct sched_queue *q, int64_t below)
{
	struct vcpu *v;

	for (unsigned i = 0; i < below; i++) {
		list_for_each (v, &credit_queue(from)->waiting[i], sched.run_link) {
			if (!queue_may_take(q, v))
				continue;
			credit_dequeue(from, v);
			return v;
		}
	}
	return NULL;
}

/* What is left of the time for which no other vCPU may take the CPU from the one that had it, if that waits here. */
static ns_t not_yet(const struct sched_queue *q)
{
	const struct credit_vcpu *c = credit_of(q->running);
	ns_t limit = credit_settings.ratelimit_us * 1000ull;

	if (list_empty(&q->running->sched.run_link) || c->listed != c->rank || c->rank == CREDIT_PARKED)
		return 0;
	return c->turn < limit ? limit - c->turn : 0;
}

static struct vcpu *credit_pick(struct sched_queue *q, ns_t *slice)
{
	ns_t rest = vcpu_is_idle(q->running) ? 0 : not_yet(q);
	struct vcpu *v = rest ? q->running : first_below(q, CREDIT_PARKED), *better;
	unsigned rank = v ? credit_of(v)->listed : CREDIT_PARKED;

	better = nr_cpus > 1 && !rest && rank >= CREDIT_OVER ? queue_steal(q, rank, credit_take) : NULL;
	if (better)
		v = better;
	else if (v)
		credit_dequeue(q, v);
	if (!v)
		return NULL;
	if (v != q->running)
		credit_of(v)->turn = 0;
	*slice = rest ? rest : credit_settings.slice_ms * NS_PER_MS;
	return v;
}

/* ---- Parameters ---- */

/* 0 leaves the weight as it is, 65535 the cap. */
static long credit_adjust(struct domain *d, struct xen_domctl_scheduler_op *op)
{
	struct credit_domain *c = credit_domain(d);

	switch (op->cmd) {
	case XEN_DOMCTL_SCHEDOP_putinfo:
		if (op->u.credit.weight)
			c->weight = op->u.credit.weight;
		if (op->u.credit.cap != UINT16_MAX)
			c->cap = op->u.credit.cap;
		return 0;
	case XEN_DOMCTL_SCHEDOP_getinfo:
		op->u.credit.weight = c->weight;
		op->u.credit.cap = c->cap;
		return 0;
	default:
		return -EINVAL;
	}
}

/* The limits are Xen's; a vCPU is never "cache-hot" here, so that delay is 0. */
static long credit_global(struct xen_sysctl_scheduler_op *op)
{
	struct xen_sysctl_credit_schedule *p = &op->u.sched_credit;

	switch (op->cmd) {
	case XEN_SYSCTL_SCHEDOP_putinfo:
		if (p->tslice_ms < XEN_SYSCTL_CSCHED_TSLICE_MIN ||
		    p->tslice_ms > XEN_SYSCTL_CSCHED_TSLICE_MAX ||
		    (p->ratelimit_us && (p->ratelimit_us < XEN_SYSCTL_SCHED_RATELIMIT_MIN ||
					 p->ratelimit_us > XEN_SYSCTL_SCHED_RATELIMIT_MAX)) ||
		    p->ratelimit_us > p->tslice_ms * 1000 || p->vcpu_migr_delay_us)
			return -EINVAL;
		credit_settings = (struct credit_settings){p->tslice_ms, p->ratelimit_us};
		return 0;
	case XEN_SYSCTL_SCHEDOP_getinfo:
		*p = (struct xen_sysctl_credit_schedule){.tslice_ms = credit_settings.slice_ms,
							 .ratelimit_us = credit_settings.ratelimit_us};
		return 0;
	default:
		return -EINVAL;
	}
}

static void credit_dump(struct sched_queue *q)
{
	static const char *const names[CREDIT_RANKS] = {"boost", "under", "over", "parked"};
	struct vcpu *v;

	for (unsigned i = 0; i < CREDIT_RANKS; i++)
		list_for_each (v, &credit_queue(q)->waiting[i], sched.run_link)
			printk("  %s %sv%u, credit %ld us\n", names[i], v->domain->name, v->id,
			       credit_of(v)->credit / 1000);
}

const struct sched_policy sched_credit = {
    .name = "credit",
    .sched_id = XEN_SCHEDULER_CREDIT,
    .queue_init = credit_queue_init,
    .domain_init = credit_domain_init,
    .domain_free = credit_domain_free,
    .vcpu_init = credit_vcpu_init,
    .vcpu_free = credit_vcpu_free,
    .enqueue = credit_enqueue,
    .dequeue = credit_dequeue,
    .pick = credit_pick,
    .place = queue_place,
    .charge = credit_charge,
    .yield = credit_yield,
    .adjust = credit_adjust,
    .global = credit_global,
    .dump = credit_dump,
};
