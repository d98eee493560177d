/* SPDX-License-Identifier: MIT */
/*
 * domctl and sysctl, as Debian's xl uses them around a domain's life: CPUID policies are listed, in order, what is set is
 * cut down to what guests may have, and refused, with the leaf's number, if another machine's guests would have it; extended registers and the second half of a vCPU's entry points come back as they were
 * set, and what the processor would choke on is refused; the pool, the nodes, the time stamp counter and the features are
 * told as they are; a domain that was stopped goes on. No argument does more than give an error: addresses that
 * are none give -EFAULT, too little room -ENOBUFS.
 */
#include "control.h"
#include "fw.h"

const char test_title[] = "hc-domctl-state";

#define NOWHERE 8ul
#define LEAVES  120

static struct xen_cpuid_leaf leaf[LEAVES], again[LEAVES];
static struct xen_msr_entry msr[2];

static domid_t create(void)
{
	domid_t dom;

	__builtin_memset(&op, 0, sizeof(op));
	op.u.createdomain.max_vcpus = 1;
	op.u.createdomain.max_evtchn_port = -1;
	op.u.createdomain.max_grant_frames = 1;
	op.u.createdomain.max_maptrack_frames = 1;
	op.u.createdomain.grant_opts = 1;
	check_eq(domctl(XEN_DOMCTL_createdomain, 0), 0);
	dom = op.domain;
	__builtin_memset(&op, 0, sizeof(op));
	op.u.max_vcpus.max = 1;
	check_eq(domctl(XEN_DOMCTL_max_vcpus, dom), 0);
	return dom;
}

/* ---- policies ---- */

static int machine_policy(unsigned index, unsigned nr_leaves, unsigned nr_msrs)
{
	__builtin_memset(&sys, 0, sizeof(sys));
	sys.u.cpu_policy =
	    (struct xen_sysctl_cpu_policy){.index = index, .nr_leaves = nr_leaves, .nr_msrs = nr_msrs};
	set_xen_guest_handle(sys.u.cpu_policy.leaves, leaf);
	set_xen_guest_handle(sys.u.cpu_policy.msrs, msr);
	return sysctl(XEN_SYSCTL_get_cpu_policy);
}

static const struct xen_cpuid_leaf *find(const struct xen_cpuid_leaf *list, unsigned n, uint32_t which,
					 uint32_t sub)
{
	for (unsigned i = 0; i < n; i++)
		if (list[i].leaf == which && list[i].subleaf == sub)
			return &list[i];
	return NULL;
}

static bool before(const struct xen_cpuid_leaf *a, const struct xen_cpuid_leaf *b)
{
	return a->leaf != b->leaf ? a->leaf < b->leaf : a->subleaf < b->subleaf;
}

static void machine_policies(void)
{
	unsigned n;

	__builtin_memset(&sys, 0, sizeof(sys));
	check_eq(sysctl(XEN_SYSCTL_get_cpu_policy), 0);
	check_eq(sys.u.cpu_policy.nr_leaves, LEAVES);
	check_eq(sys.u.cpu_policy.nr_msrs, 2);
	for (unsigned index = 0; index <= XEN_SYSCTL_cpu_policy_pv_default; index++) {
		if (index == XEN_SYSCTL_cpu_policy_hvm_max)
			continue;
		check_eq(machine_policy(index, LEAVES, 2), 0);
		n = sys.u.cpu_policy.nr_leaves;
		check(n > 20 && n <= LEAVES);
		for (unsigned i = 1; i < n; i++)
			check(before(&leaf[i - 1], &leaf[i]));
		check(find(leaf, n, 1, XEN_CPUID_NO_SUBLEAF) && find(leaf, n, 7, 0) &&
		      find(leaf, n, 0x80000001, XEN_CPUID_NO_SUBLEAF));
		check_eq(machine_policy(index, n - 1, 2), -XEN_ENOBUFS);
		check_eq(sys.u.cpu_policy.nr_leaves, n);
		check_eq(machine_policy(index, n, 1), -XEN_ENOBUFS);
	}
	/* What guests get is no more than what there is. */
	machine_policy(XEN_SYSCTL_cpu_policy_host, LEAVES, 2);
	uint32_t host = find(leaf, sys.u.cpu_policy.nr_leaves, 7, 0)->b;
	machine_policy(XEN_SYSCTL_cpu_policy_pv_default, LEAVES, 2);
	check(!(find(leaf, sys.u.cpu_policy.nr_leaves, 7, 0)->b & ~host));
	check_eq(machine_policy(XEN_SYSCTL_cpu_policy_hvm_default, LEAVES, 2), -XEN_EOPNOTSUPP);
	check_eq(machine_policy(6, LEAVES, 2), -XEN_EINVAL);
	machine_policy(XEN_SYSCTL_cpu_policy_host, LEAVES, 2);
	set_xen_guest_handle(sys.u.cpu_policy.leaves, (struct xen_cpuid_leaf *)NOWHERE);
	check_eq(sysctl(XEN_SYSCTL_get_cpu_policy), -XEN_EFAULT);
}

