/* SPDX-License-Identifier: MIT */
/*
 * Paths of the store. Canonical: begins with '/', no empty names, no '/' at the end except for the root itself. A
 * client may also write a path relative to its home, /local/domain/<id>.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define PATH_SIZE 3136 /* the longest path, with a home before it */

/* The canonical form of what domain @id wrote. -EINVAL: not a path. */
int path_canonical(unsigned id, const char *text, char out[PATH_SIZE]);
/* Length of "/local/domain/<id>/", which precedes each relative path of that domain. */
size_t path_home_len(unsigned id);
/* The next name of the path behind *@at, which moves on; NULL at the end. */
const char *path_name(const char **at, size_t *len);
/* A decimal number without sign or blanks, at most @max; -1 if it is not one. */
long number_of(const char *text, long max);
