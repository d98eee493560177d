/* SPDX-License-Identifier: MIT */
/*
 * A domain (one guest) and its vCPUs: what they are, how they are found and counted. How a domain is made, stopped and
 * ended is dom/domain.h.
 * Lifetime: domains are counted; domain_by_id() takes a reference, domain_put() drops it. The domain's frames
 * together hold one, and each shared hypervisor page does (mm/frame_domain.c). The last frees the structure.
 */
#pragma once

#include "cpu/percpu.h"
#include "dom/state.h"
#include "emul/state.h"
#include "evt/state.h"
#include "guest/entry_state.h"
#include "guest/shared_info.h"
#include "hypercalls.h"
#include "lib/list.h"
#include "lib/spinlock.h"
#include "lib/types.h"
#include "mm/state.h"
#include "pv/state.h"
#include "sched/state.h"
#include "xen/xen.h"

#define DOMAIN_TAGS \
	4096 /* values of pt_tag, 0 included: as many as the type word of a page has room for (mm/page.h) */
#define MAX_VCPUS 32 /* per domain; the ABI's limit for vcpu_info in shared_info */

struct fpu_area;
struct fv;
struct guest_abi;
struct guest_doors;
struct guest_kind;
struct hypercall_abi;
struct paging_rules;
struct pv_doors;

enum vcpu_state {
	VCPU_OFFLINE,  /* not initialised, or VCPUOP_down */
	VCPU_RUNNABLE, /* running or waiting for a CPU */
	VCPU_BLOCKED,  /* SCHEDOP_block or _poll: until an event comes */
};

struct vcpu {
	/* Entry code pushes straight into here: TSS.RSP0 is the address of regs.es, so that address must be
	 * 16-byte aligned (SDM 3A 6.14.2, 64-Bit Mode Stack Frame). */
	uint64_t
	    align_regs[7]; /* at least as many as IRETQ's own fault needs: entry/traps.asm, .exit_fault */
	struct cpu_user_regs regs __aligned(8);

	struct domain *domain;
	union vcpu_view *info;   /* vcpu_info in shared_info or registered by VCPUOP_register_vcpu_info */
	struct vcpu_entry entry; /* guest/entry_state.h */
	struct vcpu_mm mm;
	uint32_t id;

	/* What lower rooms must know of scheduling. Only sched/ changes it: state and cpu under the lock of cpu's run queue,
	 * running as a vCPU is chosen and after it is saved. */
	enum vcpu_state state;
	volatile bool running; /* some CPU holds its state */
	struct percpu *cpu;    /* where it runs or last ran */

	struct fpu_area *fpu;            /* saved while it does not run (sched/switch.c) */
	struct fv *fv;                   /* its virtual PC; NULL: it is not of that kind */
	struct trace_counters *counters; /* exit accounting (trace/), NULL until there is any */

	/* Multicall: where a restarted entry's new arguments go, NULL outside a batch; why it was
	 * interrupted. */
	struct multicall_entry *multicall;
	enum {
		MULTICALL_GOES_ON,
		MULTICALL_LOOK, /* not interrupted, but this call took long: look at other work now */
		MULTICALL_RESTART,
		MULTICALL_STOP
	} multicall_interrupted;

	/* What the other rooms keep (their state.h). */
	struct vcpu_evt evt;
	struct vcpu_sched sched;
	struct vcpu_dom dom;
	struct vcpu_pv pv;

	/* The guest's handlers of exceptions (pv/trap_op.c), changed by the vCPU itself or before it runs. Last, since only
	 * a vCPU of a domain with pv_doors has memory for it (dom/vcpu.c). */
	struct callback traps[256];
};

enum domain_state {
	DOMAIN_BUILDING, /* paused since creation; not yet unpaused once */
	DOMAIN_ALIVE,
	DOMAIN_SHUTDOWN, /* shutdown_code says why; its memory is still there */
	DOMAIN_DYING,    /* DOMCTL_destroydomain under way */
	DOMAIN_DEAD,     /* everything given back; only references keep the structure */
};

struct domain {
	domid_t id;
	bool privileged; /* Dom0: may use domctl, sysctl, foreign frames, real I/O (domain_make_privileged) */
	enum domain_state state;
	hypercall_fn
	    *hypercalls; /* what its vCPUs may call, by number (guest/hypercall.h); NULL: fv has none */
	/* Every difference between the kinds of guests (guest/kind.h says which of them are NULL). A copy of each
	 * pointer in *kind, so that a use costs one load less. */
	const struct guest_kind *kind;
	const struct guest_abi *abi;
	const struct hypercall_abi *calls;
	const struct paging_rules *paging;
	const struct pv_doors *pv;
	const struct guest_doors *doors;
	uint32_t refs;
	struct list link;         /* domain_list, ordered by id */
	struct domain *hash_next; /* of those with ids that hash to the same */
	struct domain *next_privileged;
	uint32_t pt_tag;    /* its own among all domains, not 0: marks its valid tables (mm/page.h) */
	uint32_t vm_assist; /* VMASST bits */
	void *shared_info;
	mfn_t shared_info_mfn;

	/* What each room keeps (its state.h). */
	struct domain_mm mm;
	struct grant_table *grants;
	struct domain_evt evt;
	struct domain_sched sched;
	struct domain_dom dom;
	struct domain_emul emul;

	uint32_t max_vcpus;
	struct vcpu *vcpu[MAX_VCPUS];
	char name[16]; /* for reports: "d3" */
};

extern struct list domain_list;
extern struct spinlock domain_list_lock;
extern struct domain *dom0;
/* Owners of frames that no guest owns: DOMID_IO for MMIO, DOMID_XEN for hypervisor frames shared with guests.
 */
extern struct domain *dom_io, *dom_xen;
extern struct domain dom_idle; /* the idle vCPUs' domain; it is of no kind */
/* The privileged domains, by next_privileged. They may map any other's frames, so flushes have to reach them, too
 * (mm/page.c). Never empty: until there is one, it is dom_idle, which maps nothing. None of them is ever freed. */
extern struct domain *privileged_domains;
/* Let @d do what Dom0 may. Before it runs. */
void domain_make_privileged(struct domain *d);

static inline bool vcpu_is_idle(const struct vcpu *v)
{
	return v->domain == &dom_idle;
}

/* The domain with this id, a reference taken, or NULL. DOMID_SELF gives the current domain. */
struct domain *domain_by_id(domid_t id);
/* The first domain whose id is at least @first, a reference taken, or NULL: to go through all of them. */
struct domain *domain_next(domid_t first);
void domain_get(struct domain *d);
void domain_put(struct domain *d);
/* What domain_put() does with a domain that has no references any more (dom/domain.c). */
extern void (*domain_last_put)(struct domain *d);
/* Put the new @d into the list, with id @id, or a free one for DOMID_INVALID. -EEXIST, -ENOSPC. */
int domain_list_insert(struct domain *d, domid_t id);

#define for_each_vcpu(d, v)                                       \
	for (uint32_t i_##v = 0; i_##v < (d)->max_vcpus; i_##v++) \
		if (((v) = (d)->vcpu[i_##v]) != NULL)
