/* SPDX-License-Identifier: MIT */
/*
 * The teaching kernel's reader and writer of 9P messages (guest-kernel/kern/fs/p9_message.c): what it writes is what the
 * protocol says, byte by byte; what a server answers is taken only as far as it is there. Messages lie in memory of
 * exactly their size, so reading or writing one byte past an end is seen by the address checks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* The kernel's string.h has the C library's functions that are used, and helpers besides; types.h is its own. */
#define KERN_LIB_STRING_H
#include "kern/fs/p9_message.c"

static u8 *copy_of(const void *bytes, size_t n)
{
	u8 *copy = malloc(n ? n : 1);

	memcpy(copy, bytes, n);
	return copy;
}

static void test_put(void **state)
{
	static const u8 walk[] = {
	    24, 0, 0, 0, P9_WALK, 5, 0, 1, 0, 0, 0, 4, 3, 2, 1, 1, 0, 5, 0, 'h', 'e', 'l', 'l', 'o',
	};
	struct p9_message m = {.bytes = malloc(sizeof(walk))};

	p9_start(&m, sizeof(walk), P9_WALK, 5);
	p9_put(&m, "ddws", 1, 0x01020304, 1, "hello", (size_t)5);
	assert_int_equal(p9_finish(&m), 0);
	assert_memory_equal(m.bytes, walk, sizeof(walk));
	p9_put(&m, "b", 1); /* one byte too many */
	assert_int_equal(p9_finish(&m), -EINVAL);
	free(m.bytes);
}

/* Wherever the room ends, nothing is written behind it, and the message is bad. */
static void test_put_no_room(void **state)
{
	for (u32 room = 0; room < 41; room++) {
		struct p9_message m = {.bytes = malloc(room > 4 ? room : 4)};

		p9_start(&m, room, P9_MKDIR, 0);
		p9_put(&m, "bwdqs", 1, 2, 3, (u64)4, "a name of 17 byte", (size_t)17);
		assert_int_equal(p9_finish(&m), -EINVAL);
		free(m.bytes);
	}
}

static void test_put_long_string(void **state)
{
	static char text[70000];
	struct p9_message m = {.bytes = malloc(100000)};

	p9_start(&m, 100000, P9_SYMLINK, 0);
	p9_put(&m, "s", text, (size_t)65536); /* its length does not fit into two bytes */
	assert_int_equal(p9_finish(&m), -EINVAL);
	p9_start(&m, 100000, P9_SYMLINK, 0);
	p9_put(&m, "s", text, (size_t)65535);
	assert_int_equal(p9_finish(&m), 0);
	free(m.bytes);
}

/* An answer of n bytes, written with this size, type and tag: what the kernel makes of it when `written` have come. */
static int answer(u32 size, u8 type, u16 tag, u32 error, u32 written)
{
	u8 bytes[11] = {size,     size >> 8, size >> 16, size >> 24,  type,       tag,
			tag >> 8, error,     error >> 8, error >> 16, error >> 24};
	struct p9_message m = {.bytes = copy_of(bytes, written)};
	int rc = p9_answer(&m, written, P9_READ, 3);

	if (!rc)
		assert_true(m.at == P9_HEADER && m.size == size && !m.bad);
	free(m.bytes);
	return rc;
}

static void test_answer(void **state)
{
	assert_int_equal(answer(11, P9_READ + 1, 3, 0, 11), 0);
	assert_int_equal(answer(7, P9_READ + 1, 3, 0, 11), 0); /* more has come than is said: ignored */
	assert_int_equal(answer(11, P9_ERROR + 1, 3, ENOENT, 11), -ENOENT);
	assert_int_equal(answer(11, P9_ERROR + 1, 3, 133, 11), -133);
	/* Whose error is not one would become a success, a restarted call or a pointer. */
	assert_int_equal(answer(11, P9_ERROR + 1, 3, 0, 11), -EIO);
	assert_int_equal(answer(11, P9_ERROR + 1, 3, ERESTARTSYS, 11), -EIO);
	assert_int_equal(answer(11, P9_ERROR + 1, 3, 0xffffffff, 11), -EIO);
	assert_int_equal(answer(11, P9_ERROR + 1, 3, 0x80000000, 11), -EIO);
	assert_int_equal(answer(10, P9_ERROR + 1, 3, ENOENT, 11), -EIO);
	assert_int_equal(answer(11, P9_WRITE + 1, 3, 0, 11), -EIO);
	assert_int_equal(answer(11, P9_READ, 3, 0, 11), -EIO);
	assert_int_equal(answer(11, P9_READ + 1, 4, 0, 11), -EIO);
	for (u32 size = 0; size < P9_HEADER; size++)
		assert_int_equal(answer(size, P9_READ + 1, 3, 0, 11), -EIO);
	for (u32 written = 0; written < 11; written++)
		assert_int_equal(answer(11, P9_READ + 1, 3, 0, written), -EIO);
	assert_int_equal(answer(0xffffffff, P9_READ + 1, 3, 0, 11), -EIO);
}

