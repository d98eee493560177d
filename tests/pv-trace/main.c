/* SPDX-License-Identifier: MIT */
/*
 * Exit accounting counts each hypercall, trap, emulated instruction and upcall under its own name, and nothing
 * while it is off; those of a multicall too. The trace tells each stay in the hypervisor once, in order and not overlapping; what finds
 * no room is counted, and a gap is marked where it is; a reader's buffer gets no record more than it holds; records of
 * a domain that was not asked for are neither written nor counted. Switched off, both cost a hypercall nothing at all;
 * tracing costs under 30 %. (The last is only judged where ticks are instructions: under qemu -icount.)
 */
#include "control.h"
#include "records.h"
#include "xen/event_channel.h"

const char test_title[] = "pv-trace";

#define NR_NULL __HYPERVISOR_xen_version

struct ringlet_record records[RECORDS];
static struct ringlet_stat stats[RINGLET_REASONS];

static uint32_t account(uint32_t command)
{
	struct ringlet_accounting *a = (void *)sys.u.pad;

	*a = (struct ringlet_accounting){.command = command};
	check_eq(sysctl(RINGLET_SYSCTL_accounting), 0);
	return a->on;
}

/* Counter of @reason; its ticks in *ticks. */
static uint64_t count_of(uint32_t reason, uint64_t *ticks)
{
	struct ringlet_stats *s = (void *)sys.u.pad;

	*s = (struct ringlet_stats){.domain = DOMID_SELF, .count = RINGLET_REASONS};
	set_xen_guest_handle(s->buffer, stats);
	check_eq(sysctl(RINGLET_SYSCTL_stats), 0);
	for (uint32_t i = 0; i < s->count; i++) {
		if (stats[i].reason == reason) {
			*ticks = stats[i].ticks;
			return stats[i].count;
		}
	}
	*ticks = 0;
	return 0;
}

static void null_calls(unsigned n)
{
	while (n--)
		hypercall_xen_version(XENVER_version, NULL);
}

static struct multicall_entry calls[2] = {{.op = NR_NULL, .args = {XENVER_version}},
					  {.op = NR_NULL, .args = {XENVER_version}}};

static bool skip_two(struct frame *f)
{
	f->ip += 2;
	return true;
}

static uint32_t clts_reason(void)
{
	uint32_t row = 0;

#define EMULATED(name, first, last)                   \
	if (first == 0x106)                           \
		return RINGLET_REASON_emulated + row; \
	row++;
#include "ringlet/emulated.def"
#undef EMULATED
	return 0;
}

static void counted(uint32_t reason, uint64_t want)
{
	uint64_t ticks, count = count_of(reason, &ticks);

	if (count != want)
		failure("reason %u was counted %u times, not %u", reason, (unsigned)count, (unsigned)want);
	if (want)
		check(ticks >= count);
	else
		check(ticks == 0);
}

static void accounting(void)
{
	struct evtchn_bind_ipi bind = {.vcpu = 0};
	struct evtchn_send send;

	check_eq(hypercall_event_channel_op(EVTCHNOP_bind_ipi, &bind), 0);
	send.port = bind.port;
	events_on();
	trap_hook = skip_two;
	check_eq(account(RINGLET_ACCOUNTING_ask), 0);
	null_calls(10);
	counted(NR_NULL, 0);
	check_eq(account(RINGLET_ACCOUNTING_on), 1);
	account(RINGLET_ACCOUNTING_reset);
	null_calls(100);
	for (int i = 0; i < 7; i++)
		__asm__ volatile("ud2");
	for (int i = 0; i < 5; i++)
		__asm__ volatile("clts");
	for (int i = 0; i < 3; i++) {
		check_eq(hypercall_event_channel_op(EVTCHNOP_send, &send), 0);
		check(event_test_and_clear(send.port));
	}
	hypercall_xen_version(1000, NULL);
	check_eq(hypercall_multicall(calls, 2), 0);
	counted(NR_NULL, 103);
	counted(__HYPERVISOR_multicall, 1);
	counted(RINGLET_REASON_trap + VEC_UD, 7);
	counted(RINGLET_REASON_trap + VEC_GP, 0);
	counted(clts_reason(), 5);
	counted(RINGLET_REASON_upcall, 3);
	check_eq(account(RINGLET_ACCOUNTING_off), 0);
	null_calls(10);
	counted(NR_NULL, 103);
	account(RINGLET_ACCOUNTING_reset);
	counted(NR_NULL, 0);
	events_off();
	trap_hook = NULL;
}

