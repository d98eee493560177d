/* SPDX-License-Identifier: MIT */
/* Making the linear map, and the frame list. Native kernels get theirs in boot.asm, from large pages. */
#ifndef LINEAR_H
#define LINEAR_H

#include "x86/pagetable.h"

#define LINEAR_WRITABLE  (PTE_P | PTE_W | PTE_A | PTE_D)
#define LINEAR_READ_ONLY (PTE_P | PTE_A)

/* Machine frame of each of the domain's frames, in the linear map once that exists. */
extern unsigned long *linear_frame_list;

/* Map all memory at LINEAR_BASE, and the shared_info page; take away the builder's other mappings. */
void linear_map_init(void);

#endif
