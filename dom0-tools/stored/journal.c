/* SPDX-License-Identifier: MIT */
/* See journal.h. */
#include "journal.h"
#include "alloc.h"

void bytes_put(struct bytes *b, const void *data, size_t len)
{
	if (b->n + len > b->room) {
		b->room = (b->n + len) * 2;
		b->data = need(realloc(b->data, b->room));
	}
	if (len)
		memcpy(b->data + b->n, data, len);
	b->n += len;
}

void bytes_put32(struct bytes *b, uint32_t value)
{
	bytes_put(b, &value, sizeof(value));
}

void bytes_put64(struct bytes *b, uint64_t value)
{
	bytes_put(b, &value, sizeof(value));
}

const char *read_bytes(struct reader *r, size_t len)
{
	const char *at = r->at;

	if (r->bad || (size_t)(r->end - at) < len) {
		r->bad = true;
		return NULL;
	}
	r->at += len;
	return at;
}

uint64_t read_number(struct reader *r, size_t size)
{
	const char *from = read_bytes(r, size);
	uint64_t value = 0;

	if (from)
		memcpy(&value, from, size);
	return value;
}

uint32_t read32(struct reader *r)
{
	return read_number(r, 4);
}

uint64_t read64(struct reader *r)
{
	return read_number(r, 8);
}

void journal_note(struct store *s, enum note what, unsigned id, const void *data, size_t len)
{
	uint8_t kind = what;
	uint16_t numbers[2] = {id, len};

	if (!s->journal)
		return;
	bytes_put(s->journal, &kind, 1);
	bytes_put(s->journal, numbers, sizeof(numbers));
	bytes_put(s->journal, data, len);
}
