/* SPDX-License-Identifier: MIT */
/* The store's keys of a disk, in its own directory and in its front end's (back.h). */
#pragma once

#include "back.h"
#include "disk.h"

/* A key of our directory, malloc()ed, or NULL. */
char *disk_text(struct xs *xs, const struct disk *d, const char *key);
/* -1: there is none. */
long disk_number(struct xs *xs, const struct disk *d, const char *key);

/* As back_publish(). */
void disk_publish(struct xs *xs, const struct disk *d, const struct key *keys, size_t count, long state,
		  bool again, const char *error);
