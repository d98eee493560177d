/* SPDX-License-Identifier: MIT */
/* The network's memory: lwIP's, and what sockets keep. It may have an eighth of the machine's, and never the last frames. */
#include "kern/fs/random.h"
#include "kern/lib/string.h"
#include "kern/mm/kmalloc.h"
#include "kern/mm/page.h"
#include "kern/net/stack.h"

#define SHARE  8u
#define HEADER 16u /* keeps what follows aligned */

static size_t used;

/* What kmalloc() takes for it. */
static size_t cost(size_t size)
{
	size_t n = 16;

	while (n < size)
		n *= 2;
	return n;
}

void *net_malloc(size_t size)
{
	size_t bytes = size + HEADER, taken = cost(bytes);
	size_t *p;

	if (size > PAGE_SIZE << PAGE_MAX_ORDER || used + taken > page_total_count() / SHARE * PAGE_SIZE ||
	    page_free_count() < 2 * KERNEL_FRAMES)
		return NULL;
	p = kmalloc(bytes);
	if (!p)
		return NULL;
	used += taken;
	*p = taken;
	return (u8 *)p + HEADER;
}

void *net_calloc(size_t count, size_t size)
{
	void *p = net_malloc(count * size);

	return p ? memset(p, 0, count * size) : NULL;
}

void net_free(void *p)
{
	size_t *header = p ? (size_t *)((u8 *)p - HEADER) : NULL;

	if (!p)
		return;
	used -= *header;
	kfree(header);
}

size_t net_memory(void)
{
	return used;
}

u32 net_random(void)
{
	u32 value;

	random_bytes(&value, sizeof(value));
	return value;
}
