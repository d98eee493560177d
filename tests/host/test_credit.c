/* SPDX-License-Identifier: MIT */
/*
 * Specification: the credit policy (hypervisor/sched/credit.c) on 1, 2 and 4 simulated processors, over 6 seconds.
 *   weights   busy domains share by weight, times their busy vCPUs, within 2 points for each processor; what a domain
 *             cannot use, since it has too few vCPUs or sleeps, goes to the others by their weights
 *   caps      a capped domain gets its cap within a point and no more, on an empty machine too; without the cap it gets all again
 *   bound     vCPUs that are bound to one processor share what it has
 *   wakes     one that seldom runs has the processor within a millisecond beside eight busy ones, whoever runs; but one that has
 *             used up its share has no precedence, however briefly it sleeps
 *   yields    a vCPU that yields lets the others go first, and loses no share that it wants
 *   limits    a vCPU that wakes waits until the running one has had its millisecond
 *   settings  domctl's and sysctl's, with Xen's limits
 *   rest      while all sleep there is no accounting
 *   ends      a domain may end at any point, parked or active
 */
#define POLICIES &sched_credit, &sched_rr
#include "sched_host.h"

#define MOST    5
#define SECONDS 6

static struct domain guests[MOST];
static struct vcpu *vcpus[MOST][8];

static void machine(unsigned cpus_of_it)
{
	nr_cpus = cpus_of_it;
	start_machine();
	assert_ptr_equal(sched_policy, &sched_credit);
}

static struct domain *guest(unsigned n, unsigned busy, unsigned weight, unsigned cap)
{
	struct domain *d = &guests[n];
	struct xen_domctl_scheduler_op op = {
	    .cmd = XEN_DOMCTL_SCHEDOP_putinfo, .u.credit.weight = weight, .u.credit.cap = cap};

	*d = (struct domain){.name = "guest"};
	assert_int_equal(sched_domain_init(d), 0);
	assert_int_equal(sched_policy->adjust(d, &op), 0);
	for (unsigned i = 0; i < busy; i++)
		vcpus[n][i] = start_of(d, i);
	return d;
}

static ns_t used(unsigned n)
{
	ns_t all = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(vcpus[n]) && vcpus[n][i]; i++)
		all += ran(vcpus[n][i]);
	return all;
}

/* Percent of one processor that each of @n guests has now, within @within. */
static void shares(unsigned n, const double *wanted, double within)
{
	ns_t before[MOST];

	run(NS_PER_SEC / 2);
	for (unsigned i = 0; i < n; i++)
		before[i] = used(i);
	run(SECONDS * NS_PER_SEC);
	for (unsigned i = 0; i < n; i++) {
		double got = (used(i) - before[i]) * 100.0 / (SECONDS * NS_PER_SEC);

		if (got < wanted[i] - within || got > wanted[i] + within)
			fail_msg("guest %u of %u has %.1f percent, not %.1f", i, n, got, wanted[i]);
	}
}

static int setup(void **state)
{
	memset(vcpus, 0, sizeof(vcpus));
	return 0;
}

static void weights_of_one(void **state)
{
	machine(1);
	guest(0, 1, 256, 0);
	guest(1, 1, 512, 0);
	shares(2, (double[]){33.3, 66.7}, 2);
	setup(state);
	machine(1);
	guest(0, 3, 256, 0);
	guest(1, 1, 256, 0);
	shares(2, (double[]){75, 25}, 2);
	setup(state);
	machine(1);
	guest(0, 1, 1000, 0);
	guest(1, 1, 10, 0);
	guest(2, 1, 10, 0);
	shares(3, (double[]){98.04, 0.98, 0.98}, 2.5);
}

static void weights_of_many(void **state)
{
	machine(2);
	guest(0, 2, 256, 0);
	guest(1, 2, 512, 0);
	shares(2, (double[]){66.7, 133.3}, 4);
	setup(state);
	machine(4);
	guest(0, 4, 256, 0);
	guest(1, 4, 512, 0);
	guest(2, 4, 1024, 0);
	shares(3, (double[]){57.1, 114.3, 228.6}, 8);
	setup(state);
	machine(2); /* three that do not divide by two */
	guest(0, 1, 256, 0);
	guest(1, 1, 256, 0);
	guest(2, 1, 256, 0);
	shares(3, (double[]){66.7, 66.7, 66.7}, 4);
}

static void what_is_left(void **state)
{
	machine(2); /* one vCPU cannot use two thirds of two processors and more */
	guest(0, 1, 10000, 0);
	guest(1, 1, 256, 0);
	guest(2, 1, 512, 0);
	shares(3, (double[]){100, 33.3, 66.7}, 4);
	setup(state);
	machine(1);
	guest(0, 1, 512, 0);
	guest(1, 1, 256, 0);
	guest(2, 1, 256, 0);
	enter(0);
	vcpu_pause_nosync(vcpus[0][0]);
	leave(0);
	shares(3, (double[]){0, 50, 50}, 2);
	enter(0);
	vcpu_unpause(vcpus[0][0]); /* it has not saved up what it missed */
	leave(0);
	shares(3, (double[]){50, 25, 25}, 2);
}

