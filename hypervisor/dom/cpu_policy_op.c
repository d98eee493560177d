/* SPDX-License-Identifier: MIT */
/*
 * CPUID policies in the hands of tools: lists of leaves, in the ABI's order (by leaf, by subleaf), and words of features.
 * A policy that a tool sets is cut down to what the machine's guests may have: so a domain that was saved on another
 * machine can be checked before it runs (xen/domctl.h, XEN_DOMCTL_set_cpu_policy).
 */
#include "cpu/features.h"
#include "cpu/x86.h"
#include "dom/cpu_policy.h"
#include "dom/domain.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/guest_copy.h"
#include "mm/page.h"

#define BASIC_LAST    0xd
#define EXTENDED      0x80000000u
#define EXTENDED_LAST 0x80000021u
#define CACHES        6 /* subleaves that the ABI has room for, of leaves 4, 0xb and 0xd */
#define TOPOLOGIES    2
#define XSTATES       63

/* The MSRs of a policy: none of them says anything. */
static const uint32_t policy_msrs[] = {MSR_PLATFORM_INFO, MSR_ARCH_CAPABILITIES};

/* Where a policy comes from: of the domain, or, without one, the processor's own. */
static void read_leaf(const struct domain *d, uint32_t leaf, uint32_t subleaf, uint32_t r[4])
{
	if (d)
		cpu_policy_leaf(d, leaf, subleaf, r);
	else
		cpuid(leaf, subleaf, r);
}

static void add(struct cpu_policy *p, uint32_t leaf, uint32_t subleaf, const uint32_t r[4])
{
	p->leaf[p->n++] = (struct xen_cpuid_leaf){leaf, subleaf, r[EAX], r[EBX], r[ECX], r[EDX]};
}

/* At most @count subleaves, up to and with the first in whose register @reg these bits are zero. */
static void add_until_null(struct cpu_policy *p, const struct domain *d, uint32_t leaf, uint32_t count,
			   int reg, uint32_t bits)
{
	uint32_t r[4];

	for (uint32_t subleaf = 0; subleaf < count; subleaf++) {
		read_leaf(d, leaf, subleaf, r);
		add(p, leaf, subleaf, r);
		if (!(r[reg] & bits))
			break;
	}
}

static void add_features(struct cpu_policy *p, const struct domain *d)
{
	uint32_t r[4];

	read_leaf(d, 7, 0, r);
	for (uint32_t subleaf = 0, last = MIN(r[EAX], 2u); subleaf <= last; subleaf++) {
		read_leaf(d, 7, subleaf, r);
		add(p, 7, subleaf, r);
	}
}

/* Subleaf n of 0xd describes bit n of XCR0, or of IA32_XSS, which subleaf 1 has in EDX:ECX. */
static void add_xstates(struct cpu_policy *p, const struct domain *d)
{
	uint32_t r[4];
	uint64_t states;

	read_leaf(d, 0xd, 0, r);
	add(p, 0xd, 0, r);
	states = r[EAX] | (uint64_t)r[EDX] << 32;
	read_leaf(d, 0xd, 1, r);
	add(p, 0xd, 1, r);
	states |= r[ECX] | (uint64_t)r[EDX] << 32;
	for (uint32_t subleaf = 2; subleaf < XSTATES && states >> subleaf; subleaf++) {
		read_leaf(d, 0xd, subleaf, r);
		add(p, 0xd, subleaf, r);
	}
}

static void add_basic(struct cpu_policy *p, const struct domain *d, uint32_t leaf)
{
	uint32_t r[4];

	switch (leaf) {
	case 4:
		add_until_null(p, d, leaf, CACHES, EAX, 0x1f); /* the cache's type */
		return;
	case 7:
		add_features(p, d);
		return;
	case 0xb:
		add_until_null(p, d, leaf, TOPOLOGIES, ECX, 0xff00); /* the level's type */
		return;
	case 0xd:
		add_xstates(p, d);
		return;
	}
	read_leaf(d, leaf, 0, r);
	add(p, leaf, XEN_CPUID_NO_SUBLEAF, r);
}

/* All leaves, as many and in the order in which the tools write them back. */
static void list_leaves(struct cpu_policy *p, const struct domain *d)
{
	static const uint32_t hypervisors[4];
	uint32_t r[4], last;

	p->n = 0;
	read_leaf(d, 0, 0, r);
	last = MIN(r[EAX], BASIC_LAST);
	for (uint32_t leaf = 0; leaf <= last; leaf++)
		add_basic(p, d, leaf);
	add(p, 0x40000000, XEN_CPUID_NO_SUBLEAF, hypervisors);
	add(p, 0x40000100, XEN_CPUID_NO_SUBLEAF, hypervisors);
	read_leaf(d, EXTENDED, 0, r);
	last = MIN(r[EAX], EXTENDED_LAST);
	for (uint32_t leaf = EXTENDED; leaf <= last; leaf++) {
		read_leaf(d, leaf, 0, r);
		add(p, leaf, XEN_CPUID_NO_SUBLEAF, r);
	}
}

