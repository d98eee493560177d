/* SPDX-License-Identifier: MIT */
/* The parts of ELF that a static program needs, for the kernel's word size (System V gABI, chapters 4 and 5).
 */
#ifndef KERN_PROC_ELF_H
#define KERN_PROC_ELF_H

#include "kern/lib/types.h"

#define ET_EXEC   2
#define ET_DYN    3
#define PT_LOAD   1
#define PT_INTERP 3
#define PF_X      1
#define PF_W      2
#define PF_R      4

struct elf_header {
	u8 ident[16];
	u16 type, machine;
	u32 version;
	ulong entry, phoff, shoff;
	u32 flags;
	u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

#if __SIZEOF_LONG__ == 8
struct elf_segment {
	u32 type, flags;
	ulong offset, vaddr, paddr, filesz, memsz, align;
};
#else
struct elf_segment {
	u32 type;
	ulong offset, vaddr, paddr, filesz, memsz;
	u32 flags, align;
};
#endif

/* What a loaded program looks like. */
struct elf_image {
	ulong entry, phdr, brk;
	u16 phnum;
};

struct file;
struct mm;

/* Reads and checks the header. -ENOEXEC. */
int elf_check(struct file *file, struct elf_header *h);
/* Maps the segments into mm, which is current. */
int elf_load(struct mm *mm, struct file *file, const struct elf_header *h, struct elf_image *image);

#endif
