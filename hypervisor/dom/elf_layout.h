/* SPDX-License-Identifier: MIT */
/* Where the fields of ELF headers lie, by class: what the parts of the ELF reader share. */
#pragma once

#include "dom/elf.h"

/* Offsets in the file header and the table entries. */
struct header_layout {
	uint8_t ehsize, phentsize, shentsize, word;
	uint8_t entry, phoff, shoff,
	    phesize; /* then phnum, shentsize, shnum, shstrndx follow, two bytes each */
	uint8_t p_offset, p_paddr, p_filesz, p_memsz;
	uint8_t sh_offset, sh_size; /* sh_link follows the size */
};

extern const struct header_layout elf_layouts[];

/* Header @i of the section table, or NULL if it does not lie inside the image. */
const uint8_t *elf_section_header(const struct elf *e, uint32_t i);
