/* SPDX-License-Identifier: MIT */
/*
 * Specification: the domctls on one vCPU (hypervisor/dom/domctl_vcpu.c), with the mechanisms written down.
 *   vcpus     a context goes in while the domain is paused and comes out while the vCPU is; where it may run is a CPU
 *   maps      have the bits that were asked for and no other, and an end
 */
#include "domctl_host.h"

static void contexts_in(void **state)
{
	struct xen_domctl_vcpucontext *c = &op->u.vcpucontext;

	*array = 0xc;
	*c = (struct xen_domctl_vcpucontext){.vcpu = 0, .ctxt = (uint64_t)array};
	of_others(XEN_DOMCTL_setvcpucontext);
	parts = 1;
	assert_int_equal(asks(XEN_DOMCTL_setvcpucontext), 0);
	assert_done("pause d1;context c of v1;context c of v1;unpause d1;");
	parts = 5;
	work_after = looks + 2;
	assert_int_equal(asks(XEN_DOMCTL_setvcpucontext), RESTARTED);
	assert_done("pause d1;context c of v1;context c of v1;unpause d1;");
	doms[1].mm.pt_left = 4;
	settles = -ERESTART;
	assert_int_equal(asks(XEN_DOMCTL_setvcpucontext), RESTARTED);
	assert_done("pause d1;context c of v1;settle;unpause d1;");
	parts = 0;
	result = -EINVAL;
	assert_int_equal(asks(XEN_DOMCTL_setvcpucontext), -EINVAL);
	deeds[0] = '\0';
	c->ctxt = NOWHERE - 5167;
	assert_int_equal(asks(XEN_DOMCTL_setvcpucontext), -EFAULT);
	no_memory = true;
	assert_int_equal(asks(XEN_DOMCTL_setvcpucontext), -ENOMEM);
	c->vcpu = 1; /* not there; 2 is, but beyond the limit */
	assert_int_equal(asks(XEN_DOMCTL_setvcpucontext), -EINVAL);
	c->vcpu = 2;
	assert_int_equal(asks(XEN_DOMCTL_setvcpucontext), -EINVAL);
	assert_done("");
}

static void contexts_out(void **state)
{
	struct xen_domctl_vcpucontext *c = &op->u.vcpucontext;

	*c = (struct xen_domctl_vcpucontext){.vcpu = 0, .ctxt = (uint64_t)array};
	vcpus[0].dom.initialised = true;
	of_others(XEN_DOMCTL_getvcpucontext);
	assert_int_equal(asks(XEN_DOMCTL_getvcpucontext), -ENODATA);
	vcpus[1].dom.initialised = true;
	assert_int_equal(asks(XEN_DOMCTL_getvcpucontext), 0);
	assert_done("pause v1;look v1;unpause v1;");
	assert_int_equal(((uint8_t *)array)[5167], 0x5a);
	assert_int_equal(((uint8_t *)array)[5168], 0);
	c->ctxt = NOWHERE - 5167;
	assert_int_equal(asks(XEN_DOMCTL_getvcpucontext), -EFAULT);
	no_memory = true;
	assert_int_equal(asks(XEN_DOMCTL_getvcpucontext), -ENOMEM);
	c->vcpu = 2;
	assert_int_equal(asks(XEN_DOMCTL_getvcpucontext), -ESRCH);
}

static void infos(void **state)
{
	struct xen_domctl_getvcpuinfo *i = &op->u.getvcpuinfo;

	for (vcpus[1].state = VCPU_OFFLINE; vcpus[1].state <= VCPU_BLOCKED; vcpus[1].state++) {
		vcpus[1].running = vcpus[1].state == VCPU_RUNNABLE;
		i->vcpu = 0;
		assert_int_equal(asks(XEN_DOMCTL_getvcpuinfo), 0);
		assert_int_equal(i->online, vcpus[1].state != VCPU_OFFLINE);
		assert_int_equal(i->blocked, vcpus[1].state == VCPU_BLOCKED);
		assert_int_equal(i->running, vcpus[1].running);
		assert_int_equal(i->cpu_time, 77);
		assert_int_equal(i->cpu, 5);
	}
	i->vcpu = 1;
	assert_int_equal(asks(XEN_DOMCTL_getvcpuinfo), -ESRCH);
}

