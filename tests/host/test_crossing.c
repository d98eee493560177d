/* SPDX-License-Identifier: MIT */
/*
 * Specification of accounting and tracing: each tick between entry and exit is charged to one reason, under the name the ABI
 * has for it; a record says what ran before and after; a switch writes which vCPU runs wherever it is asked for. A
 * wrong request of Dom0 is refused, and rings that cannot all be allocated are all given back.
 */
#include "crossing_host.h"

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
	vcpus[2].entry.event_cb.address = 0;
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
	assert_int_equal(read_all(), 2); /* the vCPU that runs, and this stay */
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
	doms[1].vcpu[1] = doms[1].vcpu[0]; /* behind the last */
	s = (struct ringlet_stats){.domain = 1, .vcpu = 1};
	assert_int_equal(ask(RINGLET_SYSCTL_stats, &s, sizeof(s)), -ENOENT);
	doms[1].vcpu[1] = NULL;
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

/* What ran before, and what goes on; for a way out that is not told (hook.inc), what that way means. */
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
	doms[1].doors = &doors32;
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
	told[0] = 7;
	told[1] = 4095;
	trace_moment(TRACE_UPCALL, 0);
	trace_moment(TRACE_COPY, 2 << 16 | RINGLET_COPY_INTO | 4096);
	trace_leave();
	assert_int_equal(read_all(), 7);
	assert_int_equal(out[0].what, RINGLET_RECORD_call);
	assert_int_equal(out[0].low, 17);
	assert_int_equal(out[1].what, RINGLET_RECORD_event);
	assert_int_equal(out[1].low, 2 << 16 | 5);
	assert_int_equal(out[2].what, RINGLET_RECORD_upcall);
	assert_int_equal(out[3].what, RINGLET_RECORD_told);
	assert_int_equal(out[3].low, 1 << 16 | 7);
	assert_int_equal(out[4].what, RINGLET_RECORD_told);
	assert_int_equal(out[4].low, 1 << 16 | 4095);
	assert_int_equal(out[5].what, RINGLET_RECORD_copy);
	assert_int_equal(out[5].low, 2 << 16 | RINGLET_COPY_INTO | 4096);
	/* And none of them where nothing listens. */
	assert_int_equal(trace(RINGLET_TRACE_stop, 0, 0), 0);
	account(RINGLET_ACCOUNTING_on);
	trace_enter(13);
	trace_moment(TRACE_CALL, 17);
	trace_moment(TRACE_EVENT, 2 << 16 | 5);
	trace_moment(TRACE_UPCALL, 0);
	trace_moment(TRACE_COPY, 2 << 16 | 1);
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
	assert_int_equal(trace(RINGLET_TRACE_free, 0, 0), 0); /* it ends with its memory */
	assert_false(tracing);
	assert_int_equal(pages, 0);
	pages_left = 2;
	assert_int_equal(trace(RINGLET_TRACE_start, 256, 1), 0);
	t = (struct ringlet_trace){.command = RINGLET_TRACE_read, .cpu = 0, .count = 1};
	assert_int_equal(ask(RINGLET_SYSCTL_trace, &t, sizeof(t)), -EFAULT);
	t = (struct ringlet_trace){.command = RINGLET_TRACE_read, .cpu = 2};
	assert_int_equal(ask(RINGLET_SYSCTL_trace, &t, sizeof(t)), -ENOENT);
	assert_int_equal(t.cpus, 2);
	t.cpu = nr_cpus = MAX_CPUS;
	assert_int_equal(ask(RINGLET_SYSCTL_trace, &t, sizeof(t)), -ENOENT);
	nr_cpus = 2;
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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(every_way_in_has_its_reason, setup, teardown),
	    cmocka_unit_test_setup_teardown(no_tick_is_charged_twice, setup, teardown),
	    cmocka_unit_test_setup_teardown(emulated_instructions, setup, teardown),
	    cmocka_unit_test_setup_teardown(statistics_are_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(modes, setup, teardown),
	    cmocka_unit_test_setup_teardown(moments, setup, teardown),
	    cmocka_unit_test_setup_teardown(who_runs, setup, teardown),
	    cmocka_unit_test_setup_teardown(rings_are_had_for_all_or_none, setup, teardown),
	    cmocka_unit_test_setup_teardown(reading_in_parts, setup, teardown),
	};

	trace_init();
	assert_ptr_equal(sysctl_extension, trace_sysctl);
	return cmocka_run_group_tests_name("crossing", tests, NULL, NULL);
}
