/* SPDX-License-Identifier: MIT */
/*
 * Scheduling policy: round robin in turns of one slice of CPU time.
 *
 * Turns are numbered: v->round. A vCPU that used up its turn begins the next one at the end of `ready`. One
 * that slept before its turn was over comes back through `woken`, ahead of every vCPU whose turn has not come,
 * and may preempt. So short bursts (Dom0's daemons, a shell) answer at once, yet no vCPU gets more than one
 * slice per round. A vCPU that comes to a queue (from sleep, a pause, another queue, or new) joins its present
 * round, with a fresh turn if the others have gone on meanwhile: what was missed is not saved up. Coming does
 * not help a vCPU whose turn in this round is over: it waits for the next round like the others.
 *
 * Each queue numbers its own rounds, because rounds take longer where more vCPUs are bound to one CPU. The sum
 * round + base can be compared between queues. A CPU takes a vCPU that waits elsewhere if its round is earlier
 * than that of the CPU's own next one. This makes one list of all queues, and keeps shares equal when vCPUs do
 * not divide by CPUs. Where it does not keep the queues together (an idle CPU, vCPUs bound to their CPUs), a
 * queue that lags by more than LAG rounds raises its base. So no difference grows larger than that, and none
 * has to be made up for when vCPUs are freed or wake elsewhere.
 */
#include "lib/printk.h"
#include "sched/queue.h"
#include "xen/domctl.h"

#define LAG      4
#define NO_LIMIT (INT64_MAX / 2) /* of rounds; bases can be added to it */

static bool idle_queue(const struct sched_queue *q)
{
	return q->running == q->cpu->idle && !q->nr_ready;
}

/* Let @q lag behind no other queue by more than @lag rounds. The others are read without their locks: a hint. */
static void keep_up(struct sched_queue *q, int64_t lag)
{
	for (uint32_t i = 0; i < nr_cpus; i++) {
		const struct sched_queue *other = queue_of(cpu_table[i]);

		if (other)
			q->base = MAX(q->base, other->round + other->base - lag - q->round);
	}
}

/* From here on v->round is one of @q's. */
static void adopt(struct sched_queue *q, struct vcpu *v)
{
	const struct sched_queue *from = v->round_of;

	if (from && from != q)
		v->round += from->base - q->base;
	v->round_of = q;
}

static void begin_turn(struct vcpu *v, int64_t round)
{
	v->round = round;
	v->turn_before = v->turn_used;
	v->turn_used = 0;
}

/* @v comes to @q and joins its round. A turn of an earlier round does not count. */
static void join(struct sched_queue *q, struct vcpu *v)
{
	if (idle_queue(q))
		keep_up(q, 0);
	adopt(q, v);
	if (v->round < q->round)
		begin_turn(v, q->round);
}

/* Of the woken, the vCPU that used the least in this turn and the one before goes first: a wake-up waits for one
 * burst of the vCPUs that use up their turns, not for all of them. */
static void add_woken(struct sched_queue *q, struct vcpu *v)
{
	struct vcpu *other;

	list_for_each (other, &q->woken, run_link)
		if (other->turn_before + other->turn_used > v->turn_before + v->turn_used)
			break;
	list_add_tail(&v->run_link, &other->run_link);
}

static bool rr_enqueue(struct sched_queue *q, struct vcpu *v, enum sched_arrival how)
{
	bool has_turn;

	if (v->turn_used >= SLICE_NS)
		begin_turn(v, v->round + 1);
	if (how != SCHED_GOES_ON)
		join(q, v);
	has_turn = v->turn_used || v->round <= q->round; /* begun, or due */
	q->nr_ready++;
	if (!has_turn || how == SCHED_COMES)
		list_add_tail(&v->run_link, &q->ready);
	else if (how == SCHED_WAKES)
		add_woken(q, v);
	else
		list_add_head(&v->run_link, &q->ready);
	return q->running == q->cpu->idle || (has_turn && how == SCHED_WAKES && !q->boosted);
}

static void rr_dequeue(struct sched_queue *q, struct vcpu *v)
{
	list_del(&v->run_link);
	q->nr_ready--;
}

/* The first vCPU of @list in a round before @limit that is saved, and may run on CPU @cpu. */
static struct vcpu *earlier(struct list *list, uint32_t cpu, int64_t limit)
{
	struct vcpu *v;

	list_for_each (v, list, run_link)
		if (!v->running && (v->hard_affinity >> cpu & 1) && v->round < limit)
			return v;
	return NULL;
}

/* Take from another queue a vCPU in a round before @limit of @q. Only trylock: two CPUs may be doing this to
 * each other. */
static struct vcpu *steal(struct sched_queue *q, int64_t limit)
{
	for (uint32_t i = 0; i < nr_cpus; i++) {
		struct sched_queue *other = queue_of(cpu_table[i]);
		struct vcpu *v;
		int64_t theirs;

		if (!other || other == q || !other->nr_ready || !spin_trylock(&other->lock))
			continue;
		theirs = limit + q->base - other->base;
		v = earlier(&other->woken, q->cpu->id, theirs);
		if (!v)
			v = earlier(&other->ready, q->cpu->id, theirs);
		if (v) {
			rr_dequeue(other, v);
			v->cpu = q->cpu;
			adopt(q, v);
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
		keep_up(q, LAG);
		v = first(&q->ready);
		stolen = steal(q, v ? v->round : NO_LIMIT);
	}
	if (stolen)
		v = stolen;
	else if (v)
		rr_dequeue(q, v);
	if (!v)
		return NULL;
	if (!q->boosted)
		q->round = MAX(q->round, v->round);
	*slice = SLICE_NS - MIN(v->turn_used, SLICE_NS - 1);
	return v;
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
