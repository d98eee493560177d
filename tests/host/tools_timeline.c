/* SPDX-License-Identifier: MIT */
/* Timelines (dom0-tools/lib/timeline.c) and the names of reasons (reason.c). */
#include "reason.h"
#include "timeline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KERNEL1 (RINGLET_MODE_KNOWN | RINGLET_MODE_KERNEL | 1u)
#define USER3   (RINGLET_MODE_KNOWN | 3u)
#define STAY(from, to, reason, before, after)                       \
	{                                                           \
		from, to, (reason) | (before) << 16 | (after) << 20 \
	}
#define RUNS(from, domain, vcpu)                                   \
	{                                                          \
		from, (domain) << 16 | (vcpu), RINGLET_RECORD_vcpu \
	}
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *name(unsigned id)
{
	return id ? "guest" : "Domain-0";
}

/* The events between the brackets, one a line, without what is the same in all. */
static char *written(struct timeline *t)
{
	char *text, *line;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	t->domain_name = name;
	t->khz = 1000000; /* a tick is a nanosecond */
	assert_int_equal(timeline_write(t, f), 0);
	fclose(f);
	line = strstr(text, "\"traceEvents\":[\n");
	assert_non_null(line);
	line = strdup(strchr(line, '\n') + 1);
	free(text);
	return line;
}

static void expect(struct ringlet_record *records, size_t count, unsigned domain, const char *want)
{
	struct timeline_cpu cpu = {.records = records, .count = count};
	struct timeline t = {.cpus = &cpu, .nr_cpus = 1, .domain = domain};
	char *got = written(&t), *p = got;
	char summary[4096] = "";

	for (; (p = strstr(p, "\"ph\":\"")) != NULL; p++) {
		char *n = strstr(p, "\"name\":\""), *ts = strstr(p, "\"ts\":"), *brace = strchr(p, '}');
		size_t len = strlen(summary);

		if (p[6] == 'M')
			continue;
		snprintf(summary + len, sizeof(summary) - len, "%c%.5s%s%.*s;", p[6], ts + 5,
			 n && n < brace ? " " : "", n && n < brace ? (int)strcspn(n + 8, "\"") : 0,
			 n ? n + 8 : "");
	}
	free(got);
	assert_string_equal(summary, want);
}

static void system_call_of_pv32(void **state)
{
	struct ringlet_record r[] = {
	    RUNS(1000, 2u, 0),
	    STAY(1000, 1100, RINGLET_REASON_switch, 0, USER3),
	    STAY(1500, 1600, RINGLET_REASON_int80, USER3, KERNEL1),
	    {1720, 5 << 16 | 9, RINGLET_RECORD_event},
	    STAY(1700, 1800, 32, KERNEL1, KERNEL1),
	    STAY(1900, 2000, RINGLET_REASON_timer, USER3, USER3),
	    RUNS(2000, 0x7fffu, 0),
	};

	(void)state;
	expect(r, COUNT(r), RINGLET_TRACE_ALL,
	       "B0.000 on CPU 0;B0.000 ring 0;B0.000 switched to;E0.100;E0.100;B0.100 ring 3 user;E0.500;"
	       "B0.500 ring 0;B0.500 int 0x80;E0.600;E0.600;B0.600 ring 1 kernel;E0.700;"
	       "B0.700 ring 0;B0.700 hypercall event_channel_op;i0.720 event;E0.800;E0.800;"
	       "B0.800 ring 1 kernel, then ring 3 user;E0.900;B0.900 ring 0;B0.900 timer "
	       "interrupt;E1.000;E1.000;E1.000;");
}

