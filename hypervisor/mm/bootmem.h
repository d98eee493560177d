/* SPDX-License-Identifier: MIT */
/*
 * What boot/ tells mm/ about memory before mm_init: the machine's map, and what of its RAM is taken. The
 * first 4 GiB are reachable at DIRECTMAP from the first instruction in C (early tables of
 * boot/multiboot.asm), all RAM once mm_init has mapped it.
 */
#pragma once

#include "lib/types.h"

/* Types of the multiboot and e820 maps. */
#define MEM_RAM           1
#define MEM_RESERVED      2
#define MEM_ACPI          3
#define MEM_ACPI_NVS      4
#define MEM_BAD           5
#define BOOT_RAM_MAX      64
#define BOOT_RESERVED_MAX 32

struct mem_range {
	paddr_t start, end; /* end is exclusive */
	uint32_t type;      /* MEM_* */
};

/* The machine's memory map, sorted by start (Dom0 asks for it too): as the firmware gave it, except that
 * memory named both as RAM and as another type is here once, as that other type. */
extern struct mem_range boot_ram[BOOT_RAM_MAX];
extern unsigned boot_ram_count;
void boot_ram_add(paddr_t start, paddr_t end, uint32_t type);

/* Parts of RAM that mm_init must not give out: low 1 MiB, the image, modules. Page-aligned outwards. */
extern struct mem_range boot_reserved[BOOT_RESERVED_MAX];
extern unsigned boot_reserved_count;
void boot_reserve(paddr_t start, paddr_t end);
