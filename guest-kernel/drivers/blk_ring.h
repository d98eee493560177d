/* SPDX-License-Identifier: MIT */
/*
 * The ring of a virtual disk (xen/io/blkif.h): requests of the block layer on their way to the back end, and its answers. The
 * back end is another domain, and may be wrong about anything: each answer is copied once and checked, and memory that it
 * still has after its answer is never used again.
 *
 * A request stays in its slot until it has been answered, also while there is no back end: a new one gets it again.
 * A part of it is on the ring at a time, as many pieces as the back end takes and there are pages for.
 *
 * A page of the block layer is granted for one request. What does not fill a page, and everything if the back end keeps what it
 * has mapped ("persistent"), is copied through pages of the ring's own, which stay granted.
 * Locking: none, interrupts are off.
 */
#ifndef DRIVERS_BLK_RING_H
#define DRIVERS_BLK_RING_H

#include "drivers/granted.h"
#include "kern/block/block.h"
#include "xen/event_channel.h"
#include "xen/io/blkif.h"

#define BLK_SLOTS  32u  /* of a ring of one page */
#define BLK_PIECES 32u  /* of a request on the ring; more than 11 need an indirect one */
#define BLK_PAGES  128u /* of the ring's own, at most */

struct blk_slot {
	struct block_request *request; /* NULL: unused */
	bool on_ring;
	u8 op;                /* that the answer must name */
	u32 first, n;         /* pieces on the ring; earlier ones are done */
	struct granted table; /* of the segments of an indirect request */
	struct {
		struct granted granted;
		bool own; /* a page of the ring's, not the block layer's */
	} piece[BLK_PIECES];
};

struct blk_ring {
	/* The front end's: what the back end offers. */
	const char *name; /* for messages */
	domid_t backend;
	bool persistent;
	u32 max_pieces;
	u8 flush_op;      /* 0: none is needed */
	bool has_barrier; /* in case that it does not flush after all */

	/* The ring's. */
	bool refuses;               /* takes no more requests */
	bool runs;                  /* the back end looks at it */
	struct blkif_sring *shared; /* NULL: there is none */
	grant_ref_t ref;
	evtchn_port_t port;
	u32 req_prod, rsp_cons;
	struct blk_slot slots[BLK_SLOTS];
	struct granted unused[BLK_PAGES]; /* its own pages that no request has */
	u32 unused_count, own_count;
};

/* A new ring and event channel; interrupt(data) is called for its events. 0 or -errno. */
int blk_ring_open(struct blk_ring *r, void (*interrupt)(void *data), void *data);
/* Takes everything back from the back end. Requests stay in their slots. */
void blk_ring_close(struct blk_ring *r);
/* The back end works: it gets what waits, and everything from now on. */
void blk_ring_run(struct blk_ring *r);
/* As block_device.submit(). */
bool blk_ring_submit(struct blk_ring *r, struct block_request *request);
/* Takes the answers. NULL, or what the back end has done that cannot be: it must not be asked again. */
const char *blk_ring_answers(struct blk_ring *r);
/* Ends all requests that are left, with -EIO. The ring is closed. */
void blk_ring_fail(struct blk_ring *r);
/* True: the back end has nothing more to do. */
bool blk_ring_idle(const struct blk_ring *r);

#endif
