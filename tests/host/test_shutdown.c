/* SPDX-License-Identifier: MIT */
/*
 * Specification: how a domain stops (hypervisor/dom/shutdown.c), and how the processor goes from one vCPU to another
 * (hypervisor/sched/switch.c), with all that happens then written down.
 *   resumed   it goes on, as if it had not stopped
 *   once      the first reason counts, unless the guest said before what it will be; a later one changes nothing
 *   told      what the guest said last, one line and Dom0's interrupt, in this order; of a crash one report and no more
 *   machine   Dom0's end is the machine's, as its reason says; what is to be last happens, except after a crash
 *   switch    what the outgoing vCPU has in the processor is kept before the next one's is loaded; of idle vCPUs there is
 *             nothing; another processor may take the outgoing one when all is done, and not before
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "deeds.h"
#include "cpu/fpu.h"
#include "cpu/gdt.h"
#define gdt_load_idle() note("idle gdt")
#include "dom/shutdown.c"
#include "sched/switch.c"

static struct domain host_dom0, guest;
struct domain *dom0 = &host_dom0, dom_idle;
static struct tss tss;
struct percpu host_percpu = {.self = &host_percpu, .tss = &tss};
static jmp_buf end;
static struct vcpu idle_vcpus[2];
static struct percpu cpus[2] = {{.idle = &idle_vcpus[0]}, {.idle = &idle_vcpus[1]}};
struct percpu *cpu_table[MAX_CPUS] = {&cpus[0], &cpus[1]};
uint32_t nr_cpus = 2;

void power_off(void)
{
	note("off");
	longjmp(end, 1);
}
void power_reboot(void)
{
	note("reboot");
	longjmp(end, 1);
}
void power_crash(void)
{
	note("crash");
	longjmp(end, 1);
}
void vcpu_runstate_get(struct vcpu *v, struct vcpu_runstate_info *r)
{
	*r = (struct vcpu_runstate_info){
	    .time = {[RUNSTATE_running] = 77000000, [RUNSTATE_runnable] = v == &idle_vcpus[0] ? 2001 : 3000}};
}
static void last(void)
{
	note("last");
}
void domain_pause_nosync(struct domain *d)
{
	assert_int_equal(d->state, DOMAIN_SHUTDOWN);
	note("pause");
}
void domain_unpause(struct domain *d)
{
	assert_int_equal(d->state, DOMAIN_ALIVE);
	note("go on");
}
void console_flush(struct domain *d)
{
	note("flush");
}
bool log_admits(enum log_source source, enum log_level level)
{
	return true;
}
bool log_admits_fate(unsigned lines)
{
	return true;
}
static void note_line(const char *fmt, va_list ap)
{
	char line[200];

	vsnprintf(line, sizeof(line), fmt, ap);
	line[strcspn(line, "\n")] = '\0';
	note("%s", line);
}
void printk(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	note_line(fmt, ap);
	va_end(ap);
}
void printk_kind(enum log_kind kind, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	note_line(fmt, ap);
	va_end(ap);
}
void send_global_virq(uint32_t virq)
{
	assert_int_equal(virq, VIRQ_DOM_EXC);
	note("virq");
}
void report_crash(struct domain *d, const char *why)
{
	assert_true(d->state < DOMAIN_SHUTDOWN);
	note("report %s", why);
}

static int setup(void **state)
{
	guest = (struct domain){.id = 1, .name = "d1", .state = DOMAIN_ALIVE};
	machine_last = NULL;
	deeds[0] = '\0';
	return 0;
}

static void once(void **state)
{
	domain_shutdown(&guest, SHUTDOWN_reboot);
	assert_done("pause;flush;d1: reboot;virq;");
	assert_int_equal(guest.dom.shutdown_code, SHUTDOWN_reboot);
	assert_true(guest.dom.shut_down);
	domain_shutdown(&guest, SHUTDOWN_crash);
	domain_crash(&guest, "more of it");
	guest.state = DOMAIN_DYING;
	domain_shutdown(&guest, SHUTDOWN_crash);
	assert_int_equal(guest.state, DOMAIN_DYING);
	assert_int_equal(guest.dom.shutdown_code, SHUTDOWN_reboot);
	assert_done("");
}

static void latched(void **state)
{
	guest.dom.code_latched = true;
	guest.dom.shutdown_code = SHUTDOWN_suspend;
	domain_shutdown(&guest, SHUTDOWN_poweroff);
	assert_int_equal(guest.dom.shutdown_code, SHUTDOWN_suspend);
	assert_done("pause;flush;d1: suspend;virq;");
}

static void crashes(void **state)
{
	domain_crash(&guest, "a fault at %x", 0x1234);
	assert_int_equal(guest.dom.shutdown_code, SHUTDOWN_crash);
	assert_done("report a fault at 1234;pause;flush;d1: crash;virq;");
	setup(state);
	domain_shutdown(&guest, SHUTDOWN_soft_reset + 1); /* a reason of no name */
	assert_done("pause;flush;d1: ?;virq;");
}

