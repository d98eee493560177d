/* SPDX-License-Identifier: MIT */
/*
 * Dom0's operations on domains and on the machine, with arguments that no tool gives: numbers of domains and vCPUs that there are
 * not, structures and lists where there is no memory, counts and sizes that are too large or overflow, states that were
 * forged, policies with everything in them. Each is refused, or does what it may; nothing is written behind what there is room
 * for; and no domain may have more than the machine's guests may.
 */
#include "control.h"
#include "fw.h"
#include "xen/arch-x86/xen-mca.h"
#include "xen/hypfs.h"
#include "xen/platform.h"

const char test_title[] = "attack-control";

#define CANARY 0x5a
#define LEAVES 120
#define STATE  848 /* bytes of extended registers */

static const unsigned long bad[] = BAD_POINTERS;
static unsigned char room[8192];
static struct xen_cpuid_leaf most[LEAVES], has[LEAVES], leaf;

static void clear(void)
{
	__builtin_memset(&op, 0, sizeof(op));
	__builtin_memset(&sys, 0, sizeof(sys));
	__builtin_memset(room, CANARY, sizeof(room));
}

static domid_t create(void)
{
	domid_t dom;

	clear();
	op.u.createdomain = (struct xen_domctl_createdomain){.max_vcpus = 1,
							     .max_evtchn_port = -1,
							     .max_grant_frames = 1,
							     .max_maptrack_frames = 1,
							     .grant_opts = 1};
	check_eq(domctl(XEN_DOMCTL_createdomain, 0), 0);
	dom = op.domain;
	clear();
	op.u.max_vcpus.max = 1;
	check_eq(domctl(XEN_DOMCTL_max_vcpus, dom), 0);
	return dom;
}

/* Whatever it is asked: there is no such domain. */
static void no_domain(domid_t dead)
{
	const domid_t none[] = {DOMID_SELF, DOMID_IO, DOMID_XEN, DOMID_COW, DOMID_IDLE,
				0x7fff,     0x8000,   0xffff,    0x7fef,    dead};

	for (unsigned cmd = 2; cmd < 100; cmd++)
		for (unsigned i = 0; i < ARRAY_SIZE(none); i++) {
			clear();
			check_eq(domctl(cmd, none[i]), -XEN_ESRCH);
		}
}

static void no_vcpu(domid_t dom)
{
	static const unsigned by_number[] = {
	    XEN_DOMCTL_setvcpucontext,      XEN_DOMCTL_getvcpucontext,  XEN_DOMCTL_getvcpuinfo,
	    XEN_DOMCTL_setvcpuaffinity,     XEN_DOMCTL_getvcpuaffinity, XEN_DOMCTL_set_ext_vcpucontext,
	    XEN_DOMCTL_get_ext_vcpucontext, XEN_DOMCTL_setvcpuextstate, XEN_DOMCTL_getvcpuextstate,
	    XEN_DOMCTL_get_vcpu_msrs,       XEN_DOMCTL_set_vcpu_msrs};
	static const uint32_t none[] = {1, 31, 32, 64, 255, 256, 0x7fffffff, 0x80000000, ~0u};

	for (unsigned i = 0; i < ARRAY_SIZE(none); i++) {
		for (unsigned j = 0; j < ARRAY_SIZE(by_number); j++) {
			int rc;

			clear();
			*(uint32_t *)op.u.pad = none[i];
			rc = domctl(by_number[j], dom);
			check(rc == -XEN_EINVAL || rc == -XEN_ESRCH);
		}
		clear();
		op.u.sendtrigger.vcpu = none[i];
		check_eq(domctl(XEN_DOMCTL_sendtrigger, dom), -XEN_ESRCH);
	}
}

static void no_structure(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		check_eq(hypercall_domctl((void *)bad[i]), -XEN_EFAULT);
		check_eq(hypercall_sysctl((void *)bad[i]), -XEN_EFAULT);
		check_eq(hypercall_platform_op((void *)bad[i]), -XEN_EFAULT);
		check_eq(hypercall_mca((void *)bad[i]), -XEN_EFAULT);
		check_eq(hypercall_hypfs_op(XEN_HYPFS_OP_read, (void *)bad[i], 20, room, sizeof(room)),
			 -XEN_EFAULT);
	}
}

/* Operations with a list in memory: where its address is, and what they need to come so far. */
struct list {
	unsigned cmd, at;
	struct {
		unsigned at;
		uint32_t value;
	} with[2];
};

