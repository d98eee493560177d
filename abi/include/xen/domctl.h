/* SPDX-License-Identifier: MIT */
/*
 * domctl(struct *): Dom0 makes, changes and ends domains. The layout is the same for both word sizes, and
 * the interface version (4.17's) must match exactly.
 */
#pragma once

#include "xen.h"

#define XEN_DOMCTL_INTERFACE_VERSION 0x00000015

#define XEN_DOMCTL_createdomain        1
#define XEN_DOMCTL_destroydomain       2
#define XEN_DOMCTL_pausedomain         3
#define XEN_DOMCTL_unpausedomain       4
#define XEN_DOMCTL_getdomaininfo       5
#define XEN_DOMCTL_setvcpuaffinity     9
#define XEN_DOMCTL_shadow_op           10
#define XEN_DOMCTL_max_mem             11
#define XEN_DOMCTL_setvcpucontext      12
#define XEN_DOMCTL_getvcpucontext      13
#define XEN_DOMCTL_getvcpuinfo         14
#define XEN_DOMCTL_max_vcpus           15
#define XEN_DOMCTL_scheduler_op        16
#define XEN_DOMCTL_setdomainhandle     17
#define XEN_DOMCTL_setdebugging        18
#define XEN_DOMCTL_irq_permission      19
#define XEN_DOMCTL_iomem_permission    20
#define XEN_DOMCTL_ioport_permission   21
#define XEN_DOMCTL_hypercall_init      22
#define XEN_DOMCTL_settimeoffset       24
#define XEN_DOMCTL_getvcpuaffinity     25
#define XEN_DOMCTL_resumedomain        27
#define XEN_DOMCTL_sendtrigger         28
#define XEN_DOMCTL_set_address_size    35
#define XEN_DOMCTL_get_address_size    36
#define XEN_DOMCTL_set_ext_vcpucontext 42
#define XEN_DOMCTL_get_ext_vcpucontext 43
#define XEN_DOMCTL_gettscinfo          59
#define XEN_DOMCTL_settscinfo          60
#define XEN_DOMCTL_getpageframeinfo3   61
#define XEN_DOMCTL_setvcpuextstate     62
#define XEN_DOMCTL_getvcpuextstate     63
#define XEN_DOMCTL_setnodeaffinity     68
#define XEN_DOMCTL_getnodeaffinity     69
#define XEN_DOMCTL_get_vcpu_msrs       72
#define XEN_DOMCTL_set_vcpu_msrs       73
#define XEN_DOMCTL_get_cpu_policy      82
#define XEN_DOMCTL_set_cpu_policy      83

struct xen_domctl_createdomain {
	uint32_t ssidref;
	xen_domain_handle_t handle;
	uint32_t flags; /* XEN_DOMCTL_CDF_* */
	uint32_t iommu_opts;
	uint32_t max_vcpus;
	uint32_t max_evtchn_port;
	int32_t max_grant_frames;
	int32_t max_maptrack_frames;
	uint32_t grant_opts;
	uint32_t vmtrace_size;
	uint32_t cpupool_id;
	struct xen_arch_domainconfig arch;
};
#define XEN_DOMCTL_CDF_hvm       (1u << 0)
#define XEN_DOMCTL_CDF_hap       (1u << 1)
#define XEN_DOMCTL_CDF_xs_domain (1u << 4)
#define XEN_DOMCTL_CDF_MAX       (1u << 7)

struct xen_domctl_getdomaininfo {
	domid_t domain;
	uint16_t pad1;
	uint32_t flags; /* XEN_DOMINF_*, shutdown code in bits 16-23 */
	uint64_aligned_t tot_pages;
	uint64_aligned_t max_pages;
	uint64_aligned_t outstanding_pages;
	uint64_aligned_t shr_pages;
	uint64_aligned_t paged_pages;
	uint64_aligned_t shared_info_frame;
	uint64_aligned_t cpu_time; /* nanoseconds */
	uint32_t nr_online_vcpus;
	uint32_t max_vcpu_id;
	uint32_t ssidref;
	xen_domain_handle_t handle;
	uint32_t cpupool;
	uint8_t gpaddr_bits;
	uint8_t pad2[7];
	struct xen_arch_domainconfig arch_config;
};
#define XEN_DOMINF_dying         (1u << 0)
#define XEN_DOMINF_hvm_guest     (1u << 1)
#define XEN_DOMINF_shutdown      (1u << 2)
#define XEN_DOMINF_paused        (1u << 3)
#define XEN_DOMINF_blocked       (1u << 4)
#define XEN_DOMINF_running       (1u << 5)
#define XEN_DOMINF_debugged      (1u << 6)
#define XEN_DOMINF_xs_domain     (1u << 7)
#define XEN_DOMINF_hap           (1u << 8)
#define XEN_DOMINF_shutdownmask  255
#define XEN_DOMINF_shutdownshift 16
#define XEN_INVALID_MAX_VCPU_ID  (~0u)

