/* SPDX-License-Identifier: MIT */
/*
 * For tests of what the hypervisor does in the middle of a big tree: a tree of page tables that maps 128 MiB, and a
 * timer that falls due all the while. The upcall comes between two restarts of the hypercall that validates the tree or
 * takes it apart. Included by one file of a test, since the tables are in it.
 */
#pragma once

#include "time.h"

#define TREE_L1S   64
#define TREE_LEVEL (ROOT_LEVEL == 4 ? 4 : 2) /* pv32: a PAE root would need a carrier too */
#define TREE_RW    (PTE_P | PTE_RW | PTE_A | PTE_D)
#define TICK_NS    50000

static pte_t tree_l1[TREE_L1S][512] __attribute__((aligned(4096)));
static char tree_data[4096] __attribute__((aligned(4096)));
static pte_t *tree_table[TREE_LEVEL + 1]; /* by level, from 2 on */

static unsigned tick_port;
static uint64_t tick_ns = TICK_NS; /* a test may vary it, to meet another moment each time */
static volatile uint64_t tick_due;

static inline pte_t tree_entry(const void *page, pte_t flags)
{
	return (pte_t)va_to_mfn(page) << 12 | flags;
}

/* Contents, and everything read-only: ready to become tables. */
static inline void tree_build(void)
{
	for (unsigned t = 0; t < TREE_L1S; t++) {
		for (unsigned i = 0; i < 512; i++)
			tree_l1[t][i] = tree_entry(tree_data, TREE_RW);
		table_ready(tree_l1[t]);
	}
	for (int level = 2; level <= TREE_LEVEL; level++) {
		tree_table[level] = page_alloc();
		for (unsigned i = 0; i < (level == 2 ? TREE_L1S : 1); i++)
			tree_table[level][i] =
			    tree_entry(level == 2 ? tree_l1[i] : tree_table[level - 1], TREE_RW | PTE_U);
		table_ready(tree_table[level]);
	}
}

static inline unsigned long tree_mfn(void)
{
	return va_to_mfn(tree_table[TREE_LEVEL]);
}

static inline int tree_pin(void)
{
	return mmuext1(MMUEXT_PIN_L1_TABLE + TREE_LEVEL - 1, tree_mfn(), 0);
}

static inline int tree_unpin(void)
{
	return mmuext1(MMUEXT_UNPIN_TABLE, tree_mfn(), 0);
}

/* No frame of it is in use as a table, nor partial. */
static inline void tree_is_memory(void)
{
	static const unsigned some[] = {0, 1, TREE_L1S - 1};

	for (unsigned i = 0; i < ARRAY_SIZE(some); i++) {
		check_eq(page_set_ro(tree_l1[some[i]], false), 0);
		table_ready(tree_l1[some[i]]);
	}
	for (int level = 2; level <= TREE_LEVEL; level++) {
		check_eq(page_set_ro(tree_table[level], false), 0);
		table_ready(tree_table[level]);
	}
}

static inline void tick_arm(void)
{
	tick_due = system_time() + tick_ns;
	hypercall_set_timer_op(tick_due);
}

static inline void tick_init(void (*hook)(struct frame *f))
{
	tick_port = bind_timer();
	event_mask(tick_port, false);
	event_hook = hook;
}
