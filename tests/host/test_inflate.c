/* SPDX-License-Identifier: MIT */
/*
 * Specification: what is in a gzip file, bit by bit (RFC 1951, RFC 1952), as gzip itself never writes it.
 *   headers   with each of the optional fields, alone and together; the contents begin behind them, or there are none
 *   codes     that promise too much, repeat what is not there, or name lengths and distances that have no meaning
 *   blocks    of each sort, several in one file; a stored one that contradicts itself, one of no sort
 *   matches   from the beginning on, and no further back
 *   ends      what the input does not hold any more is missed, to the bit
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dom/inflate.c"

static const char damaged[] = "the compressed data is damaged",
		  checksum[] = "the compressed data fails its checksum";

static uint8_t file[2000];
static size_t bits_in; /* of the file so far */

static void number(unsigned value, unsigned n)
{
	for (unsigned i = 0; i < n; i++, bits_in++)
		file[bits_in / 8] |= (value >> i & 1) << bits_in % 8;
}
/* Of a Huffman code the highest bit comes first. */
static void code(unsigned value, unsigned n)
{
	while (n--)
		number(value >> n & 1, 1);
}
static void byte_end(void)
{
	bits_in = (bits_in + 7) / 8 * 8;
}

static void begin(uint8_t flags)
{
	static const uint8_t head[] = {0x1f, 0x8b, 8};

	memset(file, 0, sizeof(file));
	bits_in = 0;
	for (unsigned i = 0; i < 10; i++)
		number(i < 3 ? head[i] : i == 3 ? flags : 0, 8);
}

