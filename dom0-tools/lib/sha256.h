/* SPDX-License-Identifier: MIT */
/* SHA-256 (FIPS 180-4, section 6.2), of data that comes in pieces. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SHA256_TEXT 65 /* in hexadecimal digits, and a zero byte */

struct sha256 {
	uint32_t state[8];
	uint64_t bytes;
	uint8_t block[64]; /* what is not yet a whole block */
};

void sha256_begin(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *data, size_t len);
void sha256_end(struct sha256 *s, char text[SHA256_TEXT]);
