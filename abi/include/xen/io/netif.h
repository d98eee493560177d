/* SPDX-License-Identifier: MIT */
/*
 * Virtual network cards: what lies in the two pages that front and back end share, the same for 32 and 64 bits. A packet is one slot,
 * its extras, and further slots with more of its data.
 */
#pragma once

#include <stdint.h>

#include "../grant_table.h"

/* Of a tx request. The size of a packet's first slot is that of the whole packet. */
#define NETTXF_csum_blank     (1U << 0) /* only the pseudo-header's sum is in the checksum's field */
#define NETTXF_data_validated (1U << 1)
#define NETTXF_more_data      (1U << 2)
#define NETTXF_extra_info     (1U << 3)

/* Of an rx response: the first two are the other way round. */
#define NETRXF_data_validated (1U << 0)
#define NETRXF_csum_blank     (1U << 1)
#define NETRXF_more_data      (1U << 2)
#define NETRXF_extra_info     (1U << 3)

#define NETIF_RSP_DROPPED (-2)
#define NETIF_RSP_ERROR   (-1)
#define NETIF_RSP_OKAY    0
#define NETIF_RSP_NULL    1 /* for the slot of an extra */

#define XEN_NETIF_EXTRA_TYPE_GSO  1
#define XEN_NETIF_EXTRA_FLAG_MORE (1U << 0)

struct netif_tx_request {
	grant_ref_t gref;
	uint16_t offset, flags, id, size;
};

struct netif_tx_response {
	uint16_t id;
	int16_t status;
};

struct netif_rx_request {
	uint16_t id, pad;
	grant_ref_t gref;
};

/* In the slot of its request, whatever the id says. status: bytes in the page, or an error. */
struct netif_rx_response {
	uint16_t id, offset, flags;
	int16_t status;
};

/* In place of a request or response, behind the first one of its packet. */
struct netif_extra_info {
	uint8_t type, flags;
	union {
		struct {
			uint16_t size; /* of a segment */
			uint8_t type, pad;
			uint16_t features;
		} gso;
	} u;
};

union netif_tx_sring_entry {
	struct netif_tx_request req;
	struct netif_tx_response rsp;
};

union netif_rx_sring_entry {
	struct netif_rx_request req;
	struct netif_rx_response rsp;
};

struct netif_tx_sring {
	uint32_t req_prod, req_event, rsp_prod, rsp_event;
	uint8_t pad[48];
	union netif_tx_sring_entry ring[1]; /* as many as fit: 256 in one page */
};

struct netif_rx_sring {
	uint32_t req_prod, req_event, rsp_prod, rsp_event;
	uint8_t pad[48];
	union netif_rx_sring_entry ring[1];
};
