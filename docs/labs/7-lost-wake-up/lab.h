/* SPDX-License-Identifier: MIT */
/*
 * Lab 7: a consumer of events, and what it may use. A producer in another domain (here played by judge.c)
 * puts items into a ring in shared memory and sends an event. The consumer's upcall handler moves them from
 * the ring to the inbox; consumer_take() takes them out of the inbox, and sleeps while there are none.
 */
#pragma once

#include "fw.h"

/* ---- the student's: consumer.c ---- */

/* The event has come. Called with events masked, after evtchn_upcall_pending and the selector are cleared:
 * all items must be in the inbox when it returns, or the port pending once more. */
void consumer_upcall(void);
/* The next item. Called and left with events unmasked; sleeps while the inbox is empty. */
unsigned consumer_take(void);

/* ---- the machine's: judge.c ---- */

/* The ring: items consumed..produced are in it. The producer writes an item, then the count, then sends. */
#define RING_SIZE 8
struct ring {
	volatile unsigned produced; /* the producer's */
	volatile unsigned consumed; /* the consumer's */
	volatile unsigned item[RING_SIZE];
};
extern struct ring ring;

/* The producer's event: our port, and its bit in the shared page. */
extern evtchn_port_t port;
void port_clear(void);

/* The mask and the pending flag of our vCPU, in the shared page. */
#define UPCALL_MASK    (*(volatile uint8_t *)&shared->vcpu_info[0].evtchn_upcall_mask)
#define UPCALL_PENDING (*(volatile uint8_t *)&shared->vcpu_info[0].evtchn_upcall_pending)

bool inbox_empty(void);
void inbox_put(unsigned item);
unsigned inbox_get(void); /* the inbox must not be empty */
