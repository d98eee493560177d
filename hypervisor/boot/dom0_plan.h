/* SPDX-License-Identifier: MIT */
/*
 * Where everything of the initial domain goes (xen.h, Start-of-day memory layout): arithmetic alone, so that
 * it can be tested on the host.
 *
 *	v_start   kernel image at its addresses                  pseudo-physical frame 0
 *	          initrd                                         if it is to be mapped
 *	          P2M table                                      unless the kernel wants it elsewhere
 *	          start_info, one page
 *	          page tables, the root first                    mapped read-only
 *	          stack, one page
 *	          at least 512 KiB of free memory, to
 *	v_end     a multiple of 4 MiB                            end of what the tables map
 *	          P2M table and its page tables                  if elsewhere; only these map them
 *	          initrd                                         if it need not be mapped
 *	          all other memory
 */
#pragma once

#include "dom/elf.h"
#include "lib/types.h"

struct dom0_request {
	const struct elf_kernel *kernel;
	int root_level;       /* 4 or 3 */
	uint64_t word_size;   /* of a P2M entry: 8 or 4 */
	uint64_t nr_pages;    /* memory of the domain */
	uint64_t initrd_size; /* bytes, 0: none */
};

struct dom0_plan {
	gva_t v_start, v_end;
	gva_t initrd, p2m, start_info, tables, stack; /* initrd 0: not mapped */
	uint64_t nr_tables;                           /* pages at `tables` */
	pfn_t initrd_pfn;                             /* mapped or not */
	pfn_t p2m_pfn;                   /* if p2m is not part of the first area: its first frame, */
	uint64_t p2m_frames, p2m_tables; /* its pages, and those of tables that follow them */
	uint64_t used_pages;             /* all of the above */
};

/* NULL, or a sentence about why it cannot be (plan->used_pages tells the need if it is memory). */
const char *dom0_plan_make(struct dom0_plan *plan, const struct dom0_request *rq);
/* Page-table pages of levels below the root, and the root if @with_root, that map [start, end). */
uint64_t dom0_tables_needed(gva_t start, gva_t end, int root_level, bool with_root);
