/* SPDX-License-Identifier: MIT */
/* mca(struct xen_mc *): machine checks, as Dom0 is told of them. Only what Ringlet knows is here. */
#pragma once

#include "../xen.h"

#define XEN_MCA_INTERFACE_VERSION 0x01ecc003

#define XEN_MC_fetch        1
#define XEN_MC_notifydomain 2
#define XEN_MC_physcpuinfo  3
#define XEN_MC_msrinject    4
#define XEN_MC_mceinject    5
#define XEN_MC_inject_v2    6

#define XEN_MC_NONURGENT 0x0001
#define XEN_MC_URGENT    0x0002
#define XEN_MC_ACK       0x0004

#define XEN_MC_NODATA 0x2

struct xen_mc_fetch {
	uint32_t flags; /* in: one of the first three above; out: XEN_MC_NODATA */
	uint32_t _pad0;
	uint64_t fetch_id;
	XEN_GUEST_HANDLE(void) data;
};

struct mcinfo_msr {
	uint64_t reg;
	uint64_t value;
};

#define MC_NCAPS 7

/* A processor. */
struct mcinfo_logical_cpu {
	uint32_t mc_cpunr;
	uint32_t mc_chipid;
	uint16_t mc_coreid;
	uint16_t mc_threadid;
	uint32_t mc_apicid;
	uint32_t mc_clusterid;
	uint32_t mc_ncores;
	uint32_t mc_ncores_active;
	uint32_t mc_nthreads;
	int32_t mc_cpuid_level;
	uint32_t mc_family;
	uint32_t mc_vendor;
	uint32_t mc_model;
	uint32_t mc_step;
	char mc_vendorid[16];
	char mc_brandid[64];
	uint32_t mc_cpu_caps[MC_NCAPS]; /* words of features, in Linux's order */
	uint32_t mc_cache_size;
	uint32_t mc_cache_alignment;
	int32_t mc_nmsrvals;
	struct mcinfo_msr mc_msrvalues[8];
};

struct xen_mc_physcpuinfo {
	uint32_t ncpus; /* in: room in info; out: how many there are, or were told of */
	uint32_t _pad0;
	XEN_GUEST_HANDLE(void) info; /* struct mcinfo_logical_cpu; NULL: just how many */
};

struct xen_mc {
	uint32_t cmd; /* XEN_MC_* */
	uint32_t interface_version;
	union {
		struct xen_mc_fetch mc_fetch;
		struct xen_mc_physcpuinfo mc_physcpuinfo;
		uint8_t pad[144];
	} u;
};
