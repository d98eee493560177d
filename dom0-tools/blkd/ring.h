/* SPDX-License-Identifier: MIT */
/*
 * One disk's ring, served in batches: requests that lie ready are taken together, their data is copied by one call,
 * neighbours become one read or write of the image, and all are answered together.
 *
 * A batch is answered whole, in the order in which it was taken, before the next one is taken. So what the ring says
 * is all there is to know: the requests from rsp_prod to req_prod are those without an answer, and each is in its
 * slot. A worker that is killed at any moment leaves a ring from which the next one goes on (ring_attach). To do a request
 * again that was done, but not answered, is harmless.
 *
 * The page is the guest's to change at any moment. All that it does costs it this disk at most.
 */
#pragma once

#include "request.h"

#define RING_ORDER_MAX 4
#define RING_PAGES_MAX (1 << RING_ORDER_MAX)
#define BATCH_BYTES    (512 * 1024)
#define BATCH_REQUESTS 64

struct ring {
	const struct blk_layout *layout;
	volatile struct blk_head *head; /* NULL: none */
	uint32_t slots, cons; /* cons: the first request that was not taken; all before it are answered */
	int grants;           /* grants_open() */
	unsigned dom;
	struct image *image; /* NULL: an empty drive */
	const char *name;    /* for reports */
	uint8_t *buffer;     /* BATCH_BYTES */
	bool broken;         /* its index ran away: not served any more */
	bool torn;           /* the slot of request `cons` may be overwritten, and `kept` is what was there */
	uint8_t kept[sizeof(struct blk_response)];
	int last_error; /* which was reported */
	uint64_t error_ms;
};

/* Begin, or go on where another worker was killed. The caller tells the front end once, since the other may not have. */
void ring_attach(struct ring *r, void *pages, unsigned count, const struct blk_layout *layout);

enum ring_state {
	RING_IDLE,  /* all is answered, and the front end will send an event */
	RING_MORE,  /* there is more to do */
	RING_BROKEN /* halted */
};

/* Serve one batch. *@tell: the front end waits for an event. */
enum ring_state ring_serve(struct ring *r, bool *tell);
