/* SPDX-License-Identifier: MIT */
/* Many writes into the store in one transaction: the first failure stops the rest. */
#pragma once

#include "xs.h"

#include <stdbool.h>

struct writer {
	struct xs *xs;
	uint32_t tx;
	unsigned id; /* the domain that it is about */
	bool failed; /* errno says why */
};

/* Do @step in a transaction, until it succeeds: other clients write elsewhere meanwhile. 0, or -1 and errno. */
int writer_run(struct writer *w, void (*step)(struct writer *w, const void *arg), const void *arg);
/* Nothing of this transaction is to be kept, because of @error. */
void writer_stop(struct writer *w, int error);
void writer_put(struct writer *w, const char *path, const char *value);
/* @perms: with %u for the domain, entries separated by blanks: "n0 r%u". */
void writer_perms(struct writer *w, const char *path, const char *perms);
