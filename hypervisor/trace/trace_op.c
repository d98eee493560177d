/* SPDX-License-Identifier: MIT */
/* See trace_op.h. trace_lock serialises everything that Dom0 may ask of accounting and tracing; the listeners
 * never take it. */
#include "trace/trace_op.h"
#include "cpu/percpu.h"
#include "cpu/x86.h"
#include "dom/domain.h"
#include "lib/errno.h"
#include "lib/spinlock.h"
#include "mm/guest_copy.h"
#include "trace/trace.h"
#include "xen/sysctl.h"

#define CHUNK    64   /* records copied at a time */
#define READ_MAX 2048 /* and in one call */
#define RING_MIN 256
#define RING_MAX 65536

static struct spinlock trace_lock;

static long op_accounting(struct ringlet_accounting *a)
{
	switch (a->command) {
	case RINGLET_ACCOUNTING_ask:
		break;
	case RINGLET_ACCOUNTING_on:
	case RINGLET_ACCOUNTING_off:
		accounting_set(a->command == RINGLET_ACCOUNTING_on);
		break;
	case RINGLET_ACCOUNTING_reset:
		accounting_reset();
		break;
	default:
		return -EINVAL;
	}
	a->on = accounting;
	return 0;
}

static long copy_counters(const struct trace_counters *c, struct ringlet_stats *s)
{
	uint32_t n = 0;

	for (uint32_t reason = 0; c && reason < RINGLET_REASONS && n < s->count; reason++) {
		struct ringlet_stat stat = {reason, 0, c->reason[reason].count, c->reason[reason].ticks};

		if (!stat.count)
			continue;
		if (guest_write(s->buffer + n * sizeof(stat), &stat, sizeof(stat)))
			return -EFAULT;
		n++;
	}
	s->count = n;
	return 0;
}

static long op_stats(struct ringlet_stats *s)
{
	struct domain *d = domain_by_id(s->domain);
	struct vcpu *v;
	long rc;

	if (!d)
		return -ESRCH;
	v = s->vcpu < d->max_vcpus ? d->vcpu[s->vcpu] : NULL;
	rc = v ? copy_counters(v->counters, s) : -ENOENT;
	domain_put(d);
	s->on = accounting;
	s->now = rdtsc();
	return rc;
}

static long op_read(struct ringlet_trace *t)
{
	struct ringlet_record part[CHUNK];
	struct trace_ring *ring;
	uint32_t done = 0, n;

	if (t->cpu >= nr_cpus || !trace_cpus[t->cpu].ring.slots)
		return -ENOENT;
	ring = &trace_cpus[t->cpu].ring;
	do {
		const struct ringlet_record *pos =
		    __atomic_load_n(&cpu_table[t->cpu]->trace.pos, __ATOMIC_ACQUIRE);

		n = ring_read(ring, pos, part, MIN(t->count - done, (uint32_t)CHUNK));
		if (n && guest_write(t->buffer + done * sizeof(*part), part, n * sizeof(*part)))
			return -EFAULT;
		done += n;
	} while (n && done < READ_MAX);
	t->count = done;
	t->lost = ring->lost;
	return 0;
}

static long op_trace(struct ringlet_trace *t)
{
	t->cpus = nr_cpus;
	switch (t->command) {
	case RINGLET_TRACE_start:
		if (t->size < RING_MIN || t->size > RING_MAX || (t->size & (t->size - 1)))
			return -EINVAL;
		return tracing_start(t->domain, t->size);
	case RINGLET_TRACE_stop:
		tracing_stop();
		return 0;
	case RINGLET_TRACE_read:
		return op_read(t);
	case RINGLET_TRACE_free:
		tracing_free();
		return 0;
	}
	return -EINVAL;
}

long trace_sysctl(struct xen_sysctl *op)
{
	long rc = -ENOSYS;

	spin_lock(&trace_lock);
	switch (op->cmd) {
	case RINGLET_SYSCTL_accounting:
		rc = op_accounting((void *)op->u.pad);
		break;
	case RINGLET_SYSCTL_stats:
		rc = op_stats((void *)op->u.pad);
		break;
	case RINGLET_SYSCTL_trace:
		rc = op_trace((void *)op->u.pad);
		break;
	case RINGLET_SYSCTL_stays:
		rc = stays_read((void *)op->u.pad);
		break;
	}
	spin_unlock(&trace_lock);
	return rc;
}