long trace(uint32_t command, domid_t domain, uint32_t size)
{
	struct ringlet_trace *t = (void *)sys.u.pad;

	*t = (struct ringlet_trace){.command = command, .domain = domain, .size = size, .count = RECORDS};
	set_xen_guest_handle(t->buffer, records);
	return sysctl(RINGLET_SYSCTL_trace);
}

uint32_t trace_read(uint64_t *lost)
{
	struct ringlet_trace *t = (void *)sys.u.pad;

	check_eq(trace(RINGLET_TRACE_read, 0, 0), 0);
	*lost = t->lost;
	return t->count;
}

static bool is_stay(const struct ringlet_record *r)
{
	return r->what < RINGLET_RECORD_upcall;
}

static uint64_t end_of(const struct ringlet_record *r)
{
	return r->tsc + (uint32_t)(r->low - (uint32_t)r->tsc);
}

static unsigned stays_with(uint32_t n, uint32_t reason)
{
	unsigned found = 0;

	for (uint32_t i = 0; i < n; i++)
		found += is_stay(&records[i]) && (records[i].what & 0xffff) == reason;
	return found;
}

static unsigned calls_of(uint32_t n, uint32_t reason)
{
	unsigned found = 0;

	for (uint32_t i = 0; i < n; i++)
		found += records[i].what == RINGLET_RECORD_call && records[i].low == reason;
	return found;
}

void check_order(uint32_t n)
{
	uint64_t last = 0;

	for (uint32_t i = 0; i < n; i++) {
		const struct ringlet_record *r = &records[i];

		if (r->tsc < last) {
			failure("record %u begins before the one ahead of it ended", i);
			return;
		}
		if (is_stay(r))
			last = end_of(r);
	}
}

static void tracing(void)
{
	uint64_t lost;
	uint32_t n;

	check_eq(trace(RINGLET_TRACE_start, RINGLET_TRACE_ALL, 100), -XEN_EINVAL);
	check_eq(trace(RINGLET_TRACE_start, RINGLET_TRACE_ALL, 300), -XEN_EINVAL);
	check_eq(trace(RINGLET_TRACE_read, 0, 0), -XEN_ENOENT);
	check_eq(trace(RINGLET_TRACE_start, RINGLET_TRACE_ALL, RECORDS), 0);
	check_eq(trace(RINGLET_TRACE_start, RINGLET_TRACE_ALL, RECORDS), -XEN_EBUSY);
	trap_hook = skip_two;
	null_calls(100);
	for (int i = 0; i < 7; i++)
		__asm__ volatile("ud2");
	for (int i = 0; i < 5; i++)
		__asm__ volatile("clts");
	trap_hook = NULL;
	check_eq(hypercall_multicall(calls, 2), 0);
	check_eq(trace(RINGLET_TRACE_stop, 0, 0), 0);
	null_calls(10);
	n = trace_read(&lost);
	check_eq(lost, 0);
	check_order(n);
	check_eq(records[0].what, RINGLET_RECORD_vcpu);
	check_eq(stays_with(n, NR_NULL), 100);
	check_eq(stays_with(n, RINGLET_REASON_trap + VEC_UD), 7);
	check_eq(stays_with(n, clts_reason()), 5);
	check_eq(stays_with(n, __HYPERVISOR_multicall), 1);
	check_eq(calls_of(n, NR_NULL), 2);
	check_eq(trace_read(&lost), 0);
}

/* Processors, vCPUs and sizes that do not exist; no more counters than there is room for. */
static void refusals(void)
{
	static const uint32_t none[] = {32, 64, 4096, 1u << 31, ~0u};
	struct ringlet_trace *t = (void *)sys.u.pad;
	struct ringlet_stats *s = (void *)sys.u.pad;

	for (uint32_t size = 1u << 17; size; size <<= 1)
		check_eq(trace(RINGLET_TRACE_start, RINGLET_TRACE_ALL, size), -XEN_EINVAL);
	for (unsigned i = 0; i < ARRAY_SIZE(none); i++) {
		*t = (struct ringlet_trace){.command = RINGLET_TRACE_read, .count = RECORDS, .cpu = none[i]};
		set_xen_guest_handle(t->buffer, records);
		check_eq(sysctl(RINGLET_SYSCTL_trace), -XEN_ENOENT);
		*s = (struct ringlet_stats){.domain = DOMID_SELF, .vcpu = none[i], .count = RINGLET_REASONS};
		set_xen_guest_handle(s->buffer, stats);
		check_eq(sysctl(RINGLET_SYSCTL_stats), -XEN_ENOENT);
	}
	account(RINGLET_ACCOUNTING_on);
	null_calls(10);
	hypercall_sched_op(SCHEDOP_yield, NULL);
	account(RINGLET_ACCOUNTING_off);
	stats[1] = (struct ringlet_stat){.count = 0x5a5a5a5a};
	*s = (struct ringlet_stats){.domain = DOMID_SELF, .count = 1};
	set_xen_guest_handle(s->buffer, stats);
	check_eq(sysctl(RINGLET_SYSCTL_stats), 0);
	check_eq(s->count, 1);
	check_eq(stats[1].count, 0x5a5a5a5a);
}

