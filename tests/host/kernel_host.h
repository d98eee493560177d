/* SPDX-License-Identifier: MIT */
/*
 * The teaching kernel's memory on the build machine, for its file systems: frames are numbered from the start of a pool, which the test
 * hands out, and the other memory is counted. In place of the kernel's string.h and page tables.
 */
#ifndef KERNEL_HOST_H
#define KERNEL_HOST_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define KERN_LIB_STRING_H
#define X86_PAGETABLE_H
#include "kern/lib/types.h"
typedef unsigned long pfn_t;
typedef uint64_t pte_t;
#define PTE_FLAGS 0xfffull

static u8 *pool;
static long objects; /* kmalloc()ed, and not given back */

static void *pfn_to_virt(pfn_t pfn)
{
	return pool + (pfn << PAGE_SHIFT);
}

void *kmalloc(size_t size)
{
	objects++;
	return malloc(size);
}

void *kzalloc(size_t size)
{
	objects++;
	return calloc(1, size);
}

void kfree(void *p)
{
	objects -= !!p;
	free(p);
}

#endif