/* The file ends, with what it says of the contents; it is as long as that, so that each byte too many is seen. */
static const char *unpacks(const char *contents)
{
	size_t size = strlen(contents), n, declared;
	uint32_t crc = ~0u;
	const char *rc;
	char *out = malloc(size + 1);
	uint8_t *copy;

	byte_end();
	for (size_t i = 0; i < size; i++) {
		crc ^= (uint8_t)contents[i];
		for (int k = 0; k < 8; k++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	number(~crc, 32);
	number(size, 32);
	n = bits_in / 8;
	copy = malloc(n);
	memcpy(copy, file, n);
	assert_true(gzip_detect(copy, n, &declared));
	assert_int_equal(declared, size);
	rc = gzip_unpack(copy, n, out, size);
	if (!rc) {
		assert_memory_equal(out, contents, size);
		assert_int_equal(gzip_length(copy, n), n);
	}
	free(copy);
	free(out);
	return rc;
}

static void stored(const char *text, bool last)
{
	unsigned n = strlen(text);

	number(last, 1);
	number(0, 2);
	byte_end();
	number(n, 16);
	number(~n, 16);
	for (unsigned i = 0; i < n; i++)
		number(text[i], 8);
}

static void headers(void **state)
{
	static const char extra[] = "\3\0abc", name[] = "name", comment[] = "a comment";

	for (unsigned flags = 0; flags < 32; flags += 2) {
		begin(flags);
		for (unsigned i = 0; (flags & 4) && i < 5; i++)
			number(extra[i], 8);
		for (unsigned i = 0; (flags & 8) && i < sizeof(name); i++)
			number(name[i], 8);
		for (unsigned i = 0; (flags & 16) && i < sizeof(comment); i++)
			number(comment[i], 8);
		number(0xabcd, flags & 2 ? 16 : 0);
		stored("contents", true);
		assert_null(unpacks("contents"));
	}
}

/* One that says that it is longer than the file. */
static void stored_too_short(void **state)
{
	static const char text[] =
	    "as long as what the block says that it holds, and longer than the file's end";

	begin(0);
	number(1, 1);
	number(0, 2);
	byte_end();
	number(sizeof(text) - 1, 16);
	number(0xffff ^ (sizeof(text) - 1), 16);
	for (unsigned i = 0; i < 10; i++)
		number(text[i], 8);
	assert_string_equal(unpacks(text), damaged);
}

static void no_headers(void **state)
{
	size_t size;

	for (unsigned wrong = 0; wrong < 3; wrong++) {
		begin(0);
		file[wrong]++;
		assert_false(gzip_detect(file, 100, &size));
		assert_string_equal(gzip_unpack(file, 100, NULL, 0), "not a gzip file");
		assert_int_equal(gzip_length(file, 100), 0);
	}
	begin(0);
	assert_true(gzip_detect(file, 18, &size));
	assert_false(gzip_detect(file, 17, &size));
	/* A name, or more, without an end. */
	for (unsigned flags = 8; flags <= 16; flags *= 2) {
		uint8_t *copy = malloc(40);

		begin(flags);
		memset(file + 10, 'x', 30);
		memcpy(copy, file, 40);
		assert_false(gzip_detect(copy, 40, &size));
		copy[31] = 0; /* and the trailer exactly */
		assert_true(gzip_detect(copy, 40, &size));
		assert_false(gzip_detect(copy, 39, &size));
		free(copy);
	}
	begin(4);
	number(100, 16);
	assert_false(gzip_detect(file, 40, &size));
}

static void blocks(void **state)
{
	char there[4];

	begin(0);
	stored("one, ", false);
	stored("", false);
	number(0, 1);
	number(1, 2); /* the codes that every decoder knows */
	code(0x30 + 't', 8);
	code(0x30 + 'w', 8);
	code(0x30 + 'o', 8);
	code(0, 7);
	stored("!", true);
	assert_null(unpacks("one, two!"));
	begin(0);
	number(1, 1);
	number(3, 2);
	assert_string_equal(unpacks(""), damaged);
	begin(0);
	stored("abc", true);
	file[13]++; /* its length, a second time */
	assert_string_equal(unpacks("abc"), damaged);
	begin(0);
	stored("abc", true);
	assert_string_equal(unpacks("abcd"), checksum);
	begin(0);
	stored("abc", true);
	assert_string_equal(unpacks("ab"), damaged);
	/* Too short, where the rest happens to be there. */
	begin(0);
	stored("abc", true);
	unpacks("abcd");
	memcpy(there, "abcd", 4);
	assert_string_equal(gzip_unpack(file, bits_in / 8, there, 4), checksum);
	begin(0);
	stored("abc", true);
	assert_string_equal(unpacks("abd"), checksum);
	begin(0);
	stored("abc", false); /* and no other follows */
	assert_string_equal(unpacks("abc"), damaged);
}

/* One block of the known codes: 'a', a match by these symbols, the end. */
static void match(unsigned length, unsigned distance, unsigned extra, unsigned bits)
{
	begin(0);
	number(1, 1);
	number(1, 2);
	code(0x30 + 'a', 8);
	if (length < 280)
		code(length - 256, 7);
	else
		code(0xc0 + length - 280, 8);
	code(distance, 5);
	number(extra, bits);
	code(0, 7);
}

static void matches(void **state)
{
	char longest[260];

	match(257, 0, 0, 0);
	assert_null(unpacks("aaaa"));
	match(257, 1, 0, 0); /* from before the beginning */
	assert_string_equal(unpacks("aaaa"), damaged);
	match(257, 29, 0x1fff, 13);
	assert_string_equal(unpacks("aaaa"), damaged);
	memset(longest, 'a', 259);
	longest[259] = '\0';
	match(285, 0, 0, 0);
	assert_null(unpacks(longest));
	match(285, 0, 0, 0);
	assert_string_equal(unpacks(longest + 1), damaged);
	match(286, 0, 0, 0); /* numbers that mean nothing */
	assert_string_equal(unpacks("aaaa"), damaged);
	match(287, 0, 0, 0);
	assert_string_equal(unpacks("aaaa"), damaged);
	match(257, 30, 0, 0);
	assert_string_equal(unpacks("aaaa"), damaged);
	match(257, 31, 0, 0);
	assert_string_equal(unpacks("aaaa"), damaged);
}

/* In a block with codes of its own: the lengths 0, 1, 2 and a run of zeros have two bits each. */
static void zeros(unsigned n)
{
	code(3, 2);
	number(n - 11, 7);
}
static void own_codes(unsigned distances)
{
	static const uint8_t lengths[] = {0, 0, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 2};

	begin(0);
	number(1, 1);
	number(2, 2);
	number(1, 5); /* 258 literals and lengths */
	number(distances - 1, 5);
	number(ARRAY_SIZE(lengths) - 4, 4);
	for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++)
		number(lengths[i], 3);
	zeros(97);
	code(1, 2); /* 'a': 0 */
	zeros(138);
	zeros(20);
	code(2, 2); /* the end: 10 */
	code(2, 2); /* a match of 3: 11 */
}

static void dynamic(void **state)
{
	/* The last of these distances has the code 1. */
	static const struct {
		unsigned distances;
		const char *result;
	} cases[] = {{13, damaged}, {30, damaged}, {31, damaged}, {32, damaged}};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++)
		for (unsigned last = 0; last < 2; last++) {
			own_codes(cases[i].distances);
			code(1, 2);
			zeros(cases[i].distances - 2);
			code(1, 2);
			code(0, 1);
			code(3, 2);
			code(last, 1);
			number(0, last ? 13 : 0);
			code(2, 2);
			if (last)
				assert_string_equal(unpacks("aaaa"), cases[i].result);
			else
				assert_null(unpacks("aaaa"));
		}
	/* One distance that needs no bits to tell it, by a code of one bit. */
	own_codes(1);
	code(1, 2);
	code(0, 1);
	code(3, 2);
	code(0, 1);
	code(2, 2);
	assert_null(unpacks("aaaa"));
	/* A code that is not there. */
	own_codes(1);
	code(1, 2);
	code(0, 1);
	code(3, 2);
	code(1, 1);
	code(2, 2);
	assert_string_equal(unpacks("aaaa"), damaged);
	/* More zeros than there are distances. */
	own_codes(12);
	code(1, 2);
	zeros(12);
	code(0, 1);
	code(2, 2);
	assert_string_equal(unpacks("a"), damaged);
}

/* Lengths of lengths, in the order of the RFC; nothing else comes of it. */
static void lengths_of_lengths(void **state)
{
	/* 16: the length before again, and there is none. */
	begin(0);
	number(1, 1);
	number(2, 2);
	number(0, 5);
	number(0, 5);
	number(0, 4);
	number(1, 3); /* 16 */
	number(1, 3); /* 17 */
	number(0, 3);
	number(0, 3);
	code(0, 1);
	number(0, 2);
	assert_string_equal(unpacks(""), damaged);
	/* Three codes of one bit. */
	begin(0);
	number(1, 1);
	number(2, 2);
	number(0, 5);
	number(0, 5);
	number(0, 4);
	number(1, 3);
	number(1, 3);
	number(1, 3);
	number(0, 3);
	assert_string_equal(unpacks(""), damaged);
	/* 287 and 288 literals. */
	for (unsigned n = 30; n < 32; n++) {
		begin(0);
		number(1, 1);
		number(2, 2);
		number(n, 5);
		assert_string_equal(unpacks(""), damaged);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(headers),
	    cmocka_unit_test(stored_too_short),
	    cmocka_unit_test(no_headers),
	    cmocka_unit_test(blocks),
	    cmocka_unit_test(matches),
	    cmocka_unit_test(dynamic),
	    cmocka_unit_test(lengths_of_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
