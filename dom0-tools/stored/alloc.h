/* SPDX-License-Identifier: MIT */
/*
 * Memory of the store daemon. Quotas bound what a guest can make it use, so a failure means that Dom0 itself
 * has none left: the daemon says so and ends rather than answer wrongly.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline void *need(void *p)
{
	if (!p) {
		fputs("rl-stored: out of memory; give Dom0 more (dom0_mem=)\n", stderr);
		abort();
	}
	return p;
}

static inline void *alloc(size_t size)
{
	return need(calloc(1, size ? size : 1));
}

static inline void *alloc_copy(const void *data, size_t size)
{
	void *copy = alloc(size);

	return size ? memcpy(copy, data, size) : copy;
}

static inline char *alloc_text(const char *text)
{
	return alloc_copy(text, strlen(text) + 1);
}

/* Room for one more element of a list of @n: doubles at the powers of two. */
static inline void *alloc_grow(void *list, size_t n, size_t size)
{
	if (n & (n - 1))
		return list;
	return need(realloc(list, (n ? n * 2 : 1) * size));
}

/* Room for a list of @n elements, that alloc_grow() may go on with. */
static inline void *alloc_list(size_t n, size_t size)
{
	size_t room = 1;

	while (room < n)
		room *= 2;
	return n ? need(malloc(room * size)) : NULL;
}
