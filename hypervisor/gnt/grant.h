/* SPDX-License-Identifier: MIT */
/*
 * Grant tables, version 1 (xen/grant_table.h): what the rest of the hypervisor asks of them. A domain lets
 * others use its frames by entries of a table that it shares with the hypervisor. The tables and the rules are
 * in gnt/grant.c, mappings in gnt/map.c; the hypercall is gnt/grant_table_op.c.
 */
#pragma once

#include "lib/types.h"

struct domain;

/* A table for the new domain, of one frame. -ENOMEM. */
int grant_create(struct domain *d);
/* DOMCTL_createdomain's limits, -1 for the defaults: are they allowed? Then they can be set. */
bool grant_limits_ok(int32_t frames, int32_t maptrack_frames);
void grant_set_limits(struct domain *d, int32_t frames, int32_t maptrack_frames);
/* Bytes of memory that its tables may take, as granter and as mapper. */
uint64_t grant_most(const struct domain *d);

/*
 * The end of a domain, in this order: its grants can no longer be used; after its page tables are gone, it
 * releases what it had mapped (-ERESTART: call again); its shared frames are given up; at last, when there is
 * no reference to the domain, the rest is freed.
 */
void grant_close(struct domain *d);
int grant_release_maps(struct domain *d);
void grant_unshare(struct domain *d);
void grant_destroy(struct domain *d);

void grant_dump(struct domain *d); /* entries in use, to the log: debug key g, GNTTABOP_dump_table */
