/* SPDX-License-Identifier: MIT */
/* Segment descriptors as the processor reads them. (SDM 3A 3.4.5, Segment Descriptors) */
#ifndef X86_DESCRIPTOR_H
#define X86_DESCRIPTOR_H

#include "kern/lib/types.h"

/* Base and limit as a descriptor has them, in pieces. */
static inline uint64_t descriptor(uintptr_t base, uint32_t limit, uint64_t rights)
{
	return rights | (limit & 0xffffu) | (uint64_t)(limit & 0xf0000u) << 32 |
	       (uint64_t)(base & 0xffffffu) << 16 | (uint64_t)(base >> 24 & 0xffu) << 56;
}

#endif
