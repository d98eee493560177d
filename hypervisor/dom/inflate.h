/* SPDX-License-Identifier: MIT */
/* Unpacking gzip files (RFC 1952, GZIP file format; RFC 1951, DEFLATE). */
#pragma once

#include "lib/types.h"

/* Does a gzip file begin here? If so, the size it unpacks to (as its trailer says) in *size. */
bool gzip_detect(const void *data, size_t n, size_t *size);
/* How many of the @n bytes that begin here the gzip file takes; others may stand behind it. 0: it is damaged or cut off. */
size_t gzip_length(const void *data, size_t n);
/* Unpack the file of @n bytes into @out of @size bytes. NULL, or a sentence about what is wrong with it. */
const char *gzip_unpack(const void *data, size_t n, void *out, size_t size);
