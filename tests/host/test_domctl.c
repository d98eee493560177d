/* SPDX-License-Identifier: MIT */
/*
 * Specification: the hypercall domctl (hypervisor/dom/domctl_op.c), with the mechanisms written down.
 *   create    what a new domain cannot be is refused before it is there; its limits are what was asked for
 *   caller    nothing that stops it, or waits for it, is done to it
 *   state     of a dying domain, nothing but looking and finishing; the first unpause brings one to life
 *   pauses    are counted, up to a limit, and given back only by the domain that took them
 *   frames    a hypercall page is written into memory that may be written; what kind a frame is, and whose
 *   policy    only the scheduler's own parameters are read and changed, by its policy
 *   resume    is for others
 *   answers   come back if it went well and there are any, or say what would have been right; references, memory and the lock are let go on every way
 */
#include "domctl_host.h"

static void creates(void **state)
{
	struct xen_domctl_createdomain *c = &op->u.createdomain,
				       good = {.max_vcpus = 2, .max_evtchn_port = 1023};

	*c = good;
	c->ssidref = 8;
	c->handle[15] = 9;
	op->domain = 0;
	assert_int_equal(asks(XEN_DOMCTL_createdomain), 0);
	assert_int_equal(op->domain, 2);
	assert_int_equal(doms[2].max_vcpus, 2);
	assert_int_equal(doms[2].evt.max_port, 1023);
	assert_int_equal(doms[2].dom.ssidref, 8);
	assert_int_equal(doms[2].dom.uuid[15], 9);
	assert_done("create -1 64;limits 0 0;quota d2;");
	c->max_evtchn_port = ~0u;
	c->flags = RINGLET_CDF_fv | RINGLET_CDF_fv_nopatch | XEN_DOMCTL_CDF_xs_domain;
	c->max_vcpus = MAX_VCPUS;
	op->domain = DOMID_FIRST_RESERVED - 1;
	assert_int_equal(asks(XEN_DOMCTL_createdomain), 0);
	assert_true(doms[2].dom.fv_nopatch);
	assert_int_equal(doms[2].evt.max_port, 4095);
	op->domain = DOMID_FIRST_RESERVED;
	*c = good;
	result = -EEXIST;
	assert_int_equal(asks(XEN_DOMCTL_createdomain), -EEXIST);
	assert_int_equal(c->ssidref, 99); /* there is no answer */
	assert_int_equal(op->domain, DOMID_FIRST_RESERVED);
	assert_done("create 32751 fv;limits 0 0;quota d2;create -1 64;");
	for (int i = 0; i < 7; i++) {
		*c = good;
		if (i == 0)
			c->flags = XEN_DOMCTL_CDF_hvm;
		if (i == 1)
			c->arch.emulation_flags = 1;
		if (i == 2)
			c->vmtrace_size = 1;
		if (i == 3)
			c->cpupool_id = 1;
		if (i == 4)
			c->max_vcpus = 0;
		if (i == 5)
			c->max_vcpus = MAX_VCPUS + 1;
		if (i == 6)
			c->max_grant_frames = 99;
		assert_int_equal(asks(XEN_DOMCTL_createdomain), -EINVAL);
	}
	*c = good;
	c->flags = RINGLET_CDF_fv;
	guest_kinds[KIND_FV] = NULL; /* it is not built in */
	assert_int_equal(asks(XEN_DOMCTL_createdomain), -EOPNOTSUPP);
	assert_done("");
}

static void numbers_of_vcpus(void **state)
{
	struct xen_domctl_max_vcpus *m = &op->u.max_vcpus;

	m->max = 2;
	of_others(XEN_DOMCTL_max_vcpus);
	m->max = 1;
	assert_int_equal(asks(XEN_DOMCTL_max_vcpus), -EINVAL);
	m->max = 2;
	assert_int_equal(asks(XEN_DOMCTL_max_vcpus), 0);
	assert_int_equal(asks(XEN_DOMCTL_max_vcpus), 0);
	assert_done("new v1;");
	doms[1].vcpu[0] = doms[1].vcpu[1] = NULL;
	work_after = looks + 1;
	assert_int_equal(asks(XEN_DOMCTL_max_vcpus), RESTARTED);
	assert_int_equal(restart_nr, __HYPERVISOR_domctl);
	assert_int_equal(restart_args[0], (uint64_t)op);
	doms[1].vcpu[0] = NULL;
	result = -ENOMEM;
	assert_int_equal(asks(XEN_DOMCTL_max_vcpus), -ENOMEM);
	doms[1].vcpu[0] = NULL;
	work_after = looks + 1; /* whatever waits, it is no use to come again */
	assert_int_equal(asks(XEN_DOMCTL_max_vcpus), -ENOMEM);
	assert_done("new v0;new v0;new v0;");
}

