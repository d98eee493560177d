/* SPDX-License-Identifier: MIT */
/*
 * Scheduling policy: round robin in turns of one slice of CPU time.
 *
 * Turns are numbered: v->round. A vCPU that used up its turn begins the next one at the end of `ready`. One
 * that slept before its turn was over comes back through `woken`, ahead of everybody whose turn has not come,
 * and may preempt: so short bursts (Dom0's daemons, a shell) answer at once, and yet nobody gets more than
 * one slice per round. Who slept while the others went on to later rounds joins them there, with a fresh
 * turn: sleep is not saved up.
 *
 * Between the CPUs: a CPU takes a vCPU that waits elsewhere in an earlier round than its own next one is in,
 * which makes the queues together one list and keeps shares equal when vCPUs do not divide by CPUs.
 */
#include "lib/printk.h"
#include "sched/queue.h"
#include "xen/domctl.h"

static bool rr_enqueue(struct sched_queue *q, struct vcpu *v, bool woken)
{
	bool over = v->turn_used >= SLICE_NS;

	if (over) {
		v->round++;
		v->turn_used = 0;
	}
	if (woken && v->round < q->round) {
		v->round = q->round;
		v->turn_used = 0;
	}
	q->nr_ready++;
	if (over)
		list_add_tail(&v->run_link, &q->ready);
	else if (woken)
		list_add_tail(&v->run_link, &q->woken);
	else
		list_add_head(&v->run_link, &q->ready); /* preempted: its turn goes on */
	return q->running == q->cpu->idle || (woken && !over && !q->boosted);
}

static void rr_dequeue(struct sched_queue *q, struct vcpu *v)
{
	list_del(&v->run_link);
	q->nr_ready--;
}

/* The first vCPU of @list in a round before @limit that is saved, and may run on CPU @cpu. */
static struct vcpu *earlier(struct list *list, uint32_t cpu, uint64_t limit)
{
	struct vcpu *v;

	list_for_each (v, list, run_link)
		if (!v->running && (v->hard_affinity >> cpu & 1) && v->round < limit)
			return v;
	return NULL;
}

/* Take from another queue a vCPU in a round before @limit. Only trylock: two CPUs may be doing this to each
 * other. */
static struct vcpu *steal(struct sched_queue *q, uint64_t limit)
{
	for (uint32_t i = 0; i < nr_cpus; i++) {
		struct sched_queue *other = queue_of(cpu_table[i]);
		struct vcpu *v;

		if (!other || other == q || !other->nr_ready || !spin_trylock(&other->lock))
			continue;
		v = earlier(&other->woken, q->cpu->id, limit);
		if (!v)
			v = earlier(&other->ready, q->cpu->id, limit);
		if (v) {
			rr_dequeue(other, v);
			v->cpu = q->cpu;
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
		stolen = steal(q, v ? v->round : ~0ull);
	}
	if (stolen)
		v = stolen;
	else if (v)
		rr_dequeue(q, v);
	if (v) {
		q->round = MAX(q->round, v->round);
		*slice = SLICE_NS - MIN(v->turn_used, SLICE_NS - 1);
	}
	return v;
}

static bool idle_queue(const struct sched_queue *q)
{
	return q->running == q->cpu->idle && !q->nr_ready;
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
