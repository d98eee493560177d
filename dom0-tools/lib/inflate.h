/* SPDX-License-Identifier: MIT */
/* Unpacking gzip (RFC 1952) and its deflate streams (RFC 1951), in memory. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Is this a gzip file? */
int gzip_is(const uint8_t *data, size_t size);
/* Unpack into malloc()ed memory of at most @max bytes. NULL: *why says what is wrong. */
uint8_t *gzip_unpack(const uint8_t *data, size_t size, size_t max, size_t *out_size, const char **why);