static void ends(void **state)
{
	of_others(XEN_DOMCTL_destroydomain);
	assert_int_equal(asks(XEN_DOMCTL_destroydomain), 0);
	result = -ERESTART;
	assert_int_equal(asks(XEN_DOMCTL_destroydomain), RESTARTED);
	assert_done("end d1;end d1;");
	doms[1].state = DOMAIN_DEAD;
	assert_int_equal(asks(XEN_DOMCTL_destroydomain), 0);
	assert_done("");
	dom0 = &doms[1]; /* any caller */
	doms[1].state = DOMAIN_ALIVE;
	assert_int_equal(asks(XEN_DOMCTL_destroydomain), -EINVAL);
	of_others(XEN_DOMCTL_destroydomain);
	dom0 = &doms[0];
}

static void pauses(void **state)
{
	doms[0].dom.controller_pauses = 1;
	of_others(XEN_DOMCTL_pausedomain);
	of_others(XEN_DOMCTL_unpausedomain);
	assert_int_equal(asks(XEN_DOMCTL_unpausedomain), -EINVAL);
	doms[1].state = DOMAIN_BUILDING;
	assert_int_equal(asks(XEN_DOMCTL_pausedomain), 0);
	assert_int_equal(doms[1].dom.controller_pauses, 1);
	assert_int_equal(doms[1].state, DOMAIN_BUILDING);
	assert_int_equal(asks(XEN_DOMCTL_unpausedomain), 0);
	assert_int_equal(doms[1].state, DOMAIN_ALIVE);
	assert_int_equal(doms[1].dom.controller_pauses, 0);
	assert_done("pause d1;unpause d1;");
	doms[1].dom.controller_pauses = PAUSE_MAX - 1;
	assert_int_equal(asks(XEN_DOMCTL_pausedomain), 0);
	assert_int_equal(asks(XEN_DOMCTL_pausedomain), -EOVERFLOW);
	assert_done("pause d1;");
	doms[1].state = DOMAIN_SHUTDOWN;
	assert_int_equal(asks(XEN_DOMCTL_unpausedomain), 0);
	assert_int_equal(doms[1].state, DOMAIN_SHUTDOWN);
}

static void dying(void **state)
{
	static const uint32_t refused[] = {
	    XEN_DOMCTL_pausedomain,       XEN_DOMCTL_unpausedomain,    XEN_DOMCTL_max_mem,
	    XEN_DOMCTL_max_vcpus,         XEN_DOMCTL_set_address_size, XEN_DOMCTL_get_address_size,
	    XEN_DOMCTL_hypercall_init,    XEN_DOMCTL_settimeoffset,    XEN_DOMCTL_setdomainhandle,
	    XEN_DOMCTL_getpageframeinfo3, XEN_DOMCTL_scheduler_op,     XEN_DOMCTL_getvcpuinfo};

	doms[1].dom.controller_pauses = 1;
	for (doms[1].state = DOMAIN_DYING; doms[1].state <= DOMAIN_DEAD; doms[1].state++)
		for (unsigned i = 0; i < ARRAY_SIZE(refused); i++)
			assert_int_equal(asks(refused[i]), -ESRCH);
	assert_int_equal(asks(XEN_DOMCTL_getdomaininfo), 0);
	assert_int_equal(op->u.getdomaininfo.max_pages, 1234);
	assert_done("");
}

