/* SPDX-License-Identifier: MIT */
/*
 * Ringlet's own sysctls: exit accounting, tracing, memory accounts, and a short list of domains. Xen numbers its sysctls
 * from 1 in small steps and will not reach 0x52000000 ('R'), so Ringlet uses that range; a hypervisor that does not know
 * them answers -ENOSYS. The arguments lie in struct xen_sysctl's union, at u.pad. One layout for both word sizes.
 *
 * A reason says why a vCPU was in the hypervisor. docs/tracing.md explains how they are counted.
 */
#pragma once

#include "../xen/xen.h"

#define RINGLET_SYSCTL_BASE       0x52000000u
#define RINGLET_SYSCTL_accounting 0x52000001u
#define RINGLET_SYSCTL_stats      0x52000002u
#define RINGLET_SYSCTL_trace      0x52000003u
#define RINGLET_SYSCTL_stays      0x52000004u
#define RINGLET_SYSCTL_overhead   0x52000005u
#define RINGLET_SYSCTL_states     0x52000006u

/* Reasons. */
#define RINGLET_REASON_hypercall 0  /* + its number, below 64 */
#define RINGLET_REASON_trap      64 /* + vector, below 32 */
#define RINGLET_REASON_int80     96
#define RINGLET_REASON_syscall   97  /* SYSCALL of an application */
#define RINGLET_REASON_unknown   98  /* a hypercall number past the last */
#define RINGLET_REASON_timer     99  /* interrupts: this processor's timer, */
#define RINGLET_REASON_ipi       100 /* another processor, */
#define RINGLET_REASON_device    101 /* anything else */
#define RINGLET_REASON_upcall    102 /* an event being delivered */
#define RINGLET_REASON_switch    103 /* from being chosen to run until the guest continues */
#define RINGLET_REASON_start     104 /* was inside when tracing or accounting began */
#define RINGLET_REASON_work      105 /* between hypervisor and guest: pending work is done */
#define RINGLET_REASON_emulated  128 /* + row of emulated.def, below 64 */
#define RINGLET_REASONS          192

/* accounting: out: is it on? */
#define RINGLET_ACCOUNTING_ask   0
#define RINGLET_ACCOUNTING_on    1
#define RINGLET_ACCOUNTING_off   2
#define RINGLET_ACCOUNTING_reset 3 /* all counters to 0 */
struct ringlet_accounting {
	uint32_t command;
	uint32_t on;
};

struct ringlet_stat {
	uint32_t reason;
	uint32_t pad;
	uint64_aligned_t count;
	uint64_aligned_t ticks; /* of the time-stamp counter, in the hypervisor */
};

/* stats: one vCPU's counters that are not 0. -ESRCH: no such domain, -ENOENT: no such vCPU. */
struct ringlet_stats {
	domid_t domain;
	uint16_t pad;
	uint32_t vcpu;
	uint32_t count; /* in: room in buffer; out: entries written */
	uint32_t on;    /* out: is accounting on? */
	XEN_GUEST_HANDLE_64(ringlet_stat) buffer;
	uint64_aligned_t now; /* out: the time-stamp counter */
};

/*
 * A record of the trace. Either a stay in the hypervisor, from tsc to the first later moment whose low 32 bits are
 * `low`; or, from RINGLET_RECORD_upcall on, one moment, with its argument. Stays are written when they end, behind the
 * moments inside them.
 */
struct ringlet_record {
	uint64_aligned_t tsc;
	uint32_t low; /* a stay's end, or a moment's argument */
	uint32_t
	    what; /* a stay: reason | mode before << 16 | mode after << 20; or a moment: RINGLET_RECORD_* */
};
#define RINGLET_MODE_KNOWN    8 /* mode: ring, and these */
#define RINGLET_MODE_KERNEL   4
#define RINGLET_RECORD_upcall 0x80000000u /* an event is delivered */
#define RINGLET_RECORD_event  0x80000001u /* argument: domain << 16 | port that became pending */
#define RINGLET_RECORD_vcpu   0x80000002u /* from now on this CPU runs domain << 16 | vCPU */
#define RINGLET_RECORD_lost   0x80000003u /* argument: how many records are missing here */
#define RINGLET_RECORD_call   0x80000004u /* argument: reason; a hypercall of the multicall begins */
#define RINGLET_RECORD_told \
	0x80000005u /* argument: domain << 16 | port; the upcall before it tells of this port */
/* Argument: domain << 16 | RINGLET_COPY_*; bytes of a page that this domain granted were copied. */
#define RINGLET_RECORD_copy 0x80000006u
#define RINGLET_COPY_INTO   0x8000u /* to that page; else from it */
#define RINGLET_COPY_BYTES  0x1fffu

/* trace: one ring of records for each CPU. */
#define RINGLET_TRACE_start 1      /* domain, size. -EBUSY: already started, -ENOMEM */
#define RINGLET_TRACE_stop  2      /* what is in the rings can still be read */
#define RINGLET_TRACE_read  3      /* cpu, buffer. -ENOENT: no such CPU or never started */
#define RINGLET_TRACE_free  4      /* stop and give the memory back */
#define RINGLET_TRACE_ALL   0x7ff4 /* every domain */
struct ringlet_trace {
	uint32_t command;
	domid_t domain;
	uint16_t pad;
	uint32_t size;  /* records in each ring, a power of two from 256 to 65536 */
	uint32_t cpu;   /* read */
	uint32_t count; /* read: in: room in buffer, in records; out: records written, 2048 at most */
	uint32_t cpus;  /* out: how many there are */
	XEN_GUEST_HANDLE_64(ringlet_record) buffer;
	uint64_aligned_t lost; /* out: records that this CPU found no room for, since the start */
};

/*
 * stays: the longest ones with interrupts off (docs/tracing.md), longest first, one for each domain, reason and
 * address. Reading clears them. Without the option `stays`, count is 0 and on too.
 */
struct ringlet_stay {
	uint64_aligned_t ticks; /* of the time-stamp counter */
	uint64_aligned_t rip;   /* of the guest: after a hypercall, or at what trapped; 0: not known */
	uint64_aligned_t arg;   /* first argument of a hypercall; last call of a multicall */
	uint32_t reason;
	domid_t domain;
	uint16_t vcpu;
};
struct ringlet_stays {
	uint32_t count; /* in: room in buffer; out: entries written */
	uint32_t on;
	XEN_GUEST_HANDLE_64(ringlet_stay) buffer;
};

/* overhead: the hypervisor's memory that is held for a domain besides its own frames, and its limit
 * (docs/overhead.md). -ESRCH: no such domain. */
struct ringlet_overhead {
	domid_t domain;
	uint16_t pad[3];
	uint64_aligned_t bytes; /* out */
	uint64_aligned_t limit; /* out */
};

/*
 * states: XEN_SYSCTL_getdomaininfolist in short, for daemons that look at all domains whenever one ends. The arguments
 * are that operation's; the buffer holds these.
 */
struct ringlet_domain_state {
	domid_t domain;
	uint16_t pad;
	uint32_t flags; /* XEN_DOMINF_dying, _paused, _shutdown with its code; no others */
};
