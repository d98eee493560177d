/* SPDX-License-Identifier: MIT */
/*
 * The two pages that a network front end shares with its back end: numbers and layouts of Xen's public io/netif.h and io/ring.h, which
 * are the same for guests of 32 and 64 bits. Indexes run freely in 32 bits; a slot's number is its index modulo 256.
 */
#pragma once

#include <stdint.h>

#define NET_SLOTS 256
#define NET_PAGE  4096

struct net_head {
	uint32_t req_prod, req_event, rsp_prod, rsp_event;
	uint8_t unused[48];
};

/* From the guest. The size of the first slot is that of the whole packet. */
struct tx_request {
	uint32_t ref;
	uint16_t offset, flags, id, size;
};

struct tx_response {
	uint16_t id;
	int16_t status;
	uint8_t zeros[8];
};

/* To the guest. */
struct rx_request {
	uint16_t id, zero;
	uint32_t ref;
};

struct rx_response {
	uint16_t id, offset, flags;
	int16_t status; /* bytes, or an error */
};

#define TX_BLANK     1
#define TX_VALIDATED 2
#define TX_MORE      4
#define TX_EXTRA     8

/* The first two the other way round. */
#define RX_VALIDATED 1
#define RX_BLANK     2
#define RX_MORE      4
#define RX_EXTRA     8

#define NET_OKAY    0
#define NET_ERROR   (-1)
#define NET_DROPPED (-2)
#define NET_NULL    1 /* for the slot of an extra */

/* In place of a request or response, behind the first slot of its packet. */
struct net_extra {
	uint8_t type, flags;
	uint16_t size; /* of a segment */
	uint8_t gso;   /* enum gso */
	uint8_t zero;
	uint16_t features;
	uint32_t unused; /* in tx slots only */
};
#define RX_EXTRA_BYTES sizeof(struct rx_response)

#define EXTRA_GSO  1
#define EXTRA_MORE 1

#define TX_SLOTS_MAX 19 /* with data, in a packet: more, and it is dropped */
#define TX_FATAL     32 /* slots: more, and the vif is halted */
#define RX_SLOTS_MAX 18
