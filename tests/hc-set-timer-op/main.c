/* SPDX-License-Identifier: MIT */
/* set_timer_op: VIRQ_TIMER comes once, not before its time; a past time fires at once; 0 stops it. */
#include "fw.h"
#include "time.h"

const char test_title[] = "hc-set-timer-op";

void test_main(void)
{
	unsigned port = bind_timer();

	uint64_t start = system_time();
	check_eq(hypercall_set_timer_op(start + 5000000), 0);
	check(wait_for_port(port, start + 1000000000ull));
	check(system_time() >= start + 5000000);
	check(!wait_for_port(port, system_time() + 20000000));

	check_eq(hypercall_set_timer_op(1), 0);
	check(wait_for_port(port, system_time() + 1000000000ull));

	check_eq(hypercall_set_timer_op(system_time() + 300000000), 0);
	check_eq(hypercall_set_timer_op(0), 0);
	check(!wait_for_port(port, system_time() + 400000000));
}
