/* SPDX-License-Identifier: MIT */
/* Memory and strings. The compiler expands small constant sizes in place; the rest are string instructions.
 */
#pragma once

#include "lib/types.h"

void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
/* Copy at most @size - 1 characters and always end with a zero. Returns strlen(src). */
size_t strlcpy(char *dst, const char *src, size_t size);

#ifdef __STDC_HOSTED__
#if __STDC_HOSTED__ == 0
#define memcpy(d, s, n)  __builtin_memcpy(d, s, n)
#define memmove(d, s, n) __builtin_memmove(d, s, n)
#define memset(d, c, n)  __builtin_memset(d, c, n)
#define memcmp(a, b, n)  __builtin_memcmp(a, b, n)
#define strlen(s)        __builtin_strlen(s)
#endif
#endif

/* Number at @s: decimal, 0x hexadecimal, or leading 0 octal. *end is the first character not used. */
uint64_t parse_number(const char *s, const char **end);
/* The same with a suffix K, M, G (binary); without one, the number is in units of @unit. Too large: UINT64_MAX. */
uint64_t parse_size(const char *s, const char **end, uint64_t unit);
