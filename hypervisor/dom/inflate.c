/* SPDX-License-Identifier: MIT */
/*
 * DEFLATE, decoded from canonical Huffman codes: short codes by one look into a table, longer ones bit by
 * bit. Whatever the input holds, nothing outside [in, in + n) is read and nothing outside the output written:
 * bits past the end read as 0 and set `bad`.
 */
#include "dom/inflate.h"
#include "lib/string.h"

#define MAX_CODE_BITS 15
#define FAST_BITS     9
#define MAX_LITERALS  288
#define MAX_DISTANCES 30
#define END_OF_BLOCK  256

/* A canonical code: how many symbols have each length, and the symbols in order of their codes. `fast` knows
 * by the next FAST_BITS bits of input the symbol and, in its lowest 4 bits, the length; 0: the code is
 * longer. */
struct code {
	uint16_t count[MAX_CODE_BITS + 1];
	uint16_t symbol[MAX_LITERALS];
	uint16_t fast[1 << FAST_BITS];
};

struct stream {
	const uint8_t *in, *in_end;
	uint64_t hold; /* bits taken from in, not yet used, lowest first; zeros above `held` */
	unsigned held;
	uint8_t *out; /* NULL: what comes out is only counted */
	size_t at, end;
	bool bad;
	struct code literals, distances;
};

static void refill(struct stream *s)
{
	while (s->held <= 56 && s->in < s->in_end) {
		s->hold |= (uint64_t)*s->in++ << s->held;
		s->held += 8;
	}
}

static uint32_t bits(struct stream *s, unsigned n)
{
	uint32_t value;

	if (s->held < n)
		refill(s);
	if (s->held < n) {
		s->bad = true;
		return 0;
	}
	value = s->hold & ((1u << n) - 1);
	s->hold >>= n;
	s->held -= n;
	return value;
}

/* Codes come from their highest bit on, the input's bits from the lowest: @code of @len bits, as it stands in
 * the input, and everything that may follow it. */
static void fill_fast(struct code *c, unsigned code, unsigned len, unsigned symbol)
{
	unsigned reversed = 0;

	for (unsigned i = 0; i < len; i++)
		reversed |= (code >> i & 1) << (len - 1 - i);
	for (unsigned at = reversed; at < ARRAY_SIZE(c->fast); at += 1u << len)
		c->fast[at] = symbol << 4 | len;
}

static void make_fast(struct code *c)
{
	unsigned code = 0, index = 0;

	memset(c->fast, 0, sizeof(c->fast));
	for (unsigned len = 1; len <= FAST_BITS; len++, code <<= 1)
		for (unsigned i = 0; i < c->count[len]; i++)
			fill_fast(c, code++, len, c->symbol[index++]);
}

/* Make the code whose symbol i has length lengths[i] (RFC 1951 3.2.2). A code that promises more than its
 * lengths can hold is bad; one with gaps is found out when a gap is met. */
static bool make_code(struct code *c, const uint8_t *lengths, unsigned n)
{
	uint16_t offset[MAX_CODE_BITS + 1];
	int left = 1;

	memset(c->count, 0, sizeof(c->count));
	for (unsigned i = 0; i < n; i++)
		c->count[lengths[i]]++;
	c->count[0] = 0;
	offset[1] = 0;
	for (unsigned len = 1; len <= MAX_CODE_BITS; len++) {
		left = (left << 1) - c->count[len];
		if (left < 0)
			return false;
		if (len < MAX_CODE_BITS)
			offset[len + 1] = offset[len] + c->count[len];
	}
	for (unsigned i = 0; i < n; i++)
		if (lengths[i])
			c->symbol[offset[lengths[i]]++] = i;
	make_fast(c);
	return true;
}

static unsigned decode_long(struct stream *s, const struct code *c)
{
	int code = 0, first = 0, index = 0;

	for (unsigned len = 1; len <= MAX_CODE_BITS; len++) {
		code |= bits(s, 1);
		if (code - first < c->count[len])
			return c->symbol[index + code - first];
		index += c->count[len];
		first = (first + c->count[len]) << 1;
		code <<= 1;
	}
	s->bad = true;
	return END_OF_BLOCK;
}

