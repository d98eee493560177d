/* SPDX-License-Identifier: MIT */
/* String instructions by eight bytes and a tail: a translator (TCG) pays per iteration, hardware does not
 * mind. */
#include "lib/string.h"

#if __STDC_HOSTED__ == 0 /* the functions themselves, not the expansions that string.h gives to callers */
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef strlen
#endif

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
	void *d = dst;
	size_t words = n / 8, rest = n % 8;

	__asm__ volatile("rep movsq" : "+D"(d), "+S"(src), "+c"(words) : : "memory");
	__asm__ volatile("rep movsb" : "+D"(d), "+S"(src), "+c"(rest) : : "memory");
	return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
	char *d = (char *)dst + n;
	const char *s = (const char *)src + n;

	if ((uintptr_t)dst - (uintptr_t)src >= n)
		return memcpy(dst, src, n);
	/* From the end: by eight bytes as well. */
	for (; n % 8; n--)
		*--d = *--s;
	d -= 8;
	s -= 8;
	n /= 8;
	__asm__ volatile("std; rep movsq; cld" : "+D"(d), "+S"(s), "+c"(n) : : "memory", "cc");
	return dst;
}

void *memset(void *dst, int c, size_t n)
{
	void *d = dst;
	size_t words = n / 8, rest = n % 8;
	uint64_t pattern = (uint8_t)c * 0x0101010101010101ull;

	__asm__ volatile("rep stosq" : "+D"(d), "+c"(words) : "a"(pattern) : "memory");
	__asm__ volatile("rep stosb" : "+D"(d), "+c"(rest) : "a"(pattern) : "memory");
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *p = a, *q = b;

	for (; n; n--, p++, q++)
		if (*p != *q)
			return *p - *q;
	return 0;
}

size_t strnlen(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n])
		n++;
	return n;
}

size_t strlen(const char *s)
{
	return strnlen(s, SIZE_MAX);
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n; n--, a++, b++)
		if (*a != *b || !*a)
			return (uint8_t)*a - (uint8_t)*b;
	return 0;
}

int strcmp(const char *a, const char *b)
{
	return strncmp(a, b, SIZE_MAX);
}

char *strchr(const char *s, int c)
{
	for (; *s != (char)c; s++)
		if (!*s)
			return NULL;
	return (char *)s;
}

size_t strlcpy(char *dst, const char *src, size_t size)
{
	size_t n = strlen(src);

	if (size) {
		size_t take = MIN(n, size - 1);

		memcpy(dst, src, take);
		dst[take] = '\0';
	}
	return n;
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

uint64_t parse_number(const char *s, const char **end)
{
	int base = 10;
	uint64_t value = 0;

	if (s[0] == '0' && (s[1] | 0x20) == 'x' && digit_of(s[2]) < 16) {
		base = 16;
		s += 2;
	} else if (s[0] == '0') {
		base = 8;
	}
	for (; digit_of(*s) < base; s++)
		value = value * base + digit_of(*s);
	*end = s;
	return value;
}

uint64_t parse_size(const char *s, const char **end, uint64_t unit)
{
	static const char suffixes[] = "kmg";
	uint64_t value = parse_number(s, end);

	for (unsigned i = 0; suffixes[i]; i++)
		if ((**end | 0x20) == suffixes[i]) {
			unit = 1ull << 10 * (i + 1);
			++*end;
			break;
		}
	return __builtin_mul_overflow(value, unit, &value) ? UINT64_MAX : value;
}
