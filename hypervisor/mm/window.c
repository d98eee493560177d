/* SPDX-License-Identifier: MIT */
/*
 * Windows on device memory that the hypervisor learns of while guests run. Their table is there from the beginning, in every
 * address space; a window has one user at a time, whose lock guards it (dev/msi.c).
 */
#include "cpu/ipi.h"
#include "cpu/panic.h"
#include "mm/init.h"
#include "mm/mm.h"

void *mmio_window(unsigned n, mfn_t mfn)
{
	uint64_t *table = map_table(idle_root, MMIO_WINDOW, 1, 0);
	gva_t va = MMIO_WINDOW + n * PAGE_SIZE;
	uint64_t old, pte = make_pte(mfn, DEVICE_FLAGS);

	BUG_ON(n >= MMIO_WINDOWS);
	old = table[n];
	table[n] = pte;
	/* A TLB may still hold the last user's page; an absent entry is in none. */
	if (old && old != pte)
		tlb_flush_page_cpus(cpus_online, va);
	return (void *)va;
}