/* A reader gets no more than it has room for, and the rest afterwards. */
static void small_buffer(void)
{
	const struct ringlet_record empty = {0x5a5a5a5a5a5a5a5aull, 0x5a5a5a5a, 0x5a5a5a5a};
	struct ringlet_trace *t = (void *)sys.u.pad;
	uint64_t lost;

	check_eq(trace(RINGLET_TRACE_start, RINGLET_TRACE_ALL, 256), 0);
	null_calls(100);
	check_eq(trace(RINGLET_TRACE_stop, 0, 0), 0);
	for (uint32_t room = 0; room <= 40; room += 20) {
		for (uint32_t i = 0; i < RECORDS; i++)
			records[i] = empty;
		*t = (struct ringlet_trace){.command = RINGLET_TRACE_read, .count = room};
		set_xen_guest_handle(t->buffer, records);
		check_eq(sysctl(RINGLET_SYSCTL_trace), 0);
		check_eq(t->count, room);
		check(room == 0 || records[room - 1].tsc != empty.tsc);
		check(records[room].tsc == empty.tsc && records[room].what == empty.what);
	}
	check(trace_read(&lost) >= 40);
	check_eq(trace(RINGLET_TRACE_free, 0, 0), 0);
}

static void full_ring(void)
{
	uint64_t lost;
	uint32_t n, gap = 0, gaps = 0;

	check_eq(trace(RINGLET_TRACE_start, RINGLET_TRACE_ALL, 256), 0);
	null_calls(1000);
	n = trace_read(&lost);
	check_eq(n, 255);
	check(lost >= 700 && lost < 900);
	check_order(n);
	null_calls(20);
	n = trace_read(&lost);
	for (uint32_t i = 0; i < n; i++) {
		if (records[i].what == RINGLET_RECORD_lost) {
			gap += records[i].low;
			gaps++;
			check_eq(records[i + 1].what, RINGLET_RECORD_vcpu);
		}
	}
	check_eq(gaps, 1);
	check_eq(gap, lost);
	check(stays_with(n, NR_NULL) >= 19);
	check_order(n);
	check_eq(trace(RINGLET_TRACE_free, 0, 0), 0);
	check_eq(trace(RINGLET_TRACE_read, 0, 0), -XEN_ENOENT);
}

static void filtered(void)
{
	uint64_t lost;
	uint32_t n;

	check_eq(trace(RINGLET_TRACE_start, 77, 256), 0);
	null_calls(1000);
	n = trace_read(&lost);
	check_eq(stays_with(n, NR_NULL), 0);
	check_eq(lost, 0);
	check_eq(trace(RINGLET_TRACE_free, 0, 0), 0);
}

/* Ticks of a batch of null hypercalls, the best of some. */
#define CALLS 256
static unsigned cost(void)
{
	uint32_t best = ~0u;

	for (int batch = 0; batch < 8; batch++) {
		uint64_t t = ticks_now();

		null_calls(CALLS);
		t = ticks_now() - t;
		best = (uint32_t)t < best ? (uint32_t)t : best;
	}
	return best;
}

static void costs(void)
{
	unsigned off = cost(), counting, traced, after;
	bool instructions = off == cost() && off == cost() && off == cost();

	account(RINGLET_ACCOUNTING_on);
	counting = cost();
	account(RINGLET_ACCOUNTING_off);
	trace(RINGLET_TRACE_start, RINGLET_TRACE_ALL, 65536);
	traced = cost();
	trace(RINGLET_TRACE_free, 0, 0);
	after = cost();
	printk("null hypercall in %s: off %u, accounting %u, tracing %u, off again %u\n",
	       instructions ? "instructions" : "ticks", off / CALLS, counting / CALLS, traced / CALLS,
	       after / CALLS);
	if (!instructions)
		return;
	check_eq(after, off);
	check(traced * 100 < off * 130);
}

void test_main(void)
{
	hypercall_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
	accounting();
	tracing();
	refusals();
	small_buffer();
	full_ring();
	filtered();
	moments();
	costs();
}
