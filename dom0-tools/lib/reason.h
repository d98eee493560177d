/* SPDX-License-Identifier: MIT */
/* Why a vCPU was in the hypervisor, in words; and the counters of one (ringlet/sysctl.h). */
#pragma once

#include "hv.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ringlet/sysctl.h>

/* "hypercall mmu_update", "trap #PF, page fault", "emulate clts" ...; always ends with 0. */
void reason_name(uint32_t reason, char *name, size_t size);

/* What `rl top` sums up. */
enum reason_class {
	CLASS_HYPERCALL,
	CLASS_TRAP, /* system calls of applications too */
	CLASS_EMULATED,
	CLASS_INTERRUPT,
	CLASS_UPCALL,
	CLASS_OTHER, /* switches */
	CLASSES
};
enum reason_class reason_class(uint32_t reason);

struct counter {
	uint64_t count, ticks;
};
struct counters {
	struct counter reason[RINGLET_REASONS];
	uint64_t now; /* the time-stamp counter when they were read */
};

/* Counters of one vCPU. -errno: -ENOENT if there is no such vCPU. */
long counters_read(struct hv *hv, unsigned domain, unsigned vcpu, struct counters *c);
/* Add @more to @sum. */
void counters_add(struct counters *sum, const struct counters *more);
/* What has come since @before, in place; counters that were reset start from zero. */
void counters_since(struct counters *c, const struct counters *before);
/* RINGLET_ACCOUNTING_*; whether it is on afterwards (0, 1), or -errno. */
long accounting_command(struct hv *hv, uint32_t command);
/* Frequency of the time-stamp counter in kHz; -errno. */
long tsc_khz(struct hv *hv);
