/* SPDX-License-Identifier: MIT */
/*
 * A domain (one guest) and its vCPUs: what they are, how they are found and counted. How a domain is made, stopped and
 * ended is dom/domain.h.
 * Lifetime: domains are counted; domain_by_id() takes a reference, domain_put() drops it. The domain's frames
 * together hold one, and each shared hypervisor page does (mm/frame_domain.c). The last frees the structure.
 */
#pragma once

#include "cpu/percpu.h"
#include "cpu/timer.h"
#include "evt/state.h"
#include "guest/shared_info.h"
#include "hypercalls.h"
#include "lib/list.h"
#include "lib/loglimit.h"
#include "lib/spinlock.h"
#include "lib/types.h"
#include "mm/state.h"
#include "sched/state.h"
#include "xen/xen.h"

#define DOMAIN_TAGS \
	4096 /* values of pt_tag, 0 included: as many as the type word of a page has room for (mm/page.h) */
#define MAX_VCPUS 32 /* per domain; the ABI's limit for vcpu_info in shared_info */

struct cpu_policy;
struct fpu_area;
struct fv;
struct guest_abi;
struct guest_doors;
struct guest_kind;
struct hypercall_abi;
struct paging_rules;
struct pv_doors;

/* A guest entry point. */
struct callback {
	uint64_t address;
	uint16_t cs;   /* pv32 only */
	uint8_t flags; /* CALLBACKF_mask_events */
	uint8_t dpl;   /* an exception's: privilege that INT n needs */
};

enum vcpu_state {
	VCPU_OFFLINE,  /* not initialised, or VCPUOP_down */
	VCPU_RUNNABLE, /* running or waiting for a CPU */
	VCPU_BLOCKED,  /* SCHEDOP_block or _poll: until an event comes */
};

/* The exit path's ways, from the safest to the shortest (entry/exit.asm). */
enum way_back {
	BACK_BY_IRET,   /* every register from the frame */
	BACK_BY_SYSRET, /* pv64: rcx = rip, r11 = rflags, flat segments; rbp, r12-r15 were never changed */
	BACK_BY_IRET32, /* pv32, to its kernel: there are no r8-r15 */
};

struct vcpu {
	/* Entry code pushes straight into here: TSS.RSP0 is the address of regs.es, so that address must be
	 * 16-byte aligned (SDM 3A 6.14.2, 64-Bit Mode Stack Frame). */
	uint64_t
	    align_regs[7]; /* at least as many as IRETQ's own fault needs: entry/traps.asm, .exit_fault */
	struct cpu_user_regs regs __aligned(8);

	struct domain *domain;
	uint32_t id;
	bool user_mode;   /* pv64: the application's page tables and GS base are in force */
	uint8_t way_back; /* enum way_back: how the exit path returns to the guest */
	bool initialised; /* it has a whole context: VCPUOP_initialise or DOMCTL_setvcpucontext was done */
	bool ts_virtual;  /* guest's view of CR0.TS (fpu_taskswitch) */
	uint8_t iopl;     /* virtual IOPL, physdev set_iopl */
	bool nmi_pending; /* VCPUOP_send_nmi: the exit path enters the handler of exception 2 */
	/*
	 * What the shortcuts of entry/crossing.asm cannot do; each is a byte, since other vCPUs set `iopl`. A system call
	 * takes the short way if none is set, an IRET if none of SPECIAL_TO_KERNEL or SPECIAL_TO_USER is. Rules:
	 *	(1) `iopl` is what the domain's vm_assist says: context_assist_changed().
	 *	(2) `nmi` is set from bounce_nmi() to bounce_nmi_done(), or to a new context.
	 *	(3) pv64: `no_user_root` is set if and only if user_cr3 is 0. What changes user_cr3 sets it (mm/root.c).
	 *	(4) pv64: `no_entry` is set unless context_takes_syscalls(). What changes syscall_cb or kernel_sp calls
	 *	    context_entry_changed() before the guest runs again.
	 * The auditor checks (3) and (4).
	 */
	union {
		uint32_t any;
		struct {
			bool iopl;         /* frames show IOPL: VMASST_TYPE_architectural_iopl */
			bool nmi;          /* in the NMI handler: the next waits for its IRET */
			bool no_user_root; /* there is nothing that an application could run on */
			bool no_entry;     /* a system call finds no plain callback, or no stack */
		};
	} special;
#define SPECIAL_TO_KERNEL 0x0000ffffu /* in special.any: iopl, nmi */
#define SPECIAL_TO_USER   0x00ffffffu /* and no_user_root */
	gva_t iobitmap; /* physdev set_iobitmap: the guest's own bitmap (bit set: port refused) */
	uint32_t iobitmap_ports;
	union vcpu_view *info; /* vcpu_info in shared_info or registered by VCPUOP_register_vcpu_info */
	mfn_t info_mfn;        /* registered frame (a reference is held), or INVALID_MFN */

