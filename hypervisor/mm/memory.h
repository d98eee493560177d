/* SPDX-License-Identifier: MIT */
/* Mechanism of memory_op: extents of 2^order machine frames that come and go (mm/memory.c). No guest pointer
 * gets here. */
#pragma once

#include "lib/types.h"

struct domain;
struct vcpu;

#define MAX_ORDER_DOMU  9 /* 2 MiB: what an unprivileged domain may ask for in one piece */
#define MAX_ORDER_DOM0  MAX_ORDER
#define EXCHANGE_FRAMES (1u << MAX_ORDER_DOMU) /* frames exchanged as one unit, at most */

/* A new frame for @d that is to appear at @gpfn; INVALID_PFN: the M2P says nothing. INVALID_MFN: none. */
mfn_t memory_populate(struct domain *d, pfn_t gpfn, unsigned addr_bits);
/* @d gives up frames [mfn, mfn + 2^order), from number *at on. Those still mapped live until they are unmapped. 0;
 * -EINVAL: one was not its own; -ERESTART: *at says how far it came, call again. */
int memory_decrease(struct domain *d, mfn_t mfn, unsigned order, uint32_t *at);

/*
 * Trade @n frames of @d, mapped nowhere, for as many new ones; or get new ones without giving any. It is done in
 * steps, and nothing changes before the last of three stages: new frames are taken and cleared, the old ones are
 * stolen, they change places.
 */
struct exchange {
	uint32_t in[EXCHANGE_FRAMES];
	mfn_t out[EXCHANGE_FRAMES]; /* first frames of the new extents */
	unsigned n;                 /* frames */
	unsigned out_order, addr_bits;
	bool grows; /* none are given up: @n may be any, in one extent */
	pfn_t gpfn; /* grows: where they are to appear */

	enum {
		EXCHANGE_TAKE,
		EXCHANGE_STEAL,
		EXCHANGE_SWAP,
		EXCHANGE_UNDO
	} stage;
	uint32_t at;       /* the frame that comes next in this stage */
	uint32_t undo_end; /* EXCHANGE_UNDO: the new frames before this one go back, */
	int rc;            /* and then this is the answer */
};
/* One step. 0: done, and ready for another one; -ERESTART: call again. Else nothing has changed: -EINVAL, a frame is not
 * @d's or in use; -ENOMEM. */
int memory_exchange(struct domain *d, struct exchange *x);
/* The exchange is given up: what is not @d's yet goes back, what is not stolen for good stays @d's own. False: call
 * again. */
bool memory_exchange_cancel(struct domain *d, struct exchange *x);
/* For the auditor: how many frames are in @d's total that have no owner yet; @stolen is told each stolen frame. */
uint64_t memory_exchange_audit(const struct exchange *x, void (*stolen)(mfn_t mfn));

/*
 * What a vCPU's memory_op has begun, from one restart to the next (mm/memory_work.c). @key: the call's arguments; with
 * others, what was begun before is cancelled.
 */
struct memory_work {
	struct domain *d; /* whose frames; a reference is held */
	uint64_t key[14];
	unsigned phase;
	uint32_t at; /* progress in it */
	struct exchange x;
};
/* 0: *w is the work that @key names, perhaps new; -ERESTART: another one is being cancelled; -ENOMEM. */
int memory_work_get(struct vcpu *v, struct domain *d, const uint64_t key[14], struct memory_work **w);
/* It is done, or cancelled. -ERESTART: call again. */
int memory_work_end(struct vcpu *v);
