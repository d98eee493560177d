/* SPDX-License-Identifier: MIT */
/*
 * Specification: the scheduler's interface (hypervisor/sched/policy.h), proved by a second policy that has nothing in common with
 * round robin (fifo_policy.h).
 *   option    sched=name chooses; an unknown one is reported with those that there are, and the first is used
 *   hooks     each is called: what a vCPU ran is charged once and whole, yields are passed on, parameters reach the policy
 *   memory    a vCPU without it is not made; what was made is freed, once
 *   turns     vCPUs run for as long as the policy says, in its order; one that wakes on an idle CPU runs whatever the
 *             policy says
 */
#include "fifo_policy.h"
#define POLICIES &sched_rr, &fifo
#include "sched_host.h"

static int setup(void **state)
{
	nr_cpus = 2;
	strcpy(options.sched, "fifo");
	start_machine();
	return 0;
}

static void option(void **state)
{
	assert_ptr_equal(sched_policy, &fifo);
	assert_int_equal(sched_policy->sched_id, 77);
	strcpy(options.sched, "fair");
	logged = 0;
	printed[0] = '\0';
	sched_init();
	assert_int_equal(logged, 1);
	assert_non_null(strstr(printed, "sched=fair"));
	assert_non_null(strstr(printed, " rr fifo."));
	assert_non_null(strstr(printed, "Using rr"));
	assert_ptr_equal(sched_policy, &sched_rr);
	options.sched[0] = '\0';
	logged = 0;
	sched_init();
	assert_int_equal(logged, 0);
	assert_ptr_equal(sched_policy, &sched_rr);
}

static void hooks(void **state)
{
	struct xen_domctl_scheduler_op op = {.cmd = XEN_DOMCTL_SCHEDOP_putinfo, .u.credit.weight = 5};
	struct vcpu *v[5];
	ns_t all = 0;

	for (unsigned i = 0; i < 5; i++)
		dom.vcpu[i] = v[i] = start(i);
	dom.max_vcpus = 5;
	run(NS_PER_SEC);
	for (unsigned i = 0; i < 5; i++) {
		all += fifo_of(v[i])->ran;
		assert_true(fifo_of(v[i])->ran <= ran(v[i]) &&
			    ran(v[i]) - fifo_of(v[i])->ran <= QUANTUM + 200000);
		assert_int_equal(fifo_of(v[i])->yields, 0);
	}
	assert_true(all > 2 * NS_PER_SEC - 4 * QUANTUM);
	enter(1);
	vcpu_yield();
	assert_int_equal(fifo_of(current)->yields, 1);
	assert_true(cpus[1].pending & PENDING_SCHEDULE);
	leave(1);
	assert_int_equal(sched_policy->adjust(&dom, &op), 0);
	assert_int_equal(fifo_of(v[4])->weight, 5);
	op = (struct xen_domctl_scheduler_op){.cmd = XEN_DOMCTL_SCHEDOP_getinfo};
	assert_int_equal(sched_policy->adjust(&dom, &op), 0);
	assert_int_equal(op.u.credit.weight, 5);
	printed[0] = '\0';
	sched_dump();
	assert_non_null(strstr(printed, " waits"));
	dom.max_vcpus = 0;
}

static void memory(void **state)
{
	struct vcpu *v = vcpu_alloc(&dom, 0);

	enter(0);
	no_memory = true;
	assert_int_equal(sched_vcpu_init(v), -ENOMEM);
	no_memory = false;
	sched_vcpu_free(v); /* as vcpu_create() does with all that fails */
	assert_int_equal(vcpus_charged, 0);
	assert_int_equal(sched_vcpu_init(v), 0);
	assert_int_equal(vcpus_charged, 1);
	sched_vcpu_free(v);
	assert_int_equal(vcpus_charged, 0);
	leave(0);
}

static void turns(void **state)
{
	struct vcpu *v[3];
	ns_t began;

	nr_cpus = 1;
	start_machine();
	for (unsigned i = 0; i < 3; i++)
		v[i] = start(i);
	run(0);
	for (unsigned turn = 0; turn < 7; turn++) {
		assert_ptr_equal(cpus[0].vcpu, v[turn % 3]);
		for (began = clock_ns; cpus[0].vcpu == v[turn % 3];)
			run(100000);
		assert_in_range(clock_ns - began, QUANTUM - 200000, QUANTUM + 200000);
	}
	for (unsigned i = 0; i < 3; i++) {
		enter(0);
		if (current != v[i])
			vcpu_pause_nosync(v[i]);
		else
			vcpu_block(v[i]);
		leave(0);
	}
	run(100000);
	assert_ptr_equal(cpus[0].vcpu, cpus[0].idle);
	enter(0);
	vcpu_wake(v[1]);
	leave(0);
	run(0);
	assert_ptr_equal(cpus[0].vcpu, v[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(option, setup),
	    cmocka_unit_test_setup(hooks, setup),
	    cmocka_unit_test_setup(memory, setup),
	    cmocka_unit_test_setup(turns, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