static int policy(unsigned cmd, domid_t dom, struct xen_cpuid_leaf *leaves, unsigned nr_leaves,
		  unsigned nr_msrs)
{
	__builtin_memset(&op, 0, sizeof(op));
	op.u.cpu_policy = (struct xen_domctl_cpu_policy){.nr_leaves = nr_leaves, .nr_msrs = nr_msrs};
	set_xen_guest_handle(op.u.cpu_policy.leaves, leaves);
	set_xen_guest_handle(op.u.cpu_policy.msrs, msr);
	return domctl(cmd, dom);
}

static uint32_t features_of_machine(void)
{
	uint32_t a = 1, b, c, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
	return c;
}

/* A domain that was saved on another machine has seen features that this one may not have: SHA, and AVX. */
static void levelled(domid_t dom)
{
	static const struct {
		uint32_t leaf, subleaf, bit;
		bool in_b;
	} of[] = {{7, 0, 29, true}, {1, XEN_CPUID_NO_SUBLEAF, 28, false}};

	for (unsigned i = 0; i < sizeof(of) / sizeof(*of); i++) {
		check_eq(policy(XEN_DOMCTL_get_cpu_policy, dom, again, LEAVES, 2), 0);
		leaf[0] = *find(again, op.u.cpu_policy.nr_leaves, of[i].leaf, of[i].subleaf);
		uint32_t *word = of[i].in_b ? &leaf[0].b : &leaf[0].c;
		bool has = *word >> of[i].bit & 1;

		*word |= 1u << of[i].bit;
		check_eq(policy(XEN_DOMCTL_set_cpu_policy, dom, leaf, 1, 0), has ? 0 : -XEN_EINVAL);
		check_eq(op.u.cpu_policy.err_leaf, has ? ~0u : of[i].leaf);
		check_eq(op.u.cpu_policy.err_subleaf, has ? ~0u : of[i].subleaf);
		/* What is refused changes nothing. */
		*word ^= has ? 0 : 1u << of[i].bit;
		uint32_t was = *word;

		check_eq(policy(XEN_DOMCTL_get_cpu_policy, dom, leaf, LEAVES, 2), 0);
		const struct xen_cpuid_leaf *now =
		    find(leaf, op.u.cpu_policy.nr_leaves, of[i].leaf, of[i].subleaf);
		check_eq(of[i].in_b ? now->b : now->c, was);
	}
}

static void domain_policy(domid_t dom)
{
	unsigned n, i;

	check_eq(policy(XEN_DOMCTL_get_cpu_policy, dom, leaf, LEAVES, 2), 0);
	n = op.u.cpu_policy.nr_leaves;
	/* A tool takes a feature away, asks for all others of the machine, and names the guest. */
	i = find(leaf, n, 1, XEN_CPUID_NO_SUBLEAF) - leaf;
	uint32_t allowed = leaf[i].c & ~(1u << 1);
	leaf[i].c = features_of_machine() & ~(1u << 1);
	leaf[find(leaf, n, 0x80000002, XEN_CPUID_NO_SUBLEAF) - leaf].a = 0x74736574;
	check_eq(policy(XEN_DOMCTL_set_cpu_policy, dom, leaf, n, 2), 0);
	check_eq(policy(XEN_DOMCTL_get_cpu_policy, dom, again, LEAVES, 2), 0);
	check_eq(op.u.cpu_policy.nr_leaves, n);
	levelled(dom);
	check_eq(policy(XEN_DOMCTL_get_cpu_policy, dom, again, LEAVES, 2), 0);
	check_eq(again[i].c, allowed);
	check_eq(find(again, n, 0x80000002, XEN_CPUID_NO_SUBLEAF)->a, 0x74736574);
	/* One leaf alone: the others stay. */
	leaf[0] = (struct xen_cpuid_leaf){0x80000003, XEN_CPUID_NO_SUBLEAF, 1, 2, 3, 4};
	check_eq(policy(XEN_DOMCTL_set_cpu_policy, dom, leaf, 1, 0), 0);
	check_eq(policy(XEN_DOMCTL_get_cpu_policy, dom, again, LEAVES, 2), 0);
	check_eq(again[i].c, allowed);
	check_eq(find(again, n, 0x80000003, XEN_CPUID_NO_SUBLEAF)->d, 4);

	leaf[0] = (struct xen_cpuid_leaf){0, XEN_CPUID_NO_SUBLEAF, 0xffff, 0, 0, 0}; /* more than there are */
	check_eq(policy(XEN_DOMCTL_set_cpu_policy, dom, leaf, 1, 0), -XEN_EINVAL);
	check_eq(op.u.cpu_policy.err_leaf, 0);
	leaf[0] = (struct xen_cpuid_leaf){0x12345678, 3, 0, 0, 0, 0};
	check_eq(policy(XEN_DOMCTL_set_cpu_policy, dom, leaf, 1, 0), -XEN_EINVAL);
	check_eq(op.u.cpu_policy.err_leaf, 0x12345678);
	check_eq(op.u.cpu_policy.err_subleaf, 3);
	check_eq(policy(XEN_DOMCTL_set_cpu_policy, dom, leaf, LEAVES + 1, 0), -XEN_E2BIG);
	check_eq(policy(XEN_DOMCTL_set_cpu_policy, dom, leaf, 0, 3), -XEN_E2BIG);
	msr[0].val = 1;
	check_eq(policy(XEN_DOMCTL_set_cpu_policy, dom, leaf, 0, 1), -XEN_EINVAL);
	check_eq(op.u.cpu_policy.err_msr, msr[0].idx);
	msr[0].val = 0;
	check_eq(policy(XEN_DOMCTL_set_cpu_policy, dom, (void *)NOWHERE, 1, 0), -XEN_EFAULT);
	check_eq(policy(XEN_DOMCTL_set_cpu_policy, 0, leaf, 0, 0), -XEN_EINVAL); /* its own */
}

