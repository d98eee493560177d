/* SPDX-License-Identifier: MIT */
/* See ring.h. Stores that publish a slot, or give one back, are ordered by release and acquire. */
#include "trace/ring.h"

/* A gap is only closed when this many slots are free: else each freed slot would cost two records of its own. */
#define ROOM_BEHIND_GAP 16

static uint32_t index_of(const struct trace_ring *ring, const struct ringlet_record *pos)
{
	return pos - ring->slots;
}

/* How many records can still be committed; one slot stays free for the open record. */
static uint32_t room(const struct trace_ring *ring, const struct trace_cursor *at)
{
	uint32_t tail = __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE);

	return (tail - index_of(ring, at->pos) - 1) & (ring->size - 1);
}

/* Up to where the quick hooks may go on: the end of the array, or what the reader has not taken yet. */
static void set_limit(struct trace_ring *ring, struct trace_cursor *at)
{
	uint32_t tail = __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE);

	at->limit = !ring->wanted || ring->gap       ? NULL
		    : tail > index_of(ring, at->pos) ? ring->slots + tail
						     : ring->slots + ring->size;
}

static void advance(struct trace_ring *ring, struct trace_cursor *at)
{
	struct ringlet_record *next = at->pos + 1;

	if (next == ring->slots + ring->size)
		next = ring->slots;
	__atomic_store_n(&at->pos, next, __ATOMIC_RELEASE);
}

/* Record what is missing, and which vCPU runs: the reader cannot know from what came before. */
static void close_gap(struct trace_ring *ring, struct trace_cursor *at)
{
	struct ringlet_record open = *at->pos;

	*at->pos = (struct ringlet_record){open.tsc, ring->gap, RINGLET_RECORD_lost};
	advance(ring, at);
	*at->pos = (struct ringlet_record){open.tsc, ring->vcpu, RINGLET_RECORD_vcpu};
	advance(ring, at);
	*at->pos = open;
	ring->gap = 0;
}

static void drop(struct trace_ring *ring)
{
	ring->gap++;
	ring->lost++;
}

void ring_commit(struct trace_ring *ring, struct trace_cursor *at)
{
	uint32_t left = room(ring, at);

	if (!ring->wanted)
		return;
	if (!left || (ring->gap && left < ROOM_BEHIND_GAP)) {
		drop(ring);
	} else {
		if (ring->gap)
			close_gap(ring, at);
		advance(ring, at);
	}
	set_limit(ring, at);
}

/* A gap ends with a stay, not with a moment: the stay around that would begin inside the gap. */
void ring_put(struct trace_ring *ring, struct trace_cursor *at, const struct ringlet_record *moment)
{
	struct ringlet_record open = *at->pos;

	if (ring->wanted && ring->gap) {
		drop(ring);
		return;
	}
	*at->pos = *moment;
	ring_commit(ring, at);
	*at->pos = open;
}

void ring_want(struct trace_ring *ring, struct trace_cursor *at, bool wanted)
{
	ring->wanted = wanted;
	set_limit(ring, at);
}

void ring_init(struct trace_ring *ring, struct trace_cursor *at, struct ringlet_record *slots, uint32_t size)
{
	*ring = (struct trace_ring){.slots = slots, .size = size};
	at->pos = slots;
	ring_want(ring, at, true);
}

uint32_t ring_read(struct trace_ring *ring, const struct ringlet_record *pos, struct ringlet_record *to,
		   uint32_t room)
{
	uint32_t head = index_of(ring, pos), tail = ring->tail, n = 0;

	for (; tail != head && n < room; n++) {
		to[n] = ring->slots[tail];
		tail = (tail + 1) & (ring->size - 1);
	}
	__atomic_store_n(&ring->tail, tail, __ATOMIC_RELEASE);
	return n;
}
