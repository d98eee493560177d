/* SPDX-License-Identifier: MIT */
/*
 * The listeners of accounting, tracing and stays (hypervisor/trace/), on a clock that a test sets.
 *
 * Specification: each tick between entry and exit is charged to one reason, under the name the ABI has for it; a record says
 * who was there before and after; a switch writes who runs wherever it is wanted. A stay ends where interrupts were let
 * in; the longest of each kind are kept, longest first, and forgotten when they were read; what an operator asked for is none.
 * What Dom0 asks wrongly is refused, and rings that cannot all be had are all given back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cpu/x86.h"
static uint64_t ticks;
#define rdtsc() (ticks)

#include "trace/crossing.c"
#include "trace/ring.c"
#include "trace/stays.c"
#include "trace/switch.c"
#include "trace/trace_op.c"

/* ---- the rest of the hypervisor ---- */

struct percpu host_percpu, *cpu_table[MAX_CPUS] = {&host_percpu};
struct domain dom_idle = {.name = "idle"};
struct options options;
uint32_t nr_cpus = 1, listening;
long (*sysctl_extension)(struct xen_sysctl *op);
static struct guest_ops ops64 = {.code64 = true, .high_start = 4096}, ops32, ops_fv;
static struct domain doms[3];
static struct vcpu vcpus[3], idle = {.domain = &dom_idle};
static unsigned held, pages, pages_left;
static bool no_memory, kernel;
static char said[4096];
static void (*key_l)(void);

static bool in_kernel(const struct vcpu *v)
{
	return kernel;
}
static void deliver(struct vcpu *v)
{
}
void hooks_init(void)
{
}
void hooks_set(uint32_t listen, void (*each)(struct percpu *cpu))
{
	listening = listen;
	accounting = listen & LISTEN_ACCOUNTING;
	tracing = listen & LISTEN_TRACING;
	stays = listen & LISTEN_STAYS;
	each(&host_percpu);
}
void *heap_alloc_for(struct domain *d, size_t size)
{
	return no_memory ? NULL : calloc(1, size);
}
void *heap_alloc_pages(unsigned order)
{
	if (!pages_left)
		return NULL;
	pages_left--;
	pages++;
	return malloc(4096ul << order);
}
void heap_free_pages(void *p, unsigned order)
{
	assert_non_null(p);
	pages--;
	free(p);
}
void domain_put(struct domain *d)
{
	assert_true(held--);
}
struct domain *domain_by_id(domid_t id)
{
	if (id != 1 && id != 2)
		return NULL;
	held++;
	return &doms[id];
}
struct domain *domain_next(domid_t first)
{
	return first > 2 ? NULL : domain_by_id(first ? first : 1);
}
int guest_write_any(gva_t dst, const void *src, size_t n)
{
	if (!dst)
		return -EFAULT;
	memcpy((void *)dst, src, n);
	return 0;
}
size_t strlcpy(char *dst, const char *src, size_t size)
{
	return snprintf(dst, size, "%s", src);
}
const char *hypercall_name(uint64_t nr)
{
	return nr == 17 ? "xen_version" : "?";
}
void debug_key_register(char key, const char *what, void (*fn)(void))
{
	key_l = fn;
}
void printk(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(said + strlen(said), sizeof(said) - strlen(said), fmt, ap);
	va_end(ap);
}
void cpu_service_requests(void)
{
}

/* ---- the stage ---- */

static struct ringlet_record out[256];

static int setup(void **state)
{
	ops64.in_kernel = ops32.in_kernel = ops_fv.in_kernel = in_kernel;
	ops_fv.deliver = deliver;
	for (unsigned i = 1; i < 3; i++) {
		doms[i] = (struct domain){.id = i, .ops = &ops64, .max_vcpus = 1};
		vcpus[i] = (struct vcpu){.domain = &doms[i], .regs = {.cs = 0xe033, .rip = 0x1000}};
		doms[i].vcpu[0] = &vcpus[i];
	}
	host_percpu = (struct percpu){.self = &host_percpu, .vcpu = &vcpus[1]};
	ticks = 1000;
	kernel = true;
	no_memory = false;
	pages_left = 100;
	said[0] = '\0';
	nr_cpus = 1;
	hooks_set(0, nothing);
	count = 0;
	return 0;
}
static int teardown(void **state)
{
	tracing_free();
	assert_int_equal(pages, 0);
	assert_int_equal(held, 0);
	for (unsigned i = 1; i < 3; i++)
		free(vcpus[i].counters);
	return 0;
}