static long put_leaves(const struct domain *d, uint64_t leaves, uint32_t *nr)
{
	struct cpu_policy *p;
	long rc = 0;

	if (!leaves) {
		*nr = CPU_POLICY_LEAVES;
		return 0;
	}
	p = heap_alloc_for(current->domain, sizeof(*p));
	if (!p)
		return -ENOMEM;
	list_leaves(p, d);
	if (p->n > *nr)
		rc = -ENOBUFS;
	else if (guest_write(leaves, p->leaf, p->n * sizeof(p->leaf[0])))
		rc = -EFAULT;
	*nr = p->n;
	heap_free(p);
	return rc;
}

static long put_msrs(uint64_t msrs, uint32_t *nr)
{
	uint32_t room = *nr;

	*nr = ARRAY_SIZE(policy_msrs);
	if (!msrs)
		return 0;
	if (room < ARRAY_SIZE(policy_msrs))
		return -ENOBUFS;
	for (unsigned i = 0; i < ARRAY_SIZE(policy_msrs); i++) {
		struct xen_msr_entry m = {.idx = policy_msrs[i]};

		if (guest_write(msrs + i * sizeof(m), &m, sizeof(m)))
			return -EFAULT;
	}
	return 0;
}

long cpu_policy_get(struct domain *d, struct xen_domctl_cpu_policy *p)
{
	long rc = put_leaves(d, p->leaves, &p->nr_leaves);

	return rc ? rc : put_msrs(p->msrs, &p->nr_msrs);
}

long cpu_policy_of_machine(struct xen_sysctl_cpu_policy *p)
{
	const struct domain *d;
	long rc;

	switch (p->index) {
	case XEN_SYSCTL_cpu_policy_raw:
	case XEN_SYSCTL_cpu_policy_host:
		d = NULL;
		break;
	case XEN_SYSCTL_cpu_policy_pv_max:
	case XEN_SYSCTL_cpu_policy_pv_default:
		d = dom0; /* which has no policy of its own */
		break;
	case XEN_SYSCTL_cpu_policy_hvm_max:
	case XEN_SYSCTL_cpu_policy_hvm_default:
		return -EOPNOTSUPP;
	default:
		return -EINVAL;
	}
	rc = put_leaves(d, p->leaves, &p->nr_leaves);
	return rc ? rc : put_msrs(p->msrs, &p->nr_msrs);
}

/* The words of a set of features: which register of which leaf (xen/arch-x86/cpufeatureset.h). */
static const struct feature_word {
	uint32_t leaf, subleaf;
	int reg;
} feature_words[] = {
    {1, 0, EDX},          {1, 0, ECX}, {0x80000001, 0, EDX}, {0x80000001, 0, ECX},
    {0xd, 1, EAX},        {7, 0, EBX}, {7, 0, ECX},          {0x80000007, 0, EDX},
    {0x80000008, 0, EBX}, {7, 0, EDX}, {7, 1, EAX},          {0x80000021, 0, EAX},
    {7, 1, EBX},          {7, 2, EDX}, {7, 1, ECX},          {7, 1, EDX},
};

static bool leaf_exists(const struct domain *d, uint32_t leaf, uint32_t subleaf)
{
	uint32_t r[4];

	read_leaf(d, leaf & EXTENDED, 0, r);
	if (leaf > r[EAX])
		return false;
	if (leaf != 7)
		return true;
	read_leaf(d, 7, 0, r);
	return subleaf <= r[EAX];
}

static uint32_t feature_word(const struct domain *d, const struct feature_word *w)
{
	uint32_t r[4];

	if (!leaf_exists(d, w->leaf, w->subleaf))
		return 0;
	read_leaf(d, w->leaf, w->subleaf, r);
	return r[w->reg];
}

long cpu_featureset(struct xen_sysctl_cpu_featureset *f)
{
	bool of_guests =
	    f->index == XEN_SYSCTL_cpu_featureset_pv || f->index == XEN_SYSCTL_cpu_featureset_pv_max;
	uint32_t n = MIN(f->nr_features, (uint32_t)ARRAY_SIZE(feature_words));

	if (f->index > XEN_SYSCTL_cpu_featureset_hvm_max)
		return -EINVAL;
	if (f->index == XEN_SYSCTL_cpu_featureset_hvm || f->index == XEN_SYSCTL_cpu_featureset_hvm_max)
		return -EOPNOTSUPP;
	if (!f->features) {
		f->nr_features = ARRAY_SIZE(feature_words);
		return 0;
	}
	for (uint32_t i = 0; i < n; i++) {
		uint32_t word = feature_word(of_guests ? dom0 : NULL, &feature_words[i]);

		if (guest_write(f->features + i * sizeof(word), &word, sizeof(word)))
			return -EFAULT;
	}
	f->nr_features = n;
	return n < ARRAY_SIZE(feature_words) ? -ENOBUFS : 0;
}

