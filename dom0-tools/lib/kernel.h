/* SPDX-License-Identifier: MIT */
/*
 * A guest kernel's image: an ELF file (ELF32 or ELF64, plain or packed by gzip, xz, lzma, lz4 or zstd, alone or in a
 * Linux bzImage) with Xen notes. The code that reads it is the hypervisor's (dom/elf.h, dom/inflate.h), which does the
 * same for Dom0.
 */
#pragma once

#include "dom/elf.h"

struct kernel {
	struct elf_kernel image;
	uint8_t *file; /* what the image points into; freed by kernel_free() */
	size_t size;
};

/* The file, or what it carries packed: *size bytes, malloc()ed. NULL and a report. */
uint8_t *kernel_read_file(const char *path, size_t *size);
/* A PV kernel. -1 and a report. */
int kernel_load(struct kernel *k, const char *path);
/* The same from memory that stays the caller's (k->file is NULL); @name is for messages. */
int kernel_parse(struct kernel *k, const char *name, const uint8_t *data, size_t size);
void kernel_free(struct kernel *k);