static void caps(void **state)
{
	struct xen_domctl_scheduler_op op = {.cmd = XEN_DOMCTL_SCHEDOP_putinfo};

	machine(1);
	guest(0, 1, 256, 20);
	guest(1, 1, 256, 0);
	shares(2, (double[]){20, 80}, 1);
	setup(state);
	machine(2);
	guest(0, 1, 256, 35);
	shares(1, (double[]){35}, 1);
	assert_int_equal(sched_policy->adjust(&guests[0], &op), 0);
	shares(1, (double[]){100}, 1);
	setup(state);
	machine(4);
	guest(0, 4, 256, 150);
	guest(1, 4, 256, 0);
	shares(2, (double[]){150, 250}, 4);
}

static void bound(void **state)
{
	machine(2);
	guest(0, 1, 256, 0);
	guest(1, 1, 512, 0);
	enter(0);
	vcpu_set_affinity(vcpus[0][0], 2);
	vcpu_set_affinity(vcpus[1][0], 2);
	leave(0);
	/* Each gets credit enough, so the weights do not bind: the one processor goes from one to the other. */
	shares(2, (double[]){50, 50}, 2);
	assert_ptr_equal(cpus[0].vcpu, cpus[0].idle);
}

/* How long until @v has run for @work after it was woken now, and then sleeps again; at most @most. */
static ns_t errand(struct vcpu *v, ns_t work, ns_t most)
{
	ns_t began = clock_ns, before = ran(v);

	enter(v->cpu->id);
	vcpu_wake(v);
	leave(v->cpu->id);
	while (ran(v) < before + work && clock_ns < began + most)
		run(100000);
	assert_true(cpus[v->cpu->id].vcpu == v);
	enter(v->cpu->id);
	vcpu_block(v);
	leave(v->cpu->id);
	exits();
	return clock_ns - began;
}

static void wakes(void **state)
{
	ns_t worst = 0;

	machine(1);
	guest(0, 1, 256, 0);
	for (unsigned i = 1; i < MOST; i++)
		guest(i, 2, 256, 0);
	run(100000);
	while (cpus[0].vcpu != vcpus[0][0])
		run(100000);
	enter(0);
	vcpu_block(vcpus[0][0]);
	leave(0);
	run(NS_PER_SEC);
	for (unsigned i = 0; i < 100; i++) {
		worst = MAX(worst, errand(vcpus[0][0], 200000, NS_PER_SEC));
		run(17300000);
	}
	assert_true(worst <= 1000000 + 400000); /* the rate limit, and its own work */
}

/* It sleeps while the accounting looks, and wakes at once. */
static void sleeps_tricks(void **state)
{
	ns_t before, from, wake_at = 0;

	machine(1);
	guest(0, 1, 256, 0);
	guest(1, 1, 256, 0);
	run(NS_PER_SEC);
	before = used(0);
	from = clock_ns;
	while (clock_ns < from + SECONDS * NS_PER_SEC) {
		run(100000);
		enter(0);
		if (cpus[0].vcpu == vcpus[0][0] && accounting.expires <= clock_ns + 200000) {
			vcpu_block(vcpus[0][0]);
			wake_at = accounting.expires + 200000;
		} else if (wake_at && clock_ns >= wake_at) {
			vcpu_wake(vcpus[0][0]);
			wake_at = 0;
		}
		leave(0);
	}
	assert_true((used(0) - before) * 100.0 / (clock_ns - from) < 54);
}

static void yields(void **state)
{
	ns_t from;

	machine(1);
	guest(0, 1, 256, 0);
	guest(1, 1, 256, 0);
	from = clock_ns;
	while (clock_ns < from + SECONDS * NS_PER_SEC) {
		run(100000);
		if (cpus[0].vcpu != vcpus[0][0])
			continue;
		enter(0);
		vcpu_yield();
		leave(0);
	}
	assert_true(used(0) > 0);
	assert_true(used(1) * 100 / (SECONDS * NS_PER_SEC) >= 50);
}

static void limits(void **state)
{
	ns_t since;

	machine(1);
	guest(0, 1, 256, 0);
	guest(1, 1, 256, 0);
	run(NS_PER_SEC);
	while (cpus[0].vcpu != vcpus[0][0])
		run(100000);
	enter(0);
	vcpu_block(vcpus[0][0]);
	leave(0);
	exits(); /* the other one has just begun */
	since = clock_ns;
	credit_of(vcpus[0][0])->rank = CREDIT_UNDER;
	enter(0);
	vcpu_wake(vcpus[0][0]);
	leave(0);
	exits();
	assert_ptr_equal(cpus[0].vcpu, vcpus[1][0]);
	while (cpus[0].vcpu != vcpus[0][0])
		run(100000);
	assert_in_range(clock_ns - since, 900000, 1200000);
}

static unsigned switches_of_a_second(void)
{
	uint64_t before = queue_of(&cpus[0])->switches;

	run(NS_PER_SEC);
	return queue_of(&cpus[0])->switches - before;
}