static const struct list domctl_lists[] = {
    {XEN_DOMCTL_setvcpucontext, 8, {}},
    {XEN_DOMCTL_setvcpuaffinity, 8, {{4, XEN_VCPUAFFINITY_HARD}, {16, 8}}},
    {XEN_DOMCTL_getvcpuaffinity, 8, {{4, XEN_VCPUAFFINITY_HARD}, {16, 8}}},
    {XEN_DOMCTL_getpageframeinfo3, 8, {{0, 1}}},
    {XEN_DOMCTL_setvcpuextstate, 24, {{16, STATE}}},
    {XEN_DOMCTL_setnodeaffinity, 0, {{8, 8}}},
    {XEN_DOMCTL_getnodeaffinity, 0, {{8, 8}}},
    {XEN_DOMCTL_get_cpu_policy, 8, {{0, LEAVES}}},
    {XEN_DOMCTL_get_cpu_policy, 16, {{4, 2}}},
    {XEN_DOMCTL_set_cpu_policy, 8, {{0, 1}}},
    {XEN_DOMCTL_set_cpu_policy, 16, {{4, 1}}},
};

static const struct list sysctl_lists[] = {
    {XEN_SYSCTL_readconsole, 8, {{16, 10}}},
    {XEN_SYSCTL_getdomaininfolist, 8, {{4, 10}}},
    {XEN_SYSCTL_getcpuinfo, 8, {{0, 10}}},
    {XEN_SYSCTL_cputopoinfo, 8, {{0, 10}}},
    {XEN_SYSCTL_numainfo, 8, {{0, 1}}},
    {XEN_SYSCTL_numainfo, 16, {{0, 1}}},
    {XEN_SYSCTL_cpupool_op, 24, {{0, XEN_SYSCTL_CPUPOOL_OP_INFO}, {32, 8}}},
    {XEN_SYSCTL_cpupool_op, 24, {{0, XEN_SYSCTL_CPUPOOL_OP_FREEINFO}, {32, 8}}},
    {XEN_SYSCTL_pcitopoinfo, 16, {{0, 10}}},
    {XEN_SYSCTL_get_cpu_featureset, 8, {{0, 1}, {4, 10}}},
    {XEN_SYSCTL_get_cpu_policy, 16, {{0, 1}, {4, LEAVES}}},
    {XEN_SYSCTL_get_cpu_policy, 24, {{0, 1}, {8, 2}}},
};

static void fill(unsigned char *u, const struct list *l, unsigned long address)
{
	for (unsigned i = 0; i < ARRAY_SIZE(l->with); i++)
		if (l->with[i].value)
			*(uint32_t *)(u + l->with[i].at) = l->with[i].value;
	*(uint64_t *)(u + l->at) = address;
}

static void no_memory(domid_t dom)
{
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		for (unsigned j = 0; j < ARRAY_SIZE(domctl_lists); j++) {
			clear();
			fill(op.u.pad, &domctl_lists[j], bad[i]);
			check_eq(domctl(domctl_lists[j].cmd, dom), -XEN_EFAULT);
		}
		for (unsigned j = 0; j < ARRAY_SIZE(sysctl_lists); j++) {
			clear();
			fill(sys.u.pad, &sysctl_lists[j], bad[i]);
			check_eq(sysctl(sysctl_lists[j].cmd), -XEN_EFAULT);
		}
	}
}

static bool untouched_from(unsigned at)
{
	while (at < sizeof(room) && room[at] == CANARY)
		at++;
	return at == sizeof(room);
}

/* As many as there can be: what there is fits into a page, or is refused. */
static void too_many(domid_t dom)
{
	static const unsigned fitting[] = {
	    0, 1, 2, 3, 9, 10, 11}; /* of sysctl_lists, with the count first named there last */

	for (unsigned j = 0; j < ARRAY_SIZE(fitting); j++) {
		const struct list *l = &sysctl_lists[fitting[j]];
		unsigned last = l->with[1].value ? 1 : 0;

		clear();
		fill(sys.u.pad, l, (unsigned long)room);
		*(uint32_t *)(sys.u.pad + l->with[last].at) = ~0u;
		check_eq(sysctl(l->cmd), 0);
		check(untouched_from(4096));
	}
	for (unsigned bits = 4097; bits; bits = bits == 4097 ? 0x7fffffff : bits == 0x7fffffff ? ~0u : 0) {
		for (unsigned j = 1; j < 7; j++) {
			if (j == 3 || j == 4)
				continue;
			clear();
			fill(op.u.pad, &domctl_lists[j], (unsigned long)room);
			*(uint32_t *)(op.u.pad + domctl_lists[j].at + 8) = bits;
			check_eq(domctl(domctl_lists[j].cmd, dom), -XEN_E2BIG);
			check(untouched_from(0));
		}
		clear();
		op.u.getpageframeinfo3.num = bits;
		set_xen_guest_handle(op.u.getpageframeinfo3.array, (void *)room);
		check_eq(domctl(XEN_DOMCTL_getpageframeinfo3, dom), -XEN_E2BIG);
		clear();
		op.u.cpu_policy.nr_leaves = bits;
		check_eq(domctl(XEN_DOMCTL_set_cpu_policy, dom), -XEN_E2BIG);
		clear();
		op.u.cpu_policy.nr_msrs = bits;
		check_eq(domctl(XEN_DOMCTL_set_cpu_policy, dom), -XEN_E2BIG);
		clear();
		op.u.vcpu_msrs.msr_count = bits;
		check_eq(domctl(XEN_DOMCTL_set_vcpu_msrs, dom), -XEN_EINVAL);
	}
}

