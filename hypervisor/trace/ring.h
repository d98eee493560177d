/* SPDX-License-Identifier: MIT */
/*
 * A CPU's ring of trace records (struct ringlet_record). One writer, its CPU with interrupts off; one reader,
 * the CPU that holds trace_lock. The writer never overwrites what was not read: it drops and counts.
 *
 * The writer's place is struct trace_cursor, in struct percpu where assembly finds it. The slot at its pos is the
 * open record, of the stay in the hypervisor that has not ended yet; it belongs to the writer and is not yet in the
 * ring. Moments inside that stay are put in front of it. The quick hooks (hook.inc) finish an open record themselves
 * while the next slot lies below its limit; everything else comes here: the wrap, a full ring, a vCPU whose records
 * are not wanted (limit is NULL).
 */
#pragma once

#include "cpu/percpu.h"
#include "lib/types.h"
#include "ringlet/sysctl.h"

struct trace_ring {
	struct ringlet_record *slots;
	uint32_t size; /* a power of two */
	uint32_t tail; /* index of the oldest record; the reader's */
	uint32_t vcpu; /* the one that runs, domain << 16 | vCPU; told again after a gap */
	uint32_t gap;  /* records dropped since the last that was written */
	uint64_t lost; /* all that were dropped */
	bool wanted;   /* are records of that vCPU wanted? */
};

void ring_init(struct trace_ring *ring, struct trace_cursor *at, struct ringlet_record *slots, uint32_t size);
/* Are the records of the vCPU that runs from now on wanted? */
void ring_want(struct trace_ring *ring, struct trace_cursor *at, bool wanted);
/* The open record is complete: it enters the ring, or is dropped and counted. */
void ring_commit(struct trace_ring *ring, struct trace_cursor *at);
/* Put a moment in front of the open record. */
void ring_put(struct trace_ring *ring, struct trace_cursor *at, const struct ringlet_record *moment);
/* Move up to @room records to @to, which takes the place of the ring's; returns how many. @pos: the writer's. */
uint32_t ring_read(struct trace_ring *ring, const struct ringlet_record *pos, struct ringlet_record *to,
		   uint32_t room);
