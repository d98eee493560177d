/* SPDX-License-Identifier: MIT */
/* Lab 5: two operations, each done in three ways; and what the ways are handed. */
#pragma once

#include "fw.h"

#define OPERATIONS 64 /* at most, in one call of a way */

/* One page-table entry to be changed. */
struct change {
	pte_t *entry;     /* where the guest sees it: in a live L1 table, which is mapped read-only */
	uint64_t machine; /* where it is, for the hypervisor */
	pte_t value;      /* what it is to be */
};

/* ---- the student's: ways.c ---- */

/* Clear the flag TS of CR0 (the FPU is ours), @n times. */
void ts_by_trap(unsigned n);      /* by the instruction */
void ts_by_hypercall(unsigned n); /* by fpu_taskswitch */
void ts_batched(unsigned n);      /* by as few hypercalls as can be: multicall */

/* Make @n changes. */
void pte_by_trap(const struct change *c, unsigned n);      /* by a store: the hypervisor emulates it */
void pte_by_hypercall(const struct change *c, unsigned n); /* by mmu_update, one each */
void pte_batched(const struct change *c, unsigned n);      /* by mmu_update, all in one */
