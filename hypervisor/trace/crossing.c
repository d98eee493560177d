/* SPDX-License-Identifier: MIT */
/*
 * The listeners: what happens at each way in and out of the hypervisor, and at the moments between. All of it
 * concerns `current` and this CPU, with interrupts off.
 *
 * Accounting: from entry to exit a stay has one reason at a time, and all ticks go to some reason, none to two.
 * What turns out to be an instruction to emulate is counted under its name, not as the trap that brought it;
 * the delivery of an event ends the stay's first reason and begins another.
 */
#include "cpu/descriptor.h"
#include "cpu/lapic.h"
#include "cpu/percpu.h"
#include "cpu/x86.h"
#include "dom/domain.h"
#include "evt/evtchn.h"
#include "guest/kind.h"
#include "hypercalls.h"
#include "lib/tracepoint.h"
#include "mm/page.h"
#include "sched/sched.h"
#include "trace/trace.h"

#define VECTOR_INT80 0x80
#define TOLD_MOST    8 /* ports of one upcall that are written */

struct trace_cpu trace_cpus[MAX_CPUS];
bool accounting, tracing, stays;
uint16_t trace_domain;

static const struct {
	uint32_t first, last;
} emulated[] = {
#define EMULATED(name, first, last) {first, last},
#include "ringlet/emulated.def"
#undef EMULATED
};
_Static_assert(RINGLET_REASON_emulated + ARRAY_SIZE(emulated) <= RINGLET_REASONS, "a reason for each");
_Static_assert(RINGLET_REASON_hypercall + NR_HYPERCALLS <= RINGLET_REASON_trap, "a reason for each");

static uint32_t emulated_reason(uint32_t opcode)
{
	for (uint32_t i = 0; i < ARRAY_SIZE(emulated); i++)
		if (opcode >= emulated[i].first && opcode <= emulated[i].last)
			return RINGLET_REASON_emulated + i;
	return emulated_reason(TRACE_OTHER);
}

static inline struct trace_cpu *here(void)
{
	return &trace_cpus[this_cpu->id];
}

static uint32_t id_of(const struct vcpu *v)
{
	return (uint32_t)(vcpu_is_idle(v) ? DOMID_IDLE : v->domain->id) << 16 | v->id;
}

static bool is_wanted(const struct vcpu *v)
{
	return trace_domain == RINGLET_TRACE_ALL || v->domain->id == trace_domain;
}

/* The ring of the guest, and whether its kernel runs there. */
static uint32_t mode_of(const struct vcpu *v)
{
	return RINGLET_MODE_KNOWN | (v->domain->doors->in_kernel(v) ? RINGLET_MODE_KERNEL : 0) |
	       (v->regs.cs & SELECTOR_RPL);
}

static struct trace_counter *counter(struct vcpu *v, uint32_t reason)
{
	if (unlikely(!v->counters))
		v->counters = heap_alloc_for(v->domain, sizeof(struct trace_counters));
	return v->counters ? &v->counters->reason[reason] : NULL;
}

/* Close the account of what went on since the last time. */
static void charge(struct vcpu *v, struct trace_cpu *c, uint64_t now, uint32_t next)
{
	struct trace_counter *n = vcpu_is_idle(v) ? NULL : counter(v, c->reason);

	if (n) {
		n->count++;
		n->ticks += now - c->since;
	}
	c->since = now;
	c->reason = next;
}

static void open_record(uint64_t now, uint32_t reason, uint32_t mode)
{
	struct ringlet_record *r = this_cpu->trace.pos;

	r->tsc = now;
	r->what = reason | mode << 16;
}

static void close_record(uint64_t now, uint32_t mode)
{
	struct ringlet_record *r = this_cpu->trace.pos;

	r->low = now;
	r->what = (r->what & 0xfffff) | mode << 20;
	trace_commit();
}

static void put(uint64_t now, uint32_t what, uint32_t arg)
{
	ring_put(&here()->ring, &this_cpu->self->trace, &(struct ringlet_record){now, arg, what});
}

void trace_commit(void)
{
	ring_commit(&here()->ring, &this_cpu->self->trace);
}

void trace_enter(uint32_t reason)
{
	uint64_t now = rdtsc();

	if (stays)
		stay_begin(here(), now, reason);
	if (accounting) {
		here()->since = now;
		here()->reason = reason;
	}
	if (tracing)
		open_record(now, reason, mode_of(current) | current->domain->doors->quick_leave_mode << 4);
}

