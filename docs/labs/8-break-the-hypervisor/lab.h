/* SPDX-License-Identifier: MIT */
/*
 * Lab 8: attacks on page tables. The loot is the same each time: an entry in a live page table that the hypervisor
 * refuses when it is asked for it, by mmu_update. A kernel that can write one such entry can map any memory there is.
 */
#pragma once

#include "fw.h"

/* ---- the student's: attacks.c ----
 * @victim is a page of the guest, and a live page table: pinned as an L1 table, mapped read-only, all entries 0. Each
 * attack returns what the hypervisor said when it refused, a negative number; or it faults, which the judge survives. */

long attack_table(pte_t *victim);
long attack_linear(pte_t *victim);
/* Called before @victim becomes a table. It is then mapped writable at its own address, and must not be so when this
 * returns: as long as a writable mapping is left, the page does not become a table. */
void prepare_tlb(pte_t *victim);
long attack_tlb(pte_t *victim);
long attack_pointer(pte_t *victim); /* pv64 only */

/* ---- to be used ---- */

/* An entry worth having: the root page table, writable. Refused when asked for. */
pte_t loot(void);
/* Make @l2 the table by which the addresses from HOLE on, a GiB of them, are translated: entry n of it stands for the
 * addresses from HOLE + n * 2 MiB on. What the hypervisor says to that. */
#define HOLE 0x40000000ul
long hook_l2(pte_t *l2);
/* Some page of memory of the attacker's own, and a window: an address whose mapping the attacker may change. */
extern char own_page[], window[];