static void features(void)
{
	static uint32_t words[32];
	unsigned n;

	__builtin_memset(&sys, 0, sizeof(sys));
	check_eq(sysctl(XEN_SYSCTL_get_cpu_featureset), 0);
	n = sys.u.cpu_featureset.nr_features;
	check(n >= 10 && n < 32);
	for (unsigned index = 0; index < 8; index++) {
		int expected =
		    index > XEN_SYSCTL_cpu_featureset_hvm_max ? -XEN_EINVAL
		    : index == XEN_SYSCTL_cpu_featureset_hvm || index == XEN_SYSCTL_cpu_featureset_hvm_max
			? -XEN_EOPNOTSUPP
			: 0;

		sys.u.cpu_featureset.index = index;
		sys.u.cpu_featureset.nr_features = 32;
		set_xen_guest_handle(sys.u.cpu_featureset.features, words);
		words[n] = 0x5a5a5a5a;
		check_eq(sysctl(XEN_SYSCTL_get_cpu_featureset), expected);
		check_eq(words[n], 0x5a5a5a5a);
	}
	sys.u.cpu_featureset = (struct xen_sysctl_cpu_featureset){.index = 1, .nr_features = 2};
	set_xen_guest_handle(sys.u.cpu_featureset.features, words);
	words[2] = 0x5a5a5a5a;
	check_eq(sysctl(XEN_SYSCTL_get_cpu_featureset), -XEN_ENOBUFS);
	check_eq(words[2], 0x5a5a5a5a);
}

/* ---- a vCPU's state ---- */

static void entry_points(domid_t dom)
{
	struct xen_domctl_ext_vcpucontext *c = &op.u.ext_vcpucontext;

	__builtin_memset(&op, 0, sizeof(op));
	check_eq(domctl(XEN_DOMCTL_get_ext_vcpucontext, dom), 0);
	check_eq(c->syscall32_callback_eip, 0);
	c->syscall32_callback_eip = 0x1000;
	c->syscall32_disables_events = 1;
	c->sysenter_callback_eip = 0x2000;
	check_eq(domctl(XEN_DOMCTL_set_ext_vcpucontext, dom), 0);
	__builtin_memset(&op, 0, sizeof(op));
	check_eq(domctl(XEN_DOMCTL_get_ext_vcpucontext, dom), 0);
	check_eq(c->syscall32_callback_eip, 0x1000);
	check_eq(c->syscall32_disables_events, 1);
	check_eq(c->sysenter_callback_eip, 0x2000);
	check_eq(c->sysenter_disables_events, 0);
	c->sysenter_callback_eip = 0xffff830000000000ull; /* the hypervisor's */
	check_eq(domctl(XEN_DOMCTL_set_ext_vcpucontext, dom), -XEN_EINVAL);
	c->sysenter_callback_eip = 0;
	c->size = 8;
	check_eq(domctl(XEN_DOMCTL_set_ext_vcpucontext, dom), -XEN_EINVAL);
	c->vcpu = 1;
	check_eq(domctl(XEN_DOMCTL_get_ext_vcpucontext, dom), -XEN_EINVAL);
}

