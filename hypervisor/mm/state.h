/* SPDX-License-Identifier: MIT */
/* What mm/ keeps in each domain and each vCPU (guest/domain.h). */
#pragma once

#include "cpu/cpuset.h"
#include "lib/spinlock.h"
#include "lib/types.h"

struct memory_work;

/*
 * A vCPU's address spaces. They change on the CPU that runs it, or while it does not run; the rules are mm/root.c's. CR3
 * values are what is loaded into the real CR3.
 */
struct vcpu_mm {
	uint64_t kernel_cr3, user_cr3; /* what changes user_cr3 sets special.no_user_root */
	mfn_t root, user_root; /* guest's L4 (pv64) or L3 (pv32); type references held; INVALID_MFN if none */
	void *kind_root;       /* the kind's: pv32's own L4 page above the guest's L3 */
	uint64_t *desc_l1; /* the 32 entries of its descriptor window (slot 260): pv/desc.c, before it runs */
	struct memory_work *memory_work; /* of its own memory_op that will be restarted (mm/memory.h) */
};

struct domain_mm {
	/* Under pt_lock: page-table changes (mm/partial.c). */
	struct spinlock pt_lock;
	int32_t pt_allowance;    /* entries that the holder may still get or put */
	uint32_t partial_tables; /* how many frames are such */
	uint32_t pt_left;        /* one of them, to be taken apart; 0: none */

	/* Without a lock. CPUs that may hold translations of this domain: each sets and clears its own bit (mm/root.c). */
	cpuset_t tlb_cpus;
	/* CPUs whose TLB may show its frames by mappings of another domain that is not privileged: none, or
	 * CPUSET_ALL once a grant of its was mapped (gnt/map.c). It never shrinks. */
	cpuset_t tlb_abroad;

	/* Under page_lock: the list of owned frames through page_info.next, and totals. */
	struct spinlock page_lock;
	uint32_t page_head;
	uint64_t tot_pages;
	void *memory_map; /* E820 entries for XENMEM_memory_map, or NULL */
	uint32_t memory_map_entries;

	uint64_t
	    claimed_pages;   /* kept free for it (XENMEM_claim_pages), under claim_lock (mm/frame_domain.c) */
	uint64_t max_pages;  /* Dom0 sets it under domctl_lock, boot/ that of Dom0 */
	uint64_t heap_bytes; /* the hypervisor's memory held for it: atomic (mm/charge.c) */
	uint64_t heap_quota; /* and at most: set with max_pages (dom/quota.c) */
	uint64_t audit_bytes; /* what the auditor counts, to be compared with heap_bytes */
	uint64_t *
	    window_l3; /* slot 260 of every root of this domain: descriptor windows. Set once, at its creation */
};
