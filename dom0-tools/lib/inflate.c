/* SPDX-License-Identifier: MIT */
/*
 * A small inflate: bit by bit through canonical Huffman codes, which needs no tables beyond the counts of
 * codes per length and the symbols in code order. Slow next to others, fast enough for a kernel of megabytes.
 */
#include "inflate.h"

#include <stdlib.h>
#include <string.h>

#define MAX_BITS 15

struct stream {
	const uint8_t *in, *in_end;
	uint32_t bits; /* not yet used, lowest first */
	unsigned count;
	uint8_t *out;
	size_t size, max;
	int bad;
};

struct huffman {
	uint16_t count[MAX_BITS + 1]; /* codes of each length */
	uint16_t symbol[288];         /* in the order of their codes */
};

static unsigned get_bits(struct stream *s, unsigned need)
{
	unsigned value;

	while (s->count < need) {
		if (s->in == s->in_end) {
			s->bad = 1;
			return 0;
		}
		s->bits |= (uint32_t)*s->in++ << s->count;
		s->count += 8;
	}
	value = s->bits & ((1u << need) - 1);
	s->bits >>= need;
	s->count -= need;
	return value;
}

static void put_byte(struct stream *s, uint8_t byte)
{
	if (s->size == s->max)
		s->bad = 1;
	else
		s->out[s->size++] = byte;
}

/* Codes of one length are consecutive, and longer codes follow shorter ones (RFC 1951, 3.2.2). */
static void make_codes(struct huffman *h, const uint8_t *length, unsigned n)
{
	uint16_t place[MAX_BITS + 1] = {0};

	memset(h->count, 0, sizeof(h->count));
	for (unsigned i = 0; i < n; i++)
		h->count[length[i]]++;
	h->count[0] = 0;
	for (unsigned len = 1; len < MAX_BITS; len++)
		place[len + 1] = place[len] + h->count[len];
	for (unsigned i = 0; i < n; i++)
		if (length[i])
			h->symbol[place[length[i]]++] = i;
}

static unsigned get_symbol(struct stream *s, const struct huffman *h)
{
	int code = 0, first = 0, index = 0;

	for (unsigned len = 1; len <= MAX_BITS && !s->bad; len++) {
		code |= get_bits(s, 1);
		if (code - first < h->count[len])
			return h->symbol[index + code - first];
		index += h->count[len];
		first = (first + h->count[len]) << 1;
		code <<= 1;
	}
	s->bad = 1;
	return 0;
}

static void copy_back(struct stream *s, unsigned distance, unsigned length)
{
	if (distance > s->size) {
		s->bad = 1;
		return;
	}
	while (length-- && !s->bad)
		put_byte(s, s->out[s->size - distance]);
}

static void coded_block(struct stream *s, const struct huffman *literals, const struct huffman *distances)
{
	/* RFC 1951, 3.2.5: lengths and distances have a base and extra bits. */
	static const uint16_t base[] = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
					31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
	static const uint8_t extra[] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
					2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};

	while (!s->bad) {
		unsigned symbol = get_symbol(s, literals), length, code, more;

		if (symbol < 256) {
			put_byte(s, symbol);
			continue;
		}
		if (symbol == 256)
			return;
		symbol -= 257;
		if (symbol >= sizeof(extra)) {
			s->bad = 1;
			return;
		}
		length = base[symbol] + get_bits(s, extra[symbol]);
		code = get_symbol(s, distances);
		if (code >= 30) {
			s->bad = 1;
			return;
		}
		more = code < 2 ? 0 : code / 2 - 1;
		copy_back(s, code < 2 ? code + 1 : ((2 + (code & 1)) << more) + 1 + get_bits(s, more),
			  length);
	}
}

static void stored_block(struct stream *s)
{
	unsigned len, complement;

	s->bits = 0; /* the rest of this byte is filler */
	s->count = 0;
	len = get_bits(s, 16);
	complement = get_bits(s, 16);
	if (s->bad || len != (~complement & 0xffff) || len > (size_t)(s->in_end - s->in) ||
	    len > s->max - s->size) {
		s->bad = 1;
		return;
	}
	memcpy(s->out + s->size, s->in, len);
	s->in += len;
	s->size += len;
}

