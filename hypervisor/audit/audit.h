/* SPDX-License-Identifier: MIT */
/* The auditor: proves that every count of the frame table is what tables, roots, pins, descriptor tables,
 * grants and registered areas hold (audit/audit.c). For tests: debug key a, option audit=exit. */
#pragma once

#include "lib/types.h"

struct domain;
struct page_info;

/* Stop all vCPUs but the current one, count everything from scratch, print each discrepancy or one line that all is
 * well, and let them run again. True: all is well. The caller holds no lock. */
bool audit_run(void);
/* Boot: register its debug key; and an audit at the end of the machine, if asked for. */
void audit_init(void);

/* ---- for the files that report what is held (audit/tables.c, vcpus.c, grants.c) ---- */

/* What a frame's counts should be. One per frame, zero at the start of an audit. */
struct audit_count {
	uint32_t refs, uses; /* references, uses of the type */
	int32_t linear;      /* as page_info.linear */
	uint32_t kinds;      /* bit n: something uses it as page_type n */
};
#define AUDIT_CARRIER 8          /* kind: PGT_L2 with PGT_CARRIER */
#define AUDIT_LISTED  (1u << 31) /* in kinds: in its owner's list */

extern struct audit_count *audit_counts; /* by mfn */

/* Count a reference to @mfn; and with it a use as @kind (enum page_type or AUDIT_CARRIER). */
void audit_ref(mfn_t mfn);
void audit_use(mfn_t mfn, unsigned kind);
/* A discrepancy: counted, and printed unless there were too many. */
void audit_wrong(const char *fmt, ...) __printf_like(1, 2);

/* Everything that the live or partial table @pg holds. */
void audit_table(struct page_info *pg);
/* What the hypervisor has in a slot of its own. */
uint64_t audit_reserved_entry(const struct domain *d, int level, unsigned slot);

/* ---- audit/grants.c ---- */

/* What @d's mappings hold; and the pins of its grants compared with them. */
void audit_grants(struct domain *d);
/* Has @d mapped frame @mfn, for writing too if @writable, by a grant? */
bool audit_grant_maps(struct domain *d, mfn_t mfn, bool writable);

/* ---- audit/vcpus.c ---- */

/* Everything that @d's vCPUs hold: roots, descriptor tables, vcpu_info; and that they can run on it. */
void audit_vcpus(struct domain *d);
/* Whose tables each CPU walks, and whose translations it may hold. */
void audit_cpus(void);
