/* SPDX-License-Identifier: MIT */
/* Reading ELF32 and ELF64 files in memory through one view. Nothing of the file is trusted. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elf {
	const uint8_t *data;
	size_t size;
	bool is64;
	uint16_t machine;
	uint64_t entry;
	uint64_t phoff, shoff;
	unsigned phnum, phentsize, shnum, shentsize, shstrndx;
};

struct elf_segment {
	uint32_t type;
	uint64_t offset, vaddr, paddr, filesz, memsz;
};

struct elf_section {
	const char *name; /* "" if unreadable */
	uint32_t type;
	uint64_t offset, size;
};

#define ELF_PT_LOAD  1
#define ELF_PT_NOTE  4
#define ELF_SHT_NOTE 7

/* False: not an ELF file for x86 that can be loaded; *why says so. */
bool elf_open(struct elf *elf, const uint8_t *data, size_t size, const char **why);
/* False past the end or if the entry lies outside the file. */
bool elf_segment(const struct elf *elf, unsigned i, struct elf_segment *out);
bool elf_section(const struct elf *elf, unsigned i, struct elf_section *out);

/* Call @note for each note of owner "Xen" in PT_NOTE segments, or if there are none in note sections. A
 * description reaching past the end of the file is cut there. Returns how many there were. */
unsigned elf_xen_notes(const struct elf *elf,
		       void (*note)(void *arg, uint32_t type, const uint8_t *desc, size_t size), void *arg);
