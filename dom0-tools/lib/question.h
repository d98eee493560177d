/* SPDX-License-Identifier: MIT */
/*
 * Questions that a program puts to its terminal, as "where is the cursor?" (ECMA-48, 8.3.24 DA and 8.3.35 DSR: ESC [ ... c
 * and ESC [ ... n). When old output is shown again they must not be asked again: the terminal would answer each, and
 * the answers would be typed to whoever reads now.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define QUESTION_MAX 16

/* A sequence that has begun; all zero: none. */
struct question {
	char text[QUESTION_MAX];
	size_t len;
};

/* Do the @len keys end in an answer that has begun (ECMA-48, CPR: ESC [ row ; column R)? It must go on as one, since a shell
 * takes an ESC that stands alone for a key. */
bool answer_begun(const char *keys, size_t len);

/* Copy @len bytes from @text to @out, which has room for QUESTION_MAX more, without questions. Returns the bytes there. A
 * sequence that has only begun is kept for the next call. */
size_t drop_questions(struct question *q, const char *text, size_t len, char *out);
