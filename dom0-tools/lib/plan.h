/* SPDX-License-Identifier: MIT */
/*
 * Where everything of a new PV domain lies, and its first page tables: pure arithmetic, without hypercalls.
 *
 * The initial area begins at the kernel's virt_base, which shows frame 0 (pfn); virtual address = virt_base +
 * pfn * 4096 throughout. In order: kernel image, initrd (unless the kernel takes it by frame number), P2M
 * (unless the kernel names an address for it), start_info, store page, console page, page tables (root
 * first), boot stack, and at least 512 KiB more, up to a 4 MiB boundary. An initrd or P2M left out lies
 * behind.
 */
#pragma once

#include "guest_abi.h"

#include <stdbool.h>
#include <stddef.h>

#define PLAN_NONE UINT64_MAX

/* What the kernel's image and notes ask for. */
struct plan_kernel {
	const struct guest_abi *abi;
	uint64_t virt_base;
	uint64_t start, end;  /* of the loaded image, virtual */
	uint64_t init_p2m;    /* address for the P2M, or PLAN_NONE: in the initial area */
	bool initrd_unmapped; /* XEN_ELFNOTE_MOD_START_PFN */
};

struct plan_range {
	uint64_t pfn, count;
};

struct plan_table {
	unsigned level; /* 1 lowest */
	uint64_t base;  /* first address it translates */
};

struct plan {
	const struct guest_abi *abi;
	uint64_t virt_base;
	uint64_t nr_pages;
	struct plan_range image, initrd, p2m, start_info, store, console, tables, stack;
	uint64_t mapped; /* frames 0 .. mapped-1 are the initial area */
	uint64_t p2m_va;
	bool p2m_apart;           /* the P2M is mapped at p2m_va, outside the initial area */
	struct plan_table *table; /* tables.count of them, root first */
};

/* Lay out a domain of @nr_pages frames. -1 and a report if it does not fit. */
int plan_make(struct plan *plan, const struct plan_kernel *kernel, uint64_t initrd_size, uint64_t nr_pages);
void plan_free(struct plan *plan);

uint64_t plan_va(const struct plan *plan, uint64_t pfn);

/* Contents of table number @i (its frame is pfn tables.pfn + i), given the machine frame of each pfn. */
void plan_fill_table(const struct plan *plan, size_t i, const uint64_t *p2m, uint64_t entry[512]);
