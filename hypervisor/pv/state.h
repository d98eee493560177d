/* SPDX-License-Identifier: MIT */
/* What pv/ keeps in each vCPU (guest/domain.h); a kind that shows its kernel a processor without pv/ uses some of it, too. */
#pragma once

#include "lib/types.h"

struct percpu;

/* The vCPU itself changes all of these, on the CPU that runs it, or code for which it does not run. */
struct vcpu_pv {
	uint64_t entry_words[4]; /* what the next entry pushes below the return frame (pv/bounce.c) */

	/* Segments not in regs while running: saved by doors->switch_out. */
	uint64_t gs_base_kernel, gs_base_user, fs_base;
	bool segs_fresh; /* a context was set: non-null FS and GS bring their own bases when loaded */

	/* Guest's view. */
	bool ts_virtual; /* of CR0.TS (fpu_taskswitch) */
	uint64_t cr0, cr4;
	uint64_t debugreg[8];

	/* Descriptor tables (pv/desc.c). */
	mfn_t gdt_frames[14];
	uint32_t gdt_entries;
	uint32_t ldt_entries;
	uint64_t ldt_base;
	uint32_t ldt_mapped; /* bit n: LDT page n is mapped and holds a segdesc type reference */
	unsigned gdt_next_pages;
	mfn_t gdt_next[14];      /* the frames of a GDT that is being set: these are held already */
	struct percpu *desc_cpu; /* whose page the window shows, and whose TLB knows it; NULL: no CPU's */
};
