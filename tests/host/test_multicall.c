/* SPDX-License-Identifier: MIT */
/*
 * Specification: a hypercall begins, waits for other work and goes on (hypervisor/guest/hypercall.c, hypercall.h,
 * pv/multicall_op.c), and what is due on the way out is done (exit_work.c).
 *   run        a list runs in order; it looks at other work every eight calls, and after a call that was long
 *   stops      at an entry that fails, restarts or ends the list, and at that entry, unless it is done
 *   restart    of a call alone by its registers, of an entry by that entry, which goes back to the guest
 *   watched    while something listens, each entry is told, and all the rest is the same
 *   arguments  an unknown number finds a function that says so
 *   due        each kind of work is done if it is pending and not else, the schedule last; an NMI within an NMI waits
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "deeds.h"
#include "dom/domain.h"
#include "lib/rare.h"
#undef HOST_TEST /* with tracepoints and the note of long calls, which others have no use for */
#include "pv/multicall.h"
#include "lib/tracepoint.h"
#define HOST_TEST
#include "dev/console.h"
#include "dev/ioapic.h"
#include "entry/entry.h"
#include "mm/guest_copy.h"
#include "pv/bounce.h"
#include "sched/sched.h"

/* The handlers behind the table are not here, except for one. */
#define PRAGMA(x)                _Pragma(#x)
#define HYPERCALL(nr, name, ...) PRAGMA(weak hc_##name)
#include "../../abi/hypercalls.def"
#undef HYPERCALL

/* Interrupts cannot be let in here. */
#define __asm__ \
	if (0)  \
	asm
#include "entry/exit_work.c"
#include "entry/hypercall.c"
#include "guest/hypercall.c"
#undef __asm__
#include "pv/multicall_op.c"

#define ENTRY 64ul /* bytes of an entry */
#define LIST  0x1000ul

struct percpu host_percpu = {.self = &host_percpu};
struct domain *dom0, dom_idle;
void (*tracepoint)(enum tracepoint_kind kind, uint64_t arg);
static struct hypercall_abi calls;
static struct domain d = {.calls = &calls};
static struct vcpu v;
static union vcpu_view shared;
static const char *script; /* what each entry does; behind it, nothing */
static unsigned ran, looked;
static jmp_buf idle;

/* L: long; W: other work comes; R: needs a restart; S: ends the list; E: unreadable; F: long, its result has no place. */
static int step(struct vcpu *of, gva_t at)
{
	char does = *script ? *script++ : '.';

	assert_int_equal(at, LIST + ran * ENTRY);
	if (does == 'E')
		return -EFAULT;
	if (does == 'W')
		host_percpu.pending = PENDING_TIMER;
	if (does == 'R')
		hypercall_restart(7, 3, (uint64_t[]){70, 71, 72});
	if (does == 'S')
		of->multicall_interrupted = MULTICALL_STOP;
	if (does != '.' && does != 'W')
		hypercall_was_long();
	if (does == 'F')
		return -EFAULT;
	if (of->multicall_interrupted > MULTICALL_LOOK)
		return multicall_interrupted(of, at);
	ran++;
	return 0;
}
static int run(struct vcpu *of, gva_t *list, uint32_t *left)
{
	return multicall_run(of, list, left, step, ENTRY);
}
static void join(uint64_t args[6], const uint64_t words[6], unsigned nargs, unsigned wide)
{
	for (unsigned i = 0; i < 6; i++)
		args[i] = words[i] + 100 * nargs;
}
static unsigned split(uint64_t words[6], const uint64_t *args, unsigned nargs, unsigned wide)
{
	memcpy(words, args, nargs * sizeof(*words));
	return nargs;
}
static void rewound(struct vcpu *of, unsigned nr, const uint64_t *words, unsigned n)
{
	note("again %u %lx %lu", nr, words[0], n > 1 ? words[1] : 0);
}
static void trapped(struct vcpu *of, struct cpu_user_regs *regs)
{
	note("trap");
}
static uint64_t asked[2];
int guest_get_word(uint64_t *word, gva_t list, uint64_t i)
{
	if (script && *script == 'X')
		return -EFAULT;
	*word = asked[0];
	return 0;
}
static struct multicall_entry put;
static bool refuses;
int guest_put_xlat(gva_t at, const void *from, enum xlat_struct id)
{
	put = *(const struct multicall_entry *)from;
	return refuses ? -EFAULT : 0;
}
void tracepoint_report(enum tracepoint_kind kind, uint64_t arg)
{
	if (kind == TRACE_LOOK)
		looked++;
	if (kind == TRACE_CALL)
		note("call %lu", arg);
}
static void listens(enum tracepoint_kind kind, uint64_t arg)
{
}

static int setup(void **state)
{
	calls = (struct hypercall_abi){.multicall = run, .join = join, .split = split, .rewind = rewound};
	v = (struct vcpu){.domain = &d, .entry.trap = trapped, .info = &shared};
	d.hypercalls = hypercalls_for(false);
	host_percpu.vcpu = &v;
	host_percpu.pending = 0;
	shared.upcall_pending = shared.upcall_mask = 0;
	tracepoint = NULL;
	script = "";
	refuses = false;
	ran = looked = 0;
	deeds[0] = '\0';
	return 0;
}

