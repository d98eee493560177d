/* SPDX-License-Identifier: MIT */
/*
 * mca: each processor is told of as CPUID shows it, into no more room than there is; nothing waits to be fetched, and nothing that
 * was not fetched harms by being acknowledged; errors cannot be injected, as there are no banks. A wrong version, operation or flag,
 * room for none and addresses that cannot be used are refused.
 */
#include "fw.h"
#include "xen/arch-x86/xen-mca.h"
#include "xen/sysctl.h"

const char test_title[] = "hc-mca";

#define CANARY 0x5a

static struct xen_mc mc;
static struct mcinfo_logical_cpu cpus[66];

static long ask(unsigned cmd)
{
	mc.cmd = cmd;
	mc.interface_version = XEN_MCA_INTERFACE_VERSION;
	return hypercall_mca(&mc);
}

static long processors(unsigned room, void *to)
{
	__builtin_memset(&mc, 0, sizeof(mc));
	__builtin_memset(cpus, CANARY, sizeof(cpus));
	mc.u.mc_physcpuinfo.ncpus = room;
	set_xen_guest_handle(mc.u.mc_physcpuinfo.info, to);
	return ask(XEN_MC_physcpuinfo);
}

static uint32_t cpus_online(void)
{
	static struct xen_sysctl op = {.cmd = XEN_SYSCTL_physinfo,
				       .interface_version = XEN_SYSCTL_INTERFACE_VERSION};

	check_eq(hypercall_sysctl(&op), 0);
	return op.u.physinfo.nr_cpus;
}

static void told(void)
{
	uint32_t a = 0, b, c, d, n = cpus_online();

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
	check_eq(processors(0, NULL), 0);
	check_eq(mc.u.mc_physcpuinfo.ncpus, n);
	check_eq(processors(64, cpus), 0);
	check_eq(mc.u.mc_physcpuinfo.ncpus, n);
	for (unsigned i = 0; i < n; i++) {
		check_eq(cpus[i].mc_cpunr, i);
		check(!__builtin_memcmp(cpus[i].mc_vendorid, &b, 4));
		check_eq(cpus[i].mc_vendorid[12], 0);
		check_eq(cpus[i].mc_ncores, n);
		check(cpus[i].mc_cpuid_level >= 1 && cpus[i].mc_family >= 5 && cpus[i].mc_family < 0x200);
		check_eq(cpus[i].mc_nmsrvals, 1);
		check_eq(cpus[i].mc_msrvalues[0].reg, 0x179);
		check_eq(cpus[i].mc_msrvalues[7].value, 0);
	}
	check_eq(*(uint8_t *)&cpus[n], CANARY);
	check_eq(processors(1, cpus), 0);
	check_eq(mc.u.mc_physcpuinfo.ncpus, 1);
	check_eq(*(uint8_t *)&cpus[1], CANARY);
	check_eq(processors(0, cpus), -XEN_EINVAL);
	check_eq(processors(~0u, cpus), 0); /* -ENOMEM on Xen */
}

static void fetched(void)
{
	for (unsigned flags = 0; flags < 16; flags++) {
		unsigned urgency = flags & (XEN_MC_URGENT | XEN_MC_NONURGENT);
		bool good = urgency == XEN_MC_URGENT || urgency == XEN_MC_NONURGENT;

		__builtin_memset(&mc, 0, sizeof(mc));
		mc.u.mc_fetch.flags = flags;
		mc.u.mc_fetch.fetch_id = 77;
		set_xen_guest_handle(mc.u.mc_fetch.data, (void *)cpus);
		check_eq(ask(XEN_MC_fetch), good ? 0 : -XEN_EINVAL);
		check_eq(mc.u.mc_fetch.flags, good && !(flags & XEN_MC_ACK) ? XEN_MC_NODATA : flags);
	}
}

static void hostile(void)
{
	static const unsigned long bad[] = BAD_POINTERS;

	__builtin_memset(&mc, 0, sizeof(mc));
	mc.u.mc_fetch.flags = XEN_MC_URGENT;
	check_eq(ask(XEN_MC_fetch), -XEN_EINVAL); /* where to? */

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		check_eq(hypercall_mca((void *)bad[i]), -XEN_EFAULT);
		check_eq(processors(1, (void *)bad[i]), -XEN_EFAULT);
	}
	check_eq(ask(XEN_MC_msrinject), -XEN_ENODEV);
	check_eq(ask(XEN_MC_mceinject), -XEN_ENODEV);
	check_eq(ask(XEN_MC_inject_v2), -XEN_ENODEV);
	check_eq(ask(XEN_MC_notifydomain), -XEN_EINVAL);
	check_eq(ask(0), -XEN_EINVAL);
	check_eq(ask(~0u), -XEN_EINVAL);
	mc.interface_version++;
	check_eq(hypercall_mca(&mc), -XEN_EACCES);
}

void test_main(void)
{
	told();
	fetched();
	hostile();
}
