/* SPDX-License-Identifier: MIT */
/*
 * The first memory of a PV domain (xen/xen.h, "Start-of-day memory layout"): where everything lies, and what its
 * page tables, its P2M table and start_info say. Arithmetic alone, for boot/, which builds Dom0, and for Dom0's tools,
 * which compile these files too and build all other domains by them.
 *
 *	v_start   kernel image at its addresses                  pseudo-physical frame 0
 *	          initrd                                         if it is to be mapped
 *	          P2M table                                      unless the kernel asks for it elsewhere
 *	          start_info, one page
 *	          pages of the store's and the console's rings   not for Dom0
 *	          page tables, the root first                    mapped read-only
 *	          stack, one page
 *	          at least 512 KiB of free memory, to
 *	v_end     a multiple of 4 MiB                            end of what the tables map
 *	          P2M table and its page tables                  if elsewhere; only these map them
 *	          initrd                                         if it need not be mapped
 *	          all other memory
 *
 * One page after the other: virtual address = v_start + pfn * PAGE_SIZE from v_start to v_end.
 */
#pragma once

#include "dom/elf.h"
#include "lib/types.h"

/* What the plan must know of a kind of guest. */
struct first_kind {
	const char *magic; /* of start_info */
	uint8_t levels;    /* of page tables */
	uint8_t word;      /* bytes of a guest's word, and of an entry of the P2M */
	/* No guest's addresses: the hypervisor's, and those that are none. */
	gva_t hole_start, hole_last;
	struct {
		uint16_t nr_pages, shared_info, flags, store_mfn, store_evtchn, console_mfn, console_evtchn,
		    pt_base, nr_pt_frames, mfn_list, mod_start, mod_len, cmd_line, first_p2m_pfn,
		    nr_p2m_frames;
	} start_info; /* offsets */
};

extern const struct first_kind first_pv64, first_pv32;

struct first_request {
	const struct elf_kernel *kernel;
	uint64_t nr_pages;    /* memory of the domain */
	uint64_t initrd_size; /* bytes, 0: none */
	bool rings;           /* with pages for store and console */
};

struct first_range {
	pfn_t pfn;
	uint64_t count;
};

/* Page tables of one level (1: lowest) whose addresses follow each other, and whose frames do. */
struct first_tables {
	unsigned level;
	gva_t base, last; /* the first address that the first one translates, and the last one's first */
	pfn_t pfn;
};

struct first_memory {
	const struct first_kind *kind;
	uint64_t nr_pages;
	gva_t v_start, v_end;
	struct first_range image; /* from the first loaded frame on */
	struct first_range initrd, p2m, start_info, store, console, tables, stack;
	struct first_range p2m_tables;   /* those that map a P2M apart, behind it */
	bool p2m_apart, initrd_unmapped; /* outside the first area */
	gva_t p2m_va;                    /* of the P2M, wherever its frames are */
	uint64_t initrd_size;
	uint64_t used_pages; /* the frames that all of this needs */
	struct first_tables run[8];
	unsigned runs;
};

/* NULL, or a sentence about why it cannot be (used_pages > nr_pages if it is the memory). */
const char *first_memory_plan(struct first_memory *m, const struct first_request *rq);

static inline gva_t first_va(const struct first_memory *m, pfn_t pfn)
{
	return m->v_start + pfn * PAGE_SIZE;
}
/* The frame with address @va of the first area. */
static inline pfn_t first_pfn(const struct first_memory *m, gva_t va)
{
	return (va - m->v_start) >> PAGE_SHIFT;
}

/* first_pages.c: what stands in it. @mfn is the domain's machine frame of each pfn; @page is overwritten whole. */

/* Is @pfn a page table? Then @page becomes that. */
bool first_table(const struct first_memory *m, pfn_t pfn, const mfn_t *mfn, uint64_t page[512]);
/* The P2M's page @i; entries behind the last frame are invalid. */
void first_p2m_page(const struct first_memory *m, uint64_t i, const mfn_t *mfn, void *page);

struct first_facts {
	paddr_t shared_info;
	uint32_t flags; /* SIF_*, without what the plan decides */
	uint32_t store_port, console_port;
	const char *cmdline; /* cut if it is too long */
};

void first_start_info(const struct first_memory *m, const mfn_t *mfn, const struct first_facts *f,
		      void *page);
