/* SPDX-License-Identifier: MIT */
/*
 * Geometry of the page tables and the kernel's address space, per word size. 64 bit: four levels, the
 * kernel in the upper half. 32 bit: three levels (PAE), the kernel in the last GiB. All entries have 64
 * bits. (SDM 3A 4.4, PAE Paging; 4.5, 4-Level Paging)
 */
#ifndef X86_PAGETABLE_H
#define X86_PAGETABLE_H

#include "kern/lib/types.h"

typedef unsigned long pfn_t; /* page frame number; in a PV guest pseudo-physical */
typedef uint64_t pte_t;

#define PTE_P        (1ull << 0)
#define PTE_W        (1ull << 1)
#define PTE_U        (1ull << 2)
#define PTE_UNCACHED (3ull << 3) /* PCD and PWT: a device, not memory */
#define PTE_A        (1ull << 5)
#define PTE_D        (1ull << 6)
#define PTE_LARGE    (1ull << 7)  /* 2 MiB page at level 2: native kernel mappings only */
#define PTE_COW      (1ull << 9)  /* for kern/: shared until written */
#define PTE_FOREIGN  (1ull << 10) /* not a frame of the allocator: never counted, copied or freed */
#define PTE_SOFT     (1ull << 11) /* for kern/ */
#define PTE_NX       (1ull << 63)

#define PTE_FRAME 0x000ffffffffff000ull
#define PTE_FLAGS (~PTE_FRAME)

/* Error code of a page fault. */
#define PF_PRESENT 1u /* rights were missing; clear: no translation */
#define PF_WRITE   2u
#define PF_USER    4u
#define PF_FETCH   16u

#define TABLE_ENTRIES 512u

#ifdef __x86_64__
#define TABLE_LEVELS 4
#define USER_END     0x00007ffffffff000ul
#define IMAGE_BASE   0xffffffff80000000ul /* link address minus load address */
#define LINEAR_BASE  0xffff880000000000ul /* L4 slot 272: the first one a Xen guest may use */
#define LINEAR_MAX   0x0000004000000000ul /* 256 GiB; one L4 slot holds 512 */
#define KERNEL_SLOT  256u                 /* first root entry of the kernel's half */
#define ROOT_ENTRIES 512u
#else
#define TABLE_LEVELS 3
#define USER_END     0xc0000000ul
#define IMAGE_BASE   0xc0000000ul
#define LINEAR_BASE  0xc0000000ul
#define LINEAR_MAX   0x35000000ul /* 848 MiB: from 0xf5800000 on the address space is the hypervisor's */
#define KERNEL_SLOT  3u
#define ROOT_ENTRIES 4u
#endif

/* Index of va in a table of this level (1 is the leaf). */
static inline unsigned table_index(uint64_t va, unsigned level)
{
	return (va >> (PAGE_SHIFT + 9 * (level - 1))) & (TABLE_ENTRIES - 1);
}

/* All RAM is mapped at LINEAR_BASE, in order of frame numbers. */
static inline void *pfn_to_virt(pfn_t pfn)
{
	return (void *)(LINEAR_BASE + (pfn << PAGE_SHIFT));
}

static inline pfn_t virt_to_pfn(const void *virt)
{
	return ((uintptr_t)virt - LINEAR_BASE) >> PAGE_SHIFT;
}

/* Something in the kernel's image (in 64 bit the image is mapped a second time, apart from the linear map).
 */
static inline pfn_t image_to_pfn(const void *virt)
{
	return ((uintptr_t)virt - IMAGE_BASE) >> PAGE_SHIFT;
}

#endif
