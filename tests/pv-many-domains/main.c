/* SPDX-License-Identifier: MIT */
/*
 * Two hundred domains beside Dom0: asked for together, in one call of getdomaininfolist or of its short form, each is told
 * once and in order, and both forms say the same of it; and so when timers fall due while the call goes on, which is then left and taken up again. Pieces of a list join without a gap,
 * also where a domain that was told last is no more. Where stays are recorded (option `stays`, under -icount) no interrupt
 * waits long for such a list.
 */
#include "control.h"
#include "../pv-stays/stays.h"
#include "time.h"

const char test_title[] = "pv-many-domains";

#define DOMAINS 200
#define ROOM    1024 /* what Xen's tools have */

static struct xen_domctl_getdomaininfo infos[ROOM];
static struct ringlet_domain_state states[ROOM];
static bool in_short; /* RINGLET_SYSCTL_states, into states[] */
static domid_t made[DOMAINS];
static unsigned port;
static volatile unsigned ticks;

static void tick(struct frame *f)
{
	ticks += event_test_and_clear(port);
}

static domid_t create(void)
{
	op = (struct xen_domctl){0};
	op.u.createdomain.max_vcpus = 1;
	op.u.createdomain.max_evtchn_port = 127;
	op.u.createdomain.max_grant_frames = 1;
	op.u.createdomain.max_maptrack_frames = 1;
	check_eq(domctl(XEN_DOMCTL_createdomain, DOMID_INVALID), 0);
	return op.domain;
}

static void destroy(domid_t id)
{
	check_eq(domctl(XEN_DOMCTL_destroydomain, id), 0);
}

/* How many came. */
static unsigned list(domid_t first, unsigned max)
{
	sys.u.getdomaininfolist.first_domain = first;
	sys.u.getdomaininfolist.max_domains = max;
	if (in_short)
		set_xen_guest_handle(sys.u.getdomaininfolist.buffer, states);
	else
		set_xen_guest_handle(sys.u.getdomaininfolist.buffer, infos);
	__builtin_memset(infos, 0xff, sizeof(infos));
	__builtin_memset(states, 0xff, sizeof(states));
	check_eq(sysctl(in_short ? RINGLET_SYSCTL_states : XEN_SYSCTL_getdomaininfolist), 0);
	return sys.u.getdomaininfolist.num_domains;
}

static domid_t told(unsigned i)
{
	return in_short ? states[i].domain : infos[i].domain;
}

static void check_all(unsigned n)
{
	check_eq(n, DOMAINS + 1);
	check_eq(told(0), 0);
	for (unsigned i = 0; i < DOMAINS; i++)
		if (told(i + 1) != made[i])
			failure("place %u: domain %u, not %u", i + 1, told(i + 1), made[i]);
	check_eq(told(DOMAINS + 1), 0xffff); /* no more was written */
}

static void list_all(void)
{
	check_all(list(0, ROOM));
}

/* A timer every few microseconds later in the call. */
static void interrupted(void)
{
	unsigned before = ticks;

	events_on();
	for (unsigned us = 1; us < 100; us++) {
		hypercall_set_timer_op(system_time() + us * 1000);
		list_all();
	}
	events_off();
	check(ticks > before);
}

static void in_pieces(void)
{
	unsigned seen = 0, n;

	for (domid_t next = 0; (n = list(next, 7)) != 0; seen += n) {
		check(n == 7 || seen + n == DOMAINS + 1);
		next = told(n - 1) + 1;
	}
	check_eq(seen, DOMAINS + 1);
}

static void behind_one_that_is_gone(void)
{
	check_eq(list(made[100] + 1, 2), 2);
	check_eq(told(0), made[101]);
	check_eq(list(made[100], 1), 1);
	check_eq(told(0), made[101]);
	check_eq(list(made[DOMAINS - 1] + 1, 2), 0);
	check_eq(list(0, 0), 0);
}

/* What the short form says of each, with one that is paused twice more. */
static void forms_agree(void)
{
	const uint32_t flags = XEN_DOMINF_dying | XEN_DOMINF_paused | XEN_DOMINF_shutdown |
			       XEN_DOMINF_shutdownmask << XEN_DOMINF_shutdownshift;
	static struct xen_domctl_getdomaininfo long_form[ROOM];
	check_eq(domctl(XEN_DOMCTL_unpausedomain, made[7]), 0);
	in_short = false;
	list_all();
	__builtin_memcpy(long_form, infos, sizeof(infos));
	in_short = true;
	list_all();
	for (unsigned i = 0; i <= DOMAINS; i++)
		if (states[i].flags != (long_form[i].flags & flags) || states[i].pad)
			failure("domain %u: %x and %x", told(i), states[i].flags, long_form[i].flags);
	check(states[7].flags & XEN_DOMINF_paused);
	check(!(states[8].flags & XEN_DOMINF_paused));
}

static void both_forms(void (*run)(void))
{
	in_short = false;
	run();
	in_short = true;
	run();
}

void test_main(void)
{
	for (unsigned i = 0; i < DOMAINS; i++) {
		made[i] = create();
		check(!i || made[i] > made[i - 1]);
	}
	port = bind_timer();
	event_hook = tick;
	list_all();
	stays_of("getdomaininfolist of 200", list_all, STAY_LIMIT);
	in_short = true;
	stays_of("states of 200", list_all, STAY_LIMIT);
	event_mask(port, false);
	both_forms(interrupted);
	both_forms(in_pieces);
	forms_agree();
	destroy(made[100]);
	both_forms(behind_one_that_is_gone);
	for (unsigned i = 0; i < DOMAINS; i++)
		if (i != 100)
			destroy(made[i]);
	check_eq(list(0, ROOM), 1);
}