/* Everything, cut off at each byte: all fields that are whole are right, the first that is not makes it bad. */
static void test_get(void **state)
{
	static const u8 bytes[] = {1, 2, 3, 4,  5, 6, 7, 8, 9, 10, 11, 12, 13, 14,  15,  0x80, 21,
				   0, 0, 0, 22, 0, 0, 0, 0, 0, 0,  0,  3,  0,  'a', 'b', 'c'};

	for (u32 n = 0; n <= sizeof(bytes); n++) {
		struct p9_message m = {.bytes = copy_of(bytes, n), .size = n};
		struct p9_qid qid = {0};
		const char *text = NULL;
		size_t len = 99;
		u8 b = 0;
		u16 w = 0;
		u32 d = 0;
		u64 q = 0;
		bool ok = p9_get(&m, "bwdqQs", &b, &w, &d, &q, &qid, &text, &len);

		assert_int_equal(ok, n == sizeof(bytes));
		if (n >= 15) {
			assert_int_equal(b, 1);
			assert_int_equal(w, 0x0302);
			assert_int_equal(d, 0x07060504);
			assert_true(q == 0x0f0e0d0c0b0a0908ull);
		}
		if (ok) {
			assert_true(qid.type == 0x80 && qid.version == 21 && qid.path == 22);
			assert_true(len == 3 && !memcmp(text, "abc", 3));
		} else {
			assert_int_equal(len, 0);
			assert_false(p9_get(&m, "b", &b)); /* and it stays bad */
		}
		free(m.bytes);
	}
}

/* A string that says it is longer than the message. */
static void test_get_long_string(void **state)
{
	static const u8 bytes[] = {0xff, 0xff, 'a', 'b'};
	struct p9_message m = {.bytes = copy_of(bytes, 4), .size = 4};
	const char *text;
	size_t len;

	assert_false(p9_get(&m, "s", &text, &len));
	assert_int_equal(len, 0);
	assert_null(text);
	free(m.bytes);
}

/* Random bytes as the entries of a directory: never past the end, and always to an end. */
static void test_get_random(void **state)
{
	srand(1);
	for (int round = 0; round < 20000; round++) {
		u32 n = rand() % 300;
		struct p9_message m = {.bytes = malloc(n ? n : 1), .size = n};
		struct p9_qid qid;
		u64 cookie;
		u8 type;
		const char *name;
		size_t len;
		volatile size_t sum = 0;

		for (u32 i = 0; i < n; i++)
			m.bytes[i] = rand() % 4 ? 0 : rand();
		while (m.at < m.size && p9_get(&m, "Qqbs", &qid, &cookie, &type, &name, &len)) {
			for (size_t i = 0; i < len; i++)
				sum += name[i]; /* read each */
			p9_name_ok(name, len);
		}
		assert_true(m.at <= m.size);
		free(m.bytes);
	}
}

static void test_names(void **state)
{
	char longest[257];

	memset(longest, 'x', sizeof(longest));
	assert_true(p9_name_ok("a", 1) && p9_name_ok("...", 3) && p9_name_ok(".a", 2) &&
		    p9_name_ok("..a", 3));
	assert_true(p9_name_ok(longest, 255));
	assert_false(p9_name_ok(longest, 256));
	assert_false(p9_name_ok("", 0) || p9_name_ok(".", 1) || p9_name_ok("..", 2));
	assert_false(p9_name_ok("a/b", 3) || p9_name_ok("/", 1) || p9_name_ok("a\0b", 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_put),
	    cmocka_unit_test(test_put_no_room),
	    cmocka_unit_test(test_put_long_string),
	    cmocka_unit_test(test_answer),
	    cmocka_unit_test(test_get),
	    cmocka_unit_test(test_get_long_string),
	    cmocka_unit_test(test_get_random),
	    cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