static void affinities(void **state)
{
	struct xen_domctl_vcpuaffinity *a = &op->u.vcpuaffinity;
	uint8_t *hard = (uint8_t *)array, *soft = hard + 16;
	const struct xenctl_bitmap map = {.bitmap = (uint64_t)hard, .nr_bits = 64};

	*a = (struct xen_domctl_vcpuaffinity){.cpumap_hard = map, .cpumap_soft = map};
	a->cpumap_soft.bitmap = (uint64_t)soft;
	assert_int_equal(asks(XEN_DOMCTL_setvcpuaffinity), -EINVAL);
	a->flags = XEN_VCPUAFFINITY_SOFT;
	assert_int_equal(asks(XEN_DOMCTL_setvcpuaffinity), 0);
	a->flags = XEN_VCPUAFFINITY_HARD;
	memset(hard, 0xff, 12);
	assert_int_equal(asks(XEN_DOMCTL_setvcpuaffinity), 0);
	assert_done("cpus ffffffff;");
	assert_int_equal(array[0], 3); /* the CPUs that there are */
	assert_int_equal(hard[8], 0xff);
	array[0] = 4;
	assert_int_equal(asks(XEN_DOMCTL_setvcpuaffinity), -EINVAL);
	array[0] = 0xff;
	a->cpumap_hard.nr_bits = 2;
	assert_int_equal(asks(XEN_DOMCTL_setvcpuaffinity), 0);
	assert_done("cpus 3;");
	a->cpumap_hard.nr_bits = 32;
	memset(hard, 0xff, 4);
	assert_int_equal(asks(XEN_DOMCTL_setvcpuaffinity), 0);
	assert_done("cpus ffffffff;");
	a->cpumap_hard.nr_bits = 2;
	memset(hard, 0xff, 32);
	a->flags = XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT;
	a->cpumap_soft.nr_bits = 40;
	assert_int_equal(asks(XEN_DOMCTL_getvcpuaffinity), 0);
	assert_int_equal(hard[0], 3);
	assert_int_equal(hard[1], 0xff);
	assert_int_equal(soft[0], 3);
	assert_int_equal(soft[4], 0);
	assert_int_equal(soft[5], 0xff);
	a->flags = 0;
	hard[0] = soft[0] = 9;
	assert_int_equal(asks(XEN_DOMCTL_getvcpuaffinity), -EINVAL);
	assert_int_equal(hard[0] + soft[0], 18);
	a->flags = XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT;
	a->cpumap_hard.nr_bits = CPUMAP_BITS_MAX + 1;
	assert_int_equal(asks(XEN_DOMCTL_getvcpuaffinity), -E2BIG);
	a->cpumap_hard.nr_bits = CPUMAP_BITS_MAX;
	assert_int_equal(asks(XEN_DOMCTL_getvcpuaffinity), 0);
	a->cpumap_hard = (struct xenctl_bitmap){.bitmap = NOWHERE, .nr_bits = 8};
	assert_int_equal(asks(XEN_DOMCTL_getvcpuaffinity), -EFAULT);
	assert_int_equal(asks(XEN_DOMCTL_setvcpuaffinity), -EFAULT);
	assert_done("");
	a->vcpu = 1; /* not there; 2 is, but beyond the limit */
	assert_int_equal(asks(XEN_DOMCTL_setvcpuaffinity), -ESRCH);
	assert_int_equal(asks(XEN_DOMCTL_getvcpuaffinity), -ESRCH);
	a->vcpu = 2;
	assert_int_equal(asks(XEN_DOMCTL_setvcpuaffinity), -EINVAL);
	assert_int_equal(asks(XEN_DOMCTL_getvcpuaffinity), -EINVAL);
	nr_cpus = 32;
	assert_int_equal(cpumap_all(), ~0u);
	nr_cpus = 31;
	assert_int_equal(cpumap_all(), ~0u >> 1);
	nr_cpus = 2;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(contexts_in),
	    TEST(contexts_out),
	    TEST(infos),
	    TEST(affinities),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
