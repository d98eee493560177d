/* SPDX-License-Identifier: MIT */
/*
 * Specification: what guests may say in the hypervisor's log.
 *   lines     a line as long as the buffer, or longer, is split, and nothing is lost; control characters are dropped
 *   flood     a guest that writes without end leaves what the hypervisor said readable, and other guests' lines; its own
 *             come at the rate of the option, with the number left out; so little goes to the consoles, which are slow
 *   dom0      what Dom0 writes is not limited, and not kept
 *   many      guests that take turns, or are new each time, have a limit together
 *   crashes   reports of crashes without end leave the rest readable, are limited, and say how many lines are missing
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include <cmocka.h>

#include "lib/printk.c"
#include "lib/loglevel.c"
#include "lib/loglimit.c"
#include "dom/console_op.c"
#include "cpu/x86.h"
#define read_cr2() 0 /* the build machine's is not ours to read */
#include "dom/report.c"
#include "cpu/clock.h"

struct percpu host_percpu;
struct domain *dom0;
static struct domain doms[3];
static struct guest_doors doors;
static const struct guest_kind pv64 = {.name = "pv64", .doors = &doors};
static struct vcpu vcpu;
static ns_t clock_ns;
static size_t shown;
static unsigned shown_lines;
static char buf[LOG_SIZE + 1], expected[512];

static uint64_t test_clock(void)
{
	return clock_ns;
}
static void count(const char *text, size_t n)
{
	shown += n;
	for (size_t i = 0; i < n; i++)
		shown_lines += text[i] == '\n';
}
uint64_t parse_number(const char *s, const char **end)
{
	char *e;
	uint64_t n = strtoull(s, &e, 0);

	*end = e;
	return n;
}
int guest_read_any(void *dst, gva_t src, size_t n)
{
	memcpy(dst, (void *)src, n);
	return 0;
}
int guest_write_any(gva_t dst, const void *src, size_t n)
{
	memcpy((void *)dst, src, n);
	return 0;
}
bool hypercall_preempt_check(void)
{
	return false;
}
long hypercall_restart(unsigned nr, unsigned nargs, const uint64_t *args)
{
	abort();
}
int console_getc(void)
{
	return -1;
}
int guest_get_word(uint64_t *word, gva_t base, uint64_t i)
{
	*word = base + 1000 + i; /* a stack without end */
	return 0;
}
void regs_print(enum log_kind kind, const struct cpu_user_regs *regs)
{
	for (int i = 0; i < 7; i++)
		printk_kind(kind, "  registers\n");
}
static bool in_kernel(const struct vcpu *v)
{
	return true;
}

static int setup(void **state)
{
	static const char *const names[] = {"d0", "d1", "d2"};

	doors.in_kernel = in_kernel;
	for (unsigned i = 0; i < ARRAY_SIZE(doms); i++) {
		doms[i] = (struct domain){.id = i, .privileged = !i, .kind = &pv64, .doors = &doors};
		strcpy(doms[i].name, names[i]);
		doms[i].vcpu[0] = &vcpu;
	}
	dom0 = &doms[0];
	clock_ns += 3600 * NS_PER_SEC; /* all buckets are full */
	log_set_clock(test_clock);
	log_clear();
	for (int i = 0; i < LOG_KINDS; i++)
		while (kept[i].lines)
			drop_oldest(i);
	log_limit_told(&fates);
	shown = shown_lines = 0;
	printk_set_sink(count);
	assert_true(log_set_guest_rate("10,200"));
	return 0;
}

static void says(struct domain *d, const char *text)
{
	host_percpu.vcpu = &vcpu;
	vcpu.domain = d;
	assert_int_equal(hc_console_io(CONSOLEIO_write, strlen(text), (uint64_t)text), 0);
}

static const char *log_text_now(void)
{
	uint32_t index;

	buf[log_read(&index, false, buf, LOG_SIZE)] = '\0';
	return buf;
}

static unsigned times(const char *what)
{
	unsigned n = 0;

	for (const char *at = log_text_now(); (at = strstr(at, what)); at++)
		n++;
	return n;
}