/* ---- Lists ---- */

/* @count entries that do as @text says: the result, and how many are left behind in a restart. */
static void list(const char *text, uint32_t count, long result, unsigned and_ran, const char *then)
{
	script = text;
	ran = looked = 0;
	deeds[0] = '\0';
	host_percpu.pending = 0;
	assert_int_equal(hc_multicall(LIST, count), result);
	assert_int_equal(ran, and_ran);
	assert_string_equal(deeds, then);
	assert_null(v.multicall);
}

static void lists(void **state)
{
	list("", 0, 0, 0, "");
	list("", 1, 0, 1, "");
	list("", 100, 0, 100, "");
	/* The work waits until eight more are done, counted from the end; at the end it waits for the way out. */
	list("..W", 20, __HYPERVISOR_multicall, 4, "again 13 1100 16;");
	list("....W", 20, __HYPERVISOR_multicall, 12, "again 13 1300 8;");
	list("..W", 8, 0, 8, "");
	list(".WL", 20, __HYPERVISOR_multicall, 3, "again 13 10c0 17;");
	list(".WL", 3, 0, 3, "");
	list("WL", 3, __HYPERVISOR_multicall, 2, "again 13 1080 1;");
	list("LW", 20, __HYPERVISOR_multicall, 4, "again 13 1100 16;"); /* the look was before */
	list("..E", 20, -EFAULT, 2, "");
	list("..F", 20, -EFAULT, 2, "");
	list("..R", 20, __HYPERVISOR_multicall, 2, "again 13 1080 18;");
	assert_int_equal(put.op, 7);
	assert_int_equal(put.args[2], 72);
	v.regs.rax = 5; /* what the return that ended the list put there */
	put.op = 99;
	list("..S", 20, 5, 2, "");
	assert_int_equal(put.op, 99); /* it is done */
	refuses = true;
	list("..R", 20, -EFAULT, 2, "");
	v.multicall = &put;
	assert_int_equal(hc_multicall(LIST, 1), -EINVAL);
	v.multicall = NULL;
	ran = 0;
	assert_int_equal(hc_multicall(LIST, 1ul << 32 | 3), 0); /* a count has 32 bits */
	assert_int_equal(ran, 3);
}

static void looks(void **state)
{
	gva_t at = LIST;
	uint32_t left = 40;

	tracepoint = listens;
	assert_int_equal(run(&v, &at, &left), 0);
	assert_int_equal(looked, 4);
	assert_int_equal(at, LIST + 40 * ENTRY);
	assert_int_equal(left, 0);
	looked = ran = 0;
	script = "LLL";
	at = LIST;
	left = 4;
	v.multicall = &put;
	assert_int_equal(run(&v, &at, &left), 0);
	assert_int_equal(looked, 3);
}

static void watched(void **state)
{
	tracepoint = listens;
	asked[0] = 33;
	list("", 3, 0, 3, "call 33;call 33;call 33;");
	list("WL", 3, __HYPERVISOR_multicall, 2, "call 33;call 33;again 13 1080 1;");
	list("W", 10, __HYPERVISOR_multicall, 2, "call 33;call 33;again 13 1080 8;");
	list("W", 3, 0, 3, "call 33;call 33;call 33;");
	list("LW", 3, 0, 3, "call 33;call 33;call 33;");
	list(".R", 3, __HYPERVISOR_multicall, 1, "call 33;call 33;again 13 1040 2;");
	list(".E", 3, -EFAULT, 1, "call 33;call 33;");
	v.regs.rax = 5;
	list(".S", 3, 5, 1, "call 33;call 33;");
	list("X", 3, -EFAULT, 0, "");
	list("WL", 2, 0, 2, "call 33;call 33;");
	tracepoint = listens;
	list("", 16, 0, 16,
	     "call 33;call 33;call 33;call 33;call 33;call 33;call 33;call 33;call 33;call 33;call 33;"
	     "call 33;call 33;call 33;call 33;call 33;");
	assert_int_equal(looked, 1);
}

static void long_calls(void **state)
{
	hypercall_was_long(); /* alone: it does not ask */
	assert_int_equal(v.multicall_interrupted, MULTICALL_GOES_ON);
	v.multicall = &put;
	v.multicall_interrupted = MULTICALL_STOP;
	hypercall_was_long();
	assert_int_equal(v.multicall_interrupted, MULTICALL_STOP);
	v.multicall_interrupted = MULTICALL_GOES_ON;
	hypercall_was_long();
	assert_int_equal(v.multicall_interrupted, MULTICALL_LOOK);
}

/* ---- Single calls ---- */

static long handler(uint64_t a, uint64_t b, uint64_t c, uint64_t e, uint64_t f, uint64_t g)
{
	asked[0] = a;
	asked[1] = b;
	return 42;
}

