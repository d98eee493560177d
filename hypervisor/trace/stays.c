/* SPDX-License-Identifier: MIT */
/*
 * How long an interrupt that is due may wait, and why (option `stays`, docs/tracing.md).
 *
 * A stay begins when a CPU enters the hypervisor from a guest and ends when it goes back. In between it ends, and
 * another begins, where interrupts were let in and nothing was due (hypercall_preempt_check), and where what was due
 * is being done (exit_work). A look that finds something does not end it: whatever came in waits until exit_work.
 * So the length of a stay is how long an interrupt that came at its beginning could wait. What an operator
 * asked for by a debug key is not counted: it prints for as long as it takes.
 *
 * Locking: stays_lock, a leaf: listeners hold no other, and readers copy under it.
 */
#include "cpu/percpu.h"
#include "cpu/x86.h"
#include "dev/console.h"
#include "dom/domain.h"
#include "guest/hypercall.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/options.h"
#include "lib/printk.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "mm/guest_copy.h"
#include "sched/sched.h"
#include "trace/trace.h"

#define KEPT       32
#define NOTEWORTHY 1000 /* ticks; less is not worth a lock */

static struct spinlock stays_lock;
static struct ringlet_stay kept[KEPT]; /* longest first */
static unsigned count;

/* Keep @s as the longest of its kind (domain, reason, RIP), if it is. */
static void keep(const struct ringlet_stay *s)
{
	unsigned i = 0;

	while (i < count &&
	       (kept[i].domain != s->domain || kept[i].reason != s->reason || kept[i].rip != s->rip))
		i++;
	if (i < count && kept[i].ticks >= s->ticks)
		return;
	if (i == KEPT) /* the shortest makes room */
		i--;
	else if (i == count)
		count++;
	for (; i && kept[i - 1].ticks < s->ticks; i--)
		kept[i] = kept[i - 1];
	kept[i] = *s;
}

void stay_end(struct trace_cpu *c, uint64_t now)
{
	struct ringlet_stay s = c->stay;

	c->stay.ticks = 0;
	s.ticks = now - s.ticks;
	if (s.ticks == now || s.ticks < NOTEWORTHY || (count == KEPT && s.ticks <= kept[KEPT - 1].ticks))
		return;
	spin_lock(&stays_lock);
	keep(&s);
	spin_unlock(&stays_lock);
}

static uint64_t first_argument(const struct vcpu *v)
{
	const struct guest_abi *abi = v->domain->abi;
	const uint64_t *reg = (const void *)((const char *)&v->regs + abi->first_arg);

	return *reg & (~0ull >> (64 - (1u << abi->word_shift)));
}

void stay_begin(struct trace_cpu *c, uint64_t now, uint32_t reason)
{
	struct vcpu *v = current;
	bool hypercall = reason < RINGLET_REASON_trap, saved = reason != RINGLET_REASON_syscall;

	c->stay = (struct ringlet_stay){
	    .ticks = now,
	    .reason = reason,
	    .domain = vcpu_is_idle(v) ? DOMID_IDLE : v->domain->id,
	    .vcpu = v->id,
	    .rip = saved ? v->regs.rip : 0,
	    .arg = hypercall ? first_argument(v) : 0,
	};
}

void stay_moment(struct trace_cpu *c, uint64_t now, enum tracepoint_kind kind, uint64_t arg)
{
	switch (kind) {
	case TRACE_CALL:
		c->stay.arg = arg;
		break;
	case TRACE_LOOK:
		if (c->stay.ticks) {
			stay_end(c, now);
			c->stay.ticks = now;
		}
		break;
	case TRACE_WORK:
		stay_end(c, now);
		stay_begin(c, now, RINGLET_REASON_work);
		break;
	case TRACE_IDLE:
		stay_end(c, now);
		break;
	case TRACE_EXEMPT:
		c->stay.ticks = now;
		break;
	default:
		break;
	}
}

static void print(const struct ringlet_stay *s)
{
	static const char *const others[] = {"int 0x80",
					     "system call",
					     "unknown hypercall",
					     "timer interrupt",
					     "interprocessor interrupt",
					     "device interrupt",
					     "event upcall",
					     "switch",
					     "start",
					     "exit work"};
	uint32_t other = s->reason - RINGLET_REASON_int80;
	char why[64];

	if (s->reason < RINGLET_REASON_trap)
		snprintf(why, sizeof(why), "hypercall %s(%lx)", hypercall_name(s->reason), s->arg);
	else if (s->reason < RINGLET_REASON_int80)
		snprintf(why, sizeof(why), "exception %u", s->reason - RINGLET_REASON_trap);
	else
		strlcpy(why, other < ARRAY_SIZE(others) ? others[other] : "?", sizeof(why));
	printk("  %10lu ticks  d%u vCPU %u at %016lx: %s\n", s->ticks, s->domain, s->vcpu, s->rip, why);
}

/* All that are kept, into @to; and they are forgotten. */
static unsigned take(struct ringlet_stay *to)
{
	unsigned n;

	spin_lock(&stays_lock);
	n = count;
	memcpy(to, kept, n * sizeof(*to));
	count = 0;
	spin_unlock(&stays_lock);
	return n;
}

static void show(void)
{
	static struct ringlet_stay taken[KEPT];
	unsigned n = take(taken);

	if (!stays)
		printk("  (the option `stays` is off)\n");
	for (unsigned i = 0; i < n; i++)
		print(&taken[i]);
}

long stays_read(struct ringlet_stays *s)
{
	static struct ringlet_stay taken[KEPT]; /* under trace_lock */
	unsigned n = take(taken);

	s->count = MIN(s->count, n);
	s->on = stays;
	return s->count && guest_write(s->buffer, taken, s->count * sizeof(*taken)) ? -EFAULT : 0;
}

static void begin(struct percpu *cpu)
{
	trace_cpus[cpu->id].stay.ticks = 0;
}

void stays_init(void)
{
	debug_key_register('l', "longest stays with interrupts off", show);
	if (options.stays)
		hooks_set(listening | LISTEN_STAYS, begin);
}
