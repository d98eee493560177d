/* SPDX-License-Identifier: MIT */
/* See journal.h. A note is: what (1 byte), domain (2), length (2), data. */
#include "journal.h"
#include "alloc.h"

#include <errno.h>

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

static uint64_t read_number(struct reader *r, size_t size)
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

	if (!s->journal || s->replayed)
		return;
	bytes_put(s->journal, &kind, 1);
	bytes_put(s->journal, numbers, sizeof(numbers));
	bytes_put(s->journal, data, len);
}

/* The next note's data into @data; its kind, or 0. */
static unsigned next_note(struct reader *r, unsigned *id, struct reader *data)
{
	unsigned what = read_number(r, 1);
	size_t len;

	*id = read_number(r, 2);
	len = read_number(r, 2);
	data->at = read_bytes(r, len);
	data->end = data->at ? data->at + len : NULL;
	data->bad = r->bad;
	return r->bad ? 0 : what;
}

int journal_attach(struct conn *c)
{
	static struct xenstore_domain_interface nowhere; /* its ring is that of another day */
	struct reader data;
	unsigned id;
	int err;

	if (next_note(c->store->replayed, &id, &data) != NOTE_ATTACHED || id != c->id) {
		c->store->replayed->bad = true;
		return -EIO;
	}
	err = (int)read32(&data);
	nowhere.req_cons = read32(&data);
	nowhere.rsp_cons = nowhere.rsp_prod = read32(&data);
	nowhere.req_prod = nowhere.req_cons + read32(&data);
	if (!err)
		c->ring = &nowhere;
	return err;
}

static void taken(struct conn *c, const struct reader *data)
{
	size_t len = data->end - data->at;
	struct xsd_sockmsg head;

	if (len > sizeof(c->in) - 1 - c->have) {
		c->store->replayed->bad = true;
		return;
	}
	memcpy(c->in + c->have, data->at, len);
	c->have += len;
	c->req_cons += len;
	if (ring_request(c, &head))
		conn_request(c, &head);
}

static bool replay(struct store *s, unsigned what, struct conn *c, struct reader *data)
{
	switch (what) {
	case NOTE_TAKEN:
		taken(c, data);
		return true;
	case NOTE_GIVEN:
		return ring_gave(c, read32(data));
	case NOTE_BROKEN:
		ring_broke(c, read32(data));
		return true;
	case NOTE_RESET:
		conn_reset(c);
		c->req_cons = c->rsp_prod = 0;
		return true;
	case NOTE_RELEASED:
		conn_release(c);
		return true;
	case NOTE_SHUTDOWN:
		conn_shutdown(c);
		return true;
	}
	return false;
}

bool journal_replay(struct store *s, const char *notes, size_t len)
{
	struct reader r = {notes, notes + len, false}, data;

	s->replayed = &r;
	while (r.at != r.end && !r.bad) {
		unsigned id, what = next_note(&r, &id, &data);
		struct conn *c = conn_find(s, id);

		if (!c || !replay(s, what, c, &data) || data.bad)
			r.bad = true;
	}
	s->replayed = NULL;
	return !r.bad;
}