/* Quick records say nothing of the mode; they are a pv64 kernel's. */
static void quick_records(void **state)
{
	struct ringlet_record r[] = {RUNS(100, 1u, 0),
				     STAY(200, 210, 17, 0, 0),
				     {225, 17, RINGLET_RECORD_call},
				     STAY(220, 230, 13, 0, 0)};

	(void)state;
	expect(r, COUNT(r), 1,
	       "B0.000 on CPU 0;B0.000 ring 3 kernel;E0.100;B0.100 ring 0;B0.100 hypercall "
	       "xen_version;E0.110;E0.110;"
	       "B0.110 ring 3 kernel;E0.120;B0.120 ring 0;B0.120 hypercall multicall;i0.125 hypercall "
	       "xen_version;"
	       "E0.130;E0.130;E0.130;");
	expect(r, COUNT(r), 3, "");
}

/* A stay's end has 32 bits only; behind a gap a new run begins. */
static void wrap_and_gap(void **state)
{
	struct ringlet_record r[] = {
	    RUNS(0xfffffff0ull, 1u, 0),
	    STAY(0xfffffff0ull, 0x10, 17, 0, 0),
	    {0x100000100ull, 9, RINGLET_RECORD_lost},
	    RUNS(0x100000100ull, 1u, 0),
	    STAY(0x100000100ull, 0x110, 17, 0, 0),
	};

	(void)state;
	expect(r, COUNT(r), 1,
	       "B0.000 on CPU 0;B0.000 ring 0;B0.000 hypercall xen_version;E0.032;E0.032;E0.032;"
	       "B0.272 on CPU 0;B0.272 ring 0;B0.272 hypercall xen_version;E0.288;E0.288;E0.288;");
}

/* A vCPU that moves between CPUs has one track, in order of time. */
static void two_cpus(void **state)
{
	struct ringlet_record a[] = {RUNS(300, 1u, 0), STAY(300, 310, RINGLET_REASON_switch, 0, USER3)};
	struct ringlet_record b[] = {RUNS(100, 1u, 0), STAY(100, 110, RINGLET_REASON_switch, 0, USER3),
				     STAY(200, 210, RINGLET_REASON_timer, USER3, 0), RUNS(210, 0x7fffu, 1)};
	struct timeline_cpu cpus[] = {{a, COUNT(a), 0}, {b, COUNT(b), 0}};
	struct timeline t = {.cpus = cpus, .nr_cpus = 2, .domain = RINGLET_TRACE_ALL};
	char *got = written(&t), *one = strstr(got, "on CPU 1"), *zero = strstr(got, "on CPU 0");

	(void)state;
	assert_true(one && zero && one < zero);
	assert_non_null(strstr(got, "\"name\":\"guest\""));
	free(got);
}

/* What is written of an arrow's end, in the order of the file: track, time, s or f, id. */
static void expect_arrows(struct timeline *t, const char *want)
{
	char summary[1024] = "", *got = written(t);

	for (char *p = got; (p = strstr(p, "{\"ph\":\"")) != NULL; p++) {
		unsigned tid, whole, part, id;
		char phase;

		if (sscanf(p, "{\"ph\":\"%c\",\"pid\":%*u,\"tid\":%u,\"ts\":%u.%u,\"id\":%u", &phase, &tid,
			   &whole, &part, &id) == 5)
			snprintf(summary + strlen(summary), sizeof(summary) - strlen(summary), "%u@%u %c%u;",
				 tid, whole * 1000 + part, phase, id);
	}
	free(got);
	assert_string_equal(summary, want);
}

#define TOLD(at, domain, port)                                   \
	{                                                        \
		at, (domain) << 16 | (port), RINGLET_RECORD_told \
	}
#define SENT(at, domain, port)                                    \
	{                                                         \
		at, (domain) << 16 | (port), RINGLET_RECORD_event \
	}

/* A request of domain 1 and its answer by Dom0, each on a processor: sent, told, copied, sent, told. What has only one end
 * has no arrow: a port that was polled and is sent again, one told a second time, another domain's port of the
 * same number, an event of the idle domain, a moment whose stay has no end. */