/* Does a leaf ask for features that this machine's guests lack, but others' have? @most: what they have. */
static bool lacks_features(const struct domain *d, const struct xen_cpuid_leaf *l, uint32_t subleaf,
			   const uint32_t most[4])
{
	const uint32_t asked[4] = {l->a, l->b, l->c, l->d};
	uint32_t anywhere[4], missing = 0;

	cpu_policy_anywhere(d, l->leaf, subleaf, anywhere);
	for (unsigned i = 0; i < ARRAY_SIZE(feature_words); i++) {
		const struct feature_word *w = &feature_words[i];

		if (w->leaf == l->leaf && w->subleaf == subleaf)
			missing |= asked[w->reg] & anywhere[w->reg] & ~most[w->reg];
	}
	return missing;
}

/* One leaf of a policy that is being set. False: it is none that the ABI knows, or it says that there are more leaves or
 * features than this machine has for guests. Features that guests have nowhere are taken out. */
static bool cut_down(const struct domain *d, struct xen_cpuid_leaf *l)
{
	uint32_t most[4], leaf = l->leaf, subleaf = l->subleaf == XEN_CPUID_NO_SUBLEAF ? 0 : l->subleaf;

	if (leaf == 0x40000000 || leaf == 0x40000100)
		return true;
	if (leaf > BASIC_LAST && (leaf < EXTENDED || leaf > EXTENDED_LAST))
		return false;
	cpu_policy_default(d, leaf, subleaf, most);
	if (leaf == 0 || leaf == EXTENDED)
		return l->a <= most[EAX];
	if (lacks_features(d, l, subleaf, most))
		return false;
	switch (leaf) {
	case 1:
		l->b &= 0xff00;
		l->c &= most[ECX];
		l->d &= most[EDX];
		return true;
	case 7:
	case 0xd:
	case 0x80000001:
	case 0x80000007:
	case 0x80000008:
		l->a = leaf == 0x80000001 || leaf == 0x80000008 ? l->a : l->a & most[EAX];
		l->b = leaf == 0xd && subleaf != 1 ? l->b : l->b & most[EBX];
		l->c = leaf == 0xd && subleaf != 1 ? l->c : l->c & most[ECX];
		l->d &= most[EDX];
		return true;
	}
	if (!most[EAX] && !most[EBX] && !most[ECX] && !most[EDX]) /* a leaf that guests are not shown */
		l->a = l->b = l->c = l->d = 0;
	return true;
}

/* Put a leaf in the place of the one that is there, or add it. False: there is no room. */
static bool replace(struct cpu_policy *p, const struct xen_cpuid_leaf *l)
{
	uint32_t i;

	for (i = 0; i < p->n; i++)
		if (p->leaf[i].leaf == l->leaf && p->leaf[i].subleaf == l->subleaf)
			break;
	if (i == CPU_POLICY_LEAVES)
		return false;
	p->leaf[i] = *l;
	p->n = MAX(p->n, i + 1);
	return true;
}

/* What is not given stays as it was. -EFAULT; -EINVAL with p->err_leaf and its kin. */
static long take_leaves(const struct domain *d, struct xen_domctl_cpu_policy *p, struct cpu_policy *to)
{
	for (uint32_t i = 0; i < p->nr_leaves; i++) {
		struct xen_cpuid_leaf l;

		if (guest_read(&l, p->leaves + i * sizeof(l), sizeof(l)))
			return -EFAULT;
		if (cut_down(d, &l) && replace(to, &l))
			continue;
		p->err_leaf = l.leaf;
		p->err_subleaf = l.subleaf;
		return -EINVAL;
	}
	return 0;
}

/* They say nothing, and no other MSR is known. */
static long look_at_msrs(struct xen_domctl_cpu_policy *p)
{
	for (uint32_t i = 0; i < p->nr_msrs; i++) {
		struct xen_msr_entry m;

		if (guest_read(&m, p->msrs + i * sizeof(m), sizeof(m)))
			return -EFAULT;
		if (!m.flags && !m.val && (m.idx == policy_msrs[0] || m.idx == policy_msrs[1]))
			continue;
		p->err_msr = m.idx;
		return -EINVAL;
	}
	return 0;
}

long cpu_policy_set(struct domain *d, struct xen_domctl_cpu_policy *p)
{
	struct cpu_policy *policy;
	long rc;

	if (d == current->domain)
		return -EINVAL;
	if (d->state != DOMAIN_BUILDING)
		return -EEXIST;
	p->err_leaf = p->err_subleaf = p->err_msr = ~0u;
	if (p->nr_leaves > CPU_POLICY_LEAVES || p->nr_msrs > ARRAY_SIZE(policy_msrs))
		return -E2BIG;
	policy = heap_alloc_for(d, sizeof(*policy));
	if (!policy)
		return -ENOMEM;
	list_leaves(policy, d);
	rc = take_leaves(d, p, policy);
	if (!rc)
		rc = look_at_msrs(p);
	if (rc) {
		heap_free(policy);
		return rc;
	}
	heap_free(d->dom.cpu_policy);
	__atomic_store_n(&d->dom.cpu_policy, policy, __ATOMIC_RELEASE);
	return 0;
}