static void fixed_block(struct stream *s)
{
	struct huffman literals, distances;
	uint8_t length[288];

	memset(length, 8, 144);
	memset(length + 144, 9, 112);
	memset(length + 256, 7, 24);
	memset(length + 280, 8, 8);
	make_codes(&literals, length, 288);
	memset(length, 5, 30);
	make_codes(&distances, length, 30);
	coded_block(s, &literals, &distances);
}

static void dynamic_block(struct stream *s)
{
	static const uint8_t order[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
	struct huffman literals, distances;
	uint8_t length[288 + 32] = {0};
	unsigned nlit = get_bits(s, 5) + 257, ndist = get_bits(s, 5) + 1, ncode = get_bits(s, 4) + 4, n = 0;

	if (nlit > 286 || ndist > 30) {
		s->bad = 1;
		return;
	}
	for (unsigned i = 0; i < ncode; i++)
		length[order[i]] = get_bits(s, 3);
	make_codes(&literals, length, 19);
	memset(length, 0, sizeof(length));
	while (n < nlit + ndist && !s->bad) {
		unsigned symbol = get_symbol(s, &literals), repeat;
		uint8_t value = 0;

		if (symbol < 16) {
			length[n++] = symbol;
			continue;
		}
		if (symbol == 16 && n == 0) {
			s->bad = 1;
			return;
		}
		if (symbol == 16)
			value = length[n - 1];
		repeat = symbol == 16   ? 3 + get_bits(s, 2)
			 : symbol == 17 ? 3 + get_bits(s, 3)
					: 11 + get_bits(s, 7);
		if (n + repeat > nlit + ndist) {
			s->bad = 1;
			return;
		}
		memset(length + n, value, repeat);
		n += repeat;
	}
	make_codes(&literals, length, nlit);
	make_codes(&distances, length + nlit, ndist);
	coded_block(s, &literals, &distances);
}

static void inflate(struct stream *s)
{
	unsigned last;

	do {
		last = get_bits(s, 1);
		switch (get_bits(s, 2)) {
		case 0:
			stored_block(s);
			break;
		case 1:
			fixed_block(s);
			break;
		case 2:
			dynamic_block(s);
			break;
		default:
			s->bad = 1;
		}
	} while (!last && !s->bad);
}

/* Where the deflate stream begins (RFC 1952, 2.3), or 0 if the header is broken. */
static size_t gzip_header(const uint8_t *data, size_t size)
{
	size_t at = 10;
	uint8_t flags = size > 18 ? data[3] : 0;

	if (size <= 18 || data[2] != 8)
		return 0;
	if (flags & 4) {
		at += 2 + data[10] + ((size_t)data[11] << 8);
	}
	for (int field = 3; field <= 4; field++) { /* name, comment: texts ending with a zero byte */
		if (!(flags & 1u << field))
			continue;
		while (at < size && data[at])
			at++;
		at++;
	}
	if (flags & 2)
		at += 2;
	return at + 8 < size ? at : 0;
}

int gzip_is(const uint8_t *data, size_t size)
{
	return size > 2 && data[0] == 0x1f && data[1] == 0x8b;
}

uint8_t *gzip_unpack(const uint8_t *data, size_t size, size_t max, size_t *out_size, const char **why)
{
	size_t start = gzip_header(data, size);
	struct stream s = {.in = data + start, .in_end = data + size};
	uint32_t said;

	*why = "its gzip header is damaged";
	if (!start)
		return NULL;
	memcpy(&said, data + size - 4, sizeof(said)); /* the unpacked size ends the file (RFC 1952, 2.3.1) */
	*why = "it is too large when unpacked";
	if (said > max)
		return NULL;
	s.max = said;
	s.out = malloc(said + 1);
	*why = "not enough memory to unpack it";
	if (!s.out)
		return NULL;
	inflate(&s);
	*why = "its gzip data is damaged or cut off";
	if (s.bad || s.size != said) {
		free(s.out);
		return NULL;
	}
	*out_size = s.size;
	return s.out;
}
