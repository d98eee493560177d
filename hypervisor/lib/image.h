/* SPDX-License-Identifier: MIT */
/* The hypervisor's image in memory (ringlet.lds): virtual = physical + IMAGE_BASE. */
#pragma once

#include "lib/types.h"

#define IMAGE_BASE 0xffff828000000000ull

/* Page-aligned borders: [start, text_start) boot code and early tables, text, rodata, data and bss. */
extern uint8_t image_start[], text_start[], text_end[], rodata_end[], image_end[];

/* The linker's note with a sum of the image. */
extern const uint8_t build_id_start[], build_id_end[];

static inline paddr_t image_phys(const void *p)
{
	return (uint64_t)p - IMAGE_BASE;
}

/* Exception table, filled by the section .ex_table: a fault at `fault` continues at `fixup`. Both are offsets
 * from their own field, so that an entry takes eight bytes. */
struct ex_entry {
	int32_t fault, fixup;
};
/* For inline assembly: a fault at label @fault goes on at label @fixup. */
#define EX_TABLE(fault, fixup) \
	".pushsection .ex_table, \"a\"\n\t.long " fault " - ., " fixup " - .\n\t.popsection\n"
extern const struct ex_entry ex_table_start[], ex_table_end[];

/* Where STAC or CLAC belongs if SMAP is used (mm/guest_words.h, entry/smap.inc). */
struct smap_site {
	int32_t at; /* a NOP's offset from here */
	uint32_t last;
};
extern const struct smap_site smap_sites_start[], smap_sites_end[];
