/* SPDX-License-Identifier: MIT */
/*
 * The two rings of a virtual network card (xen/io/netif.h): frames on their way to the back end, and pages that it fills with
 * frames. The back end is another domain, and may be wrong about anything: each answer is copied once and checked.
 *
 * All pages are the ring's own, and stay granted until it is closed. A frame that is sent is copied into one; one that arrives
 * is copied by the network layer before its pages are posted again.
 * Locking: none, interrupts are off.
 */
#ifndef DRIVERS_NET_RING_H
#define DRIVERS_NET_RING_H

#include "drivers/granted.h"
#include "kern/net/netdev.h"
#include "xen/event_channel.h"
#include "xen/io/netif.h"

#define NET_SLOTS        256u /* of a ring of one page */
#define NET_TX_PAGES     64u  /* frames that the back end has, at most */
#define NET_RX_PAGES     128u /* posted, at most: so many that seven of the largest frames find place */
#define NET_RX_LEAST     20u  /* without so many, the largest frame would wait for ever */
#define NET_RX_PIECES    18u  /* of a frame that arrives */
#define NET_RX_FRAME_MAX 65535u

struct net_ring {
	/* The front end's. */
	const char *name; /* for messages */
	domid_t backend;
	/* A frame has arrived. It may send, and may close the ring. */
	void (*receive)(struct net_ring *r, const struct net_frame *f);

	/* The ring's. */
	bool runs; /* the back end looks at it */
	struct netif_tx_sring *tx;
	struct netif_rx_sring *rx; /* NULL: there are none */
	grant_ref_t tx_ref, rx_ref;
	evtchn_port_t tx_port, rx_port; /* the same one, unless they are split */
	u32 tx_prod, tx_cons, rx_prod, rx_cons;
	struct granted tx_pages[NET_TX_PAGES], rx_pages[NET_RX_PAGES];
	u8 unused[NET_TX_PAGES], unused_count; /* of tx_pages */
	bool sent[NET_TX_PAGES];               /* the back end has it */
	u32 rx_count;                          /* of rx_pages that there are */
	u8 posted[NET_SLOTS];                  /* by slot: which of rx_pages */
};

/* New rings, and one or two event channels, for whose events interrupt(data) is called. 0 or -errno. */
int net_ring_open(struct net_ring *r, bool split, void (*interrupt)(void *data), void *data);
/* Takes everything back from the back end. What was on its way is lost, as frames may be. No-op if there are none. */
void net_ring_close(struct net_ring *r);
/* The back end works: it gets pages to fill. */
void net_ring_run(struct net_ring *r);
/* As netdev.transmit(), of a frame of at most one page. */
bool net_ring_send(struct net_ring *r, const struct net_frame *f);
/* Takes pages back that were sent, then frames that have arrived, at most NET_BURST. *more: there are others. NULL, or what the
 * back end has done that cannot be: it must not be asked again. */
const char *net_ring_answers(struct net_ring *r, bool *more);

#endif
