/* SPDX-License-Identifier: MIT */
/*
 * The core of the guest ABI: what guest and hypervisor share from the first instruction on. Names, numbers and
 * layouts are those of Xen's public interface (tests/abi compares every one); the comments are Ringlet's.
 * Hypercall numbers are not here: they come from abi/hypercalls.def through the generated hypercalls.h.
 */
#pragma once

#include "arch-x86/xen.h"

/* Virtual interrupts: bound to event channels by EVTCHNOP_bind_virq. (V) per vCPU, (G) one for the machine.
 */
#define VIRQ_TIMER      0  /* V: periodic or single-shot timer */
#define VIRQ_DEBUG      1  /* V: asks the guest to dump its state */
#define VIRQ_CONSOLE    2  /* G: input for CONSOLEIO_read */
#define VIRQ_DOM_EXC    3  /* G: a domain shut down, crashed or died */
#define VIRQ_TBUF       4  /* G: trace buffer half full */
#define VIRQ_DEBUGGER   6  /* G: a domain stopped for debugging */
#define VIRQ_XENOPROF   7  /* V */
#define VIRQ_CON_RING   8  /* G: the hypervisor's console ring has new bytes */
#define VIRQ_PCPU_STATE 9  /* G */
#define VIRQ_MEM_EVENT  10 /* G */
#define VIRQ_ARGO       11 /* G */
#define VIRQ_ENOMEM     12 /* G: memory is low */
#define VIRQ_XENPMU     13 /* V */
#define VIRQ_ARCH_0     16
#define VIRQ_ARCH_7     23
#define NR_VIRQS        24

/* mmu_update: low two bits of ptr. */
#define MMU_NORMAL_PT_UPDATE       0 /* *ptr = val */
#define MMU_MACHPHYS_UPDATE        1 /* M2P[ptr >> 12] = val */
#define MMU_PT_UPDATE_PRESERVE_AD  2 /* as 0, keeping Accessed and Dirty of the old entry */
#define MMU_PT_UPDATE_NO_TRANSLATE 3

struct mmu_update {
	uint64_t ptr; /* machine address of the entry, or'ed with the type */
	uint64_t val;
};

/* mmuext_op commands. */
#define MMUEXT_PIN_L1_TABLE       0
#define MMUEXT_PIN_L2_TABLE       1
#define MMUEXT_PIN_L3_TABLE       2
#define MMUEXT_PIN_L4_TABLE       3
#define MMUEXT_UNPIN_TABLE        4
#define MMUEXT_NEW_BASEPTR        5
#define MMUEXT_TLB_FLUSH_LOCAL    6
#define MMUEXT_INVLPG_LOCAL       7
#define MMUEXT_TLB_FLUSH_MULTI    8
#define MMUEXT_INVLPG_MULTI       9
#define MMUEXT_TLB_FLUSH_ALL      10
#define MMUEXT_INVLPG_ALL         11
#define MMUEXT_FLUSH_CACHE        12
#define MMUEXT_SET_LDT            13
#define MMUEXT_NEW_USER_BASEPTR   15
#define MMUEXT_CLEAR_PAGE         16
#define MMUEXT_COPY_PAGE          17
#define MMUEXT_FLUSH_CACHE_GLOBAL 18
#define MMUEXT_MARK_SUPER         19
#define MMUEXT_UNMARK_SUPER       20

struct mmuext_op {
	unsigned int cmd;
	union {
		xen_pfn_t mfn;             /* PIN, UNPIN, NEW_*BASEPTR, CLEAR, COPY */
		unsigned long linear_addr; /* INVLPG, SET_LDT */
	} arg1;
	union {
		unsigned int nr_ents;                  /* SET_LDT */
		XEN_GUEST_HANDLE(const_void) vcpumask; /* *_MULTI: bitmap of vCPUs */
		xen_pfn_t src_mfn;                     /* COPY_PAGE */
	} arg2;
};

/* update_va_mapping flags. */
#define UVMF_NONE           0ul
#define UVMF_TLB_FLUSH      1ul
#define UVMF_INVLPG         2ul
#define UVMF_FLUSHTYPE_MASK 3ul
#define UVMF_MULTI          0ul /* the rest of the word points to a bitmap of vCPUs */
#define UVMF_LOCAL          0ul
#define UVMF_ALL            (1ul << 2)

#define CONSOLEIO_write 0
#define CONSOLEIO_read  1

