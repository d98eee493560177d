/* SPDX-License-Identifier: MIT */
/* Inside the Dom0 builder: the domain's memory while no page table maps it. */
#pragma once

#include "lib/types.h"

struct domain;

struct dom0_memory {
	struct domain *d;
	uint64_t nr_pages;
	mfn_t *mfn; /* by pfn: the P2M during the build */
	unsigned order;
};

/* Allocate @nr_pages frames to @d, as contiguous as possible. That of @root, the first page table, is below 4 GiB: a
 * PAE root must be, unless its kernel says otherwise. 0 or -ENOMEM. */
int dom0_memory_alloc(struct dom0_memory *m, struct domain *d, uint64_t nr_pages, pfn_t root);
void dom0_memory_free_list(struct dom0_memory *m); /* the list, not the frames */
void *dom0_page(const struct dom0_memory *m, pfn_t pfn);
/* Copy to pseudo-physical address @pa. The caller has checked the bounds. */
void dom0_copy(const struct dom0_memory *m, uint64_t pa, const void *src, size_t n);
