/* SPDX-License-Identifier: MIT */
/* A guest for the tests of rl-netd's rings: pages by grant reference, and a front end that may write anything into its two rings. */
#pragma once

#include "grants.h"
#include "netd/netring.h"

#include <stdlib.h>
#include <string.h>

#define GRANTED 300 /* references 0 to 299 are granted */

static uint8_t tx_page[NET_PAGE] __attribute__((aligned(NET_PAGE)));
static uint8_t rx_page[NET_PAGE] __attribute__((aligned(NET_PAGE)));
static uint8_t granted[GRANTED][NET_PAGE];
static struct netring ring;
static unsigned copies; /* pieces */

/* What the ring's code must never do. */
static void must(bool holds)
{
	if (!holds)
		abort();
}

/* The other processor has its turn while we copy. */
static void (*meanwhile)(void);

void grants_copy(int fd, unsigned dom, struct grant_piece *pieces, size_t count, bool to_guest)
{
	(void)fd;
	(void)dom;
	copies += (unsigned)count;
	for (size_t i = 0; i < count; i++) {
		struct grant_piece *p = &pieces[i];

		must(p->bytes && p->offset + p->bytes <= NET_PAGE);
		p->failed = p->ref >= GRANTED;
		if (!p->failed && to_guest)
			memcpy(granted[p->ref] + p->offset, p->at, p->bytes);
		else if (!p->failed)
			memcpy(p->at, granted[p->ref] + p->offset, p->bytes);
	}
	if (meanwhile)
		meanwhile();
}

static struct net_head *tx_head(void)
{
	return (struct net_head *)tx_page;
}

static struct net_head *rx_head(void)
{
	return (struct net_head *)rx_page;
}

static void begin(void)
{
	netring_detach(&ring);
	memset(tx_page, 0, sizeof(tx_page));
	memset(rx_page, 0, sizeof(rx_page));
	meanwhile = NULL;
	copies = 0;
	ring = (struct netring){.name = "vif1.0",
				.can = {.sg = true, .gso4 = true, .gso6 = true, .csum6 = true}};
	tx_head()->req_event = tx_head()->rsp_event = 1;
	rx_head()->req_event = rx_head()->rsp_event = 1;
	netring_attach(&ring, tx_page, rx_page);
}

/* Put what begins with a request into the next slot. */
static void send_slot(const void *slot)
{
	memcpy(net_slot(tx_head(), tx_head()->req_prod++, sizeof(struct tx_request)), slot,
	       sizeof(struct tx_request));
}

static void post_buffer(uint16_t id, uint32_t ref)
{
	struct rx_request q = {.id = id, .ref = ref};

	memcpy(net_slot(rx_head(), rx_head()->req_prod++, sizeof(q)), &q, sizeof(q));
}

static struct tx_response tx_answer(uint32_t index)
{
	struct tx_response a;

	memcpy(&a, net_slot(tx_head(), index, sizeof(a)), sizeof(a));
	return a;
}

static struct rx_response rx_answer(uint32_t index)
{
	struct rx_response a;

	memcpy(&a, net_slot(rx_head(), index, sizeof(a)), sizeof(a));
	return a;
}