static void arrows(void **state)
{
	struct ringlet_record guest[] = {RUNS(100, 1u, 0),
					 SENT(105, 0u, 9),
					 SENT(110, 0u, 9),
					 STAY(101, 120, 32, KERNEL1, KERNEL1),
					 TOLD(501, 1u, 3),
					 TOLD(502, 1u, 4),
					 STAY(500, 510, RINGLET_REASON_switch, 0, KERNEL1),
					 TOLD(601, 1u, 3),
					 STAY(600, 610, RINGLET_REASON_switch, 0, KERNEL1),
					 SENT(700, 0u, 9)};
	struct ringlet_record dom0[] = {RUNS(50, 0x7fffu, 0),
					SENT(60, 1u, 4),
					STAY(55, 70, 32, 0, 0),
					RUNS(200, 0u, 0),
					TOLD(210, 0u, 9),
					TOLD(211, 0u, 3),
					STAY(205, 220, RINGLET_REASON_switch, 0, KERNEL1),
					{310, 1 << 16 | RINGLET_COPY_INTO | 4096, RINGLET_RECORD_copy},
					{320, 1 << 16 | 512, RINGLET_RECORD_copy},
					STAY(300, 330, 20, KERNEL1, KERNEL1),
					SENT(410, 1u, 3),
					STAY(400, 420, 32, KERNEL1, KERNEL1),
					TOLD(710, 0u, 9)};
	struct timeline_cpu cpus[] = {{guest, COUNT(guest), 0}, {dom0, COUNT(dom0), 0}};
	struct timeline t = {.cpus = cpus, .nr_cpus = 2, .domain = RINGLET_TRACE_ALL};
	char *got;

	(void)state;
	expect_arrows(
	    &t, "100@110 f1;100@210 s4;100@220 f3;100@310 s2;200@10 s1;200@401 f2;299@210 f4;299@220 s3;");
	got = written(&t);
	assert_non_null(
	    strstr(got, "\"name\":\"written by Domain-0\",\"cat\":\"lent\",\"args\":{\"bytes\":4096}}"));
	assert_non_null(
	    strstr(got, "\"name\":\"read by Domain-0\",\"cat\":\"lent\",\"args\":{\"bytes\":512}}"));
	assert_non_null(
	    strstr(got, "\"name\":\"copy to\",\"cat\":\"copy\",\"args\":{\"domain\":1,\"bytes\":4096}}"));
	free(got);
	/* Of one domain only the copies have both ends. */
	t.domain = 0;
	expect_arrows(&t, "100@110 s2;100@120 f1;299@110 f2;299@120 s1;");
}

static void names(void **state)
{
	static const struct {
		uint32_t reason;
		const char *name;
		enum reason_class class;
	} want[] = {
	    {1, "hypercall mmu_update", CLASS_HYPERCALL},
	    {63, "hypercall 63", CLASS_HYPERCALL},
	    {RINGLET_REASON_trap + 14, "trap #PF, page fault", CLASS_TRAP},
	    {RINGLET_REASON_syscall, "system call", CLASS_TRAP},
	    {RINGLET_REASON_timer, "timer interrupt", CLASS_INTERRUPT},
	    {RINGLET_REASON_upcall, "event upcall", CLASS_UPCALL},
	    {RINGLET_REASON_emulated, "emulate ins", CLASS_EMULATED},
	    {RINGLET_REASON_emulated + 63, "reason 191", CLASS_EMULATED},
	    {0xffff, "reason 65535", CLASS_EMULATED},
	};
	char text[64];

	(void)state;
	for (size_t i = 0; i < COUNT(want); i++) {
		reason_name(want[i].reason, text, sizeof(text));
		assert_string_equal(text, want[i].name);
		assert_int_equal(reason_class(want[i].reason), want[i].class);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(system_call_of_pv32),
	    cmocka_unit_test(quick_records),
	    cmocka_unit_test(wrap_and_gap),
	    cmocka_unit_test(two_cpus),
	    cmocka_unit_test(arrows),
	    cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
