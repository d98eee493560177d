/* SPDX-License-Identifier: MIT */
/*
 * One vif's two rings, served in batches: tx is what the guest sends, rx what it is given. All that is said of a packet is copied
 * out of its slots once and then looked at; data goes by the hypervisor's grant copy, so nothing of the guest's is mapped
 * but these two pages. Whatever a guest writes there costs it a packet, or its vif.
 *
 * Responses are in order, and a batch is answered whole before the next one is taken. So of a program that was killed, the next one
 * goes on at rsp_prod: what was on its way is lost or comes twice, as may happen to any frame.
 */
#pragma once

#include "frame.h"
#include "wire.h"

#define TX_BATCH     32           /* packets taken in one round */
#define RX_BATCH     64           /* frames given in one round */
#define QUEUE_BYTES  (768 * 1024) /* that wait for a guest: beyond, they are dropped */
#define QUEUE_FRAMES 2048
#define QUEUE_AGE_MS 3000   /* a frame that waited so long is of no use to anybody */
#define RATE_MIN     131072 /* credit: one large packet must be able to pass */
#define FRAME_COST   256    /* what a frame takes beside its bytes */

/* What the front end can receive. */
struct net_features {
	bool sg, gso4, gso6;
	bool no_csum4; /* wants whole checksums, IPv4 */
	bool csum6;    /* takes blank ones, IPv6 */
	bool notifies; /* tells when it posts buffers */
};

struct waiting {
	struct frame *frame;
	uint64_t since_ms;
	bool tagged;
};

struct rate {
	uint32_t bytes, usec; /* usec 0: none */
	uint64_t credit, window_ns;
};

struct netring {
	volatile struct net_head *tx, *rx; /* NULL: none */
	uint32_t tx_cons, rx_cons;         /* all before them are answered */
	int grants;
	unsigned dom;
	const char *name;
	struct net_features can;
	struct rate rate;
	bool halted;

	struct waiting queue[QUEUE_FRAMES];
	unsigned first, count;
	size_t bytes;
};

struct net_result {
	bool tell_tx, tell_rx; /* the front end waits for an event */
	bool more;             /* there is more to do at once */
	uint64_t wait_ns;      /* the guest's rate lets it go on then; 0: it does not wait */
};

/* Begin, or go on. The caller tells the front end once. */
void netring_attach(struct netring *r, void *tx, void *rx);
/* Forget the pages, and what waits. */
void netring_detach(struct netring *r);

/* Take one batch of what the guest sends; each frame goes to @take, which takes it over. */
void netring_take(struct netring *r, uint64_t now_ns, void (*take)(void *arg, struct frame *f), void *arg,
		  struct net_result *result);
/* Queue a frame for the guest: as it is, or as what this guest can take. @f stays the caller's. False: dropped. */
bool netring_queue(struct netring *r, struct frame *f, bool tagged, uint64_t now_ms);
/* Give it one batch of what waits. */
void netring_give(struct netring *r, uint64_t now_ms, struct net_result *result);

/* tx_parse.c: one packet of the ring, read from private copies of its slots. */
struct tx_packet {
	struct tx_request slots[TX_FATAL];
	bool extra[TX_FATAL]; /* this slot is one */
	unsigned count;
	uint32_t size, first; /* of the whole, and in the first slot */
	uint8_t gso;
	uint16_t gso_size;
	bool bad; /* to be answered by an error */
};

enum tx_found {
	TX_PACKET,
	TX_NOTHING, /* or only the beginning of a packet */
	TX_HALT     /* @why */
};

/* Read the packet that begins at @index; the ring goes to @prod. */
enum tx_found tx_parse(const struct netring *r, uint32_t index, uint32_t prod, struct tx_packet *p,
		       const char **why);

/* rate.c */
void rate_set(struct rate *rate, const char *text); /* "BYTES,USEC"; NULL or nonsense: no limit */
/* 0: @bytes may pass, and are counted; else when to ask again. */
uint64_t rate_take(struct rate *rate, uint32_t bytes, uint64_t now_ns);

/* x86 keeps loads, and stores, in order; a load may overtake a store. */
#define compiler_barrier() __asm__ __volatile__("" ::: "memory")
#define full_barrier()     __sync_synchronize()

static inline void *net_slot(volatile struct net_head *head, uint32_t index, unsigned size)
{
	return (uint8_t *)(uintptr_t)head + sizeof(*head) + (index % NET_SLOTS) * size;
}
