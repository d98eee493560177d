/* SPDX-License-Identifier: MIT */
/* Walking page tables as the processor does, from any CR3 value (both kinds: the real tables have 4 levels).
 */
#pragma once

#include "cpu/x86.h" /* PF_* */
#include "lib/types.h"

/* The leaf entry that maps @va: value in *leaf, its permissions RW, U and NX combined over all levels. */
bool walk_leaf(uint64_t cr3, gva_t va, uint64_t *leaf);
/* Would the access that reported @error (PF_WRITE, PF_USER, PF_FETCH) succeed now? */
bool walk_permits(uint64_t cr3, gva_t va, uint32_t error);
