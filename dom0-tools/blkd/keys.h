/* SPDX-License-Identifier: MIT */
/* The store's keys of a disk, in its own directory and in its front end's. */
#pragma once

#include "disk.h"

/* A key of our directory, malloc()ed, or NULL. */
char *disk_text(struct xs *xs, const struct disk *d, const char *key);
/* -1: there is none. */
long disk_number(struct xs *xs, const struct disk *d, const char *key);
char *front_text(struct xs *xs, const struct disk *d, const char *key);
long front_number(struct xs *xs, const struct disk *d, const char *key);

struct key {
	const char *name;
	uint64_t value;
};

/* Write @keys and then `state`, in one transaction, and only if the directory is still there. A state that has this value
 * already is written once more only if @again. @error: for `hotplug-error`, or NULL. */
void disk_publish(struct xs *xs, const struct disk *d, const struct key *keys, size_t count, long state,
		  bool again, const char *error);