static struct {
	uint64_t xcr0, ever;
	uint8_t fxsave[512];
	uint64_t header[8];
	uint8_t avx[256];
	uint8_t behind[64];
} state, state_again;

static int extended(unsigned cmd, domid_t dom, void *buffer, uint64_t size)
{
	__builtin_memset(&op, 0, sizeof(op));
	op.u.vcpuextstate.size = size;
	set_xen_guest_handle(op.u.vcpuextstate.buffer, buffer);
	return domctl(cmd, dom);
}

static void registers(domid_t dom)
{
	uint64_t size, mask;

	check_eq(extended(XEN_DOMCTL_getvcpuextstate, dom, NULL, 0), 0);
	size = op.u.vcpuextstate.size;
	mask = op.u.vcpuextstate.xfeature_mask;
	if (!size) { /* a processor without XSAVE */
		check_eq(mask, 0);
		return;
	}
	check_eq(size, 16 + 832);
	check_eq(extended(XEN_DOMCTL_getvcpuextstate, dom, &state, size - 1), -XEN_EINVAL);
	check_eq(extended(XEN_DOMCTL_getvcpuextstate, dom, &state, size), 0);
	check_eq(*(uint32_t *)(state.fxsave + 24), 0x1f80); /* MXCSR as after a reset */
	state.fxsave[160] = 0x77;                           /* XMM0 */
	check_eq(extended(XEN_DOMCTL_setvcpuextstate, dom, &state, size), 0);
	check_eq(extended(XEN_DOMCTL_getvcpuextstate, dom, &state_again, sizeof(state_again)), 0);
	check_eq(state_again.fxsave[160], 0x77);
	check_eq(state_again.behind[0], 0);
	/* MXCSR bits that do not exist would fault in ring 0: they are dropped. */
	*(uint32_t *)(state.fxsave + 24) = ~0u;
	check_eq(extended(XEN_DOMCTL_setvcpuextstate, dom, &state, size), 0);
	*(uint32_t *)(state.fxsave + 24) = 0x1f80;
	for (unsigned i = 0; i < 8; i++) { /* unknown features, compact form, reserved words */
		uint64_t was = state.header[i];

		state.header[i] = 1ull << 63;
		check_eq(extended(XEN_DOMCTL_setvcpuextstate, dom, &state, size), -XEN_EINVAL);
		state.header[i] = was;
	}
	state.xcr0 = mask << 1 | 1;
	check_eq(extended(XEN_DOMCTL_setvcpuextstate, dom, &state, size), -XEN_EINVAL);
	state.xcr0 = 4; /* AVX alone */
	check_eq(extended(XEN_DOMCTL_setvcpuextstate, dom, &state, size), -XEN_EINVAL);
	check_eq(extended(XEN_DOMCTL_setvcpuextstate, dom, &state, 8), -XEN_EINVAL);
	check_eq(extended(XEN_DOMCTL_setvcpuextstate, dom, &state, 1ull << 40), -XEN_EINVAL);
	check_eq(extended(XEN_DOMCTL_setvcpuextstate, dom, (void *)NOWHERE, size), -XEN_EFAULT);
	check_eq(extended(XEN_DOMCTL_setvcpuextstate, 0, &state, size), -XEN_EINVAL); /* its own */
}

static void other_state(domid_t dom)
{
	__builtin_memset(&op, 0, sizeof(op));
	op.u.vcpu_msrs.msr_count = 5;
	check_eq(domctl(XEN_DOMCTL_get_vcpu_msrs, dom), 0);
	check_eq(op.u.vcpu_msrs.msr_count, 0);
	check_eq(domctl(XEN_DOMCTL_set_vcpu_msrs, dom), 0);
	op.u.vcpu_msrs.msr_count = 1;
	check_eq(domctl(XEN_DOMCTL_set_vcpu_msrs, dom), -XEN_EINVAL);

	__builtin_memset(&op, 0, sizeof(op));
	check_eq(domctl(XEN_DOMCTL_gettscinfo, dom), 0);
	check_eq(op.u.tsc_info.tsc_mode, 0);
	check(op.u.tsc_info.gtsc_khz > 1000);
	check_eq(domctl(XEN_DOMCTL_settscinfo, dom), 0);
	op.u.tsc_info.tsc_mode = 1; /* emulated */
	check_eq(domctl(XEN_DOMCTL_settscinfo, dom), -XEN_EOPNOTSUPP);
	check_eq(domctl(XEN_DOMCTL_settscinfo, 0), -XEN_EINVAL);

	__builtin_memset(&op, 0, sizeof(op));
	check_eq(domctl(XEN_DOMCTL_shadow_op, dom), -XEN_EINVAL);
	op.u.sendtrigger.trigger = XEN_DOMCTL_SENDTRIGGER_INIT;
	check_eq(domctl(XEN_DOMCTL_sendtrigger, dom), -XEN_ENOSYS);
	op.u.sendtrigger.vcpu = 9;
	check_eq(domctl(XEN_DOMCTL_sendtrigger, dom), -XEN_ESRCH);
	check_eq(domctl(XEN_DOMCTL_resumedomain, dom), 0); /* it was never stopped: nothing happens */
	check_eq(domctl(XEN_DOMCTL_resumedomain, 0), -XEN_EINVAL);
}