static void kinds(void **state)
{
	op->u.address_size.size = 32;
	of_others(XEN_DOMCTL_set_address_size);
	assert_int_equal(asks(XEN_DOMCTL_set_address_size), 0);
	op->u.address_size.size = 64;
	result = -EACCES;
	assert_int_equal(asks(XEN_DOMCTL_set_address_size), -EACCES);
	op->u.address_size.size = 16;
	assert_int_equal(asks(XEN_DOMCTL_set_address_size), -EINVAL);
	assert_done("kind 32;kind 64;");
	assert_int_equal(asks(XEN_DOMCTL_get_address_size), 0);
	assert_int_equal(op->u.address_size.size, 64);
	op->u.max_mem.max_memkb = 4 * 300 + 3;
	assert_int_equal(asks(XEN_DOMCTL_max_mem), 0);
	assert_int_equal(doms[1].mm.max_pages, 300);
	op->u.settimeoffset.time_offset_seconds = -5;
	assert_int_equal(asks(XEN_DOMCTL_settimeoffset), 0);
	assert_done("quota d1;clock -5;");
	op->u.setdomainhandle.handle[3] = 4;
	assert_int_equal(asks(XEN_DOMCTL_setdomainhandle), 0);
	assert_int_equal(doms[1].dom.uuid[3], 4);
	assert_int_equal(asks(XEN_DOMCTL_max_vcpus + 1000), -ENOSYS);
}

static void which(void **state)
{
	op->domain = 9;
	assert_int_equal(asks(XEN_DOMCTL_pausedomain), -ESRCH);
	assert_int_equal(asks(XEN_DOMCTL_getdomaininfo), -ESRCH);
	op->domain = DOMID_FIRST_RESERVED;
	assert_int_equal(asks(XEN_DOMCTL_pausedomain), -ESRCH);
	op->domain = DOMID_SELF;
	assert_int_equal(asks(XEN_DOMCTL_pausedomain), -ESRCH);
	assert_int_equal(asks(XEN_DOMCTL_getdomaininfo), -ESRCH);
	op->domain = 0;
	assert_int_equal(asks(XEN_DOMCTL_getdomaininfo), 0);
	assert_int_equal(op->domain, 1);
	op->interface_version++;
	assert_int_equal(asks(XEN_DOMCTL_getdomaininfo), -EACCES);
	assert_int_equal(hc_domctl(NOWHERE - 8), -EFAULT);
}

static void hypercall_pages(void **state)
{
	frames[2].type = PGT_KEY_OF(PGT_WRITABLE);
	frames[3].type = PGT_KEY_OF(PGT_L1);
	op->u.hypercall_init.gmfn = 2;
	assert_int_equal(asks(XEN_DOMCTL_hypercall_init), 0);
	assert_done("fill 2;");
	op->u.hypercall_init.gmfn = 3;
	assert_int_equal(asks(XEN_DOMCTL_hypercall_init), -EPERM);
	op->u.hypercall_init.gmfn = 7;
	assert_int_equal(asks(XEN_DOMCTL_hypercall_init), -EACCES);
	assert_done("");
}

static void frame_kinds(void **state)
{
	struct xen_domctl_getpageframeinfo3 *p = &op->u.getpageframeinfo3;
	static const uint64_t expected[] = {XEN_DOMCTL_PFINFO_NOTAB,
					    1ul << XEN_DOMCTL_PFINFO_LTAB_SHIFT,
					    4ul << XEN_DOMCTL_PFINFO_LTAB_SHIFT | XEN_DOMCTL_PFINFO_LPINTAB,
					    XEN_DOMCTL_PFINFO_NOTAB,
					    XEN_DOMCTL_PFINFO_NOTAB,
					    XEN_DOMCTL_PFINFO_XTAB};

	frames[1].type = PGT_KEY_OF(PGT_L1);
	frames[2].type = PGT_KEY_OF(PGT_L4) | PGT_PINNED;
	frames[3].type = PGT_KEY_OF(PGT_SEGDESC);
	frames[4].type = PGT_KEY_OF(PGT_WRITABLE);
	for (unsigned i = 0; i < 6; i++)
		array[i] = i == 5 ? 7 : i;
	*p = (struct xen_domctl_getpageframeinfo3){.num = 6, .array = (uint64_t)array};
	assert_int_equal(asks(XEN_DOMCTL_getpageframeinfo3), 0);
	assert_memory_equal(array, expected, sizeof(expected));
	assert_int_equal(p->num, 6); /* the structure is as it was */
	p->num = PAGEFRAME_MAX + 1;
	assert_int_equal(asks(XEN_DOMCTL_getpageframeinfo3), -E2BIG);
	p->num = PAGEFRAME_MAX;
	looks = 0;
	assert_int_equal(asks(XEN_DOMCTL_getpageframeinfo3), 0);
	assert_int_equal(looks, PAGEFRAME_MAX / FRAMES_PER_CHECK);
	looks = 0;
	work_after = 2;
	assert_int_equal(asks(XEN_DOMCTL_getpageframeinfo3), RESTARTED);
	assert_int_equal(p->num, PAGEFRAME_MAX - 2 * FRAMES_PER_CHECK);
	assert_int_equal(p->array, (uint64_t)(array + 2 * FRAMES_PER_CHECK));
	*p = (struct xen_domctl_getpageframeinfo3){.num = 2, .array = NOWHERE - 8};
	assert_int_equal(asks(XEN_DOMCTL_getpageframeinfo3), -EFAULT);
	doms[0].abi = &guest_pv32; /* a caller with words of four bytes */
	((uint32_t *)array)[0] = 1;
	((uint32_t *)array)[1] = 7;
	*p = (struct xen_domctl_getpageframeinfo3){.num = 2, .array = (uint64_t)array};
	assert_int_equal(asks(XEN_DOMCTL_getpageframeinfo3), 0);
	assert_int_equal(((uint32_t *)array)[1], XEN_DOMCTL_PFINFO_XTAB);
}