static long ask(uint32_t cmd, void *arg, size_t n)
{
	struct xen_sysctl op = {.cmd = cmd};
	long rc;

	memcpy(op.u.pad, arg, n);
	rc = trace_sysctl(&op);
	memcpy(arg, op.u.pad, n);
	return rc;
}

static void account(uint32_t command)
{
	struct ringlet_accounting a = {.command = command};

	assert_int_equal(ask(RINGLET_SYSCTL_accounting, &a, sizeof(a)), 0);
	assert_int_equal(a.on, command == RINGLET_ACCOUNTING_on ||
				   (command != RINGLET_ACCOUNTING_off && accounting));
}

static void counted(unsigned dom, uint32_t reason, uint64_t want, uint64_t want_ticks)
{
	assert_non_null(vcpus[dom].counters);
	assert_int_equal(vcpus[dom].counters->reason[reason].count, want);
	assert_int_equal(vcpus[dom].counters->reason[reason].ticks, want_ticks);
}

static long trace(uint32_t command, uint32_t size, domid_t domain)
{
	struct ringlet_trace t = {.command = command, .size = size, .domain = domain};

	return ask(RINGLET_SYSCTL_trace, &t, sizeof(t));
}

/* All that is in the ring, into out[]. */
static uint32_t read_all(void)
{
	struct ringlet_trace t = {.command = RINGLET_TRACE_read, .count = ARRAY_SIZE(out)};

	set_xen_guest_handle(t.buffer, out);
	assert_int_equal(ask(RINGLET_SYSCTL_trace, &t, sizeof(t)), 0);
	return t.count;
}

static void start(domid_t domain)
{
	assert_int_equal(trace(RINGLET_TRACE_start, 256, domain), 0);
}

/* A stay of @length ticks. */
static void stay(uint32_t reason, uint64_t length)
{
	trace_enter(reason);
	ticks += length;
	trace_leave();
	ticks++;
}

static void trap(uint32_t vector, uint64_t length)
{
	struct cpu_user_regs regs = {.entry_vector = vector};

	trace_enter_trap(&regs);
	ticks += length;
	trace_leave();
	ticks++;
}

/* ---- accounting ---- */

static void every_way_in_has_its_reason(void **state)
{
	account(RINGLET_ACCOUNTING_on);
	stay(17, 10);
	trap(0, 20);
	trap(14, 30);
	trap(31, 40);
	trap(VECTOR_INT80, 50);
	trap(VECTOR_TIMER, 60);
	trap(VECTOR_KICK, 70);
	trap(VECTOR_CALL, 80);
	trap(32, 90);
	counted(1, 17, 1, 10);
	counted(1, RINGLET_REASON_trap, 1, 20);
	counted(1, RINGLET_REASON_trap + 14, 1, 30);
	counted(1, RINGLET_REASON_trap + 31, 1, 40);
	counted(1, RINGLET_REASON_int80, 1, 50);
	counted(1, RINGLET_REASON_timer, 1, 60);
	counted(1, RINGLET_REASON_ipi, 2, 150);
	counted(1, RINGLET_REASON_device, 1, 90);
	account(RINGLET_ACCOUNTING_off);
	stay(17, 10);
	counted(1, 17, 1, 10);
	account(RINGLET_ACCOUNTING_reset);
	counted(1, 17, 0, 0);
	counted(1, RINGLET_REASON_ipi, 0, 0);
}

