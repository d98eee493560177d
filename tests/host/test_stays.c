/* SPDX-License-Identifier: MIT */
/*
 * Specification of the longest stays with interrupts off: a stay ends where interrupts were let in; the longest of each kind are
 * kept, longest first, and forgotten when they were read; what an operator asked for is none.
 */
#include "crossing_host.h"

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
	doms[1].abi = &abi32;
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
	/* None begins where none had begun. */
	ticks += 9000;
	trace_leave();
	assert_int_equal(read_stays(KEPT), 0);
}

/* One of each kind, its longest; when all places are taken, the shortest goes. */
static void the_longest_are_kept(void **state)
{
	stays_on();
	stay(5, 2000);
	vcpus[1].regs.rdi = 1;
	stay(5, 3000);
	vcpus[1].regs.rdi = 2;
	stay(5, 3000); /* the first of equals stays */
	stay(5, 2500);
	assert_int_equal(read_stays(KEPT), 1);
	assert_int_equal(got[0].ticks, 3000);
	assert_int_equal(got[0].arg, 1);
	for (unsigned i = 0; i < KEPT + 8; i++) {
		vcpus[1].regs.rip = 0x1000 + i;
		stay(5, 2000 + 10 * i);
	}
	vcpus[1].regs.rip = 1;
	stay(RINGLET_REASON_trap, 2395); /* second */
	vcpus[1].regs.rip = 0x1000 + 20; /* grows, and rises to the top */
	stay(5, 5000);
	vcpus[1].regs.rip = 2;
	stay(5, 2090); /* as long as the shortest */
	stay(5, 2050);
	assert_int_equal(read_stays(KEPT + 1), KEPT);
	assert_int_equal(got[0].ticks, 5000);
	assert_int_equal(got[0].rip, 0x1000 + 20);
	assert_int_equal(got[1].ticks, 2395);
	assert_int_equal(got[2].ticks, 2390);
	for (unsigned i = 1; i < KEPT; i++) {
		assert_true(got[i - 1].ticks >= got[i].ticks);
		assert_true(got[i].rip != 1 || got[i].ticks == 2395);
		assert_true(got[i].rip != 2);
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
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(off_without_the_option, setup, teardown),
	    cmocka_unit_test_setup_teardown(where_and_why, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_look_ends_it, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_longest_are_kept, setup, teardown),
	    cmocka_unit_test_setup_teardown(printed, setup, teardown),
	};

	return cmocka_run_group_tests_name("stays", tests, NULL, NULL);
}
