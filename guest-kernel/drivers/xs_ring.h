/* SPDX-License-Identifier: MIT */
/*
 * The store ring, shared by all clients of the store in this kernel: each client has its own numbers for
 * requests and its own tokens for watches, as if it were alone.
 */
#ifndef DRIVERS_XS_RING_H
#define DRIVERS_XS_RING_H

#include "kern/lib/list.h"
#include "xen/io/xs_wire.h"

/* A message on its way; kmalloc()ed, freed by its last owner. A zero byte follows the payload. */
struct xs_message {
	struct list list;
	struct xsd_sockmsg head;
	char payload[];
};

struct xs_client {
	struct list list;
	u32 number;
	/* A reply or an event; the client owns m now. May be called from an interrupt. */
	void (*receive)(struct xs_client *c, struct xs_message *m);
	/* The store has forgotten this client's watches and transactions: send again what must last. The same. */
	void (*again)(struct xs_client *c);
};

/* page: the shared page, port: its event channel. */
void xs_ring_init(void *page, unsigned event_port);
bool xs_ring_present(void);

void xs_client_add(struct xs_client *c);
/* The client receives nothing more; replies to its requests are dropped. */
void xs_client_remove(struct xs_client *c);

/* NULL: no memory. */
struct xs_message *xs_message(u32 type, u32 tx_id, const void *payload, size_t len);
/* Takes the message. Never sleeps: what the ring has no room for is sent later, in order. -ENOMEM: the
 * message is gone, and there will be no reply. */
int xs_send(struct xs_client *c, struct xs_message *m);
/* The same, and the reply is dropped. */
int xs_send_quietly(struct xs_client *c, struct xs_message *m);

#endif