static void no_tick_is_charged_twice(void **state)
{
	account(RINGLET_ACCOUNTING_on);
	trace_enter(NR_HYPERCALLS - 1);
	ticks += 1;
	trace_moment(TRACE_CALL, 17);
	ticks += 2;
	trace_moment(TRACE_CALL, NR_HYPERCALLS);
	ticks += 4;
	trace_upcall();
	ticks += 8;
	trace_moment(TRACE_SWITCH, (uint64_t)&vcpus[2]);
	current = &vcpus[2];
	ticks += 16;
	trace_leave();
	counted(1, NR_HYPERCALLS - 1, 1, 1);
	counted(1, 17, 1, 2);
	counted(1, RINGLET_REASON_unknown, 1, 4);
	counted(1, RINGLET_REASON_upcall, 1, 8);
	counted(2, RINGLET_REASON_switch, 1, 16);
	/* An fv guest has no upcalls. */
	account(RINGLET_ACCOUNTING_reset);
	doms[2].ops = &ops_fv;
	trace_enter(17);
	ticks += 32;
	trace_upcall();
	trace_leave();
	counted(2, RINGLET_REASON_upcall, 0, 0);
	counted(2, 17, 1, 32);
	/* Nothing is charged to the idle vCPU, and what finds no memory for counters goes on without. */
	current = &idle;
	stay(17, 10);
	assert_null(idle.counters);
	no_memory = true;
	free(vcpus[1].counters);
	vcpus[1].counters = NULL;
	current = &vcpus[1];
	stay(17, 10);
	assert_null(vcpus[1].counters);
}

/* Each row of emulated.def at both of its ends; what has no row is `other`; it is counted instead of the trap. */
static void emulated_instructions(void **state)
{
	uint32_t row = 0, other = 0;
	bool known[0x10004] = {0};

#define EMULATED(name, first, last)                                              \
	known[first] = true;                                                     \
	known[last] = true;                                                      \
	other = first == TRACE_OTHER ? RINGLET_REASON_emulated + row : other;    \
	assert_int_equal(emulated_reason(first), RINGLET_REASON_emulated + row); \
	assert_int_equal(emulated_reason(last), RINGLET_REASON_emulated + row);  \
	row++;
#include "ringlet/emulated.def"
#undef EMULATED
	for (uint32_t opcode = 0; opcode < ARRAY_SIZE(known); opcode++)
		if (!known[opcode])
			assert_int_equal(emulated_reason(opcode), other);
	account(RINGLET_ACCOUNTING_on);
	start(RINGLET_TRACE_ALL);
	trace_enter(RINGLET_REASON_trap + 13);
	trace_moment(TRACE_EMULATED, 0xfa);
	ticks += 5;
	trace_leave();
	counted(1, RINGLET_REASON_trap + 13, 0, 0);
	counted(1, emulated_reason(0xfa), 1, 5);
	assert_int_equal(read_all(), 2); /* who runs, and this stay */
	assert_int_equal(out[1].what & 0xffff, emulated_reason(0xfa));
	/* Accounting alone writes no records, tracing alone counts nothing. */
	account(RINGLET_ACCOUNTING_off);
	stay(17, 1);
	counted(1, 17, 0, 0);
	trace(RINGLET_TRACE_stop, 0, 0);
	account(RINGLET_ACCOUNTING_on);
	read_all();
	stay(17, 1);
	assert_int_equal(read_all(), 0);
}

static void statistics_are_refused(void **state)
{
	struct ringlet_stat got[4];
	struct ringlet_stats s = {.domain = 7};
	struct ringlet_accounting a = {.command = 99};

	assert_int_equal(ask(RINGLET_SYSCTL_accounting, &a, sizeof(a)), -EINVAL);
	account(RINGLET_ACCOUNTING_on);
	account(RINGLET_ACCOUNTING_ask);
	for (uint32_t reason = 1; reason < 4; reason++)
		stay(reason, reason);
	assert_int_equal(ask(RINGLET_SYSCTL_stats, &s, sizeof(s)), -ESRCH);
	s = (struct ringlet_stats){.domain = 1, .vcpu = 1};
	assert_int_equal(ask(RINGLET_SYSCTL_stats, &s, sizeof(s)), -ENOENT);
	s = (struct ringlet_stats){.domain = 2, .count = 4};
	assert_int_equal(ask(RINGLET_SYSCTL_stats, &s, sizeof(s)), 0);
	assert_int_equal(s.count, 0);
	s = (struct ringlet_stats){.domain = 1, .count = 4};
	assert_int_equal(ask(RINGLET_SYSCTL_stats, &s, sizeof(s)), -EFAULT);
	set_xen_guest_handle(s.buffer, got);
	assert_int_equal(ask(RINGLET_SYSCTL_stats, &s, sizeof(s)), 0);
	assert_int_equal(s.count, 3);
	assert_true(s.on);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(got[i].reason, i + 1);
		assert_int_equal(got[i].ticks, i + 1);
	}
	assert_int_equal(ask(RINGLET_SYSCTL_overhead, &s, sizeof(s)), -ENOSYS);
}

