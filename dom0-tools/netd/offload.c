/* SPDX-License-Identifier: MIT */
/* Checksums that a guest left to others, and large segments: see frame.h. RFC 1071, RFC 793, RFC 768, RFC 2460. */
#include "frame.h"

#include <string.h>

#define TCP_CHECKSUM 16
#define UDP_CHECKSUM 6
#define TCP_SEQUENCE 4
#define TCP_FLAGS    13
#define TCP_FIN      0x01
#define TCP_PSH      0x08
#define TCP_CWR      0x80

static uint32_t sum(const uint8_t *p, size_t len, uint32_t so_far)
{
	for (; len > 1; len -= 2, p += 2)
		so_far += be16(p);
	return len ? so_far + (uint32_t)(p[0] << 8) : so_far;
}

static uint16_t fold(uint32_t s)
{
	s = (s & 0xffff) + (s >> 16);
	return (uint16_t)(s + (s >> 16));
}

static uint32_t pseudo_header(const struct frame *f, const struct layers *l)
{
	const uint8_t *ip = f->data + l->network;
	uint32_t s = l->family == 4 ? sum(ip + 12, 8, 0) : sum(ip + 8, 32, 0);

	return s + l->protocol + (uint32_t)(l->end - l->transport);
}

static uint8_t *checksum_at(struct frame *f, const struct layers *l)
{
	return f->data + l->transport + (l->protocol == PROTOCOL_TCP ? TCP_CHECKSUM : UDP_CHECKSUM);
}

/* From nothing but what is in the frame: the sum that the guest left there is not needed. */
static void write_checksum(struct frame *f, const struct layers *l)
{
	uint8_t *at = checksum_at(f, l);
	uint16_t value;

	put_be16(at, 0);
	value = (uint16_t)~fold(
	    sum(f->data + l->transport, (size_t)(l->end - l->transport), pseudo_header(f, l)));
	if (!value && l->protocol == PROTOCOL_UDP)
		value = 0xffff; /* 0 means: none */
	put_be16(at, value);
}

static bool gso_ok(const struct frame *f, const struct layers *l)
{
	unsigned bytes = (unsigned)(l->end - l->data);

	return l->protocol == PROTOCOL_TCP && l->family == (f->gso == GSO_TCP4 ? 4 : 6) && f->gso_size &&
	       (bytes + f->gso_size - 1) / f->gso_size <= SEGMENTS_MAX;
}

bool frame_offload_ok(struct frame *f)
{
	struct layers l;

	if (!f->blank && !f->gso)
		return true;
	if (!frame_layers(f, &l) || l.fragment || !l.data || (f->gso && !gso_ok(f, &l)))
		return false;
	if (f->gso && l.end - l.data <= f->gso_size)
		f->gso = GSO_NONE; /* one segment is no large one */
	f->blank = true;
	put_be16(checksum_at(f, &l), fold(pseudo_header(f, &l)));
	return true;
}

void frame_finish(struct frame *f)
{
	struct layers l;

	if (f->blank && frame_layers(f, &l) && l.data)
		write_checksum(f, &l);
	f->blank = false;
}

static struct frame *copy(const struct frame *f, uint32_t len)
{
	struct frame *c = frame_new(len);

	if (!c)
		return NULL;
	memcpy(c->data, f->data, len);
	c->blank = f->blank;
	c->validated = f->validated;
	c->gso = f->gso;
	c->gso_size = f->gso_size;
	c->tagged = f->tagged;
	c->priority = f->priority;
	c->vid = f->vid;
	return c;
}

struct frame *frame_finished(const struct frame *f)
{
	struct frame *c = copy(f, f->len);

	if (c)
		frame_finish(c);
	return c;
}

/* ---- Large segments ---- */

static void write_lengths(struct frame *s, struct layers *l, unsigned index)
{
	uint8_t *ip = s->data + l->network;

	l->end = (uint16_t)s->len;
	if (l->family == 6) {
		put_be16(ip + 4, (uint16_t)(s->len - l->network - 40));
		return;
	}
	put_be16(ip + 2, (uint16_t)(s->len - l->network));
	put_be16(ip + 4, (uint16_t)(be16(ip + 4) + index)); /* identification */
	put_be16(ip + 10, 0);
	put_be16(ip + 10, (uint16_t)~fold(sum(ip, (ip[0] & 15u) * 4, 0)));
}

static void write_tcp(struct frame *s, const struct layers *l, uint32_t offset, bool last)
{
	uint8_t *tcp = s->data + l->transport;
	uint32_t sequence = (uint32_t)be16(tcp + TCP_SEQUENCE) << 16 | be16(tcp + TCP_SEQUENCE + 2);

	sequence += offset;
	put_be16(tcp + TCP_SEQUENCE, (uint16_t)(sequence >> 16));
	put_be16(tcp + TCP_SEQUENCE + 2, (uint16_t)sequence);
	if (!last)
		tcp[TCP_FLAGS] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
	if (offset)
		tcp[TCP_FLAGS] &= (uint8_t)~TCP_CWR;
}

static struct frame *segment(const struct frame *f, struct layers l, uint32_t offset, bool finish)
{
	uint32_t all = (uint32_t)(l.end - l.data),
		 len = all - offset < f->gso_size ? all - offset : f->gso_size;
	struct frame *s = copy(f, l.data + len);

	if (!s)
		return NULL;
	memcpy(s->data + l.data, f->data + l.data + offset, len);
	s->gso = GSO_NONE;
	s->gso_size = 0;
	write_lengths(s, &l, offset / f->gso_size);
	write_tcp(s, &l, offset, offset + len == all);
	if (finish) {
		frame_finish(s);
		return s;
	}
	put_be16(checksum_at(s, &l), fold(pseudo_header(s, &l)));
	return s;
}

bool frame_segment(const struct frame *f, bool finish, void (*each)(void *arg, struct frame *segment),
		   void *arg)
{
	struct layers l;

	if (!frame_layers(f, &l))
		return true;
	for (uint32_t offset = 0; offset < (uint32_t)(l.end - l.data); offset += f->gso_size) {
		struct frame *s = segment(f, l, offset, finish);

		if (!s)
			return false;
		each(arg, s);
	}
	return true;
}