static void lines(void **state)
{
	char text[sizeof(doms[1].dom.con_line) + 1];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	says(&doms[1], text);
	assert_int_equal(doms[1].dom.con_len, 1); /* the buffer's last byte is for the end */
	says(&doms[1], "y\n\n");
	says(&doms[1], "\x1b[2J\a\b\rred\x7f\x9b"
		       "7m\ttab\n");
	says(&doms[1], "no end");
	console_flush(&doms[1]);
	text[sizeof(text) - 2] = '\0';
	snprintf(expected, sizeof(expected), "(d1) %s\n(d1) xy\n(d1) [2Jred7m\ttab\n(d1) no end\n", text);
	assert_string_equal(log_text_now(), expected);
}

static void flood(void **state)
{
	printk("evidence\n");
	says(&doms[2], "another guest\n");
	for (int second = 0; second < 60; second++)
		for (int i = 0; i < 1000; i++) {
			says(&doms[1],
			     "what hides the rest of all that was said before, and slows the machine\n");
			clock_ns += NS_PER_SEC / 1000;
		}
	assert_int_equal(times("(ringlet) evidence\n"), 1);
	assert_in_range(shown_lines, 2 + 200 + 590, 2 + 2 * (200 + 601));
	assert_true(times("(d1) 99 lines left out\n") > 10);
	says(&doms[2], "it still speaks\n");
	assert_int_equal(times("(d2) it still speaks\n"), 1);
	clock_ns += 3600 * NS_PER_SEC;
	for (int i = 0; i < 200 + 1234; i++)
		says(&doms[1], "x\n");
	console_flush(&doms[1]);
	assert_int_equal(times("(d1) 1234 lines left out\n"), 1);
}

static void dom0_is_free(void **state)
{
	for (int i = 0; i < 10000; i++)
		says(&doms[0], "Dom0's terminal\n");
	assert_int_equal(shown_lines, 10000);
	assert_string_equal(log_text_now(), "");
}

static void many(void **state)
{
	says(&doms[2], "first\n");
	for (int i = 0; i < 1000; i++) {
		memset(&doms[1].dom.con_limit, 0,
		       sizeof(doms[1].dom.con_limit)); /* another one of the same number */
		for (int k = 0; k < 100; k++)
			says(&doms[1], "x\n");
		console_flush(&doms[1]);
		clock_ns += NS_PER_SEC / 100;
	}
	/* In ten seconds; and each one's last word is how many were left out. */
	assert_in_range(shown_lines, 800 + 390, 1 + 800 + 401 + 1000);
	assert_true(log_set_guest_rate("0"));
	shown_lines = 0;
	for (int i = 0; i < 5000; i++)
		says(&doms[2], "x\n");
	assert_int_equal(shown_lines, 5000 + 1 - 1);
}

static void crashes(void **state)
{
	printk("evidence\n");
	says(&doms[2], "another guest\n");
	host_percpu.vcpu = &vcpu;
	for (int i = 0; i < 1000; i++) {
		vcpu.domain = &doms[1];
		report_crash(&doms[1], "the same each time");
		log_fate(LOG_INFO, "%s: %s\n", doms[1].name, "crash");
		clock_ns += NS_PER_SEC / 10;
	}
	assert_in_range(shown_lines, 2 + 400, 2 + 400 + REPORT_LINES + 2 * 4 * 101);
	assert_int_equal(times("(ringlet) evidence\n"), 1);
	assert_int_equal(times("(d2) another guest\n"), 1);
	assert_true(times("lines about the ends of guests left out\n") > 1);
	shown_lines = 0;
	vcpu.domain = dom0;
	report_crash(dom0, "never limited");
	assert_int_equal(times("d0 vCPU 0 (pv64, kernel) crashed at RIP 0000000000000000: never limited\n"),
			 1);
	assert_int_equal(shown_lines, REPORT_LINES - 1); /* no page fault: no CR2 */
}

static void option(void **state)
{
	static const char *const bad[] = {"", "x", "5,", ",5", "5,0", "5,6,7", "-1", "1000001", "5,1000001"};

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(log_set_guest_rate(bad[i]));
	assert_int_equal(guest_rate.burst, 200);
	assert_true(log_set_guest_rate("5"));
	assert_int_equal(guest_rate.burst, 5);
	for (int i = 0; i < 100; i++)
		says(&doms[1], "x\n");
	assert_int_equal(shown_lines, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(lines, setup),        cmocka_unit_test_setup(flood, setup),
	    cmocka_unit_test_setup(dom0_is_free, setup), cmocka_unit_test_setup(many, setup),
	    cmocka_unit_test_setup(crashes, setup),      cmocka_unit_test_setup(option, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
