/* SPDX-License-Identifier: MIT */
/* The string functions the kernel uses, and its formatted printing to memory. */
#ifndef KERN_LIB_STRING_H
#define KERN_LIB_STRING_H

#include "types.h"

void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int byte, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strstr(const char *s, const char *what);

/* Copies at most size - 1 bytes and always terminates. Returns strlen(from). */
size_t strlcpy(char *to, const char *from, size_t size);

/* Reads digits of the given base at *s and moves *s past them. */
u64 parse_number(const char **s, unsigned base);

/*
 * As C's vsnprintf, without floating point: %d %i %u %x %X %o %c %s %p %% with flags 0, -, width, precision,
 * and lengths h, hh, l, ll, z. Returns the length of the whole text.
 */
int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap) __attribute__((format(printf, 3, 0)));
int snprintf(char *buf, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
