/* SPDX-License-Identifier: MIT */
/* See frame.h. */
#include "frame.h"

#include <stdlib.h>
#include <string.h>

#define IPV6_HEAD        40
#define IPV6_EXTENSIONS  8 /* followed at most */
#define IPV6_HOP_BY_HOP  0
#define IPV6_ROUTING     43
#define IPV6_FRAGMENT    44
#define IPV6_DESTINATION 60

struct frame *frame_new(uint32_t len)
{
	struct frame *f = malloc(sizeof(*f) + len);

	if (f) {
		*f = (struct frame){.refs = 1, .len = len};
		f->data = f->room;
	}
	return f;
}

struct frame *frame_ref(struct frame *f)
{
	f->refs++;
	return f;
}

void frame_drop(struct frame *f)
{
	if (f && !--f->refs)
		free(f);
}

static bool is_tag(uint16_t type)
{
	return type == ETH_VLAN || type == ETH_SVLAN || type == ETH_QINQ;
}

enum tag_fault frame_untag(struct frame *f)
{
	uint16_t type = frame_type(f), tci;

	if (!is_tag(type))
		return TAG_OKAY;
	if (type != ETH_VLAN)
		return TAG_STACKED;
	if (f->len < ETH_HEAD + ETH_TAG)
		return TAG_RUNT;
	tci = be16(f->data + ETH_HEAD);
	memmove(f->data + ETH_TAG, f->data, 2 * ETH_ADDRESS);
	f->data += ETH_TAG;
	f->len -= ETH_TAG;
	f->tagged = true;
	f->priority = (uint8_t)(tci >> 12);
	f->vid = tci & 0xfff;
	return is_tag(frame_type(f)) ? TAG_STACKED : TAG_OKAY;
}

void frame_tag(const struct frame *f, uint8_t tag[ETH_TAG])
{
	put_be16(tag, ETH_VLAN);
	put_be16(tag + 2, (uint16_t)(f->priority << 12 | f->vid));
}

/* ---- What is in it ---- */

static bool read_ipv4(const struct frame *f, struct layers *l)
{
	const uint8_t *ip = f->data + ETH_HEAD;
	unsigned head, length;

	if (f->len < ETH_HEAD + 20u || ip[0] >> 4 != 4)
		return false;
	head = (ip[0] & 15u) * 4;
	length = be16(ip + 2);
	if (head < 20 || length < head || length > f->len - ETH_HEAD)
		return false;
	l->family = 4;
	l->protocol = ip[9];
	l->fragment = be16(ip + 6) & 0x3fff; /* "more fragments", or an offset */
	l->transport = (uint16_t)(ETH_HEAD + head);
	l->end = (uint16_t)(ETH_HEAD + length);
	return true;
}

static bool read_ipv6(const struct frame *f, struct layers *l)
{
	const uint8_t *ip = f->data + ETH_HEAD;
	unsigned at = ETH_HEAD + IPV6_HEAD, end;
	uint8_t next;

	if (f->len < at || ip[0] >> 4 != 6)
		return false;
	end = at + be16(ip + 4);
	if (end > f->len)
		return false;
	next = ip[6];
	for (unsigned i = 0; i < IPV6_EXTENSIONS; i++) {
		if (next != IPV6_HOP_BY_HOP && next != IPV6_ROUTING && next != IPV6_DESTINATION &&
		    next != IPV6_FRAGMENT)
			break;
		if (at + 8 > end)
			return false;
		l->fragment |= next == IPV6_FRAGMENT;
		next = f->data[at];
		at += l->fragment ? 8 : 8 * (f->data[at + 1] + 1u);
		if (at > end)
			return false;
	}
	l->family = 6;
	l->protocol = next;
	l->transport = (uint16_t)at;
	l->end = (uint16_t)end;
	return true;
}

/* The transport header, where it is whole. */
static bool read_transport(const struct frame *f, struct layers *l)
{
	const uint8_t *t = f->data + l->transport;
	unsigned room = (unsigned)(l->end - l->transport), head = 8;

	if (l->fragment || (l->protocol != PROTOCOL_TCP && l->protocol != PROTOCOL_UDP))
		return true;
	if (room < (l->protocol == PROTOCOL_TCP ? 20 : 8))
		return false;
	if (l->protocol == PROTOCOL_TCP)
		head = (t[12] >> 4) * 4u;
	if (head < (l->protocol == PROTOCOL_TCP ? 20 : 8) || head > room)
		return false;
	l->data = (uint16_t)(l->transport + head);
	l->source = be16(t);
	l->target = be16(t + 2);
	return true;
}

bool frame_layers(const struct frame *f, struct layers *l)
{
	*l = (struct layers){.network = ETH_HEAD};
	if (f->len < ETH_HEAD || f->len > FRAME_MAX)
		return false;
	if (frame_type(f) == ETH_IPV4 ? !read_ipv4(f, l) : frame_type(f) != ETH_IPV6 || !read_ipv6(f, l))
		return false;
	return read_transport(f, l);
}
