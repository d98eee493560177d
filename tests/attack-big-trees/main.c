/* SPDX-License-Identifier: MIT */
/*
 * Trees meant to keep the hypervisor busy, or to make a count overflow: one L1 hooked by every entry of an L2, that L2
 * by every entry of the table above, and so on up to the root, so that a naive walk would visit millions of entries;
 * one frame mapped by every entry; trees whose last entry alone is bad, so that everything must be undone. Each table
 * is validated once, each of these takes no time, and all is ordinary memory again in the end.
 */
#include "time.h"

const char test_title[] = "attack-big-trees";

#define MS 1000000ull
#define RW (PTE_P | PTE_RW | PTE_A | PTE_D)

static char data[4096] __attribute__((aligned(4096)));

static pte_t entry(const void *page, pte_t flags)
{
	return (pte_t)va_to_mfn(page) << 12 | flags;
}

/* The top of a tree of @height levels, each table of it all over the one above. */
static pte_t *tree(pte_t **tables, int height, pte_t last_leaf)
{
	const void *below = data;

	for (int level = 1; level <= height; level++) {
		unsigned n = level == 3 && ROOT_LEVEL == 3 ? 3 : 512;

		tables[level] = page_alloc();
		for (unsigned i = 0; i < n; i++)
			if (level < 4 || i < 256 || i > 271)
				tables[level][i] = entry(below, level == 1                      ? RW
								: level == 3 && ROOT_LEVEL == 3 ? PTE_P
												: RW | PTE_U);
		below = tables[level];
	}
	if (last_leaf)
		tables[1][511] = last_leaf;
	return tables[height];
}

static void try_tree(int height, pte_t last_leaf, bool good)
{
	pte_t *tables[5];
	pte_t *top = tree(tables, height, last_leaf);
	uint64_t start = system_time();

	for (int level = 1; level <= height; level++)
		table_ready(tables[level]);
	for (unsigned i = 0; i < 10; i++) {
		int rc = mmuext1(MMUEXT_PIN_L1_TABLE + height - 1, va_to_mfn(top), 0);

		check(good ? rc == 0 : rc < 0);
		rc = mmuext1(MMUEXT_UNPIN_TABLE, va_to_mfn(top), 0);
		check(good ? rc == 0 : rc < 0);
	}
	check(system_time() - start < 2000 * MS);
	for (int level = 1; level <= height; level++)
		check_eq(page_set_ro(tables[level], false), 0);
}

void test_main(void)
{
	int height =
	    ROOT_LEVEL == 4 ? 4 : 2; /* a PAE root is refused for lack of a last L2: attack-pae-root */

	for (int h = 1; h <= height; h++) {
		try_tree(h, 0, true);
		try_tree(h, entry(root_page(), RW), false);
	}
	check_no_fault(*(volatile char *)data = 1);
}