	/* Guest entry points (pv/); those of exceptions come last. */
	struct callback event_cb, failsafe_cb, syscall_cb, syscall32_cb, sysenter_cb;
	uint64_t entry_words[4]; /* what the next entry pushes below the return frame (pv/bounce.c) */
	uint64_t kernel_sp;
	uint16_t kernel_ss;
	uint64_t refused_rip, refused_rsp; /* where the last failed return was sent instead (exit_fault) */

	struct vcpu_mm mm;

	uint64_t cr0, cr4; /* guest's view */
	uint64_t debugreg[8];

	/* Segments not in regs while running: saved by doors->switch_out. */
	uint64_t fs_base, gs_base_kernel, gs_base_user;
	bool segs_fresh; /* a context was set: non-null FS and GS bring their own bases when loaded */

	/* Descriptor tables (pv/desc.c). */
	mfn_t gdt_frames[14];
	uint32_t gdt_entries;
	uint64_t ldt_base;
	uint32_t ldt_entries;
	uint32_t ldt_mapped;     /* bit n: LDT page n is mapped and holds a segdesc type reference */
	struct percpu *desc_cpu; /* whose page the window shows, and whose TLB knows it; NULL: no CPU's */

	struct fpu_area *fpu;

	/* What lower rooms must know of scheduling. Only sched/ changes it: state and cpu under the lock of cpu's run queue,
	 * running as a vCPU is chosen and after it is saved. */
	enum vcpu_state state;
	volatile bool running; /* some CPU holds its state */
	struct percpu *cpu;    /* where it runs or last ran */

	struct vcpu_evt evt;
	struct vcpu_sched sched;

	/* Multicall: where a restarted entry's new arguments go, NULL outside a batch; why it was
	 * interrupted. */
	struct multicall_entry *multicall;
	enum {
		MULTICALL_GOES_ON,
		MULTICALL_LOOK, /* not interrupted, but this call took long: look at other work now */
		MULTICALL_RESTART,
		MULTICALL_STOP
	} multicall_interrupted;
	uint64_t hypercalls; /* counters for rl info */
	struct fv *fv;       /* fv/: its virtual PC */
	/* Takes each exception and INT n of a guest whose kind handles them itself; NULL: bounced (entry/trap.c). */
	void (*trap)(struct vcpu *v, struct cpu_user_regs *regs);
	mfn_t gdt_next[14]; /* the frames of a GDT that is being set: these are held already (pv/desc.c) */
	unsigned gdt_next_pages;
	struct trace_counters *counters; /* exit accounting (trace/), NULL until there is any */

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
	uint8_t shutdown_code; /* SHUTDOWN_* */
	bool code_latched;     /* SCHEDOP_shutdown_code: shutdown_code is final */
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
	uint8_t uuid[16];
	struct spinlock lock; /* domctl operations, state */

	struct domain_mm mm;
	uint32_t pt_tag; /* its own among all domains, not 0: marks its valid tables (mm/page.h) */
	struct domain *next_privileged;
	mfn_t shared_info_mfn;
	void *shared_info;
	uint32_t vm_assist; /* VMASST bits */
	bool fv_nopatch;    /* fv: instructions that do not trap are left as they are */

	/* Grants (gnt/). */
	struct grant_table *grants;

	struct domain_evt evt;
	struct domain_sched sched;

	uint32_t pci_index; /* Dom0: its view of port 0xcf8 */

	/* vCPUs. */
	uint32_t max_vcpus;
	struct vcpu *vcpu[MAX_VCPUS];
	uint32_t controller_pauses; /* those of them that Dom0 made by domctl */
	uint32_t release_next;      /* the vCPU that comes next, in its second stage */
	uint32_t relinquish_stage;  /* how far domain_relinquish() came */
	uint32_t close_next;        /* and in its event channels */
	bool shut_down;             /* SCHEDOP_shutdown was done, whatever came after */
	uint64_t ssidref;
	struct cpu_policy *cpu_policy; /* what CPUID tells its vCPUs (dom/cpu_policy.h); NULL: the default */
	char name[16];                 /* for reports: "d3" */

	struct timer watchdog[2]; /* expires 0: not in use. Set by the domain, under lock */
	ns_t paused_since;

	/* Console output of console_io, buffered per line. */
	char con_line[128];
	uint32_t con_len;
	struct log_limit con_limit;
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