/* ---- tracing ---- */

#define MODE(ring, in_kernel) (RINGLET_MODE_KNOWN | ((in_kernel) ? RINGLET_MODE_KERNEL : 0) | (ring))

/* Who was there before, and who goes on; for a way out that is not told (hook.inc), what that way means. */
static void modes(void **state)
{
	struct ringlet_record *open;

	start(RINGLET_TRACE_ALL);
	trace_leave();
	kernel = false;
	trace_enter(5);
	open = host_percpu.trace.pos;
	assert_int_equal(open->what, 5 | MODE(3, false) << 16);
	kernel = true;
	trace_leave();
	doms[1].ops = &ops32;
	vcpus[1].regs.cs = 0xe019;
	trace_enter(6);
	open = host_percpu.trace.pos;
	assert_int_equal(open->what, 6 | MODE(1, true) << 16 | MODE(1, true) << 20);
	kernel = false;
	vcpus[1].regs.cs = 0xe02b;
	trace_leave();
	assert_int_equal(read_all(), 4);
	assert_int_equal(out[0].what, RINGLET_RECORD_vcpu);
	assert_int_equal(out[0].low, 1 << 16);
	assert_int_equal(out[1].what, RINGLET_REASON_start | MODE(3, true) << 20);
	assert_int_equal(out[2].what, 5 | MODE(3, false) << 16 | MODE(3, true) << 20);
	assert_int_equal(out[3].what, 6 | MODE(1, true) << 16 | MODE(3, false) << 20);
}

static void moments(void **state)
{
	start(RINGLET_TRACE_ALL);
	trace_leave();
	read_all();
	trace_enter(13);
	trace_moment(TRACE_CALL, 17);
	trace_moment(TRACE_EVENT, 2 << 16 | 5);
	trace_moment(TRACE_UPCALL, 0);
	trace_leave();
	assert_int_equal(read_all(), 4);
	assert_int_equal(out[0].what, RINGLET_RECORD_call);
	assert_int_equal(out[0].low, 17);
	assert_int_equal(out[1].what, RINGLET_RECORD_event);
	assert_int_equal(out[1].low, 2 << 16 | 5);
	assert_int_equal(out[2].what, RINGLET_RECORD_upcall);
	/* And none of them where nobody listens. */
	assert_int_equal(trace(RINGLET_TRACE_stop, 0, 0), 0);
	account(RINGLET_ACCOUNTING_on);
	trace_enter(13);
	trace_moment(TRACE_CALL, 17);
	trace_moment(TRACE_EVENT, 2 << 16 | 5);
	trace_moment(TRACE_UPCALL, 0);
	trace_moment(TRACE_SWITCH, (uint64_t)&vcpus[2]);
	trace_leave();
	assert_int_equal(read_all(), 0);
}

/* @to comes instead of @from; the idle vCPU is in no guest and goes back to none. */
static uint32_t switches(struct vcpu *from, struct vcpu *to)
{
	current = from;
	ticks += 10;
	if (from != &idle)
		trace_enter(5);
	ticks += 10;
	trace_moment(TRACE_SWITCH, (uint64_t)to);
	current = to;
	ticks += 10;
	if (to != &idle)
		trace_leave();
	return read_all();
}

