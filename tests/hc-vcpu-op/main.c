/* SPDX-License-Identifier: MIT */
/*
 * vcpu_op: our vCPU is up, others are absent; timers fire; runstate tells that we run; vcpu_info can move
 * once to our own page, and works there. Bad vCPU numbers, commands and pointers are refused.
 */
#include "fw.h"
#include "time.h"

const char test_title[] = "hc-vcpu-op";

void test_main(void)
{
	static const unsigned long bad[] = BAD_POINTERS;
	struct vcpu_runstate_info run;
	struct vcpu_set_singleshot_timer shot = {0};
	struct vcpu_set_periodic_timer every = {.period_ns = 10000000};
	unsigned port = bind_timer();

	check_eq(hypercall_vcpu_op(VCPUOP_is_up, 0, NULL), 1);
	check(hypercall_vcpu_op(VCPUOP_is_up, 31, NULL) < 0);
	check(hypercall_vcpu_op(VCPUOP_is_up, 99999, NULL) < 0);
	check_eq(hypercall_vcpu_op(VCPUOP_up, 0, NULL), 0);

	check_eq(hypercall_vcpu_op(VCPUOP_get_runstate_info, 0, &run), 0);
	check_eq(run.state, RUNSTATE_running);

	shot.timeout_abs_ns = system_time() + 3000000;
	check_eq(hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 0, &shot), 0);
	check(wait_for_port(port, system_time() + 1000000000ull));
	shot.timeout_abs_ns = 1;
	shot.flags = VCPU_SSHOTTMR_future;
	long rc = hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 0, &shot);
	check(rc == -XEN_ETIME || rc == 0); /* Xen took the flag away in 4.17 */
	wait_for_port(port, system_time() + 10000000);
	shot.flags = 0;
	shot.timeout_abs_ns = system_time() + 300000000;
	check_eq(hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 0, &shot), 0);
	check_eq(hypercall_vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL), 0);
	check(!wait_for_port(port, system_time() + 400000000));

	check_eq(hypercall_vcpu_op(VCPUOP_set_periodic_timer, 0, &every), 0);
	for (int i = 0; i < 3; i++)
		check(wait_for_port(port, system_time() + 1000000000ull));
	every.period_ns = 1;
	check_eq(hypercall_vcpu_op(VCPUOP_set_periodic_timer, 0, &every), -XEN_EINVAL);
	check_eq(hypercall_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL), 0);

	struct vcpu_info *mine = page_alloc();
	struct vcpu_register_vcpu_info reg = {.mfn = va_to_mfn(mine), .offset = 64};
	check_eq(hypercall_vcpu_op(VCPUOP_register_vcpu_info, 0, &reg), 0);
	mine = (void *)((char *)mine + 64);
	check(mine->time.tsc_to_system_mul != 0);
	check_eq(mine->evtchn_upcall_pending, 1); /* so that the guest scans once */
	check(hypercall_vcpu_op(VCPUOP_register_vcpu_info, 0, &reg) < 0);

	check_eq(hypercall_vcpu_op(99, 0, NULL), -XEN_ENOSYS);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		check_eq(hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 0, (void *)bad[i]), -XEN_EFAULT);
}