static void single_calls(void **state)
{
	const uint64_t words[6] = {1, 2, 3, 4, 5, 6};

	hypercall_init();
	assert_true(hypercalls_for(true) == hypercall_table + NR_HYPERCALLS);
	assert_int_equal(hypercall_call(&v, __HYPERVISOR_domctl, words), -EPERM);
	assert_int_equal(hypercall_call(&v, NR_HYPERCALLS, words), -ENOSYS);
	assert_int_equal(hypercall_call(&v, ~0ul, words), -ENOSYS);
	assert_int_equal(hypercall_call(&v, 11, words), -ENOSYS); /* a hole in the table */
	hypercall_table[__HYPERVISOR_mmu_update] = hypercall_table[NR_HYPERCALLS] = handler;
	assert_int_equal(hypercall_call(&v, NR_HYPERCALLS, words),
			 -ENOSYS); /* not the privileged one's first */
	assert_int_equal(hypercall_call(&v, __HYPERVISOR_mmu_update, words), 42);
	assert_int_equal(asked[0], 401);
	assert_int_equal(asked[1], 402);
	v.regs = (struct cpu_user_regs){.rax = 1ul << 32 | __HYPERVISOR_mmu_update, .rbx = 5, .rcx = 6};
	assert_int_equal(hypercall_int82_wide(&v), 42);
	assert_int_equal(asked[0], 405);
	assert_int_equal(asked[1], 406);
	assert_true(hypercall_wide >> __HYPERVISOR_set_timer_op & 1);
	assert_false(hypercall_wide >> __HYPERVISOR_mmu_update & 1);
	assert_string_equal(hypercall_name(__HYPERVISOR_mmu_update), "mmu_update");
	assert_string_equal(hypercall_name(11), "?");
	assert_string_equal(hypercall_name(NR_HYPERCALLS), "?");
	v.entry.way_back = BACK_BY_IRET32;
	hypercall_int82_trap(&v);
	assert_int_equal(v.entry.way_back, BACK_BY_IRET);
	assert_int_equal(hypercall_restart(9, 2, (uint64_t[]){0x90, 91}), 9);
	assert_string_equal(deeds, "trap;again 9 90 91;");
}

static void other_work(void **state)
{
	assert_false(hypercall_preempt_check());
	host_percpu.pending = PENDING_CALL;
	assert_true(hypercall_preempt_check());
	host_percpu.pending = 0;
	shared.upcall_pending = 1;
	assert_true(hypercall_preempt_check());
	shared.upcall_mask = 1;
	assert_false(hypercall_preempt_check());
	shared.upcall_pending = 0;
	assert_false(hypercall_preempt_check());
}

/* ---- The way out ---- */

void cpu_service_requests(void)
{
	note("requests");
}
void timers_run(void)
{
	note("timers");
}
void console_work(void)
{
	note("console");
}
void irq_work(void)
{
	note("irq");
}
void vcpu_send_nmi(struct vcpu *to)
{
	note("nmi to %u", to->id);
}
static struct vcpu *next;
void schedule(void)
{
	note("schedule");
	host_percpu.vcpu = next;
}
void enter_idle(void)
{
	note("idle");
	longjmp(idle, 1);
}
void bounce_nmi(struct vcpu *of)
{
	note("nmi");
}
void bounce_event(struct vcpu *of)
{
	note("event");
}

static void way_out(uint32_t pending, const char *expected)
{
	deeds[0] = '\0';
	host_percpu.vcpu = &v;
	host_percpu.pending = pending;
	if (!setjmp(idle))
		exit_work();
	assert_int_equal(host_percpu.pending, 0);
	assert_string_equal(deeds, expected);
}

static void due(void **state)
{
	static struct vcpu idle_vcpu = {.domain = &dom_idle, .entry.nmi_pending = true}, first = {.id = 0};
	static struct domain zero;

	next = &v;
	way_out(0, "");
	way_out(PENDING_CALL, "requests;");
	way_out(PENDING_TIMER, "timers;");
	way_out(PENDING_DEBUG, "console;");
	way_out(PENDING_IRQ, "irq;");
	way_out(PENDING_NMI, ""); /* no Dom0 yet */
	dom0 = &zero;
	way_out(PENDING_NMI, "");
	zero.vcpu[0] = &first;
	way_out(PENDING_NMI, "nmi to 0;");
	way_out(~0u, "requests;timers;console;irq;nmi to 0;schedule;");
	next = &idle_vcpu;
	way_out(PENDING_SCHEDULE, "schedule;idle;");
	shared.upcall_pending = 1;
	v.entry.nmi_pending = true;
	way_out(0, "nmi;event;");
	shared.upcall_mask = 1;
	v.entry.special.nmi = true;
	way_out(0, "");
	shared.upcall_pending = shared.upcall_mask = 0;
	way_out(0, "");
	dom0 = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(lists, setup),        cmocka_unit_test_setup(looks, setup),
	    cmocka_unit_test_setup(watched, setup),      cmocka_unit_test_setup(long_calls, setup),
	    cmocka_unit_test_setup(single_calls, setup), cmocka_unit_test_setup(other_work, setup),
	    cmocka_unit_test_setup(due, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