/* ---- pools and nodes ---- */

static int pool(unsigned what, unsigned id, void *map)
{
	__builtin_memset(&sys, 0, sizeof(sys));
	sys.u.cpupool_op = (struct xen_sysctl_cpupool_op){.op = what, .cpupool_id = id, .domid = 0x7000};
	sys.u.cpupool_op.cpumap.nr_bits = 64;
	set_xen_guest_handle(sys.u.cpupool_op.cpumap.bitmap, map);
	return sysctl(XEN_SYSCTL_cpupool_op);
}

static void pools(void)
{
	static uint8_t map[8], nodes[8];
	static uint32_t node[3] = {9, 9, 9};

	check_eq(pool(XEN_SYSCTL_CPUPOOL_OP_INFO, 0, map), 0);
	check(map[0] & 1);
	check(sys.u.cpupool_op.n_dom >= 2);
	check_eq(pool(XEN_SYSCTL_CPUPOOL_OP_INFO, 1, map), -XEN_ENOENT);
	check_eq(pool(XEN_SYSCTL_CPUPOOL_OP_INFO, 0, (void *)NOWHERE), -XEN_EFAULT);
	check_eq(pool(XEN_SYSCTL_CPUPOOL_OP_FREEINFO, 0, map), 0);
	check_eq(map[0], 0);
	check_eq(pool(XEN_SYSCTL_CPUPOOL_OP_CREATE, 1, map), -XEN_EOPNOTSUPP);
	check_eq(pool(XEN_SYSCTL_CPUPOOL_OP_DESTROY, 0, map), -XEN_EBUSY);
	check_eq(pool(XEN_SYSCTL_CPUPOOL_OP_RMCPU, 3, map), -XEN_ENOENT);
	check_eq(pool(XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN, 0, map), -XEN_EINVAL); /* no such domain */
	check_eq(pool(77, 0, map), -XEN_ENOSYS);

	__builtin_memset(&sys, 0, sizeof(sys));
	sys.u.scheduler_op.cpupool_id = 1;
	check_eq(sysctl(XEN_SYSCTL_scheduler_op), -XEN_ESRCH);
	sys.u.scheduler_op.cpupool_id = 0;
	check_eq(sysctl(XEN_SYSCTL_scheduler_op), -XEN_EINVAL);

	__builtin_memset(&sys, 0, sizeof(sys));
	sys.u.pcitopoinfo.num_devs = 2;
	set_xen_guest_handle(sys.u.pcitopoinfo.nodes, node);
	check_eq(sysctl(XEN_SYSCTL_pcitopoinfo), 0);
	check_eq(sys.u.pcitopoinfo.num_devs, 2);
	check(node[0] == XEN_INVALID_NODE_ID && node[1] == XEN_INVALID_NODE_ID && node[2] == 9);
	check_eq(sysctl(XEN_SYSCTL_get_cpu_levelling_caps), 0);

	__builtin_memset(&op, 0, sizeof(op));
	op.u.nodeaffinity.nodemap.nr_bits = 8;
	set_xen_guest_handle(op.u.nodeaffinity.nodemap.bitmap, nodes);
	check_eq(domctl(XEN_DOMCTL_getnodeaffinity, 0), 0);
	check_eq(nodes[0], 1);
	check_eq(domctl(XEN_DOMCTL_setnodeaffinity, 0), 0);
	nodes[0] = 2;
	check_eq(domctl(XEN_DOMCTL_setnodeaffinity, 0), -XEN_EINVAL);
}

void test_main(void)
{
	domid_t dom = create();

	machine_policies();
	domain_policy(dom);
	features();
	entry_points(dom);
	registers(dom);
	other_state(dom);
	pools();
	check_eq(domctl(XEN_DOMCTL_destroydomain, dom), 0);
}
