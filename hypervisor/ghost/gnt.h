/* SPDX-License-Identifier: MIT */
/* The ghost's model of grants (gnt_model.c) for the hypercall's (gnt.c). See ghost.h. */
#pragma once

#include "lib/types.h"
#include "xen/grant_table.h"
#include "xen/xen.h"

struct domain;

/* A use of an entry begins and ends; *mfn is the frame that it is of. */
bool ghost_pin(struct domain *granter, uint32_t ref, domid_t who, bool readonly, mfn_t *mfn);
void ghost_unpin(struct domain *granter, uint32_t ref, bool readonly);
/* What a use holds on the frame. */
bool ghost_grant_hold(mfn_t mfn, struct domain *granter, bool readonly);
void ghost_grant_drop(mfn_t mfn, bool readonly);

bool ghost_map(const struct gnttab_map_grant_ref *op, struct domain *granter);

enum ghost_unmapped {
	UNMAP_REFUSED,
	UNMAP_NOTHING, /* no part of it was meant */
	UNMAP_HALF,    /* the other part is still there */
	UNMAP_DONE     /* the handle is free */
};
/* The addresses as in the requests; 0: not meant. */
enum ghost_unmapped ghost_unmap(uint32_t handle, uint64_t host_addr, uint64_t dev_addr, uint64_t from_addr);

/* Is the handle, in fact, the current domain's for that mapping? */
bool ghost_handle_is(uint32_t handle, const struct domain *granter, uint32_t ref, uint32_t flags);
/* How many are in use, in fact. */
uint32_t ghost_handles(const struct domain *d);
