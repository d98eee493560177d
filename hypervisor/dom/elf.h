/* SPDX-License-Identifier: MIT */
/*
 * ELF kernels of PV guests: headers, segments to load, and what the Xen notes say. The image may hold
 * anything: every offset is checked against its size.
 */
#pragma once

#include "lib/types.h"

#define ELF_CLASS32 1
#define ELF_CLASS64 2

struct elf {
	const uint8_t *data;
	size_t size;
	uint8_t class;
	uint64_t entry, phoff, shoff;
	uint32_t phnum, phentsize, shnum, shentsize, shstrndx;
};

/* A program header, or a section header brought into the same form. */
struct elf_part {
	uint32_t type;
	uint64_t offset, filesz; /* within the image, cut to its end */
	uint64_t paddr, memsz;
	const char *name; /* sections: zero-ended within the image, or "" */
};

/* What the kernel wants, from its notes (xen/elfnote.h). */
struct elf_notes {
	uint64_t virt_base;    /* where pseudo-physical address 0 is mapped at start */
	uint64_t paddr_offset; /* p_paddr of pseudo-physical address 0 */
	uint64_t entry;
	uint64_t hypercall_page; /* virtual address, or 0 */
	uint64_t init_p2m;       /* virtual address, or 0: behind the kernel */
	bool mod_start_pfn;      /* the initrd need not be mapped */
	bool extended_cr3;       /* pv32: page tables may lie above 4 GiB */
	bool found;
};

/* The kernel's place, from its segments and notes. */
struct elf_kernel {
	struct elf elf;
	struct elf_notes notes;
	uint64_t start, end; /* pseudo-physical addresses, end exclusive */
};

/* NULL, or a sentence about what is wrong with the image. */
const char *elf_open(struct elf *e, const void *data, size_t size);
bool elf_segment(const struct elf *e, uint32_t i, struct elf_part *p);
bool elf_section(const struct elf *e, uint32_t i, struct elf_part *p);
bool elf_loadable(const struct elf_part *p);
/* dom/elf_notes.c */
const char *elf_read_notes(const struct elf *e, struct elf_notes *notes);
/* All of it: NULL, or what is wrong. */
const char *elf_kernel_open(struct elf_kernel *k, const void *data, size_t size);