/* vm_assist */
#define VMASST_CMD_enable                0
#define VMASST_CMD_disable               1
#define VMASST_TYPE_4gb_segments         0
#define VMASST_TYPE_4gb_segments_notify  1
#define VMASST_TYPE_writable_pagetables  2
#define VMASST_TYPE_pae_extended_cr3     3
#define VMASST_TYPE_architectural_iopl   4
#define VMASST_TYPE_runstate_update_flag 5
#define VMASST_TYPE_m2p_strict           32

/* Domain ids with a meaning. */
#define DOMID_FIRST_RESERVED 0x7ff0u
#define DOMID_SELF           0x7ff0u /* the caller */
#define DOMID_IO             0x7ff1u /* owner of device memory */
#define DOMID_XEN            0x7ff2u /* owner of the hypervisor's shared frames */
#define DOMID_COW            0x7ff3u
#define DOMID_INVALID        0x7ff4u
#define DOMID_IDLE           0x7fffu
#define DOMID_MASK           0x7fffu

struct multicall_entry {
	xen_ulong_t op, result;
	xen_ulong_t args[6];
};

/*
 * Time of a vCPU: version is odd while the hypervisor writes. Nanoseconds since start =
 * system_time + (((tsc - tsc_timestamp) << tsc_shift) * tsc_to_system_mul) >> 32.
 */
struct vcpu_time_info {
	uint32_t version;
	uint32_t pad0;
	uint64_t tsc_timestamp;
	uint64_t system_time;
	uint32_t tsc_to_system_mul;
	int8_t tsc_shift; /* negative: shift right */
	uint8_t flags;
	uint8_t pad1[2];
};
#define XEN_PVCLOCK_TSC_STABLE_BIT (1 << 0)
#define XEN_PVCLOCK_GUEST_STOPPED  (1 << 1)

struct vcpu_info {
	uint8_t evtchn_upcall_pending; /* set by the hypervisor, cleared by the guest before it scans */
	uint8_t evtchn_upcall_mask;    /* the guest's virtual interrupt flag, inverted */
	xen_ulong_t evtchn_pending_sel;
	struct arch_vcpu_info arch;
	struct vcpu_time_info time;
};

struct shared_info {
	struct vcpu_info vcpu_info[XEN_LEGACY_MAX_VCPUS];
	xen_ulong_t evtchn_pending[sizeof(xen_ulong_t) * 8];
	xen_ulong_t evtchn_mask[sizeof(xen_ulong_t) * 8];
	uint32_t wc_version; /* wall clock at system_time 0; odd while being written */
	uint32_t wc_sec;
	uint32_t wc_nsec;
#ifdef __x86_64__
	uint32_t wc_sec_hi;
#endif
	struct arch_shared_info arch;
};

#define MAX_GUEST_CMDLINE 1024

/* Given to the first vCPU in RSI/ESI. */
struct start_info {
	char magic[32]; /* "xen-<version>-<platform>" */
	unsigned long nr_pages;
	unsigned long shared_info; /* machine address */
	uint32_t flags;            /* SIF_* */
	xen_pfn_t store_mfn;
	uint32_t store_evtchn;
	union {
		struct {
			xen_pfn_t mfn;
			uint32_t evtchn;
		} domU;
		struct {
			uint32_t info_off;
			uint32_t info_size;
		} dom0;
	} console;
	unsigned long pt_base; /* virtual address of the root page table */
	unsigned long nr_pt_frames;
	unsigned long mfn_list;  /* virtual address of the P2M table */
	unsigned long mod_start; /* virtual address, or frame number with SIF_MOD_START_PFN */
	unsigned long mod_len;
	int8_t cmd_line[MAX_GUEST_CMDLINE];
	unsigned long first_p2m_pfn; /* frames of a P2M placed by XEN_ELFNOTE_INIT_P2M */
	unsigned long nr_p2m_frames;
};

#define SIF_PRIVILEGED      (1 << 0)
#define SIF_INITDOMAIN      (1 << 1)
#define SIF_MULTIBOOT_MOD   (1 << 2) /* mod_start points to struct xen_multiboot_mod_list[] */
#define SIF_MOD_START_PFN   (1 << 3)
#define SIF_VIRT_P2M_4TOOLS (1 << 4)
#define SIF_PM_MASK         (0xff << 8)

struct xen_multiboot_mod_list {
	uint32_t mod_start;
	uint32_t mod_end;
	uint32_t cmdline;
	uint32_t pad;
};

typedef uint8_t xen_domain_handle_t[16];

/* A bitmap in the caller's memory, bit 0 of byte 0 first. */
struct xenctl_bitmap {
	XEN_GUEST_HANDLE_64(uint8) bitmap;
	uint32_t nr_bits;
};
