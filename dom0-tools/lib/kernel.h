/* SPDX-License-Identifier: MIT */
/*
 * A guest kernel's image: an ELF file (ELF32 or ELF64, plain or packed by gzip, xz, lzma, lz4 or zstd, alone or in a Linux
 * bzImage) with Xen notes. The reading itself is the hypervisor's (dom/elf.h, dom/inflate.h), which does the same for
 * Dom0: one source, two users.
 */
#pragma once

#include "guest_abi.h"
#include "plan.h"

#include "dom/elf.h"

#include <stddef.h>

struct kernel_segment {
	uint64_t va; /* where it is loaded, seen through the initial area */
	uint64_t file_size;
	const uint8_t *data;
};

#define KERNEL_SEGMENTS_MAX 16
#define KERNEL_SYMBOLS      3 /* headers, symbols and names of a table behind the kernel, as segments */

struct kernel {
	struct plan_kernel plan;
	uint64_t entry;
	uint64_t hypercall_page; /* virtual address, or PLAN_NONE */
	bool extended_cr3;       /* pv32: its later page tables may lie above 4 GiB */
	struct kernel_segment segment[KERNEL_SEGMENTS_MAX + KERNEL_SYMBOLS];
	size_t segments;
	uint8_t symbols_head[ELF_SYMBOLS_HEAD];
	uint8_t *file; /* what the segments point into; freed by kernel_free() */
};

/* The file, or what it carries packed: *size bytes, malloc()ed. NULL and a report. */
uint8_t *kernel_read_file(const char *path, size_t *size);
/* -1 and a report. */
int kernel_load(struct kernel *k, const char *path);
/* The same from memory, which stays the caller's (k->file is NULL); @name is for messages. */
int kernel_parse(struct kernel *k, const char *name, const uint8_t *data, size_t size);
void kernel_free(struct kernel *k);
