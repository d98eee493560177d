/* SPDX-License-Identifier: MIT */
/*
 * What survives the daemon: its state in one piece (state.c), and notes of all that came in since (journal.c,
 * replay.c). The store is plain C that does the same for the same input, so the notes say only which bytes were taken
 * from which ring, how many were given, and what the surroundings said. A daemon that does it all again has the same
 * tree, the same watches and the same messages under way.
 *
 * The order makes this safe: store_round() moves bytes behind the indices that clients see, then the notes are kept
 * (store_ops.keep), and only then the indices are shown (ring_show()). A client never sees what is not kept. The next
 * daemon shows what was kept and not shown.
 */
#pragma once

#include "store.h"

/* A text of bytes that grows. */
struct bytes {
	char *data;
	size_t n, room;
};

void bytes_put(struct bytes *b, const void *data, size_t len);
void bytes_put32(struct bytes *b, uint32_t value);
void bytes_put64(struct bytes *b, uint64_t value);

/* Reading such a text; what is not there reads as zeros, and `bad` says so. */
struct reader {
	const char *at, *end;
	bool bad;
};

const char *read_bytes(struct reader *r, size_t len); /* NULL: there are fewer */
uint64_t read_number(struct reader *r, size_t size);  /* of this many bytes, at most 8 */
uint32_t read32(struct reader *r);
uint64_t read64(struct reader *r);

enum note {
	NOTE_TAKEN = 1, /* bytes from the ring; a whole request is served at once */
	NOTE_GIVEN,     /* how many bytes to the ring */
	NOTE_BROKEN,    /* the ring's indices make no sense; the error */
	NOTE_RESET,     /* the client starts again */
	NOTE_ATTACHED,  /* while a request is served: the result, the ring's indices, is it broken */
	NOTE_RELEASED,  /* the domain is gone */
	NOTE_SHUTDOWN,  /* it has shut down */
};

/* Add a note to s->journal, if there is one: what (1 byte), domain (2), length (2), data. */
void journal_note(struct store *s, enum note what, unsigned id, const void *data, size_t len);
/* Do again what the notes say. False: they make no sense. Nothing is attached yet: see state_attach(). */
bool journal_replay(struct store *s, const char *text, size_t len);

/* The whole state. Of transactions under way it has what they did, not what they saw: first let them all be lost. */
void state_save(const struct store *s, struct bytes *out);
/* Into a store that store_init() made; nothing is attached. False: this is no such state. */
bool state_load(struct store *s, const char *data, size_t len);
/* Attach all clients again; domains that are gone are released. */
void state_attach(struct store *s);
