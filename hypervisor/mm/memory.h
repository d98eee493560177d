/* SPDX-License-Identifier: MIT */
/* Mechanism of memory_op: extents of 2^order machine frames that come and go (mm/memory.c). No guest pointer
 * gets here. */
#pragma once

#include "lib/types.h"

struct domain;

#define MAX_ORDER_DOMU  9 /* 2 MiB: what an unprivileged domain may ask for in one piece */
#define MAX_ORDER_DOM0  MAX_ORDER
#define EXCHANGE_FRAMES (1u << MAX_ORDER_DOMU) /* frames exchanged as one unit, at most */

/* A new extent for @d whose frames are to appear from @gpfn on; INVALID_PFN: the M2P says nothing. Returns
 * its first machine frame, or INVALID_MFN. */
mfn_t memory_populate(struct domain *d, pfn_t gpfn, unsigned order, unsigned addr_bits);
/* @d gives up frames [mfn, mfn + 2^order). Those still mapped live until they are unmapped. False: not all of
 * them were its own. */
bool memory_decrease(struct domain *d, mfn_t mfn, unsigned order);

/* Trade @n frames of @d, mapped nowhere, for as many new ones. */
struct exchange {
	uint32_t in[EXCHANGE_FRAMES];
	mfn_t out[EXCHANGE_FRAMES]; /* first frames of the new extents */
	unsigned n;                 /* frames */
	unsigned out_order, addr_bits;
};
/* 0, -EINVAL: a frame is not @d's or in use; -ENOMEM. On failure nothing has changed. */
int memory_exchange(struct domain *d, struct exchange *x);
