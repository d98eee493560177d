/* SPDX-License-Identifier: MIT */
/* Entries of page tables (SDM 3A 4.5, "4-Level Paging"): their bits, what they point to, where they stand. */
#pragma once

#include "lib/types.h"

#define PTE_P            0x001ull
#define PTE_RW           0x002ull
#define PTE_U            0x004ull
#define PTE_PWT          0x008ull
#define PTE_PCD          0x010ull
#define PTE_A            0x020ull
#define PTE_D            0x040ull
#define PTE_PS           0x080ull /* in a leaf: PAT */
#define PTE_G            0x100ull
#define PTE_NX           (1ull << 63)
#define PTE_ADDR         0x000ffffffffff000ull
#define PTE_GUEST_KERNEL (1ull << 52) /* soft bit: pv64 entry that the guest gave without U */
#define PTES_PER_TABLE   512

static inline mfn_t pte_mfn(uint64_t pte)
{
	return (pte & PTE_ADDR) >> PAGE_SHIFT;
}
static inline uint64_t make_pte(mfn_t mfn, uint64_t flags)
{
	return (mfn << PAGE_SHIFT) | flags;
}
/* Index of @va in its table of @level. */
static inline unsigned pt_slot(gva_t va, int level)
{
	return (va >> (PAGE_SHIFT + 9 * (level - 1))) & (PTES_PER_TABLE - 1);
}
