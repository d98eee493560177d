/* SPDX-License-Identifier: MIT */
/*
 * A back end's side of a device in the store: the keys of its own directory, backend/KIND/DOM/DEV, and those of its front end's, and
 * the state, of which each end writes its own (Xen's io/xenbus.h). For daemons that serve many devices in rounds: a store that
 * does not answer ends the process, since a node that cannot be read must not look like one that is gone.
 */
#pragma once

#include "xs.h"

enum back_state {
	STATE_UNKNOWN,
	STATE_INITIALISING,
	STATE_INIT_WAIT,
	STATE_INITIALISED,
	STATE_CONNECTED,
	STATE_CLOSING,
	STATE_CLOSED
};

/* @key of the directory @dir: malloc()ed, or NULL. */
char *back_text(struct xs *xs, const char *dir, const char *key);
/* -1: there is none, or it is none. */
long back_number(struct xs *xs, const char *dir, const char *key);

struct key {
	const char *name;
	uint64_t value;
};

/* What is to be written into a directory. */
struct publication {
	const struct key *keys;
	size_t count;
	long state;
	bool again;        /* write the state, also if it has this value already */
	const char *error; /* for `hotplug-error`, or NULL */
};

/* Write the keys and then `state`, in one transaction, and only if the directory is still there. With keys or an error,
 * `hotplug-status` says which of the two it is. @name: for the report that it failed. */
void back_publish(struct xs *xs, const char *dir, const char *name, const struct publication *what);