static void settings(void **state)
{
	struct xen_domctl_scheduler_op op = {.cmd = XEN_DOMCTL_SCHEDOP_getinfo};
	struct xen_sysctl_scheduler_op all = {.cmd = XEN_SYSCTL_SCHEDOP_getinfo};
	const struct xen_sysctl_credit_schedule bad[] = {{0, 0, 0},         {1001, 0, 0}, {30, 99, 0},
							 {1000, 500001, 0}, {5, 6000, 0}, {30, 1000, 1}};
	struct domain *d;

	machine(1);
	d = guest(0, 0, 0, UINT16_MAX);
	assert_int_equal(sched_policy->adjust(d, &op), 0);
	assert_int_equal(op.u.credit.weight, 256);
	assert_int_equal(op.u.credit.cap, 0);
	op = (struct xen_domctl_scheduler_op){.cmd = XEN_DOMCTL_SCHEDOP_putinfo, .u.credit = {700, 30}};
	assert_int_equal(sched_policy->adjust(d, &op), 0);
	op = (struct xen_domctl_scheduler_op){.cmd = XEN_DOMCTL_SCHEDOP_putinfo, .u.credit = {0, UINT16_MAX}};
	assert_int_equal(sched_policy->adjust(d, &op), 0);
	op.cmd = XEN_DOMCTL_SCHEDOP_getinfo;
	assert_int_equal(sched_policy->adjust(d, &op), 0);
	assert_int_equal(op.u.credit.weight, 700);
	assert_int_equal(op.u.credit.cap, 30);
	op.cmd = XEN_DOMCTL_SCHEDOP_getvcpuinfo;
	assert_int_equal(sched_policy->adjust(d, &op), -EINVAL);

	assert_int_equal(sched_policy->global(&all), 0);
	assert_int_equal(all.u.sched_credit.tslice_ms, 30);
	assert_int_equal(all.u.sched_credit.ratelimit_us, 1000);
	all.cmd = XEN_SYSCTL_SCHEDOP_putinfo;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		all.u.sched_credit = bad[i];
		assert_int_equal(sched_policy->global(&all), -EINVAL);
	}
	all.u.sched_credit = (struct xen_sysctl_credit_schedule){5, 0, 0};
	assert_int_equal(sched_policy->global(&all), 0);
	for (unsigned i = 1; i < MOST; i++)
		guest(i, 1, 256, 0);
	assert_true(switches_of_a_second() > 120);
	all.u.sched_credit = (struct xen_sysctl_credit_schedule){30, 1000, 0};
	assert_int_equal(sched_policy->global(&all), 0);
	assert_true(switches_of_a_second() < 60);
	all.cmd = 2;
	assert_int_equal(sched_policy->global(&all), -EINVAL);
}

static void rest(void **state)
{
	machine(1);
	guest(0, 1, 256, 0);
	run(NS_PER_SEC);
	assert_non_null(accounting.cpu);
	enter(0);
	vcpu_block(vcpus[0][0]);
	leave(0);
	run(NS_PER_SEC);
	assert_null(accounting.cpu);
	enter(0);
	vcpu_wake(vcpus[0][0]);
	leave(0);
	run(NS_PER_SEC / 10);
	assert_non_null(accounting.cpu);
}

static void ends(void **state)
{
	machine(2);
	guest(0, 2, 256, 10);
	guest(1, 2, 256, 0);
	run(NS_PER_SEC);
	assert_int_equal(vcpus_charged, 7); /* with the machine's own domain */
	for (unsigned n = 0; n < 2; n++) {
		guests[n].sched.pause_count++;
		for (unsigned i = 0; i < 2; i++) {
			enter(0);
			vcpu_reconsider(vcpus[n][i]);
			leave(0);
		}
		run(0);
		for (unsigned i = 0; i < 2; i++) {
			assert_true(list_empty(&vcpus[n][i]->sched.run_link));
			sched_vcpu_free(vcpus[n][i]);
		}
		sched_domain_free(&guests[n]);
		run(n ? 0 : NS_PER_SEC);
	}
	assert_int_equal(vcpus_charged, 1);
	run(NS_PER_SEC / 10);
	assert_null(accounting.cpu);
	assert_true(list_empty(&domains));
	for (unsigned i = 0; i < nr_cpus; i++)
		assert_int_equal(queue_of(&cpus[i])->nr_waiting, 0);
	printed[0] = '\0';
	sched_dump();
	assert_null(strstr(printed, "guest"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(weights_of_one, setup), cmocka_unit_test_setup(weights_of_many, setup),
	    cmocka_unit_test_setup(what_is_left, setup),   cmocka_unit_test_setup(caps, setup),
	    cmocka_unit_test_setup(bound, setup),          cmocka_unit_test_setup(wakes, setup),
	    cmocka_unit_test_setup(sleeps_tricks, setup),  cmocka_unit_test_setup(yields, setup),
	    cmocka_unit_test_setup(limits, setup),         cmocka_unit_test_setup(settings, setup),
	    cmocka_unit_test_setup(rest, setup),           cmocka_unit_test_setup(ends, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
