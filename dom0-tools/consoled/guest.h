/* SPDX-License-Identifier: MIT */
/*
 * One domain as rl-consoled sees it: its console ring and its store ring, each a page shared with the guest
 * and an event channel. Everything in those pages may change at any moment and to anything: indices are read
 * once, checked, and never lead outside the ring.
 */
#pragma once

#include "conlog.h"
#include "hv.h"
#include "record.h"

#include <stdbool.h>

#include <xen/io/console.h>
#include <xen/io/xs_wire.h>

#define STORE_NODES   64
#define STORE_WATCHES 16
#define STORE_OUT     8192

struct store_node {
	char *path, *value;
};

struct store_watch {
	char *path, *token; /* path as the guest gave it */
};

/* The domain's connection to the (small) store: see store.c. */
struct store {
	struct xenstore_domain_interface *ring; /* NULL: none */
	bool broken;                            /* the guest broke the protocol: served no more */
	char request[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX + 1];
	size_t have;
	char out[STORE_OUT]; /* replies and events not yet in the ring */
	size_t out_len;
	struct store_node node[STORE_NODES];
	struct store_watch watch[STORE_WATCHES];
};

struct guest {
	struct guest *next;
	unsigned id;
	int console_port, store_port; /* ours; -1: none */
	struct xencons_interface *ring;
	struct conlog log;
	int in; /* FIFO with what clients type */
	bool ring_broken;
	struct store store;
};

/* ---- console.c ---- */

/* Move what the guest wrote into the log. True if there was something, so that the guest should be told. */
bool console_drain(struct guest *g);
/* May keys be taken from the FIFO, i.e. is there room in the guest's ring? */
size_t console_room(const struct guest *g);
/* Move keys from the FIFO into the ring. True if the guest should be told. */
bool console_feed(struct guest *g);

/* ---- store.c ---- */

void store_init(struct guest *g, const struct record *r);
/* Answer what the guest asked. True if the guest should be told. */
bool store_serve(struct guest *g);
/* Write control/shutdown and fire watches. True if the guest should be told. */
bool store_shutdown(struct guest *g, const char *what);
void store_free(struct guest *g);
