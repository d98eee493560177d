/* SPDX-License-Identifier: MIT */
/* Clients of the store for its tests: domains that speak with it through a ring of their own, in ordinary memory. */
#pragma once

#include "store.h"

#define CLIENTS 256

struct client {
	struct xenstore_domain_interface ring;
	struct conn *conn;
	char reply[XENSTORE_PAYLOAD_MAX + 1]; /* of the last request */
	uint32_t len;
	char event[32][XENSTORE_PAYLOAD_MAX +
		       1]; /* "path token", in the order in which they came, since the last look() */
	unsigned n_events;
	bool looked;
};

extern struct store store;
extern struct client client[CLIENTS]; /* by domain id; 0 is Dom0 */
extern unsigned told[CLIENTS];        /* events sent to each */

/* A store with Dom0 and domains 1 to @n, their homes included. */
void clients_begin(unsigned n);
void clients_end(void);
/* Let the store work until it has nothing to do. */
void settle(void);
bool one_round(void);
bool round_for(unsigned id); /* only this one has sent an event */
bool round_more(void);       /* none has */

/* Put bytes into a ring, without waiting. */
void put_bytes(unsigned id, const void *data, size_t len);
/* Ask; "" or the name of the error. The payload is a text, with its zero byte, unless the name says otherwise. */
const char *ask(unsigned id, uint32_t type, uint32_t tx, const char *payload);
const char *ask_bytes(unsigned id, uint32_t type, uint32_t tx, const void *payload, size_t len);
/* Two texts. */
const char *ask_two(unsigned id, uint32_t type, uint32_t tx, const char *one, const char *two);
const char *put_value(unsigned id, uint32_t tx, const char *path, const char *value);
/* The value, or the name of the error in brackets. */
const char *value(unsigned id, uint32_t tx, const char *path);
uint32_t begin(unsigned id);
const char *commit(unsigned id, uint32_t tx);
/* Take what has come for this client, events too. The number of events since the last time. */
unsigned look(unsigned id);