/* In: frame numbers. Out: the type of each frame. */
struct xen_domctl_getpageframeinfo3 {
	uint64_aligned_t num;
	XEN_GUEST_HANDLE_64(xen_pfn_t) array;
};
#define XEN_DOMCTL_PFINFO_LTAB_SHIFT 28
#define XEN_DOMCTL_PFINFO_NOTAB      (0x0u << 28)
#define XEN_DOMCTL_PFINFO_L1TAB      (0x1u << 28)
#define XEN_DOMCTL_PFINFO_L2TAB      (0x2u << 28)
#define XEN_DOMCTL_PFINFO_L3TAB      (0x3u << 28)
#define XEN_DOMCTL_PFINFO_L4TAB      (0x4u << 28)
#define XEN_DOMCTL_PFINFO_LPINTAB    (0x1u << 31)
#define XEN_DOMCTL_PFINFO_XTAB       (0xfu << 28)
#define XEN_DOMCTL_PFINFO_BROKEN     (0xdu << 28)
#define XEN_DOMCTL_PFINFO_LTAB_MASK  (0xfu << 28)

struct xen_domctl_max_mem {
	uint64_aligned_t max_memkb;
};

struct xen_domctl_vcpucontext {
	uint32_t vcpu;
	XEN_GUEST_HANDLE_64(vcpu_guest_context_t) ctxt; /* in the target domain's layout */
};

struct xen_domctl_getvcpuinfo {
	uint32_t vcpu;
	uint8_t online;
	uint8_t blocked;
	uint8_t running;
	uint64_aligned_t cpu_time;
	uint32_t cpu;
};

struct xen_domctl_vcpuaffinity {
	uint32_t vcpu;
	uint32_t flags; /* XEN_VCPUAFFINITY_* */
	struct xenctl_bitmap cpumap_hard;
	struct xenctl_bitmap cpumap_soft;
};
#define XEN_VCPUAFFINITY_HARD  (1u << 0)
#define XEN_VCPUAFFINITY_SOFT  (1u << 1)
#define XEN_VCPUAFFINITY_FORCE (1u << 2)

struct xen_domctl_max_vcpus {
	uint32_t max;
};

#define XEN_SCHEDULER_CREDIT   5
#define XEN_SCHEDULER_CREDIT2  6
#define XEN_SCHEDULER_ARINC653 7
#define XEN_SCHEDULER_RTDS     8
#define XEN_SCHEDULER_NULL     9

struct xen_domctl_sched_credit {
	uint16_t weight;
	uint16_t cap;
};

struct xen_domctl_sched_credit2 {
	uint16_t weight;
	uint16_t cap;
};

struct xen_domctl_sched_rtds {
	uint32_t period;
	uint32_t budget;
	uint32_t flags;
};

struct xen_domctl_scheduler_op {
	uint32_t sched_id;
	uint32_t cmd;
	union {
		struct xen_domctl_sched_credit credit;
		struct xen_domctl_sched_credit2 credit2;
		struct xen_domctl_sched_rtds rtds;
		struct {
			XEN_GUEST_HANDLE_64(xen_domctl_schedparam_vcpu_t) vcpus;
			uint32_t nr_vcpus;
			uint32_t padding;
		} v;
	} u;
};
#define XEN_DOMCTL_SCHEDOP_putinfo     0
#define XEN_DOMCTL_SCHEDOP_getinfo     1
#define XEN_DOMCTL_SCHEDOP_putvcpuinfo 2
#define XEN_DOMCTL_SCHEDOP_getvcpuinfo 3

struct xen_domctl_setdomainhandle {
	xen_domain_handle_t handle;
};

struct xen_domctl_setdebugging {
	uint8_t enable;
};

struct xen_domctl_irq_permission {
	uint32_t pirq;
	uint8_t allow_access;
	uint8_t pad[3];
};

struct xen_domctl_iomem_permission {
	uint64_aligned_t first_mfn;
	uint64_aligned_t nr_mfns;
	uint8_t allow_access;
};

struct xen_domctl_ioport_permission {
	uint32_t first_port;
	uint32_t nr_ports;
	uint8_t allow_access;
};

struct xen_domctl_hypercall_init {
	uint64_aligned_t gmfn; /* the frame to fill with hypercall stubs */
};

struct xen_domctl_settimeoffset {
	int64_aligned_t time_offset_seconds;
};

struct xen_domctl_address_size {
	uint32_t size; /* 32 or 64 */
};

