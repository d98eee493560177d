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

/* What the kernel needs, from its notes (xen/elfnote.h). */
struct elf_notes {
	uint64_t virt_base;    /* where pseudo-physical address 0 is mapped at start */
	uint64_t paddr_offset; /* p_paddr of pseudo-physical address 0 */
	uint64_t entry;
	uint64_t hypercall_page; /* virtual address, or 0 */
	uint64_t init_p2m;       /* virtual address, or 0: behind the kernel */
	bool mod_start_pfn;      /* the initrd need not be mapped */
	bool extended_cr3;       /* pv32: page tables may lie above 4 GiB */
	bool bsd_symtab;         /* it needs its symbol table behind it */
	bool not_dom0;           /* it lists the features that it supports, and being Dom0 is none of them */
	/* What must be there, and what must not: judged by elf_notes_judge(). */
	bool found, generic, for_linux, xen3, pae, pvh, odd_feature, has_virt_base, has_paddr_offset;
};

/* Bytes that are loaded; what lies between them is zero. */
struct elf_piece {
	uint64_t at; /* pseudo-physical address */
	const uint8_t *data;
	uint64_t size;
};

/*
 * The symbol table behind a kernel's image, as XEN_ELFNOTE_BSD_SYMTAB asks for it: from the first address behind the
 * image that is a multiple of the class's word, a size in 32 bits; then, counted by it, an ELF file in small: header,
 * three section headers (none, symbols, their names), symbols and names, each begun at a multiple of the word.
 */
#define ELF_SYMBOLS_HEAD 264 /* size word, header and section headers of the larger class, rounded up */
struct elf_symbols {
	uint8_t head[ELF_SYMBOLS_HEAD];
	struct elf_piece piece[2]; /* symbols and names, in the image */
	uint64_t start;
	uint32_t head_size; /* 0: there are none */
};

/* The kernel's place, from its segments and notes. */
struct elf_kernel {
	struct elf elf;
	struct elf_notes notes;
	uint32_t segments;   /* program headers that are in the file */
	uint64_t start, end; /* pseudo-physical addresses, end exclusive */
	struct elf_symbols symbols;
};

/* NULL, or a sentence about what is wrong with the image. */
const char *elf_open(struct elf *e, const void *data, size_t size);
bool elf_segment(const struct elf *e, uint32_t i, struct elf_part *p);
bool elf_section(const struct elf *e, uint32_t i, struct elf_part *p);
bool elf_loadable(const struct elf_part *p);
/* dom/elf_notes.c; @notes are zeros. */
const char *elf_read_notes(const struct elf *e, struct elf_notes *notes);
/* Are they those of a kernel for this machine, as Xen 4.17 decides? NULL, or why not. */
const char *elf_notes_judge(const struct elf *e, const struct elf_notes *notes);
/* dom/elf_symbols.c: the first symbol table, and the names that it refers to; both are wholly in the image. False: there are none. */
bool elf_symbols_find(const struct elf *e, uint32_t index[2], struct elf_part part[2]);
/* dom/elf_symbols.c: @s, which is zeros, for a kernel that ends at @end; returns where it ends with them. A kernel whose table is
 * missing or damaged gets none. */
uint64_t elf_symbols_make(struct elf_symbols *s, const struct elf *e, uint64_t end);
/* All of it: NULL, or what is wrong. */
const char *elf_kernel_open(struct elf_kernel *k, const void *data, size_t size);
/* Its pieces, in turn: those of its segments (a size of 0: nothing to load), then its symbols'. False: there is no @i-th. */
bool elf_kernel_piece(const struct elf_kernel *k, uint32_t i, struct elf_piece *piece);
