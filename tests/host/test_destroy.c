/* SPDX-License-Identifier: MIT */
/*
 * Specification: the end of a domain (hypervisor/dom/destroy.c), with all that it calls written down.
 *   order    what may still run or fires by itself is stopped before anything is taken away; page tables and
 *            shared areas are given up before frames, frames before what grants held, the domain's own hold last
 *   once     each is done exactly once for each vCPU, however often and wherever the work is interrupted
 *   state    dying when the first thing is taken away, dead when Dom0 is told, and Dom0 is told once
 *   locks    it begins to die under those of all code that asks whether it does
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dom/destroy.c"
#include "stepping.h"

#define VCPUS 4 /* number 2 is not there */

struct percpu host_percpu;
static struct guest_doors doors;
static struct domain d;
static struct vcpu v[VCPUS];

/* What was done, a letter for each thing, and for a vCPU its number behind it. */
static char done[256];
static unsigned chances, interrupt_at;

static void note(char what, const struct vcpu *of)
{
	size_t n = strlen(done);

	assert_true(n + 3 < sizeof(done));
	done[n] = what;
	if (of)
		done[n + 1] = '0' + of->id;
}

/* One chance to be interrupted: is this the one? */
static bool interrupted(void)
{
	return chances++ == interrupt_at;
}

void domain_pause(struct domain *which)
{
	note('P', NULL);
	assert_int_equal(which->state, DOMAIN_ALIVE);
}
void console_flush(struct domain *which)
{
	note('C', NULL);
}
void grant_close(struct domain *which)
{
	note('G', NULL);
	assert_int_equal(which->state, DOMAIN_DYING);
}
void watchdog_stop(struct domain *which)
{
	note('W', NULL);
}
void vcpu_timers_stop(struct vcpu *of)
{
	note('T', of);
}
int evtchn_close_all(struct domain *which, uint32_t *next)
{
	if (interrupted())
		return -ERESTART;
	note('E', NULL);
	return 0;
}
void pirqs_free(struct domain *which)
{
	note('I', NULL);
}
int memory_work_end(struct vcpu *of)
{
	return interrupted() ? -ERESTART : 0;
}
void vcpu_unmap_info(struct vcpu *of)
{
	of->dom.info_mfn = INVALID_MFN;
}
void vcpu_drop_roots(struct vcpu *of)
{
	of->mm.user_root = INVALID_MFN;
}
static int relinquish(struct vcpu *of)
{
	return interrupted() ? -ERESTART : 0;
}
static void free_kind(struct vcpu *of)
{
	assert_int_equal(of->dom.info_mfn, INVALID_MFN); /* its uses of frames are over */
	assert_int_equal(of->mm.user_root, INVALID_MFN);
	note('V', of);
}
bool hypercall_preempt_check(void)
{
	return interrupted();
}
int mm_relinquish(struct domain *which)
{
	if (interrupted())
		return -ERESTART;
	note('M', NULL);
	return 0;
}
int grant_release_maps(struct domain *which)
{
	if (interrupted())
		return -ERESTART;
	note('R', NULL);
	return 0;
}
void unshare_heap_page(void *p)
{
	assert_ptr_equal(p, d.shared_info);
	note('S', NULL);
}
void grant_unshare(struct domain *which)
{
	note('U', NULL);
}
void send_global_virq(uint32_t virq)
{
	assert_int_equal(virq, VIRQ_DOM_EXC);
	assert_int_equal(d.state, DOMAIN_DEAD);
	note('D', NULL);
}
void domain_put(struct domain *which)
{
	note('-', NULL);
}

static void begin(void)
{
	static uint8_t page[8];

	memset(done, 0, sizeof(done));
	chances = 0;
	doors = (struct guest_doors){.vcpu_relinquish = relinquish, .vcpu_free = free_kind};
	d = (struct domain){
	    .doors = &doors, .max_vcpus = VCPUS, .state = DOMAIN_ALIVE, .shared_info = (void *)page};
	for (unsigned i = 0; i < VCPUS; i++) {
		v[i] = (struct vcpu){.domain = &d, .id = i, .dom.info_mfn = 7, .mm.user_root = 8};
		d.vcpu[i] = i == 2 ? NULL : &v[i];
	}
}

static const char all[] = "PCGWT0T1T3EIV0V1V3MRSUD-";

static void in_one_go(void **state)
{
	interrupt_at = ~0u;
	begin();
	assert_int_equal(domain_relinquish(&d), 0);
	assert_string_equal(done, all);
	assert_int_equal(domain_relinquish(&d), 0); /* again: there is nothing left to do */
	assert_string_equal(done, all);
}

/* At each place where it may stop for other work. */
static void interrupted_anywhere(void **state)
{
	unsigned stops = 0;

	for (interrupt_at = 0;; interrupt_at++) {
		int rc;

		begin();
		rc = domain_relinquish(&d);
		if (!rc)
			break;
		stops++;
		assert_int_equal(rc, -ERESTART);
		assert_int_equal(d.state, DOMAIN_DYING);
		assert_memory_equal(done, all, strlen(done));
		assert_int_equal(domain_relinquish(&d), 0);
		assert_string_equal(done, all);
		assert_int_equal(d.state, DOMAIN_DEAD);
	}
	assert_int_equal(stops, 1 + 3 * 3 + 1 +
				    2); /* ports, three for each vCPU, one where none is, frames, grants */
}

/* A kind that has nothing of its own to give up. */
static void plain_kind(void **state)
{
	interrupt_at = ~0u;
	begin();
	doors.vcpu_relinquish = NULL;
	assert_int_equal(domain_relinquish(&d), 0);
	assert_string_equal(done, all);
}

/* No CPU that holds one of the two locks sees the domain begin to die: looked at after each instruction. */
static bool alone = true;
static void look(int sig)
{
	static enum domain_state before = DOMAIN_ALIVE;

	if (d.state == DOMAIN_DYING && before != d.state)
		alone = d.evt.lock.held && d.mm.page_lock.held;
	before = d.state;
}
static void doom_it(void)
{
	doom(&d);
}

static void under_locks(void **state)
{
	begin();
	in_steps(doom_it, look);
	assert_int_equal(d.state, DOMAIN_DYING);
	assert_true(alone);
	assert_false(d.evt.lock.held || d.mm.page_lock.held);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(in_one_go),
	    cmocka_unit_test(interrupted_anywhere),
	    cmocka_unit_test(plain_kind),
	    cmocka_unit_test(under_locks),
	};

	return cmocka_run_group_tests_name("destroy", tests, NULL, NULL);
}
