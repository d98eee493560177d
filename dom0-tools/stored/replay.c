/* SPDX-License-Identifier: MIT */
/* Doing again what notes say: see journal.h. */
#include "journal.h"

#include <errno.h>
#include <string.h>

static struct reader *notes; /* that are being replayed */

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

/* In place of the surroundings: what they said then. */
static int attach(struct conn *c)
{
	static struct xenstore_domain_interface nowhere; /* in place of its ring */
	struct reader data;
	unsigned id;
	int rc;

	if (next_note(notes, &id, &data) != NOTE_ATTACHED || id != c->id) {
		notes->bad = true;
		return -EIO;
	}
	rc = (int)read32(&data);
	nowhere.req_cons = read32(&data);
	nowhere.rsp_cons = nowhere.rsp_prod = read32(&data);
	nowhere.req_prod = nowhere.req_cons + read32(&data);
	if (!rc)
		c->ring = &nowhere;
	return rc;
}

static void detach(struct conn *c)
{
	c->ring = NULL;
}

static void taken(struct conn *c, const struct reader *data)
{
	size_t len = data->end - data->at;
	struct xsd_sockmsg head;

	if (len > sizeof(c->in) - 1 - c->have) {
		notes->bad = true;
		return;
	}
	memcpy(c->in + c->have, data->at, len);
	c->have += len;
	c->req_cons += len;
	if (ring_request(c, &head))
		request_serve(c, &head);
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

bool journal_replay(struct store *s, const char *text, size_t len)
{
	static const struct store_ops replaying = {.attach = attach, .detach = detach};
	const struct store_ops *ops = s->ops;
	struct reader r = {text, text + len, false}, data;

	notes = &r;
	s->ops = &replaying;
	while (r.at != r.end && !r.bad) {
		unsigned id, what = next_note(&r, &id, &data);
		struct conn *c = conn_find(s, id);

		if (!c || !replay(s, what, c, &data) || data.bad)
			r.bad = true;
	}
	s->ops = ops;
	return !r.bad;
}
