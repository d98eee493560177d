/* SPDX-License-Identifier: MIT */
/*
 * Scheduling policy: round robin in turns of one slice of CPU time.
 *
 * Turns are numbered: rr_vcpu.round. A vCPU that used up its turn begins the next one at the end of `ready`. One
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
#include "lib/errno.h"
#include "lib/printk.h"
#include "mm/page.h"
#include "sched/policy.h"
#include "xen/domctl.h"

#define LAG      4
#define NO_LIMIT (INT64_MAX / 2) /* of rounds; bases can be added to it */

struct rr_queue {
	struct list woken, ready; /* runnable, waiting for the CPU, by run_link */
	int64_t round;            /* that of the vCPU picked last off `ready`: where this CPU stands */
	int64_t base;             /* what to add to rounds of this queue to compare them with another's */
	bool boosted;             /* the running one came off `woken`: the next sleeper waits */
};

struct rr_vcpu {
	const struct rr_queue *round_of; /* whose rounds `round` counts; NULL: it never waited */
	int64_t round;                   /* which turn it has, or had last */
	ns_t turn_used, turn_before;     /* CPU time of that turn; of the one before */
};

static inline struct rr_queue *rr_of(const struct sched_queue *q)
{
	return q->policy;
}

static inline struct rr_vcpu *turn_of(const struct vcpu *v)
{
	return v->sched.policy;
}

static int rr_queue_init(struct sched_queue *q)
{
	struct rr_queue *rq = heap_alloc(sizeof(*rq));

	if (!rq)
		return -ENOMEM;
	list_init(&rq->woken);
	list_init(&rq->ready);
	q->policy = rq;
	return 0;
}

static int rr_vcpu_init(struct vcpu *v)
{
	v->sched.policy = heap_alloc_for(v->domain, sizeof(struct rr_vcpu));
	return v->sched.policy ? 0 : -ENOMEM;
}

static void rr_vcpu_free(struct vcpu *v)
{
	heap_free(v->sched.policy);
}

/* Let @rq lag behind no other queue by more than @lag rounds. The others are read without their locks: a hint. */
static void keep_up(struct rr_queue *rq, int64_t lag)
{
	for (uint32_t i = 0; i < nr_cpus; i++) {
		const struct sched_queue *q = queue_of(cpu_table[i]);
		const struct rr_queue *other = q ? rr_of(q) : rq;

		rq->base = MAX(rq->base, other->round + other->base - lag - rq->round);
	}
}

/* From here on t->round is one of @rq's. */
static void adopt(struct rr_queue *rq, struct rr_vcpu *t)
{
	const struct rr_queue *from = t->round_of;

	if (from && from != rq)
		t->round += from->base - rq->base;
	t->round_of = rq;
}

static void begin_turn(struct rr_vcpu *t, int64_t round)
{
	t->round = round;
	t->turn_before = t->turn_used;
	t->turn_used = 0;
}

/* @t comes to @q and joins its round. A turn of an earlier round does not count. */
static void join(struct sched_queue *q, struct rr_vcpu *t)
{
	struct rr_queue *rq = rr_of(q);

	if (queue_is_idle(q))
		keep_up(rq, 0);
	adopt(rq, t);
	if (t->round < rq->round)
		begin_turn(t, rq->round);
}

/* Of the woken, the vCPU that used the least in this turn and the one before goes first: a wake-up waits for one
 * burst of the vCPUs that use up their turns, not for all of them. */
static void add_woken(struct rr_queue *rq, struct vcpu *v)
{
	const struct rr_vcpu *t = turn_of(v);
	struct vcpu *other;

	list_for_each (other, &rq->woken, sched.run_link)
		if (turn_of(other)->turn_before + turn_of(other)->turn_used > t->turn_before + t->turn_used)
			break;
	list_add_tail(&v->sched.run_link, &other->sched.run_link);
}

/* Its turn is begun, or due. */
static bool has_turn(const struct rr_queue *rq, const struct rr_vcpu *t)
{
	return t->turn_used || t->round <= rq->round;
}

/* @v was not on this CPU until now. A function of its own, so that what goes on saves no registers for it. */
static __attribute__((noinline)) bool arrive(struct sched_queue *q, struct vcpu *v, enum sched_arrival how)
{
	struct rr_queue *rq = rr_of(q);

	join(q, turn_of(v));
	q->nr_waiting++;
	if (how == SCHED_COMES || !has_turn(rq, turn_of(v))) {
		list_add_tail(&v->sched.run_link, &rq->ready);
		return false;
	}
	add_woken(rq, v);
	return !rq->boosted;
}

