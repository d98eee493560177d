/* SPDX-License-Identifier: MIT */
/* Checksums of TCP and UDP that a device, or whoever receives the frame, is to finish. Frames may be anything. */
#include "kern/net/stack.h"

#define TYPE_IPV4 0x0800u
#define TYPE_VLAN 0x8100u
#define TYPE_IPV6 0x86ddu
#define TCP       6u
#define UDP       17u

#define IPV4_HEADER 20u
#define IPV6_HEADER 40u
#define FRAGMENTED  0x3fffu /* more fragments, or not the first */

struct place {
	u32 addresses, address_bytes; /* of the IP header: both */
	u32 start, offset;            /* of the transport header; of its checksum there */
	u32 end;                      /* of the packet */
	u8 protocol;
};

static u32 word(const u8 *p)
{
	return p[0] << 8 | p[1];
}

/* Ones' complement sum of words; a last odd byte is an upper half. */
static u32 sum(const u8 *p, u32 len, u32 so_far)
{
	for (; len > 1; len -= 2, p += 2)
		so_far += word(p);
	if (len)
		so_far += *p << 8;
	while (so_far >> 16)
		so_far = (so_far & 0xffff) + (so_far >> 16);
	return so_far;
}

static bool place_ipv4(const u8 *frame, u32 at, u32 len, struct place *p)
{
	u32 header = (frame[at] & 15) * 4;

	if (len - at < IPV4_HEADER || frame[at] >> 4 != 4 || header < IPV4_HEADER ||
	    word(frame + at + 6) & FRAGMENTED)
		return false;
	*p = (struct place){at + 12, 8, at + header, 0, at + word(frame + at + 2), frame[at + 9]};
	return true;
}

/* Headers between IPv6's and the transport's are not looked for. */
static bool place_ipv6(const u8 *frame, u32 at, u32 len, struct place *p)
{
	if (len - at < IPV6_HEADER)
		return false;
	*p = (struct place){at + 8,       32, at + IPV6_HEADER, 0, at + IPV6_HEADER + word(frame + at + 4),
			    frame[at + 6]};
	return true;
}

/* Of the frame's `whole` bytes the first `len` are there. */
static bool find(const u8 *frame, u32 len, u32 whole, struct place *p)
{
	u32 at = NET_HEADER_LEN, type;
	bool found = false;

	if (len < at + 4 + 1)
		return false;
	type = word(frame + at - 2);
	if (type == TYPE_VLAN) {
		at += 4;
		type = word(frame + at - 2);
	}
	if (type == TYPE_IPV4)
		found = place_ipv4(frame, at, len, p);
	else if (type == TYPE_IPV6)
		found = place_ipv6(frame, at, len, p);
	if (!found || (p->protocol != TCP && p->protocol != UDP))
		return false;
	p->offset = p->protocol == TCP ? 16 : 6;
	return p->start + p->offset + 2 <= len && p->start + p->offset + 2 <= p->end && p->end <= whole;
}

bool checksum_place(const u8 *frame, u32 len, u16 *start, u16 *offset)
{
	struct place p;

	if (!find(frame, len, len, &p))
		return false;
	*start = p.start;
	*offset = p.offset;
	return true;
}

static void put(u8 *field, u32 value)
{
	field[0] = value >> 8;
	field[1] = value;
}

bool checksum_blank(u8 *frame, u32 len, u32 whole, u16 *start, u16 *offset)
{
	struct place p;

	if (!find(frame, len, whole, &p))
		return false;
	put(frame + p.start + p.offset,
	    sum(frame + p.addresses, p.address_bytes, p.protocol + p.end - p.start));
	*start = p.start;
	*offset = p.offset;
	return true;
}

void checksum_finish(u8 *frame, u32 len)
{
	struct place p;
	u32 value;

	if (!find(frame, len, len, &p))
		return;
	value = ~sum(frame + p.start, p.end - p.start, 0) & 0xffff;
	put(frame + p.start + p.offset, value || p.protocol == TCP ? value : 0xffff);
}