void trace_enter_trap(const struct cpu_user_regs *regs)
{
	uint32_t vector = regs->entry_vector;

	if (vector < 32)
		trace_enter(RINGLET_REASON_trap + vector);
	else if (vector == VECTOR_INT80)
		trace_enter(RINGLET_REASON_int80);
	else if (vector == VECTOR_TIMER)
		trace_enter(RINGLET_REASON_timer);
	else
		trace_enter(vector == VECTOR_KICK || vector == VECTOR_CALL ? RINGLET_REASON_ipi
									   : RINGLET_REASON_device);
}

void trace_leave(void)
{
	struct vcpu *v = current;
	uint64_t now = rdtsc();

	if (accounting)
		charge(v, here(), now, RINGLET_REASON_start);
	if (tracing)
		close_record(now, mode_of(v));
	if (stays)
		stay_end(here(), now);
}

static void switch_to(struct vcpu *next, uint64_t now)
{
	struct trace_ring *ring = &here()->ring;
	bool wanted = is_wanted(next);

	close_record(now, 0);
	ring->vcpu = id_of(next);
	if (ring->wanted || wanted) {
		ring_want(ring, &this_cpu->self->trace, true);
		put(now, RINGLET_RECORD_vcpu, ring->vcpu);
	}
	ring_want(ring, &this_cpu->self->trace, wanted);
	open_record(now, RINGLET_REASON_switch, 0);
}

/* Of what: so that a reader can join each with its sender (RINGLET_RECORD_event). */
static void put_upcall(struct vcpu *v, uint64_t now)
{
	uint16_t ports[TOLD_MOST];
	unsigned n = vcpu_told_ports(v, ports, ARRAY_SIZE(ports));

	put(now, RINGLET_RECORD_upcall, 0);
	for (unsigned i = 0; i < n; i++)
		put(now, RINGLET_RECORD_told, (uint32_t)v->domain->id << 16 | ports[i]);
}

static void relabel(uint32_t reason)
{
	struct ringlet_record *r = this_cpu->trace.pos;

	if (accounting)
		here()->reason = reason;
	if (tracing)
		r->what = (r->what & ~0xffffu) | reason;
}

void trace_moment(enum tracepoint_kind kind, uint64_t arg)
{
	uint64_t now = rdtsc();

	if (stays)
		stay_moment(here(), now, kind, arg);
	switch (kind) {
	case TRACE_SWITCH:
		if (accounting)
			charge(current, here(), now, RINGLET_REASON_switch);
		if (tracing)
			switch_to((struct vcpu *)arg, now);
		break;
	case TRACE_UPCALL:
		if (accounting)
			charge(current, here(), now, RINGLET_REASON_upcall);
		if (tracing)
			put_upcall(current, now);
		break;
	case TRACE_CALL:
		arg = arg < NR_HYPERCALLS ? arg : RINGLET_REASON_unknown;
		if (accounting)
			charge(current, here(), now, arg);
		if (tracing)
			put(now, RINGLET_RECORD_call, arg);
		break;
	case TRACE_EVENT:
		if (tracing)
			put(now, RINGLET_RECORD_event, arg);
		break;
	case TRACE_COPY:
		if (tracing)
			put(now, RINGLET_RECORD_copy, arg);
		break;
	case TRACE_EMULATED:
		relabel(emulated_reason(arg));
		break;
	default:
		break;
	}
}

void trace_upcall(void)
{
	if (current->entry.event_cb.address)
		trace_moment(TRACE_UPCALL, 0);
}

void accounting_begin(struct percpu *cpu)
{
	trace_cpus[cpu->id].since = rdtsc();
	trace_cpus[cpu->id].reason = RINGLET_REASON_start;
}

void tracing_begin(struct percpu *cpu)
{
	struct trace_ring *ring = &trace_cpus[cpu->id].ring;
	uint64_t now = rdtsc();

	ring->vcpu = id_of(cpu->vcpu);
	put(now, RINGLET_RECORD_vcpu, ring->vcpu);
	ring_want(ring, &cpu->trace, is_wanted(cpu->vcpu));
	open_record(now, RINGLET_REASON_start, 0);
}
