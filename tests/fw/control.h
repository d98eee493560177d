/* SPDX-License-Identifier: MIT */
/* The hypercalls by which Dom0 controls domains and the machine. A test fills in `op.u` or `sys.u`, and finds the answer there. */
#pragma once

#include "fw.h"
#include "xen/domctl.h"
#include "xen/sysctl.h"

static struct xen_domctl op __attribute__((unused));
static struct xen_sysctl sys __attribute__((unused));

static inline long domctl(unsigned cmd, domid_t domain)
{
	op.cmd = cmd;
	op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	op.domain = domain;
	return hypercall_domctl(&op);
}

static inline long sysctl(unsigned cmd)
{
	sys.cmd = cmd;
	sys.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	return hypercall_sysctl(&sys);
}

/* The machine's memory that is free. `sys` is not touched. */
static inline uint64_t free_pages(void)
{
	static struct xen_sysctl info;

	info.cmd = XEN_SYSCTL_physinfo;
	info.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	check_eq(hypercall_sysctl(&info), 0);
	return info.u.physinfo.free_pages;
}