/* It goes on once, and may stop again, for another reason. */
static void resumed(void **state)
{
	domain_resume(&guest); /* it did not stop */
	assert_done("");
	guest.dom.code_latched = true;
	guest.dom.shutdown_code = SHUTDOWN_suspend;
	domain_shutdown(&guest, SHUTDOWN_poweroff);
	assert_done("pause;flush;d1: suspend;virq;");
	domain_resume(&guest);
	assert_done("go on;");
	assert_false(guest.dom.shut_down || guest.dom.code_latched);
	domain_resume(&guest);
	assert_done("");
	domain_shutdown(&guest, SHUTDOWN_reboot);
	assert_done("pause;flush;d1: reboot;virq;");
	guest.state = DOMAIN_DYING;
	domain_resume(&guest);
	assert_int_equal(guest.state, DOMAIN_DYING);
	assert_done("");
}

static void machine(void **state)
{
	static const struct {
		uint8_t reason;
		const char *done;
	} cases[] = {
	    {SHUTDOWN_poweroff, "Dom0 has stopped: poweroff; 5 us of work;last;off;"},
	    {SHUTDOWN_reboot, "Dom0 has stopped: reboot; 5 us of work;last;reboot;"},
	    {SHUTDOWN_suspend, "Dom0 has stopped: suspend;crash;"},
	    {SHUTDOWN_crash, "Dom0 has stopped: crash;crash;"},
	    {SHUTDOWN_watchdog, "Dom0 has stopped: watchdog; 5 us of work;crash;"},
	};

	for (volatile unsigned i = 0; i < ARRAY_SIZE(cases); i++) { /* setjmp */
		machine_last = last;
		if (!setjmp(end))
			domain_shutdown(dom0, cases[i].reason);
		assert_done(cases[i].done);
	}
	machine_last = NULL;
	if (!setjmp(end))
		domain_shutdown(dom0, SHUTDOWN_poweroff);
	assert_done("Dom0 has stopped: poweroff; 5 us of work;off;");
}

/* ---- switch.c ---- */

static struct vcpu *prev, *next; /* of the switch under way */

static void switch_out(struct vcpu *v)
{
	assert_ptr_equal(v, prev);
	note("out");
}
static void switch_in(struct vcpu *v)
{
	assert_ptr_equal(v, next);
	note("in");
}
void fpu_save(struct fpu_area *image)
{
	assert_ptr_equal(image, prev->fpu);
	note("save");
}
void fpu_restore(const struct fpu_area *image)
{
	assert_ptr_equal(image, next->fpu);
	note("restore");
}
void vcpu_load_cr3(struct vcpu *v)
{
	assert_ptr_equal(v, next);
	assert_ptr_equal(current, next); /* the tables' window is its */
	assert_true(prev->running);
	note("cr3");
}

static void switches(void **state)
{
	static const struct guest_doors doors = {.switch_out = switch_out, .switch_in = switch_in};
	struct fpu_area *images[2] = {(void *)1, (void *)2};
	struct vcpu busy[2] = {{.domain = &guest, .fpu = images[0]}, {.domain = &guest, .fpu = images[1]}};
	struct vcpu idle[2] = {{.domain = &dom_idle}, {.domain = &dom_idle}};
	static const char *const done[2][2] = {
	    {"cr3;", "cr3;restore;in;"}, {"out;idle gdt;save;cr3;", "out;idle gdt;save;cr3;restore;in;"}};

	guest.doors = &doors;
	dom_idle.doors = &doors;
	for (unsigned from = 0; from < 2; from++)
		for (unsigned to = 0; to < 2; to++) {
			prev = from ? &busy[0] : &idle[0];
			next = to ? &busy[1] : &idle[1];
			prev->running = true;
			vcpu_switch(prev, next);
			assert_ptr_equal(current, next);
			assert_ptr_equal((void *)tss.rsp[0], &next->regs.es);
			assert_false(prev->running);
			assert_done(done[from][to]);
		}
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(once), TEST(latched), TEST(crashes), TEST(resumed), TEST(machine), TEST(switches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