static long adjusted(struct domain *d, struct xen_domctl_scheduler_op *s)
{
	assert_ptr_equal(d, &doms[1]);
	s->u.credit.weight++;
	return s->u.credit.cap ? -ERANGE : 0;
}

/* The policy answers, if it is the one that is asked and has anything to adjust. */
static void parameters(void **state)
{
	static const struct sched_policy none = {.sched_id = 5}, some = {.sched_id = 5, .adjust = adjusted};
	struct xen_domctl_scheduler_op *s = &op->u.scheduler_op;

	for (uint32_t cmd = 0; cmd < 4; cmd++) {
		bool gets = cmd == XEN_DOMCTL_SCHEDOP_getinfo || cmd == XEN_DOMCTL_SCHEDOP_getvcpuinfo;

		*s = (struct xen_domctl_scheduler_op){.sched_id = 5, .cmd = cmd, .u.credit.weight = 7};
		sched_policy = &none;
		assert_int_equal(asks(XEN_DOMCTL_scheduler_op), -EOPNOTSUPP);
		sched_policy = &some;
		assert_int_equal(asks(XEN_DOMCTL_scheduler_op), 0);
		assert_int_equal(s->u.credit.weight, gets ? 8 : 7);
		s->u.credit.cap = 1;
		assert_int_equal(asks(XEN_DOMCTL_scheduler_op), -ERANGE);
		s->u.credit.cap = 0;
		s->sched_id = 6;
		assert_int_equal(asks(XEN_DOMCTL_scheduler_op), -EINVAL);
	}
	*s = (struct xen_domctl_scheduler_op){.sched_id = 5, .cmd = 4};
	assert_int_equal(asks(XEN_DOMCTL_scheduler_op), -EINVAL);
}

/* An answer comes back if there is too little room for it, and what a policy that is refused was refused for. */
static void policies_of_cpuid(void **state)
{
	op->domain = 1;
	assert_int_equal(asks(XEN_DOMCTL_get_cpu_policy), 0);
	assert_int_equal(op->u.cpu_policy.nr_leaves, 7);
	op->u.cpu_policy.nr_leaves = 0;
	result = -ENOBUFS;
	assert_int_equal(asks(XEN_DOMCTL_get_cpu_policy), -ENOBUFS);
	assert_int_equal(op->u.cpu_policy.nr_leaves, 7);
	result = -EINVAL;
	assert_int_equal(asks(XEN_DOMCTL_set_cpu_policy), -EINVAL);
	assert_int_equal(op->u.cpu_policy.err_leaf, 8);
	op->u.cpu_policy.nr_leaves = 0;
	assert_int_equal(asks(XEN_DOMCTL_get_cpu_policy), -EINVAL);
	assert_int_equal(op->u.cpu_policy.nr_leaves, 0);
	assert_done("policy of d1;policy of d1;policy for d1;policy of d1;");
}

static void resumes(void **state)
{
	of_others(XEN_DOMCTL_resumedomain);
	assert_int_equal(asks(XEN_DOMCTL_resumedomain), 0);
	assert_done("resume d1;");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(creates),
	    TEST(numbers_of_vcpus),
	    TEST(ends),
	    TEST(pauses),
	    TEST(dying),
	    TEST(kinds),
	    TEST(which),
	    TEST(hypercall_pages),
	    TEST(frame_kinds),
	    TEST(parameters),
	    TEST(policies_of_cpuid),
	    TEST(resumes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
