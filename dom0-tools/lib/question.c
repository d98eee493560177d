/* SPDX-License-Identifier: MIT */
/* See question.h. */
#include "question.h"

#include <string.h>

/* ESC, [, parameters, and a last byte from @ to ~ (ECMA-48, 5.4). */
static bool goes_on(const struct question *q)
{
	unsigned char last = q->text[q->len - 1];

	if (q->len == 1)
		return true;
	return q->len == 2 ? last == '[' : last >= ' ' && last < '@' && q->len < QUESTION_MAX;
}

static bool is_question(const struct question *q)
{
	char last = q->text[q->len - 1];

	return q->len > 2 && (last == 'n' || last == 'c');
}

size_t drop_questions(struct question *q, const char *text, size_t len, char *out)
{
	size_t done = 0;

	for (; len; len--, text++) {
		if (!q->len && *text != '\033') {
			out[done++] = *text;
			continue;
		}
		q->text[q->len++] = *text;
		if (goes_on(q))
			continue;
		if (!is_question(q)) {
			memcpy(out + done, q->text, q->len);
			done += q->len;
		}
		q->len = 0;
	}
	return done;
}

bool answer_begun(const char *keys, size_t len)
{
	while (len && memchr("0123456789;[", keys[len - 1], 12))
		len--;
	return len && keys[len - 1] == '\033';
}