static void who_runs(void **state)
{
	uint64_t t;

	start(RINGLET_TRACE_ALL);
	trace_leave();
	read_all();
	t = ticks;
	assert_int_equal(switches(&vcpus[1], &idle), 2);
	assert_int_equal(out[0].what & 0xffff, 5);
	assert_int_equal(out[0].what >> 20, 0);
	assert_int_equal(out[0].low, t + 20);
	assert_int_equal(out[1].what, RINGLET_RECORD_vcpu);
	assert_int_equal(out[1].low, (uint32_t)DOMID_IDLE << 16);
	assert_int_equal(switches(&idle, &vcpus[2]), 3);
	assert_int_equal(out[0].what & 0xfffff, RINGLET_REASON_switch);
	assert_int_equal(out[0].tsc, t + 20);
	assert_int_equal(out[0].low, t + 50);
	assert_int_equal(out[1].low, 2 << 16);
	assert_int_equal(out[2].tsc, t + 50);
	trace(RINGLET_TRACE_stop, 0, 0);
	/* Of one domain: its stays, and the moment at which it stops running. */
	current = &vcpus[1];
	start(2);
	trace_leave();
	assert_int_equal(read_all(), 1);
	assert_int_equal(out[0].what, RINGLET_RECORD_vcpu);
	stay(5, 1);
	assert_int_equal(switches(&vcpus[1], &idle), 0);
	assert_int_equal(switches(&idle, &vcpus[2]), 2);
	assert_int_equal(out[0].low, 2 << 16);
	assert_int_equal(out[1].what & 0xffff, RINGLET_REASON_switch);
	stay(5, 1);
	assert_int_equal(read_all(), 1);
	assert_int_equal(switches(&vcpus[2], &vcpus[1]), 2);
	assert_int_equal(out[0].what & 0xffff, 5);
	assert_int_equal(out[1].what, RINGLET_RECORD_vcpu);
	assert_int_equal(out[1].low, 1 << 16);
	stay(5, 1);
	assert_int_equal(read_all(), 0);
}

static void rings_are_had_for_all_or_none(void **state)
{
	static struct percpu second = {.self = &second, .id = 1, .vcpu = &idle};
	struct ringlet_trace t = {.command = RINGLET_TRACE_read, .cpu = 1, .count = 1};

	cpu_table[1] = &second;
	nr_cpus = 2;
	pages_left = 1;
	assert_int_equal(trace(RINGLET_TRACE_start, 256, 1), -ENOMEM);
	assert_int_equal(pages, 0);
	assert_int_equal(ask(RINGLET_SYSCTL_trace, &t, sizeof(t)), -ENOENT);
	t.cpu = 0;
	assert_int_equal(ask(RINGLET_SYSCTL_trace, &t, sizeof(t)), -ENOENT);
	pages_left = 2;
	assert_int_equal(trace(RINGLET_TRACE_start, 256, 1), 0);
	assert_int_equal(trace(RINGLET_TRACE_start, 256, 1), -EBUSY);
	t = (struct ringlet_trace){.command = RINGLET_TRACE_read, .cpu = 0, .count = 1};
	assert_int_equal(ask(RINGLET_SYSCTL_trace, &t, sizeof(t)), -EFAULT);
	t = (struct ringlet_trace){.command = RINGLET_TRACE_read, .cpu = 2};
	assert_int_equal(ask(RINGLET_SYSCTL_trace, &t, sizeof(t)), -ENOENT);
	assert_int_equal(t.cpus, 2);
	t.cpu = MAX_CPUS;
	assert_int_equal(ask(RINGLET_SYSCTL_trace, &t, sizeof(t)), -ENOENT);
	t = (struct ringlet_trace){.command = RINGLET_TRACE_read}; /* no room, and no buffer */
	assert_int_equal(ask(RINGLET_SYSCTL_trace, &t, sizeof(t)), 0);
	assert_int_equal(trace(RINGLET_TRACE_stop, 0, 0), 0);
	assert_false(tracing);
	assert_int_equal(trace(RINGLET_TRACE_free, 0, 0), 0);
	assert_int_equal(pages, 0);
	pages_left = 4;
	for (int i = 0; i < 2; i++) { /* the old ones make room */
		assert_int_equal(trace(RINGLET_TRACE_start, 256, 1), 0);
		assert_int_equal(trace(RINGLET_TRACE_stop, 0, 0), 0);
		assert_int_equal(pages, 2);
	}
	assert_int_equal(trace(RINGLET_TRACE_start, 128, 1), -EINVAL);
	assert_int_equal(trace(RINGLET_TRACE_start, 300, 1), -EINVAL);
	assert_int_equal(trace(RINGLET_TRACE_start, 131072, 1), -EINVAL);
	assert_int_equal(trace(99, 256, 1), -EINVAL);
	pages_left = 2;
	assert_int_equal(trace(RINGLET_TRACE_start, 65536, 1), 0);
	assert_int_equal(trace(RINGLET_TRACE_free, 0, 0), 0);
}

