/* SPDX-License-Identifier: MIT */
/*
 * Specification: what a processor does before it enters a guest (hypervisor/entry/exit_work.c), and without one (idle.c).
 *   work      each request is served once, by its own server and no other, in the order in which one may make the next
 *   nmi       goes to Dom0's first vCPU, if there is one; it is delivered unless one is being handled
 *   events    are delivered to the vCPU that runs then, if it has some and has not masked them
 *   idle      sleeps as long as nothing is asked, and is left for the common exit path
 */
#define _GNU_SOURCE /* names of registers */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <cmocka.h>

#include "deeds.h"
#include "entry/exit_work.c"
#include "entry/idle.c"

struct percpu host_percpu = {.self = &host_percpu};
struct domain *dom0, dom_idle, guest;
static struct vcpu idle = {.domain = &dom_idle}, first = {.domain = &guest}, second = {.domain = &guest};
static struct vcpu *scheduled; /* what schedule() chooses */
static union vcpu_view infos[2];
static jmp_buf left;
static unsigned sleeps;

#define DOES(name, text)          \
	void name(void)           \
	{                         \
		note("%s", text); \
	}
DOES(cpu_service_requests, "call")
DOES(timers_run, "timers")
DOES(console_work, "debug")
DOES(irq_work, "irq")
void schedule(void)
{
	note("schedule");
	host_percpu.vcpu = scheduled;
}
void vcpu_send_nmi(struct vcpu *v)
{
	assert_ptr_equal(v, dom0->vcpu[0]);
	note("send nmi");
}
void enter_idle(void)
{
	note("idle");
	longjmp(left, 1);
}
void exit_to_guest(void)
{
	note("exit");
	longjmp(left, 1);
}
void bounce_nmi(struct vcpu *v)
{
	assert_ptr_equal(v, current);
	note("nmi");
}
void bounce_event(struct vcpu *v)
{
	assert_ptr_equal(v, current);
	note("event");
}

/* STI, CLI and HLT, which a program may not execute, are one byte each; what comes while the processor sleeps is a
 * request. */
static void step_over(int sig, siginfo_t *info, void *context)
{
	greg_t *rip = &((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
	uint8_t op = *(uint8_t *)*rip;

	if (op != 0xfa && op != 0xfb && op != 0xf4)
		abort();
	if (op == 0xf4 && ++sleeps == 3)
		host_percpu.pending = PENDING_TIMER;
	++*rip;
}

/* In each test itself: cmocka has a handler of its own around it. */
static void catch_privileged(void)
{
	struct sigaction sa = {.sa_sigaction = step_over, .sa_flags = SA_SIGINFO};

	assert_int_equal(sigaction(SIGSEGV, &sa, NULL), 0);
}

static int setup(void **state)
{
	first.info = &infos[0];
	second.info = &infos[1];
	memset(infos, 0, sizeof(infos));
	first.entry.nmi_pending = second.entry.nmi_pending = false;
	host_percpu.vcpu = &first;
	host_percpu.pending = sleeps = 0;
	dom0 = NULL;
	deeds[0] = '\0';
	return 0;
}

static void work(void **state)
{
	static const struct {
		uint32_t bit;
		const char *done;
	} all[] = {
	    {PENDING_CALL, "call;"}, {PENDING_TIMER, "timers;"},      {PENDING_DEBUG, "debug;"},
	    {PENDING_IRQ, "irq;"},   {PENDING_SCHEDULE, "schedule;"},
	};
	uint32_t bits = 0;

	catch_privileged();
	scheduled = &first;
	exit_work();
	assert_done("");
	for (unsigned i = 0; i < ARRAY_SIZE(all); i++) {
		bits |= host_percpu.pending = all[i].bit;
		exit_work();
		assert_done(all[i].done);
		assert_int_equal(host_percpu.pending, 0);
	}
	host_percpu.pending = bits;
	exit_work();
	assert_done("call;timers;debug;irq;schedule;");
}

static void nmi(void **state)
{
	catch_privileged();
	host_percpu.pending = PENDING_NMI;
	exit_work();
	dom0 = &guest;
	guest.vcpu[0] = NULL;
	host_percpu.pending = PENDING_NMI;
	exit_work();
	assert_done("");
	guest.vcpu[0] = &first;
	exit_work();
	assert_done("");
	host_percpu.pending = PENDING_NMI;
	exit_work();
	assert_done("send nmi;");
	first.entry.nmi_pending = true;
	first.entry.special.nmi = true;
	exit_work();
	assert_done("");
	first.entry.special.nmi = false;
	exit_work();
	assert_done("nmi;");
}

static void events(void **state)
{
	catch_privileged();
	infos[1].upcall_pending = 1; /* another's */
	exit_work();
	assert_done("");
	infos[0].upcall_pending = infos[0].upcall_mask = 1;
	exit_work();
	assert_done("");
	infos[0].upcall_mask = 0;
	exit_work();
	assert_done("event;");
	infos[0].upcall_pending = 0;
	scheduled = &second;
	host_percpu.pending = PENDING_SCHEDULE;
	exit_work();
	assert_done("schedule;event;");
}

static void idles(void **state)
{
	catch_privileged();
	scheduled = &idle;
	host_percpu.pending = PENDING_SCHEDULE;
	if (!setjmp(left))
		exit_work();
	assert_done("schedule;idle;");
	if (!setjmp(left))
		idle_loop();
	assert_done("exit;");
	assert_int_equal(sleeps, 3);
	/* What is asked already is not slept over. */
	if (!setjmp(left))
		idle_loop();
	assert_done("exit;");
	assert_int_equal(sleeps, 3);
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(work), TEST(nmi), TEST(events), TEST(idles)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
