/* SPDX-License-Identifier: MIT */
/*
 * The hypercall frame_info tells what one of the caller's own frames is in use for, by the rules of direct paging.
 * Xen has nothing like it; the number is __HYPERVISOR_arch_7, which Xen leaves to the architecture and x86 does
 * not use. A snapshot: another vCPU may have changed it before the caller sees it.
 */
#pragma once

#include <stdint.h>

struct ringlet_frame_info {
	uint32_t type;       /* RINGLET_FRAME_* */
	uint32_t uses;       /* that need this type; 0: it may take any other */
	uint32_t references; /* that keep the frame allocated, the owner's own among them */
	uint32_t flags;      /* RINGLET_FRAME_pinned, _validated */
};

#define RINGLET_FRAME_none     0
#define RINGLET_FRAME_l1       1 /* page table of level 1 ... */
#define RINGLET_FRAME_l2       2
#define RINGLET_FRAME_l3       3
#define RINGLET_FRAME_l4       4 /* ... to 4 */
#define RINGLET_FRAME_segdesc  5 /* GDT or LDT */
#define RINGLET_FRAME_writable 6 /* mapped writable somewhere */

#define RINGLET_FRAME_pinned 1u /* one of the uses is a pin */
#define RINGLET_FRAME_validated \
	2u /* the page table's entries are checked, and count as references elsewhere */