static unsigned decode(struct stream *s, const struct code *c)
{
	unsigned found;

	if (s->held < MAX_CODE_BITS)
		refill(s);
	found = c->fast[s->hold & (ARRAY_SIZE(c->fast) - 1)];
	if (!found || (found & 15) > s->held)
		return decode_long(s, c);
	s->hold >>= found & 15;
	s->held -= found & 15;
	return found >> 4;
}

static void put(struct stream *s, uint8_t byte)
{
	if (s->at == s->end)
		s->bad = true;
	else if (s->out)
		s->out[s->at] = byte;
	s->at++;
}

/* A match: @length bytes from @distance back, perhaps overlapping what it makes. */
static void copy(struct stream *s, unsigned length, unsigned distance)
{
	if (distance > s->at) {
		s->bad = true;
		return;
	}
	if (length > s->end - s->at) {
		s->bad = true;
		return;
	}
	if (s->out)
		for (uint8_t *to = s->out + s->at, *stop = to + length; to < stop; to++)
			*to = *(to - distance);
	s->at += length;
}

static void coded_block(struct stream *s)
{
	static const uint16_t length_base[] = {3,  4,  5,  6,   7,   8,   9,   10,  11, 13,
					       15, 17, 19, 23,  27,  31,  35,  43,  51, 59,
					       67, 83, 99, 115, 131, 163, 195, 227, 258};
	static const uint8_t length_bits[] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
					      2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
	static const uint16_t dist_base[] = {1,    2,    3,    4,    5,    7,    9,    13,    17,    25,
					     33,   49,   65,   97,   129,  193,  257,  385,   513,   769,
					     1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};

	while (!s->bad) {
		unsigned symbol = decode(s, &s->literals), length;

		if (symbol == END_OF_BLOCK)
			return;
		if (symbol < END_OF_BLOCK) {
			put(s, symbol);
			continue;
		}
		symbol -= END_OF_BLOCK + 1;
		if (symbol >= ARRAY_SIZE(length_base)) {
			s->bad = true;
			return;
		}
		length = length_base[symbol] + bits(s, length_bits[symbol]);
		symbol = decode(s, &s->distances);
		if (symbol >= MAX_DISTANCES) {
			s->bad = true;
			return;
		}
		/* Two codes share each number of extra bits, from the fifth on. */
		copy(s, length, dist_base[symbol] + bits(s, symbol < 2 ? 0 : symbol / 2 - 1));
	}
}

/* To the next byte of input, giving back those read ahead. */
static void align_to_byte(struct stream *s)
{
	bits(s, s->held % 8);
	s->in -= s->held / 8;
	s->hold = s->held = 0;
}

static void stored_block(struct stream *s)
{
	unsigned length;

	align_to_byte(s);
	length = bits(s, 16);
	if ((bits(s, 16) ^ 0xffff) != length)
		s->bad = true;
	align_to_byte(s);
	if (s->bad || s->in_end - s->in < (ptrdiff_t)length || s->end - s->at < length) {
		s->bad = true;
		return;
	}
	if (s->out)
		memcpy(s->out + s->at, s->in, length);
	s->in += length;
	s->at += length;
}

