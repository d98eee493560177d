/* SPDX-License-Identifier: MIT */
/*
 * Specification of what an fv domain does for its PC (hypervisor/fv/devices.c): an interrupt wakes its vCPU, its console's
 * other end is told by the event channel, the clock is the domain's, the timer stops while it is paused, and the PC's end is the
 * domain's, for the reason that its kernel gave.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "deeds.h"
#include "fv/devices.c"

struct percpu host_percpu;
static struct domain d = {.sched.time_offset = -3600};
static struct vcpu v = {.domain = &d};
static struct fv fv = {.v = &v, .console_port = 9};
static bool still;

uint64_t wallclock_seconds(void)
{
	return 45296;
}
void vcpu_mark_events(struct vcpu *which)
{
	assert_ptr_equal(which, &v);
	note("marked");
}
bool vcpu_stands_still(const struct vcpu *which)
{
	assert_ptr_equal(which, &v);
	return still;
}
void domain_shutdown(struct domain *which, uint8_t reason)
{
	assert_ptr_equal(which, &d);
	note("ended %u", reason);
}
long evtchn_send(struct domain *from, uint32_t port)
{
	assert_ptr_equal(from, &d);
	note("sent %u", port);
	return 0;
}

static void each(void **state)
{
	const struct pc_user *user = &fv_pc_user;

	user->interrupt(&fv.pc);
	assert_done("marked;");
	user->console(&fv.pc);
	assert_done("sent 9;");
	assert_int_equal(user->seconds(&fv.pc), 41696);
	assert_false(user->stands_still(&fv.pc));
	still = true;
	assert_true(user->stands_still(&fv.pc));
	user->end(&fv.pc, PC_OFF);
	assert_done("ended 0;");
	user->end(&fv.pc, PC_RESET);
	assert_done("ended 1;");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(each)};

	return cmocka_run_group_tests_name("fv devices", tests, NULL, NULL);
}