/* Extended registers of every size; into what is too small nothing comes. */
static void sizes(domid_t dom)
{
	bool there;

	clear();
	check_eq(domctl(XEN_DOMCTL_getvcpuextstate, dom), 0);
	there = op.u.vcpuextstate.size;
	for (unsigned size = 0; size < STATE + 70; size++) {
		int rc;

		clear();
		op.u.vcpuextstate.size = size;
		set_xen_guest_handle(op.u.vcpuextstate.buffer, (void *)room);
		rc = domctl(XEN_DOMCTL_getvcpuextstate, dom);
		check_eq(rc, there && size < STATE ? -XEN_EINVAL : 0);
		check(untouched_from(there && size >= STATE ? STATE : 0));
		op.u.vcpuextstate.size = size;
		rc = domctl(XEN_DOMCTL_setvcpuextstate, dom);
		check(rc == -XEN_EINVAL || size == 16 || size == STATE); /* of canaries or of what was read */
	}
	for (unsigned bit = 0; bit < 64; bit++) {
		clear();
		op.u.vcpuextstate.size = 1ull << bit;
		set_xen_guest_handle(op.u.vcpuextstate.buffer, (void *)room);
		check_eq(domctl(XEN_DOMCTL_setvcpuextstate, dom), bit == 4 ? 0 : -XEN_EINVAL);
	}
}

static unsigned policy(domid_t dom, struct xen_cpuid_leaf *to)
{
	clear();
	op.u.cpu_policy.nr_leaves = LEAVES;
	set_xen_guest_handle(op.u.cpu_policy.leaves, to);
	check_eq(domctl(XEN_DOMCTL_get_cpu_policy, dom), 0);
	return op.u.cpu_policy.nr_leaves;
}

static bool is_features(const struct xen_cpuid_leaf *l)
{
	return l->leaf == 7 || l->leaf == 0x80000001 || l->leaf == 0x80000007 ||
	       (l->leaf == 0xd && l->subleaf == 1);
}

/* Each leaf with everything in it, alone. */
static void greed(domid_t dom)
{
	unsigned n = policy(dom, most), taken = 0;

	for (unsigned i = 0; i < n; i++) {
		unsigned m;
		int rc;

		leaf = most[i];
		leaf.a = leaf.b = leaf.c = leaf.d = ~0u;
		clear();
		op.u.cpu_policy.nr_leaves = 1;
		set_xen_guest_handle(op.u.cpu_policy.leaves, &leaf);
		rc = domctl(XEN_DOMCTL_set_cpu_policy, dom);
		check(!rc || (rc == -XEN_EINVAL && op.u.cpu_policy.err_leaf == leaf.leaf));
		taken += !rc;
		m = policy(dom, has);
		check_eq(m, n);
		for (unsigned j = 0; j < m; j++) {
			check(has[j].leaf == most[j].leaf && has[j].subleaf == most[j].subleaf);
			if (is_features(&has[j]))
				check(!(has[j].b & ~most[j].b) && !(has[j].c & ~most[j].c) &&
				      !(has[j].d & ~most[j].d));
			if (has[j].leaf == 1)
				check(!(has[j].c & ~most[j].c) && !(has[j].d & ~most[j].d));
			if (has[j].leaf == 0 || has[j].leaf == 0x80000000)
				check(has[j].a <= most[j].a);
		}
	}
	printk("%u leaves, %u were taken with all bits\n", n, taken);
}

static void of_itself(void)
{
	static const unsigned refused[] = {
	    XEN_DOMCTL_setvcpucontext,  XEN_DOMCTL_getvcpucontext, XEN_DOMCTL_set_ext_vcpucontext,
	    XEN_DOMCTL_setvcpuextstate, XEN_DOMCTL_set_cpu_policy, XEN_DOMCTL_settscinfo,
	    XEN_DOMCTL_resumedomain,    XEN_DOMCTL_pausedomain,    XEN_DOMCTL_destroydomain};

	for (unsigned i = 0; i < ARRAY_SIZE(refused); i++) {
		clear();
		check_eq(domctl(refused[i], 0), -XEN_EINVAL);
	}
}

void test_main(void)
{
	domid_t dom = create();

	no_domain(dom + 1);
	no_vcpu(dom);
	no_structure();
	no_memory(dom);
	too_many(dom);
	sizes(dom);
	greed(dom);
	of_itself();
	clear();
	check_eq(domctl(XEN_DOMCTL_destroydomain, dom), 0);
	no_domain(dom);
}
