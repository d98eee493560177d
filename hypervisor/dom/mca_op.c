/* SPDX-License-Identifier: MIT */
/*
 * Hypercall 48, mca (xen/arch-x86/xen-mca.h): Dom0 is told of machine checks. The dispatcher has checked that the caller
 * may. Ringlet logs none: one that happens stops the machine. So Dom0 learns about the processors, that they have no banks
 * it could look at, and that nothing waits to be fetched.
 */
#include "compat_offsets.h"
#include "cpu/features.h"
#include "cpu/x86.h"
#include "dom/cpu_policy.h"
#include "guest/hypercall.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/guest_copy.h"
#include "xen/arch-x86/xen-mca.h"

#define MSR_MCG_CAP 0x179

/* SDM 2A, CPUID, leaf 1: version information; APM 3 appendix E agrees. */
static void identify(struct mcinfo_logical_cpu *c)
{
	uint32_t r[4], family;

	cpuid(1, 0, r);
	family = r[EAX] >> 8 & 0xf;
	c->mc_family = family == 0xf ? family + (r[EAX] >> 20 & 0xff) : family;
	c->mc_model = r[EAX] >> 4 & 0xf;
	if (family == 6 || family == 0xf)
		c->mc_model |= r[EAX] >> 12 & 0xf0;
	c->mc_step = r[EAX] & 0xf;
	c->mc_cpu_caps[0] = r[EDX];
	c->mc_cpu_caps[4] = r[ECX];
	c->mc_cache_alignment = (r[EBX] >> 8 & 0xff) * 8;
	cpuid(0x80000001, 0, r);
	c->mc_cpu_caps[1] = r[EDX];
	c->mc_cpu_caps[6] = r[ECX];
	if (features.max_ext_leaf >= 0x80000006) {
		cpuid(0x80000006, 0, r);
		c->mc_cache_size = r[ECX] >> 16; /* KiB */
	}
}

/* Each a core of one socket, as elsewhere (dom/sysctl_op.c). */
static void describe(struct mcinfo_logical_cpu *c, uint32_t cpu)
{
	*c = (struct mcinfo_logical_cpu){.mc_cpunr = cpu,
					 .mc_coreid = cpu,
					 .mc_apicid = cpu_table[cpu]->apic_id,
					 .mc_ncores = nr_cpus,
					 .mc_ncores_active = nr_cpus,
					 .mc_nthreads = 1,
					 .mc_cpuid_level = features.max_leaf,
					 .mc_nmsrvals = 1,
					 .mc_msrvalues = {{.reg = MSR_MCG_CAP}}};
	identify(c);
	strlcpy(c->mc_vendorid, features.vendor, sizeof(c->mc_vendorid));
	strlcpy(c->mc_brandid, features.brand, sizeof(c->mc_brandid));
}

#define BEFORE_MSRS (offsetof(struct mcinfo_logical_cpu, mc_nmsrvals) + 4)

/* Write @c as element @i of the caller's array: the MSRs begin at a multiple of its word. */
static int put_processor(gva_t array, uint32_t i, const struct mcinfo_logical_cpu *c)
{
	const uint32_t msrs = ROUND_UP(BEFORE_MSRS, 1u << (current->domain->abi->word_shift - 3));
	const gva_t to = array + i * (msrs + sizeof(c->mc_msrvalues));

	_Static_assert(COMPAT_mcinfo_logical_cpu_mc_msrvalues == ROUND_UP(BEFORE_MSRS, 4) &&
			   PV64_mcinfo_logical_cpu_mc_msrvalues == ROUND_UP(BEFORE_MSRS, 8),
		       "nothing but padding");
	return guest_write(to, c, msrs) ?: guest_write(to + msrs, c->mc_msrvalues, sizeof(c->mc_msrvalues));
}

static long processors(gva_t arg)
{
	struct xen_mc_physcpuinfo p;
	uint32_t n = nr_cpus;

	if (guest_get(&p, arg, xen_mc_physcpuinfo))
		return -EFAULT;
	if (p.info) {
		if (!p.ncpus)
			return -EINVAL;
		n = MIN(n, p.ncpus);
		for (uint32_t cpu = 0; cpu < n; cpu++) {
			struct mcinfo_logical_cpu c;

			describe(&c, cpu);
			if (put_processor((gva_t)p.info, cpu, &c))
				return -EFAULT;
		}
	}
	p.ncpus = n;
	return guest_put(arg, &p, xen_mc_physcpuinfo);
}

static long fetch(gva_t arg)
{
	struct xen_mc_fetch f;

	if (guest_get(&f, arg, xen_mc_fetch))
		return -EFAULT;
	switch (f.flags & (XEN_MC_NONURGENT | XEN_MC_URGENT | XEN_MC_ACK)) {
	case XEN_MC_NONURGENT:
	case XEN_MC_URGENT:
		if (!f.data)
			return -EINVAL;
		f.flags = XEN_MC_NODATA;
		break;
	case XEN_MC_NONURGENT | XEN_MC_ACK:
	case XEN_MC_URGENT | XEN_MC_ACK:
		return 0;
	default:
		return -EINVAL;
	}
	f.fetch_id = 0;
	return guest_put(arg, &f, xen_mc_fetch);
}

long hc_mca(uint64_t arg)
{
	const gva_t part = arg + offsetof(struct xen_mc, u);
	struct {
		uint32_t cmd, interface_version;
	} head;

	if (guest_read(&head, arg, sizeof(head)))
		return -EFAULT;
	if (head.interface_version != XEN_MCA_INTERFACE_VERSION)
		return -EACCES;
	hypercall_was_long();
	switch (head.cmd) {
	case XEN_MC_fetch:
		return fetch(part);
	case XEN_MC_physcpuinfo:
		return processors(part);
	case XEN_MC_msrinject:
	case XEN_MC_mceinject:
	case XEN_MC_inject_v2:
		return -ENODEV; /* no banks */
	default:
		return -EINVAL;
	}
}
