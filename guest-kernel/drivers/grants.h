/* SPDX-License-Identifier: MIT */
/* This kernel's own grant table: it lets other domains use the kernel's page frames. */
#ifndef DRIVERS_GRANTS_H
#define DRIVERS_GRANTS_H

#include "machine.h"
#include "xen/grant_table.h"

/* What happens when a shared page is unmapped: as the ioctls of gntdev and gntalloc say. */
struct unmap_notify {
	u32 action; /* UNMAP_NOTIFY_* */
	u32 port;
	u32 byte; /* offset in the page */
};

/* Grant the frame to a domain; the reference, or -ENOSPC, -ENODEV. */
long grant_access(domid_t domid, pfn_t pfn, bool readonly);
/* Take it back. False: the other domain still uses it. */
bool grant_end(grant_ref_t ref);

#endif