struct xen_domctl_sendtrigger {
	uint32_t trigger;
	uint32_t vcpu;
};
#define XEN_DOMCTL_SENDTRIGGER_NMI   0
#define XEN_DOMCTL_SENDTRIGGER_RESET 1
#define XEN_DOMCTL_SENDTRIGGER_INIT  2

struct xen_domctl_shadow_op_stats {
	uint32_t fault_count;
	uint32_t dirty_count;
};

struct xen_domctl_shadow_op {
	uint32_t op; /* XEN_DOMCTL_SHADOW_OP_* */
	uint32_t mode;
	uint32_t mb;
	XEN_GUEST_HANDLE_64(uint8) dirty_bitmap;
	uint64_aligned_t pages;
	struct xen_domctl_shadow_op_stats stats;
};
#define XEN_DOMCTL_SHADOW_OP_OFF 0

/* 32-bit SYSCALL and SYSENTER, which vcpu_guest_context has no room for. */
struct xen_domctl_ext_vcpucontext {
	uint32_t vcpu;
	uint32_t size;
	uint64_aligned_t syscall32_callback_eip;
	uint64_aligned_t sysenter_callback_eip;
	uint16_t syscall32_callback_cs;
	uint16_t sysenter_callback_cs;
	uint8_t syscall32_disables_events;
	uint8_t sysenter_disables_events;
	union {
		uint64_aligned_t mcg_cap;
		uint64_aligned_t vmce[4]; /* machine checks */
	};
};

struct xen_domctl_tsc_info {
	uint32_t tsc_mode; /* 0: as the machine has it */
	uint32_t gtsc_khz;
	uint32_t incarnation;
	uint32_t pad;
	uint64_aligned_t elapsed_nsec;
};

/* The buffer: u64 xcr0, u64 of all that was ever set in it, then an XSAVE area in the plain format. */
struct xen_domctl_vcpuextstate {
	uint32_t vcpu;
	uint64_aligned_t xfeature_mask;
	uint64_aligned_t size;
	XEN_GUEST_HANDLE_64(uint64) buffer;
};

struct xen_domctl_nodeaffinity {
	struct xenctl_bitmap nodemap;
};

struct xen_domctl_vcpu_msr {
	uint32_t index;
	uint32_t reserved;
	uint64_aligned_t value;
};

struct xen_domctl_vcpu_msrs {
	uint32_t vcpu;
	uint32_t msr_count;
	XEN_GUEST_HANDLE_64(xen_domctl_vcpu_msr_t) msrs;
};

struct xen_domctl_cpu_policy {
	uint32_t nr_leaves;
	uint32_t nr_msrs;
	XEN_GUEST_HANDLE_64(xen_cpuid_leaf_t) leaves;
	XEN_GUEST_HANDLE_64(xen_msr_entry_t) msrs;
	uint32_t err_leaf, err_subleaf,
	    err_msr; /* what set_cpu_policy objects to; ~0: nothing of this sort */
};

struct xen_domctl {
	uint32_t cmd;
	uint32_t interface_version;
	domid_t domain;
	uint16_t _pad[3];
	union {
		struct xen_domctl_createdomain createdomain;
		struct xen_domctl_getdomaininfo getdomaininfo;
		struct xen_domctl_getpageframeinfo3 getpageframeinfo3;
		struct xen_domctl_vcpuaffinity vcpuaffinity;
		struct xen_domctl_max_mem max_mem;
		struct xen_domctl_vcpucontext vcpucontext;
		struct xen_domctl_getvcpuinfo getvcpuinfo;
		struct xen_domctl_max_vcpus max_vcpus;
		struct xen_domctl_scheduler_op scheduler_op;
		struct xen_domctl_setdomainhandle setdomainhandle;
		struct xen_domctl_setdebugging setdebugging;
		struct xen_domctl_irq_permission irq_permission;
		struct xen_domctl_iomem_permission iomem_permission;
		struct xen_domctl_ioport_permission ioport_permission;
		struct xen_domctl_hypercall_init hypercall_init;
		struct xen_domctl_settimeoffset settimeoffset;
		struct xen_domctl_address_size address_size;
		struct xen_domctl_sendtrigger sendtrigger;
		struct xen_domctl_shadow_op shadow_op;
		struct xen_domctl_ext_vcpucontext ext_vcpucontext;
		struct xen_domctl_tsc_info tsc_info;
		struct xen_domctl_vcpuextstate vcpuextstate;
		struct xen_domctl_nodeaffinity nodeaffinity;
		struct xen_domctl_vcpu_msrs vcpu_msrs;
		struct xen_domctl_cpu_policy cpu_policy;
		uint8_t pad[128];
	} u;
};