/* One call takes up to READ_MAX records, never more than there is room for, and tells how many were lost. */
static void reading_in_parts(void **state)
{
	static struct ringlet_record many[4096];
	struct ringlet_trace t = {.command = RINGLET_TRACE_read, .count = ARRAY_SIZE(many)};
	uint64_t last = 0;

	assert_int_equal(trace(RINGLET_TRACE_start, 4096, RINGLET_TRACE_ALL), 0);
	for (int i = 0; i < 5000; i++)
		stay(3, 1);
	set_xen_guest_handle(t.buffer, many);
	assert_int_equal(ask(RINGLET_SYSCTL_trace, &t, sizeof(t)), 0);
	assert_int_equal(t.count, READ_MAX);
	assert_int_equal(t.lost, 5001 - 4095);
	t.count = ARRAY_SIZE(many);
	set_xen_guest_handle(t.buffer, many + READ_MAX);
	assert_int_equal(ask(RINGLET_SYSCTL_trace, &t, sizeof(t)), 0);
	assert_int_equal(t.count, 4095 - READ_MAX);
	for (int i = 1; i < 4095; i++) {
		assert_true(many[i].tsc >= last);
		last = many[i].tsc;
	}
}

/* ---- stays ---- */

static struct ringlet_stay got[KEPT + 1];

static uint32_t read_stays(uint32_t room)
{
	struct ringlet_stays s = {.count = room};

	set_xen_guest_handle(s.buffer, got);
	assert_int_equal(ask(RINGLET_SYSCTL_stays, &s, sizeof(s)), 0);
	assert_int_equal(s.on, stays);
	return s.count;
}

static void stays_on(void)
{
	options.stays = true;
	stays_init();
	options.stays = false;
}

static void off_without_the_option(void **state)
{
	stays_init();
	stay(17, 5000);
	assert_false(stays);
	assert_int_equal(read_stays(KEPT), 0);
	key_l();
	assert_non_null(strstr(said, "off"));
}

/* What a guest asked is read where its kind passes it; of a system call no address was saved. */
static void where_and_why(void **state)
{
	struct ringlet_stays s = {.count = 1};

	stays_on();
	vcpus[1].regs.rdi = 0x1234567890;
	vcpus[1].regs.rbx = 0xffffffff00000007;
	stay(17, NOTEWORTHY - 1);
	assert_int_equal(read_stays(KEPT), 0);
	stay(17, NOTEWORTHY);
	stay(RINGLET_REASON_trap, NOTEWORTHY + 2);
	stay(RINGLET_REASON_syscall, NOTEWORTHY + 1);
	doms[1].ops = &ops32;
	vcpus[1].regs.rip = 0x2000;
	stay(17, NOTEWORTHY + 3);
	current = &idle;
	stay(RINGLET_REASON_timer, NOTEWORTHY + 4);
	current = &vcpus[1];
	assert_int_equal(read_stays(KEPT), 5);
	assert_int_equal(got[0].domain, DOMID_IDLE);
	assert_int_equal(got[1].arg, 7);
	assert_int_equal(got[1].domain, 1);
	assert_int_equal(got[2].arg, 0);
	assert_int_equal(got[2].rip, 0x1000);
	assert_int_equal(got[3].rip, 0);
	assert_int_equal(got[3].arg, 0);
	assert_int_equal(got[4].arg, 0x1234567890);
	assert_int_equal(got[4].ticks, NOTEWORTHY);
	assert_int_equal(read_stays(KEPT), 0);
	stay(17, 5000);
	assert_int_equal(ask(RINGLET_SYSCTL_stays, &s, sizeof(s)), -EFAULT);
	stay(17, 5000);
	assert_int_equal(read_stays(0), 0);
}

/* Where interrupts were let in and nothing was due a stay ends and another begins; multicalls tell their last call. */
static void a_look_ends_it(void **state)
{
	stays_on();
	trace_enter(17);
	ticks += 2000;
	trace_moment(TRACE_LOOK, 0);
	ticks += 3000;
	trace_moment(TRACE_CALL, 9);
	trace_moment(TRACE_WORK, 0);
	ticks += 4000;
	trace_moment(TRACE_IDLE, 0);
	ticks += 9000;
	trace_moment(TRACE_LOOK, 0);
	ticks += 9000;
	trace_leave();
	assert_int_equal(read_stays(KEPT), 2);
	assert_int_equal(got[0].reason, RINGLET_REASON_work);
	assert_int_equal(got[0].ticks, 4000);
	assert_int_equal(got[1].reason, 17);
	assert_int_equal(got[1].ticks, 3000);
	assert_int_equal(got[1].arg, 9);
	trace_enter(17);
	ticks += 9000;
	trace_moment(TRACE_EXEMPT, 0);
	ticks += 1500;
	trace_leave();
	assert_int_equal(read_stays(KEPT), 1);
	assert_int_equal(got[0].ticks, 1500);
	/* None begins where none was. */
	ticks += 9000;
	trace_leave();
	assert_int_equal(read_stays(KEPT), 0);
}

