/* SPDX-License-Identifier: MIT */
/*
 * Kernel stacks. Unused stacks keep their guards, and new ones are made many at a time: so the kernel's map mostly
 * stays as it is. In a PV guest each change of it is a hypercall, and a hypervisor that shadows it would have to
 * shadow all of it again.
 */
#include "kern/mm/page.h"
#include "kern/proc/process.h"

#define STACKS_AT_ONCE 16

static void *spare[STACKS_AT_ONCE];
static u32 spares;

static void *stack_make(void)
{
	pfn_t frames = page_alloc(2);
	char *first = pfn_to_virt(frames);

	if (!frames)
		return NULL;
	if (page_guard(first + PAGE_SIZE, true))
		return first;
	page_free(frames);
	return NULL;
}

void *stack_alloc(void)
{
	void *made;

	if (!spares)
		while (spares < STACKS_AT_ONCE && (made = stack_make()))
			spare[spares++] = made;
	return spares ? spare[--spares] : NULL;
}

void stack_free(void *first)
{
	if (spares < STACKS_AT_ONCE) {
		spare[spares++] = first;
		return;
	}
	page_guard((char *)first + PAGE_SIZE, false);
	page_free(virt_to_pfn(first));
}
