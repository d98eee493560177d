/* SPDX-License-Identifier: MIT */
/* What the compiler may call on its own account. */
#include "fw.h"

void *memcpy(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);

void *memcpy(void *dst, const void *src, size_t n)
{
	void *start = dst;

	__asm__ volatile("rep movsb" : "+D"(dst), "+S"(src), "+c"(n)::"memory");
	return start;
}

void *memset(void *dst, int c, size_t n)
{
	void *start = dst;

	__asm__ volatile("rep stosb" : "+D"(dst), "+c"(n) : "a"(c) : "memory");
	return start;
}
