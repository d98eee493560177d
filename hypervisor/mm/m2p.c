/* SPDX-License-Identifier: MIT */
/*
 * The machine-to-physical table: for each machine frame, which pseudo-physical frame its owner says it is.
 * Guests read it, at fixed addresses and never faulting: pv64 guests 8-byte entries in root slot 256 of their kernels' roots, pv32
 * guests 4-byte entries at COMPAT_M2P_VA. It is advice among parts of one guest: the hypervisor never relies
 * on it. What lies past the last frame reads as all ones: one page, seen everywhere through one table per
 * level.
 * Locking: none; entries are written whole. Sharing the tables has a lock of its own.
 */
#include "mm/m2p.h"
#include "guest/domain.h"
#include "lib/string.h"
#include "mm/init.h"
#include "mm/mm.h"
#include "mm/page.h"

#define TABLE_FLAGS (PTE_P | PTE_RW | PTE_A)
#define PV64_FLAGS  (PTE_P | PTE_U | PTE_A | PTE_NX) /* not global: applications may not see it */
#define PV32_FLAGS  (PTE_P | PTE_A | PTE_NX)
#define LARGE_PAGE  (2ull << 20)

#define SHARED_AT_ONCE 64 /* pages, between two looks at other work */

static uint64_t *m2p;
static uint32_t *m2p_compat;
static uint64_t m2p_size, compat_size; /* bytes, whole pages */
/* Both tables, one behind the other: a tool maps each in parts of 2 MiB, the last of them whole (libxc's xc_map_m2p()), so
 * behind the second there are as many pages as its last part lacks. What the first's last part lacks, the second has. */
static char *tables;
static uint64_t tables_size;

const uint64_t *m2p_compat_l2;

void m2p_set(mfn_t mfn, pfn_t pfn)
{
	m2p[mfn] = pfn;
	m2p_compat[mfn] = pfn;
}

bool m2p_set_of(struct domain *d, mfn_t mfn, pfn_t pfn)
{
	if (!mfn_valid(mfn) || !page_get(mfn_to_page(mfn), d))
		return false;
	m2p_set(mfn, pfn);
	page_put(mfn_to_page(mfn));
	return true;
}

pfn_t m2p_get(mfn_t mfn)
{
	return m2p[mfn];
}

void m2p_init(void)
{
	uint64_t first = ROUND_UP(max_mfn * sizeof(*m2p_compat), PAGE_SIZE);

	m2p_size = ROUND_UP(max_mfn * sizeof(*m2p), PAGE_SIZE);
	compat_size = MIN(ROUND_UP(max_mfn * sizeof(*m2p_compat), PAGE_SIZE), COMPAT_M2P_END - COMPAT_M2P_VA);
	tables_size = first + ROUND_UP(m2p_size, LARGE_PAGE);
	tables = bootmem_alloc(tables_size);
	m2p_compat = (uint32_t *)tables;
	m2p = (uint64_t *)(tables + first);
	memset(tables, 0xff, tables_size);
}

/* Entries of a table at @level that lead to the page of ones by tables shared among all. */
struct ones {
	uint64_t entry[4]; /* by level of the table that the entry stands in */
};

static void ones_init(struct ones *ones, uint64_t leaf_flags, uint64_t table_flags)
{
	uint64_t *page = heap_alloc_pages(0);

	memset(page, 0xff, PAGE_SIZE);
	ones->entry[1] = make_pte(virt_to_mfn(page), leaf_flags);
	for (int level = 2; level <= 3; level++) {
		uint64_t *table = heap_alloc_pages(0);

		for (unsigned i = 0; i < PTES_PER_TABLE; i++)
			table[i] = ones->entry[level - 1];
		ones->entry[level] = make_pte(virt_to_mfn(table), table_flags);
	}
}

/* Fill what is empty in slots [from, to) of @table, and in the tables below. */
static void fill_ones(uint64_t *table, int level, unsigned from, unsigned to, const struct ones *ones)
{
	for (unsigned i = from; i < to; i++) {
		if (!(table[i] & PTE_P))
			table[i] = ones->entry[level];
		else if (level > 1 && !(table[i] & PTE_PS) && table[i] != ones->entry[level])
			fill_ones(mfn_to_virt(pte_mfn(table[i])), level - 1, 0, PTES_PER_TABLE, ones);
	}
}

static void map_pv64(void)
{
	struct ones ones;

	ones_init(&ones, PV64_FLAGS, TABLE_FLAGS | PTE_U);
	map_range(idle_root, M2P_VA, virt_to_mfn(m2p) << PAGE_SHIFT, m2p_size, PV64_FLAGS,
		  TABLE_FLAGS | PTE_U, 2);
	fill_ones(map_table(idle_root, M2P_VA, 3, TABLE_FLAGS | PTE_U), 3, 0, PTES_PER_TABLE, &ones);
}

static void map_pv32(void)
{
	struct ones ones;
	uint64_t *root = heap_alloc_pages(0); /* a tree of its own, only to have its L2 made */

	ones_init(&ones, PV32_FLAGS, TABLE_FLAGS);
	map_range(root, COMPAT_M2P_VA, virt_to_mfn(m2p_compat) << PAGE_SHIFT, compat_size, PV32_FLAGS,
		  TABLE_FLAGS, 2);
	m2p_compat_l2 = map_table(root, COMPAT_M2P_VA, 2, TABLE_FLAGS);
	fill_ones((uint64_t *)m2p_compat_l2, 2, COMPAT_M2P_SLOT, pt_slot(COMPAT_M2P_END, 2), &ones);
}

void m2p_map(void)
{
	map_pv64();
	map_pv32();
}

bool m2p_share(void)
{
	static struct spinlock lock;
	static uint64_t shared;
	uint64_t pages = tables_size / PAGE_SIZE;

	if (__atomic_load_n(&shared, __ATOMIC_ACQUIRE) == pages)
		return true;
	spin_lock(&lock);
	for (unsigned n = 0; n < SHARED_AT_ONCE && shared < pages; n++) {
		share_heap_page(tables + shared * PAGE_SIZE, dom_xen, true);
		__atomic_store_n(&shared, shared + 1, __ATOMIC_RELEASE);
	}
	spin_unlock(&lock);
	return false;
}

mfn_t m2p_frame(unsigned entry_shift, uint64_t i)
{
	bool compat = entry_shift == 2;

	if (i * LARGE_PAGE >= (compat ? compat_size : m2p_size))
		return 0;
	return virt_to_mfn(compat ? (void *)m2p_compat : (void *)m2p) + i * (LARGE_PAGE >> PAGE_SHIFT);
}