/* One of each kind, its longest; when all places are taken, the shortest goes. */
static void the_longest_are_kept(void **state)
{
	stays_on();
	stay(5, 2000);
	stay(5, 3000);
	stay(5, 2500);
	assert_int_equal(read_stays(KEPT), 1);
	assert_int_equal(got[0].ticks, 3000);
	for (unsigned i = 0; i < KEPT + 8; i++) {
		vcpus[1].regs.rip = 0x1000 + i;
		stay(5, 2000 + 10 * i);
	}
	vcpus[1].regs.rip = 1;
	stay(5, 2080);                   /* as long as the shortest */
	stay(RINGLET_REASON_trap, 2395); /* second */
	vcpus[1].regs.rip = 0x1000 + 20; /* grows, and rises to the top */
	stay(5, 5000);
	assert_int_equal(read_stays(KEPT + 1), KEPT);
	assert_int_equal(got[0].ticks, 5000);
	assert_int_equal(got[0].rip, 0x1000 + 20);
	assert_int_equal(got[1].ticks, 2395);
	assert_int_equal(got[2].ticks, 2390);
	for (unsigned i = 1; i < KEPT; i++) {
		assert_true(got[i - 1].ticks >= got[i].ticks);
		assert_true(got[i].rip != 1 || got[i].ticks == 2395);
		for (unsigned k = 0; k < i; k++)
			assert_true(got[k].rip != got[i].rip);
	}
	/* Another domain's, another reason's and another address's are kinds of their own. */
	stay(5, 2000);
	stay(6, 2000);
	vcpus[1].regs.rip++;
	stay(6, 2000);
	current = &vcpus[2];
	vcpus[2].regs.rip = vcpus[1].regs.rip;
	stay(6, 2000);
	assert_int_equal(read_stays(2), 2);
	assert_int_equal(read_stays(KEPT), 0);
}

static void printed(void **state)
{
	stays_on();
	vcpus[1].regs.rdi = 0x42;
	stay(17, 9000);
	stay(RINGLET_REASON_trap, 8000);
	stay(RINGLET_REASON_trap + 31, 7000);
	stay(RINGLET_REASON_int80, 6000);
	stay(RINGLET_REASON_work, 5000);
	stay(RINGLET_REASON_work + 1, 4000);
	key_l();
	assert_non_null(
	    strstr(said, "9000 ticks  d1 vCPU 0 at 0000000000001000: hypercall xen_version(42)\n"));
	assert_non_null(strstr(said, "8000 ticks  d1 vCPU 0 at 0000000000001000: exception 0\n"));
	assert_non_null(strstr(said, ": exception 31\n"));
	assert_non_null(strstr(said, ": int 0x80\n"));
	assert_non_null(strstr(said, ": exit work\n"));
	assert_non_null(strstr(said, "4000 ticks  d1 vCPU 0 at 0000000000001000: ?\n"));
	assert_null(strstr(said, "off"));
}

int main(void)
{
#define CROSSING(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
	    CROSSING(every_way_in_has_its_reason),
	    CROSSING(no_tick_is_charged_twice),
	    CROSSING(emulated_instructions),
	    CROSSING(statistics_are_refused),
	    CROSSING(modes),
	    CROSSING(moments),
	    CROSSING(who_runs),
	    CROSSING(rings_are_had_for_all_or_none),
	    CROSSING(reading_in_parts),
	    CROSSING(off_without_the_option),
	    CROSSING(where_and_why),
	    CROSSING(a_look_ends_it),
	    CROSSING(the_longest_are_kept),
	    CROSSING(printed),
	};

	trace_init();
	assert_ptr_equal(sysctl_extension, trace_sysctl);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
