/* SPDX-License-Identifier: MIT */
/* Steps of mm_init, in this order, and what they share. */
#pragma once

#include "lib/types.h"

/* Leaves of the hypervisor's own address space. */
#define DATA_FLAGS   (PTE_P | PTE_RW | PTE_A | PTE_D | PTE_G | PTE_NX)
#define DEVICE_FLAGS (DATA_FLAGS | PTE_PWT | PTE_PCD)

/* max_mfn from the boot maps. */
void bootmem_find_end(void);
/* Physically contiguous RAM, never freed, before the allocator is ready: zeroed, aligned to a page, or to 2 MiB from
 * that size on. Below 4 GiB until bootmem_init. Dies if there is none. */
void *bootmem_alloc(uint64_t size);
/* idle_root with the direct map and the image; loads it. From here on all RAM is reachable. */
void direct_init(void);
/* The frame table. */
void bootmem_init(void);
/* Both M2P tables, all entries invalid. */
void m2p_init(void);
/* The boot maps into the frame table, and the rest of RAM to the allocator. */
void bootmem_give(void);
/* The M2P in the hypervisor's tables. */
void m2p_map(void);

/* Map [pa, pa+len) at @va below @root with leaf bits @flags, in the largest pages up to level @max_level that
 * fit, tables of all levels on the way carrying @table_flags. Entries that exist stay. */
void map_range(uint64_t *root, uint64_t va, paddr_t pa, uint64_t len, uint64_t flags, uint64_t table_flags,
	       int max_level);
/* The table at @level below @root that serves @va; made if it is missing. */
uint64_t *map_table(uint64_t *root, uint64_t va, int level, uint64_t table_flags);