/* The codes every decoder knows (RFC 1951 3.2.6). */
static void fixed_codes(struct stream *s)
{
	uint8_t lengths[MAX_LITERALS];

	for (unsigned i = 0; i < MAX_LITERALS; i++)
		lengths[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
	make_code(&s->literals, lengths, MAX_LITERALS);
	memset(lengths, 5, MAX_DISTANCES);
	make_code(&s->distances, lengths, MAX_DISTANCES);
}

/* Codes that come with the block, their lengths coded in turn (RFC 1951 3.2.7). */
static void dynamic_codes(struct stream *s)
{
	static const uint8_t order[] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
	uint8_t lengths[MAX_LITERALS + 32] = {0}; /* as many as the two fields can ask for */
	unsigned literals = bits(s, 5) + 257, distances = bits(s, 5) + 1, n = bits(s, 4) + 4, i = 0;

	for (unsigned k = 0; k < n; k++)
		lengths[order[k]] = bits(s, 3);
	if (!make_code(&s->literals, lengths, ARRAY_SIZE(order))) {
		s->bad = true;
		return;
	}
	while (i < literals + distances && !s->bad) {
		unsigned symbol = decode(s, &s->literals), repeat = 1;
		uint8_t length = symbol;

		if (symbol == 16) {
			length = i ? lengths[i - 1] : 0;
			s->bad |= !i;
			repeat = 3 + bits(s, 2);
		} else if (symbol > 16) {
			length = 0;
			repeat = symbol == 17 ? 3 + bits(s, 3) : 11 + bits(s, 7);
		}
		if (i + repeat > literals + distances) {
			s->bad = true;
			return;
		}
		memset(lengths + i, length, repeat);
		i += repeat;
	}
	s->bad |= !make_code(&s->literals, lengths, literals) ||
		  !make_code(&s->distances, lengths + literals, distances);
}

static void inflate(struct stream *s)
{
	bool last;

	do {
		last = bits(s, 1);
		switch (bits(s, 2)) {
		case 0:
			stored_block(s);
			break;
		case 1:
			fixed_codes(s);
			coded_block(s);
			break;
		case 2:
			dynamic_codes(s);
			if (!s->bad)
				coded_block(s);
			break;
		default:
			s->bad = true;
		}
	} while (!last && !s->bad);
}

/* Length of the gzip header at @p, 0 if there is none (RFC 1952 2.3). */
static size_t header_length(const uint8_t *p, size_t n)
{
	enum {
		FHCRC = 2,
		FEXTRA = 4,
		FNAME = 8,
		FCOMMENT = 16
	};
	size_t at = 10;
	uint8_t flags;

	if (n < 18 || p[0] != 0x1f || p[1] != 0x8b || p[2] != 8)
		return 0;
	flags = p[3];
	if (flags & FEXTRA)
		at += 2 + (p[at] | p[at + 1] << 8);
	for (uint8_t name = FNAME; name <= FCOMMENT; name <<= 1) {
		if (!(flags & name))
			continue;
		while (at < n && p[at])
			at++;
		at++;
	}
	if (flags & FHCRC)
		at += 2;
	return at + 8 <= n ? at : 0; /* a trailer of CRC and size follows */
}

static uint32_t le32(const uint8_t *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint32_t crc32(const uint8_t *p, size_t n)
{
	uint32_t table[256], crc = ~0u;

	for (uint32_t i = 0; i < 256; i++) {
		table[i] = i;
		for (int k = 0; k < 8; k++)
			table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320u : 0);
	}
	while (n--)
		crc = crc >> 8 ^ table[(crc ^ *p++) & 0xff];
	return ~crc;
}

bool gzip_detect(const void *data, size_t n, size_t *size)
{
	if (!header_length(data, n))
		return false;
	*size = le32((const uint8_t *)data + n - 4);
	return true;
}

/* Unpack into @out of @size bytes, or only count. NULL: there is no gzip file. */
static struct stream *unpack(const uint8_t *p, size_t n, uint8_t *out, size_t size)
{
	static struct stream s; /* too big for the stack; only the boot CPU comes here */
	size_t header = header_length(p, n);

	if (!header)
		return NULL;
	s = (struct stream){.in = p + header, .in_end = p + n - 8, .out = out, .end = size};
	inflate(&s);
	return &s;
}

size_t gzip_length(const void *data, size_t n)
{
	struct stream *s = unpack(data, n, NULL, SIZE_MAX);

	if (!s || s->bad)
		return 0;
	align_to_byte(s);
	return s->in + 8 - (const uint8_t *)data;
}

const char *gzip_unpack(const void *data, size_t n, void *out, size_t size)
{
	const uint8_t *p = data;
	struct stream *s = unpack(p, n, out, size);

	if (!s)
		return "not a gzip file";
	if (s->bad)
		return "the compressed data is damaged";
	if (s->at != size || crc32(out, size) != le32(p + n - 8))
		return "the compressed data fails its checksum";
	return NULL;
}
