/* SPDX-License-Identifier: MIT */
/*
 * An Ethernet frame on its way through the switch: a copy that belongs to this program, shared by all ports that it leaves by, and
 * so never changed once it was forwarded. It has no VLAN tag; the tag that it came with is in fields of its own, and the one that
 * it leaves with is put in between by the port.
 *
 * A frame may be unfinished in two ways, so that guests on one switch need not do what nobody looks at: its TCP or UDP checksum holds
 * the sum of the pseudo header alone (`blank`), or it is one large TCP segment that stands for several (`gso`).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ETH_HEAD     14
#define ETH_ADDRESS  6
#define ETH_TAG      4
#define ETH_MIN      60
#define ETH_VLAN     0x8100 /* IEEE 802.1Q, a customer's tag */
#define ETH_SVLAN    0x88a8 /* a provider's tag */
#define ETH_QINQ     0x9100 /* the same before it had a number */
#define ETH_IPV4     0x0800
#define ETH_ARP      0x0806
#define ETH_IPV6     0x86dd
#define FRAME_MAX    65535
#define SEGMENTS_MAX 256 /* of a large segment: what one slot of a guest may cost others */

enum gso {
	GSO_NONE,
	GSO_TCP4,
	GSO_TCP6
};

struct frame {
	unsigned refs;
	uint32_t len;
	uint8_t *data;
	bool blank, validated;
	uint8_t gso;       /* enum gso */
	uint16_t gso_size; /* bytes of data in a segment */
	bool tagged;       /* it came with a tag */
	uint8_t priority;  /* PCP and DEI of the tag: its first four bits */
	uint16_t vid;      /* the tag's; later the VLAN that the frame is in */
	uint8_t room[];
};

/* Of @len bytes, which the caller fills. NULL: out of memory. */
struct frame *frame_new(uint32_t len);
struct frame *frame_ref(struct frame *f);
void frame_drop(struct frame *f);

static inline uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline void put_be16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline uint16_t frame_type(const struct frame *f)
{
	return be16(f->data + 2 * ETH_ADDRESS);
}

enum tag_fault {
	TAG_OKAY,
	TAG_RUNT,
	TAG_STACKED /* the second tag would be the next switch's first one */
};

/* Take the tag out of the frame. */
enum tag_fault frame_untag(struct frame *f);
/* The tag that a frame leaves with. */
void frame_tag(const struct frame *f, uint8_t tag[ETH_TAG]);

/* Where the parts of a TCP or UDP packet are. */
struct layers {
	uint8_t family; /* 4, 6 */
	uint8_t protocol;
	uint16_t network, transport, data; /* offsets in the frame */
	uint16_t end;                      /* what is behind it is padding */
	uint16_t source, target;           /* ports */
	bool fragment;                     /* but for the first one, the ports are 0 */
};

#define PROTOCOL_ICMP   1
#define PROTOCOL_TCP    6
#define PROTOCOL_UDP    17
#define PROTOCOL_ICMPV6 58

/* False: neither IPv4 nor IPv6, or not whole. The transport header is there for TCP and UDP, if it is no fragment. */
bool frame_layers(const struct frame *f, struct layers *out);

/* offload.c. Can what is unfinished be finished? Else the frame is to be dropped: nobody could make sense of it. */
bool frame_offload_ok(struct frame *f);
/* Write the whole checksum; the frame must be the caller's alone, and frame_offload_ok(). */
void frame_finish(struct frame *f);
/* A copy of its own, finished, with what the frame's fields say. NULL: out of memory. */
struct frame *frame_finished(const struct frame *f);
/* Call @each with every segment of a large one, which takes it over. @finish: with whole checksums. False: out of memory. */
bool frame_segment(const struct frame *f, bool finish, void (*each)(void *arg, struct frame *segment),
		   void *arg);
