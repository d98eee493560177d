/* SPDX-License-Identifier: MIT */
/*
 * Scheduling policy: round robin in turns of one slice of CPU time.
 *
 * A vCPU that used up its turn goes to the end of `ready` and begins a new one. One that slept before its
 * turn was over comes back through `woken`, ahead of everybody whose turn has not come, and may preempt: so
 * short bursts (Dom0's daemons, a shell) answer at once, and yet nobody gets more than one slice per round.
 *
 * Between the CPUs: a CPU takes the vCPU that has waited longest anywhere (by more than STEAL_MARGIN), which
 * makes the queues together one round-robin list and keeps shares equal when vCPUs do not divide by CPUs.
 */
#include "lib/printk.h"
#include "sched/queue.h"
#include "xen/domctl.h"
#include "xen/vcpu.h"

#define STEAL_MARGIN (SLICE_NS / 4)

static bool turn_over(const struct vcpu *v)
{
	return v->turn_used >= SLICE_NS;
}

static bool rr_enqueue(struct sched_queue *q, struct vcpu *v, bool woken)
{
	ns_t t = now();

	/* Who slept for longer than a turn need not finish the old one. */
	if (v->runstate.state == RUNSTATE_blocked && t - v->runstate.state_entry_time > SLICE_NS)
		v->turn_used = 0;
	v->ready_since = t;
	q->nr_ready++;
	if (turn_over(v)) {
		v->turn_used = 0;
		list_add_tail(&v->run_link, &q->ready);
	} else if (woken) {
		list_add_tail(&v->run_link, &q->woken);
		return !q->boosted;
	} else {
		list_add_head(&v->run_link, &q->ready); /* preempted: its turn goes on */
	}
	return vcpu_is_idle(q->running);
}

static void rr_dequeue(struct sched_queue *q, struct vcpu *v)
{
	list_del(&v->run_link);
	q->nr_ready--;
}

/* The vCPU of @list that waited longest, is saved, and may run on CPU @cpu. */
static struct vcpu *oldest(struct list *list, uint32_t cpu)
{
	struct vcpu *v, *best = NULL;

	list_for_each (v, list, run_link)
		if (!v->running && (v->hard_affinity >> cpu & 1) &&
		    (!best || v->ready_since < best->ready_since))
			best = v;
	return best;
}

/* Take from another queue a vCPU that has waited since before @limit. Only trylock: two CPUs may be doing
 * this to each other. */
static struct vcpu *steal(struct sched_queue *q, ns_t limit)
{
	for (uint32_t i = 0; i < nr_cpus; i++) {
		struct sched_queue *other = queue_of(cpu_table[i]);
		struct vcpu *v = NULL;

		if (!other || other == q || !other->nr_ready || !spin_trylock(&other->lock))
			continue;
		v = oldest(&other->woken, q->cpu->id);
		if (!v || v->ready_since >= limit)
			v = oldest(&other->ready, q->cpu->id);
		if (v && v->ready_since < limit) {
			rr_dequeue(other, v);
			v->cpu = q->cpu;
		} else {
			v = NULL;
		}
		spin_unlock(&other->lock);
		if (v)
			return v;
	}
	return NULL;
}

static struct vcpu *first(struct list *list)
{
	return list_empty(list) ? NULL : list_entry(list->next, struct vcpu, run_link);
}

static struct vcpu *rr_pick(struct sched_queue *q, ns_t *slice)
{
	struct vcpu *v = first(&q->woken), *stolen = NULL;

	q->boosted = v != NULL;
	if (!v) {
		v = first(&q->ready);
		if (!v)
			stolen = steal(q, ~0ull);
		else if (v->ready_since > STEAL_MARGIN)
			stolen = steal(q, v->ready_since - STEAL_MARGIN);
	}
	if (stolen)
		v = stolen;
	else if (v)
		rr_dequeue(q, v);
	if (v)
		*slice = SLICE_NS - MIN(v->turn_used, SLICE_NS - 1);
	return v;
}

static bool idle_queue(const struct sched_queue *q)
{
	return vcpu_is_idle(q->running) && !q->nr_ready;
}

/* A hint only: other queues are read without their locks. */
static struct percpu *rr_place(struct vcpu *v)
{
	struct percpu *best = NULL;

	if ((v->hard_affinity >> v->cpu->id & 1) && idle_queue(queue_of(v->cpu)))
		return v->cpu; /* where its cache and timers are */
	for (uint32_t i = 0; i < nr_cpus; i++) {
		struct percpu *cpu = cpu_table[i];

		if (!cpu->sched || !(v->hard_affinity >> i & 1))
			continue;
		if (idle_queue(queue_of(cpu)))
			return cpu;
		if (!best || queue_of(cpu)->nr_ready < queue_of(best)->nr_ready ||
		    (cpu == v->cpu && queue_of(cpu)->nr_ready == queue_of(best)->nr_ready))
			best = cpu;
	}
	return best ? best : v->cpu;
}

const struct sched_policy sched_rr = {
    .name = "rr",
    .sched_id = XEN_SCHEDULER_CREDIT,
    .enqueue = rr_enqueue,
    .dequeue = rr_dequeue,
    .pick = rr_pick,
    .place = rr_place,
};
