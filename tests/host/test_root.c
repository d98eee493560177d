/* SPDX-License-Identifier: MIT */
/*
 * Specification: whose translations a CPU may hold. After each vcpu_load_cr3, whatever was loaded before and whichever
 * vCPUs share tables, the CPU's tlb_vcpu is the vCPU that runs, or none when it idles; CR3 is what that one
 * needs; and exactly the domain of that one counts the CPU as its own. Roots come and go in between.
 */
#include "mm_host.h"

#include "mm/pt.h"
#include "sched/sched.h"

#define STEPS 20000
#define VCPUS 4

static struct domain *domains[2];
static struct vcpu vcpus[VCPUS], idle; /* two of each domain */
static mfn_t root[2][3];

static void check_holder(const struct vcpu *v)
{
	uint64_t idle_cr3 = virt_to_mfn(idle_root) << PAGE_SHIFT;

	assert_ptr_equal(host_percpu.tlb_vcpu, v == &idle ? NULL : v);
	assert_int_equal(host_percpu.cr3, v == &idle           ? idle_cr3
					  : v->entry.user_mode ? v->mm.user_cr3
							       : v->mm.kernel_cr3);
	if (v != &idle)
		assert_int_equal(v->entry.special.no_user_root, !v->mm.user_cr3);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(domains[i]->mm.tlb_cpus & 1, v->domain == domains[i]);
}

static void run(struct vcpu *v)
{
	host_percpu.vcpu = v;
	vcpu_load_cr3(v);
	check_holder(v);
}

/* A pinned root of domain @i, empty except for the hypervisor's slots. */
static mfn_t make_root(unsigned i)
{
	struct page_info *pg = domain_alloc_pages(domains[i], 0, 0);

	assert_int_equal(page_pin(pg, PGT_L4), 0);
	return page_to_mfn(pg);
}

static int begin(void **state)
{
	host_percpu.idle = &idle;
	for (unsigned i = 0; i < 2; i++) {
		domains[i] = host_domain(&host_pv64, 8);
		domains[i]->mm.tlb_cpus = 0;
		domains[i]->mm.window_l3 = heap_alloc_pages(0);
		for (unsigned n = 0; n < 3; n++)
			root[i][n] = make_root(i);
	}
	for (unsigned i = 0; i < VCPUS; i++) {
		vcpus[i] = (struct vcpu){
		    .domain = domains[i / 2], .mm.root = INVALID_MFN, .mm.user_root = INVALID_MFN};
		assert_int_equal(vcpu_set_root(&vcpus[i], root[i / 2][0]), 0);
		assert_int_equal(vcpu_set_user_root(&vcpus[i], root[i / 2][2]), 0);
	}
	host_percpu.tlb_vcpu = NULL;
	run(&idle);
	return 0;
}

static int end(void **state)
{
	run(&idle);
	for (unsigned i = 0; i < VCPUS; i++)
		vcpu_drop_roots(&vcpus[i]);
	for (unsigned i = 0; i < 2; i++) {
		heap_free_pages(domains[i]->mm.window_l3, 0);
		host_domain_free(domains[i]);
	}
	return 0;
}

/* The idle tables are loaded already, and the CPU believes that it holds a vCPU. */
static void idle_forgets(void **state)
{
	run(&vcpus[0]);
	host_percpu.cr3 = virt_to_mfn(idle_root) << PAGE_SHIFT;
	run(&idle);
}

/* Equal tables are no equal vCPU. */
static void shared_root(void **state)
{
	unsigned flushes;

	run(&vcpus[0]);
	flushes = host_flushes;
	run(&vcpus[0]);
	assert_int_equal(host_flushes, flushes);
	run(&vcpus[1]);
	assert_true(host_flushes > flushes);
}

static void anything(void **state)
{
	struct vcpu *v = &idle;

	for (unsigned n = 0; n < STEPS; n++) {
		unsigned i = host_random(VCPUS + 1);
		mfn_t other = root[i / 2 % 2][host_random(3)];

		switch (host_random(4)) {
		case 0:
			if (v == &idle)
				break;
			v->entry.user_mode = v->mm.user_root != INVALID_MFN && host_random(2);
			run(v);
			break;
		case 1:
			if (v == &idle || i == VCPUS || vcpus[i].domain != v->domain)
				break;
			assert_int_equal(vcpu_set_root(v, other), 0);
			check_holder(v);
			break;
		case 2:
			if (v == &idle || i == VCPUS || vcpus[i].domain != v->domain)
				break;
			assert_int_equal(
			    vcpu_set_user_root(v, v->entry.user_mode || host_random(2) ? other : 0), 0);
			check_holder(v);
			break;
		default:
			v = i == VCPUS ? &idle : &vcpus[i];
			run(v);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(idle_forgets, begin, end),
	    cmocka_unit_test_setup_teardown(shared_root, begin, end),
	    cmocka_unit_test_setup_teardown(anything, begin, end),
	};

	host_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
