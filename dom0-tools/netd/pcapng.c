/* SPDX-License-Identifier: MIT */
/* See pcapng.h. */
#include "pcapng.h"

#include <string.h>

#define BLOCK_SECTION     0x0a0d0d0au
#define BLOCK_INTERFACE   1u
#define BLOCK_PACKET      6u
#define BYTE_ORDER_MARK   0x1a2b3c4du
#define LINK_ETHERNET     1u
#define OPTION_NAME       2u
#define OPTION_RESOLUTION 9u
#define OPTION_FLAGS      2u /* of a packet */
#define NANOSECONDS       9u

static uint8_t *put32(uint8_t *at, uint32_t v)
{
	memcpy(at, &v, 4);
	return at + 4;
}

/* Two 16-bit fields. */
static uint8_t *put16s(uint8_t *at, unsigned a, unsigned b)
{
	const uint16_t v[2] = {(uint16_t)a, (uint16_t)b};

	memcpy(at, v, 4);
	return at + 4;
}

static uint8_t *put_option(uint8_t *at, unsigned code, const void *value, unsigned len)
{
	at = put16s(at, code, len);
	memset(at, 0, (len + 3) & ~3u);
	memcpy(at, value, len);
	return at + ((len + 3) & ~3u);
}

/* The length stands at both ends of a block. */
static size_t close_block(uint8_t *out, uint8_t *at)
{
	uint32_t len = (uint32_t)(at - out) + 4;

	put32(out + 4, len);
	put32(at, len);
	return len;
}

size_t pcapng_section(uint8_t *out)
{
	uint8_t *at = put32(put32(put32(out, BLOCK_SECTION), 0), BYTE_ORDER_MARK);

	at = put16s(at, 1, 0);
	at = put32(put32(at, UINT32_MAX), UINT32_MAX); /* the section's length is not known */
	return close_block(out, at);
}

size_t pcapng_interface(uint8_t *out, const char *name)
{
	uint8_t *at = put32(put32(out, BLOCK_INTERFACE), 0);
	size_t len = strlen(name);

	at = put16s(at, LINK_ETHERNET, 0);
	at = put32(at, 0); /* no limit of a frame's bytes */
	at = put_option(at, OPTION_NAME, name, (unsigned)(len < 64 ? len : 64));
	at = put_option(at, OPTION_RESOLUTION, &(uint8_t){NANOSECONDS}, 1);
	return close_block(out, put16s(at, 0, 0));
}

size_t pcapng_packet(uint8_t *out, uint32_t interface, uint64_t time_ns, uint32_t len, bool outbound,
		     uint8_t *tail, size_t *tail_len)
{
	uint32_t flags = outbound ? 2 : 1, padding = -len & 3, head = 28, whole;
	uint8_t *at = tail;

	memset(at, 0, padding);
	at = put_option(at + padding, OPTION_FLAGS, &flags, 4);
	at = put16s(at, 0, 0);
	whole = head + len + (uint32_t)(at - tail) + 4;
	at = put32(at, whole);
	*tail_len = (size_t)(at - tail);
	at = put32(put32(put32(out, BLOCK_PACKET), whole), interface);
	at = put32(put32(at, (uint32_t)(time_ns >> 32)), (uint32_t)time_ns);
	put32(put32(at, len), len);
	return head;
}
