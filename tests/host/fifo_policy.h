/* SPDX-License-Identifier: MIT */
/*
 * The smallest scheduling policy: first come, first served, for QUANTUM; a vCPU that yields goes last, as all do. It keeps one
 * list for each CPU, and for each vCPU how long it has run, how often it yielded and a weight that nothing obeys.
 */
#pragma once

#include "lib/errno.h"
#include "lib/printk.h"
#include "mm/page.h"
#include "sched/policy.h"
#include "xen/domctl.h"

#define QUANTUM 3000000ull

struct fifo_vcpu {
	ns_t ran;
	unsigned yields, weight;
};

static struct fifo_vcpu *fifo_of(const struct vcpu *v)
{
	return v->sched.policy;
}

static int fifo_queue_init(struct sched_queue *q)
{
	q->policy = heap_alloc(sizeof(struct list));
	list_init(q->policy);
	return 0;
}

static int fifo_vcpu_init(struct vcpu *v)
{
	v->sched.policy = heap_alloc_for(v->domain, sizeof(struct fifo_vcpu));
	return v->sched.policy ? 0 : -ENOMEM;
}

static void fifo_vcpu_free(struct vcpu *v)
{
	heap_free(v->sched.policy);
}

static bool fifo_enqueue(struct sched_queue *q, struct vcpu *v, enum sched_arrival how)
{
	list_add_tail(&v->sched.run_link, q->policy);
	q->nr_waiting++;
	return false;
}

static void fifo_dequeue(struct sched_queue *q, struct vcpu *v)
{
	list_del(&v->sched.run_link);
	q->nr_waiting--;
}

static struct vcpu *fifo_take(struct sched_queue *from, struct sched_queue *q, int64_t limit)
{
	struct list *list = from->policy;
	struct vcpu *v;

	list_for_each (v, list, sched.run_link)
		if (queue_may_take(q, v)) {
			fifo_dequeue(from, v);
			return v;
		}
	return NULL;
}

static struct vcpu *fifo_pick(struct sched_queue *q, ns_t *slice)
{
	struct list *list = q->policy;
	struct vcpu *v;

	*slice = QUANTUM;
	if (list_empty(list)) {
		v = queue_steal(q, 0, fifo_take);
		if (!v)
			*slice = 0;
		return v;
	}
	v = list_entry(list->next, struct vcpu, sched.run_link);
	fifo_dequeue(q, v);
	return v;
}

static struct percpu *fifo_place(struct vcpu *v)
{
	return cpu_table[__builtin_ctz(
	    v->sched.hard_affinity)]; /* all crowd on one: the others must find them there */
}

static void fifo_charge(struct sched_queue *q, struct vcpu *v, ns_t ran)
{
	fifo_of(v)->ran += ran;
}

static void fifo_yield(struct vcpu *v)
{
	fifo_of(v)->yields++;
}

static long fifo_adjust(struct domain *d, struct xen_domctl_scheduler_op *op)
{
	struct vcpu *v;

	for_each_vcpu (d, v) {
		if (op->cmd == XEN_DOMCTL_SCHEDOP_putinfo)
			fifo_of(v)->weight = op->u.credit.weight;
		else
			op->u.credit.weight = fifo_of(v)->weight;
	}
	return 0;
}

static void fifo_dump(struct sched_queue *q)
{
	struct list *list = q->policy;
	struct vcpu *v;

	list_for_each (v, list, sched.run_link)
		printk("  %u waits\n", v->id);
}

static const struct sched_policy fifo = {
    .name = "fifo",
    .sched_id = 77,
    .queue_init = fifo_queue_init,
    .vcpu_init = fifo_vcpu_init,
    .vcpu_free = fifo_vcpu_free,
    .enqueue = fifo_enqueue,
    .dequeue = fifo_dequeue,
    .pick = fifo_pick,
    .place = fifo_place,
    .charge = fifo_charge,
    .yield = fifo_yield,
    .adjust = fifo_adjust,
    .dump = fifo_dump,
};
