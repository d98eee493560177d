/* SPDX-License-Identifier: MIT */
/* String functions. The compiler may call memcpy, memmove, memset and memcmp of its own accord. */
#include "string.h"

#if __SIZEOF_LONG__ == 8
#define WORD_SUFFIX "q"
#else
#define WORD_SUFFIX "l"
#endif

/* Words first, then the bytes that are left. */
void *memcpy(void *to, const void *from, size_t n)
{
	void *d = to;
	size_t words = n / sizeof(ulong);

	n %= sizeof(ulong);
	__asm__ volatile("rep movs" WORD_SUFFIX : "+D"(d), "+S"(from), "+c"(words) : : "memory");
	__asm__ volatile("rep movsb" : "+D"(d), "+S"(from), "+c"(n) : : "memory");
	return to;
}

void *memmove(void *to, const void *from, size_t n)
{
	u8 *d = to;
	const u8 *s = from;

	if (d <= s || d >= s + n)
		return memcpy(to, from, n);
	while (n--)
		d[n] = s[n];
	return to;
}

void *memset(void *to, int byte, size_t n)
{
	void *d = to;
	size_t words = n / sizeof(ulong);
	ulong pattern = (u8)byte * (~0UL / 0xff);

	n %= sizeof(ulong);
	__asm__ volatile("rep stos" WORD_SUFFIX : "+D"(d), "+c"(words) : "a"(pattern) : "memory");
	__asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(pattern) : "memory");
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;

	for (; n; n--, x++, y++) {
		if (*x != *y)
			return *x - *y;
	}
	return 0;
}

void *memchr(const void *s, int byte, size_t n)
{
	const u8 *p = s;

	for (; n; n--, p++) {
		if (*p == (u8)byte)
			return (void *)p;
	}
	return NULL;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

size_t strnlen(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n])
		n++;
	return n;
}

int strcmp(const char *a, const char *b)
{
	for (; *a && *a == *b; a++, b++)
		;
	return (u8)*a - (u8)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n && *a && *a == *b; n--, a++, b++)
		;
	return n ? (u8)*a - (u8)*b : 0;
}

char *strchr(const char *s, int c)
{
	for (; *s != (char)c; s++) {
		if (!*s)
			return NULL;
	}
	return (char *)s;
}

char *strstr(const char *s, const char *what)
{
	size_t n = strlen(what);

	for (; *s; s++) {
		if (!strncmp(s, what, n))
			return (char *)s;
	}
	return n ? NULL : (char *)s;
}

size_t strlcpy(char *to, const char *from, size_t size)
{
	size_t n = strlen(from);

	if (size) {
		size_t fits = MIN(n, size - 1);

		memcpy(to, from, fits);
		to[fits] = 0;
	}
	return n;
}

u64 parse_number(const char **s, unsigned base)
{
	u64 value = 0;

	for (;; (*s)++) {
		unsigned c = (u8) * *s, digit;

		if (c >= '0' && c <= '9')
			digit = c - '0';
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			digit = (c | 32) - 'a' + 10;
		else
			return value;
		if (digit >= base)
			return value;
		value = value * base + digit;
	}
}