static bool rr_enqueue(struct sched_queue *q, struct vcpu *v, enum sched_arrival how)
{
	struct rr_queue *rq = rr_of(q);
	struct rr_vcpu *t = turn_of(v);

	if (t->turn_used >= SLICE_NS)
		begin_turn(t, t->round + 1);
	if (how != SCHED_GOES_ON)
		return arrive(q, v, how);
	q->nr_waiting++;
	if (has_turn(rq, t))
		list_add_head(&v->sched.run_link, &rq->ready);
	else
		list_add_tail(&v->sched.run_link, &rq->ready);
	return false;
}

static void rr_dequeue(struct sched_queue *q, struct vcpu *v)
{
	list_del(&v->sched.run_link);
	q->nr_waiting--;
}

/* The first vCPU of @list in a round before @limit that @q may have. */
static struct vcpu *earlier(struct list *list, struct sched_queue *q, int64_t limit)
{
	struct vcpu *v;

	list_for_each (v, list, sched.run_link)
		if (turn_of(v)->round < limit && queue_may_take(q, v))
			return v;
	return NULL;
}

/* Take from another queue a vCPU in a round before @limit of @q. */
static struct vcpu *rr_take(struct sched_queue *from, struct sched_queue *q, int64_t limit)
{
	struct rr_queue *rq = rr_of(q), *other = rr_of(from);
	struct vcpu *v;

	limit += rq->base - other->base;
	v = earlier(&other->woken, q, limit);
	if (!v)
		v = earlier(&other->ready, q, limit);
	if (v) {
		rr_dequeue(from, v);
		adopt(rq, turn_of(v));
	}
	return v;
}

static struct vcpu *first(struct list *list)
{
	return list_empty(list) ? NULL : list_entry(list->next, struct vcpu, sched.run_link);
}

/* What is left of the turn of @v, which is picked. */
static inline ns_t begin(struct rr_queue *rq, const struct vcpu *v)
{
	const struct rr_vcpu *t = turn_of(v);

	if (!rq->boosted)
		rq->round = MAX(rq->round, t->round);
	return SLICE_NS - MIN(t->turn_used, SLICE_NS - 1);
}

/* @v, which waits here, or one of an earlier round that waits elsewhere. A function of its own, so that rr_pick() saves no
 * registers for it where there is but one CPU. */
static __attribute__((noinline)) struct vcpu *pick_of_all(struct sched_queue *q, struct vcpu *v, ns_t *slice)
{
	struct rr_queue *rq = rr_of(q);
	struct vcpu *stolen;

	keep_up(rq, LAG);
	stolen = queue_steal(q, v ? turn_of(v)->round : NO_LIMIT, rr_take);
	if (stolen)
		v = stolen;
	else if (v)
		rr_dequeue(q, v);
	if (v)
		*slice = begin(rq, v);
	return v;
}

static struct vcpu *rr_pick(struct sched_queue *q, ns_t *slice)
{
	struct rr_queue *rq = rr_of(q);
	struct vcpu *v = first(&rq->woken);

	rq->boosted = v != NULL;
	if (!v) {
		v = first(&rq->ready);
		if (nr_cpus > 1)
			return pick_of_all(q, v, slice);
	}
	if (v) {
		rr_dequeue(q, v);
		*slice = begin(rq, v);
	}
	return v;
}

static void rr_charge(struct sched_queue *q, struct vcpu *v, ns_t ran)
{
	turn_of(v)->turn_used += ran;
}

static void rr_yield(struct vcpu *v)
{
	turn_of(v)->turn_used = SLICE_NS;
}

static void rr_dump(struct sched_queue *q)
{
	struct vcpu *v;

	list_for_each (v, &rr_of(q)->woken, sched.run_link)
		printk("  woken %sv%u\n", v->domain->name, v->id);
	list_for_each (v, &rr_of(q)->ready, sched.run_link)
		printk("  ready %sv%u, round %ld, %lu us of it used\n", v->domain->name, v->id,
		       turn_of(v)->round, turn_of(v)->turn_used / 1000);
}

const struct sched_policy sched_rr = {
    .name = "rr",
    /* Xen's scheduler without parameters. Its tools create no domain under a number that they do not know. */
    .sched_id = XEN_SCHEDULER_NULL,
    .queue_init = rr_queue_init,
    .vcpu_init = rr_vcpu_init,
    .vcpu_free = rr_vcpu_free,
    .enqueue = rr_enqueue,
    .dequeue = rr_dequeue,
    .pick = rr_pick,
    .place = queue_place,
    .charge = rr_charge,
    .yield = rr_yield,
    .dump = rr_dump,
};
