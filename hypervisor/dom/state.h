/* SPDX-License-Identifier: MIT */
/* What dom/ keeps in each domain and each vCPU (guest/domain.h). */
#pragma once

#include "cpu/timer.h"
#include "lib/loglimit.h"
#include "lib/spinlock.h"
#include "lib/types.h"

struct cpu_policy;

struct domain_dom {
	/* Guards what follows, as far as to shutdown_code, and what its vCPUs set for one another: contexts, places of
	 * vcpu_info. So all that the domain's own hypercalls change. */
	struct spinlock lock;
	uint32_t con_len;
	char con_line[128]; /* output of console_io, buffered per line */
	struct log_limit con_limit;
	struct timer watchdog[2]; /* expires 0: not in use */
	bool code_latched;        /* SCHEDOP_shutdown_code: shutdown_code is final */
	uint8_t shutdown_code;    /* SHUTDOWN_*; the one who stops the domain sets it, too (dom/shutdown.c) */

	bool shut_down;    /* SCHEDOP_shutdown was done, whatever came after; atomic */
	ns_t paused_since; /* set by the first of those that pause it, read by the last */

	/* Under domctl_lock. */
	uint8_t uuid[16];
	uint64_t ssidref;
	bool fv_nopatch;               /* fv: instructions that do not trap are left as they are */
	uint32_t controller_pauses;    /* those of sched.pause_count that Dom0 made by domctl */
	uint32_t relinquish_stage;     /* how far domain_relinquish() came, */
	uint32_t release_next;         /* the vCPU that comes next in its second stage, */
	uint32_t close_next;           /* and the event channel */
	struct cpu_policy *cpu_policy; /* what CPUID tells its vCPUs (dom/cpu_policy.h); NULL: the default */
};

/* The vCPU itself changes its ports and IOPL, or code for which it does not run. Other vCPUs of its domain change the rest,
 * under the domain's dom.lock, and the tools, for which it does not run. */
struct vcpu_dom {
	bool initialised; /* it has a whole context: VCPUOP_initialise or DOMCTL_setvcpucontext was done */
	uint8_t iopl;     /* virtual IOPL, physdev set_iopl */
	uint32_t iobitmap_ports;
	gva_t iobitmap; /* physdev set_iobitmap: the guest's own bitmap (bit set: port refused) */
	mfn_t info_mfn; /* frame of a vcpu_info that was registered (a reference is held), or INVALID_MFN */
};
