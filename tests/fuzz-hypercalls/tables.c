/* SPDX-License-Identifier: MIT */
/* Page tables: entries changed in every way, trees built, pinned, loaded, taken apart. */
#include "fuzz.h"

static uint64_t any_entry(struct fuzz *f, int *level)
{
	if (one_in(f, 2))
		return live_entry(f, level);
	*level = below(f, ROOT_LEVEL + 1);
	return ((uint64_t)va_to_mfn(arena[page_for(f, *level)]) << 12) + below(f, 512) * 8;
}

void do_mmu_update(struct fuzz *f)
{
	unsigned n = one_in(f, 8) ? 1 + below(f, 100) : 1 + below(f, 6);
	struct mmu_update *u = buffer(f, n * sizeof(*u));
	unsigned *done = buffer(f, sizeof(*done));
	unsigned long dom = DOMID_SELF;

	for (unsigned i = 0; i < n; i++) {
		int level;

		u[i].ptr = any_entry(f, &level) | (one_in(f, 6) ? below(f, 8) : 0);
		u[i].val = any_pte(f, level ? level : 1);
		if ((u[i].ptr & 7) == MMU_MACHPHYS_UPDATE) {
			u[i].ptr = (uint64_t)any_mfn(f) << 12 | MMU_MACHPHYS_UPDATE;
			u[i].val = any_word(f);
		}
		if (one_in(f, 60) && !f->dom0)
			u[i].ptr = any_word(f);
	}
	if (one_in(f, 10))
		dom = any_domid(f) | (one_in(f, 3) ? (unsigned long)any_domid(f) + 1 : 0) << 16;
	call(f, __HYPERVISOR_mmu_update, pointer(f, u), one_in(f, 40) ? below(f, 8) : n, pointer(f, done),
	     dom, 0);
}

void do_va_mapping(struct fuzz *f)
{
	unsigned long va = one_in(f, 60) && !f->dom0 ? any_word(f) : arena_va(f);
	unsigned long flags = below(f, 4) | (one_in(f, 3) ? UVMF_ALL : 0);

	if (one_in(f, 20))
		flags = pointer(f, arena[0]) | below(f, 4);
	call_va_mapping(f, va, any_pte(f, 1), flags, one_in(f, 6) ? any_domid(f) : -1);
}

static void any_mmuext(struct fuzz *f, struct mmuext_op *op)
{
	int role = 1 + below(f, ROOT_LEVEL);

	op->cmd = below(f, 22);
	switch (op->cmd) {
	case MMUEXT_PIN_L1_TABLE ... MMUEXT_PIN_L4_TABLE:
		op->cmd = MMUEXT_PIN_L1_TABLE + (one_in(f, 8) ? below(f, 4) : (unsigned)role - 1);
		/* fall through */
	case MMUEXT_UNPIN_TABLE:
		op->arg1.mfn = one_in(f, 6) ? any_mfn(f) : va_to_mfn(arena[page_for(f, role)]);
		/* Dom0 runs on the tables that it began with. */
		if (f->dom0 && op->cmd == MMUEXT_UNPIN_TABLE && op->arg1.mfn == root_mfn())
			op->arg1.mfn = 0;
		break;
	case MMUEXT_NEW_BASEPTR:
		op->arg1.mfn =
		    f->dom0 || !one_in(f, 50) ? root_mfn() : va_to_mfn(arena[page_for(f, ROOT_LEVEL)]);
		break;
	case MMUEXT_NEW_USER_BASEPTR:
		op->arg1.mfn = one_in(f, 3) ? 0 : va_to_mfn(arena[page_for(f, ROOT_LEVEL)]);
		break;
	case MMUEXT_CLEAR_PAGE:
	case MMUEXT_COPY_PAGE:
		/* What is written must not be the program itself. */
		op->arg1.mfn = one_in(f, 8) ? below(f, max_mfn + 16) : va_to_mfn(arena[page_for(f, 0)]);
		if (f->dom0)
			op->arg1.mfn = va_to_mfn(arena[below(f, ARENA_PAGES)]);
		op->arg2.src_mfn = any_mfn(f);
		break;
	case MMUEXT_SET_LDT:
		op->arg1.linear_addr = arena_va(f) & (one_in(f, 8) ? ~0ul : ~4095ul);
		op->arg2.nr_ents = one_in(f, 4) ? any_word(f) : below(f, 1100);
		break;
	default:
		op->arg1.linear_addr = any_word(f);
		op->arg2.src_mfn = pointer(f, arena[1]);
	}
}

void do_mmuext(struct fuzz *f)
{
	unsigned n = 1 + below(f, 3), *done = buffer(f, sizeof(*done));
	struct mmuext_op *op = buffer(f, n * sizeof(*op));

	for (unsigned i = 0; i < n; i++)
		any_mmuext(f, &op[i]);
	call(f, __HYPERVISOR_mmuext_op, pointer(f, op), n, pointer(f, done),
	     one_in(f, 12) ? any_domid(f) : DOMID_SELF, 0);
}

/* Write @page through its mapping in the arena, if it has one. */
static void store(volatile pte_t *at, pte_t value)
{
	FAULT_TRY(*at = value);
}

/* Does root table @t have the program and its stacks? */
static bool has_kernel(const pte_t *t)
{
	const pte_t *root = root_page();

	for (unsigned i = 0; i < (ROOT_LEVEL == 4 ? 512 : 4); i++)
		if ((root[i] & PTE_P) && (root[i] ^ t[i]) & (PTE_ADDR | PTE_P | PTE_RW))
			return false;
	return true;
}

/* Fill a page as a table, a root with what the current root has too; make it read-only; pin it, and if it is
 * a root load it for a moment. */
void do_build_table(struct fuzz *f)
{
	int level = 1 + below(f, ROOT_LEVEL);
	unsigned page = page_for(f, level);
	unsigned long mfn = va_to_mfn(arena[page]);
	volatile bool root = level == ROOT_LEVEL && !one_in(f, 4);
	pte_t *t = (pte_t *)arena[page];

	if (f->queueing || !f->first)
		return;
	call_va_mapping(f, (unsigned long)t, (pte_t)mfn << 12 | PTE_P | PTE_RW | PTE_A | PTE_D, UVMF_INVLPG,
			-1);
	for (unsigned i = 0; root && i < (ROOT_LEVEL == 4 ? 512 : 4); i++)
		if (ROOT_LEVEL == 3 || i < 256 || i > 271)
			store(t + i, ((pte_t *)root_page())[i]);
	for (unsigned i = 0, n = root ? below(f, 2) : 1 + below(f, 8); i < n; i++)
		store(t + (one_in(f, 4) ? below(f, 512) : below(f, 8)), any_pte(f, level));
	call_va_mapping(f, (unsigned long)t, (pte_t)mfn << 12 | PTE_P | PTE_A, UVMF_INVLPG, -1);
	mmuext1(MMUEXT_PIN_L1_TABLE + level - 1, mfn, 0);
	FAULT_TRY(root = root && (has_kernel(t) || (!f->dom0 && one_in(f, 100))));
	if (root && !fault.happened && mmuext1(MMUEXT_NEW_BASEPTR, mfn, 0) == 0) {
		if (one_in(f, 2))
			mmuext1(MMUEXT_UNPIN_TABLE, mfn, 0);
		mmuext1(MMUEXT_NEW_BASEPTR, root_mfn(), 0);
	}
	f->calls += 5;
}

/* A store to the arena, aligned or not, to data, tables (emulated for an L1) or nothing; a read. */
void do_store(struct fuzz *f)
{
	unsigned long va = arena_va(f);
	uint64_t value = one_in(f, 2) ? any_pte(f, 1) : any_word(f), old = 0;

	if (!f->first || f->queueing)
		return;
	switch (below(f, 6)) {
	case 0:
		FAULT_TRY(*(volatile unsigned char *)va = value);
		break;
	case 1:
		FAULT_TRY(*(volatile uint32_t *)va = value);
		break;
	case 2:
		FAULT_TRY(old = *(volatile uint32_t *)va);
		break;
	case 3:
		FAULT_TRY(__atomic_exchange_n((unsigned long *)(va & ~7ul), value, __ATOMIC_SEQ_CST));
		break;
	case 4:
		FAULT_TRY(old = *(volatile uint32_t *)(va & ~7ul);
			  __sync_bool_compare_and_swap((unsigned long *)(va & ~7ul), old, value));
		break;
	default:
		FAULT_TRY(*(volatile uint64_t *)(va & ~7ul) = value);
	}
}

/* The L1 of the arena hooked again: without it nothing there can be reached. */
void hook_arena(void)
{
	static pte_t hooked;

	if (!hooked)
		hooked = *arena_l2;
	if (*arena_l2 != hooked)
		pte_write(arena_l2_maddr(), hooked);
}

/* The arena's tables as they were at the start, as far as they will let themselves be put back. */
void do_repair(struct fuzz *f)
{
	if (f->queueing)
		return;
	hook_arena();
	for (unsigned i = 0; i < 32; i++) {
		unsigned page = below(f, ARENA_PAGES);

		mmuext1(MMUEXT_UNPIN_TABLE, va_to_mfn(arena[page]), 0);
		page_set_ro(arena[page], false);
	}
	f->calls += 64;
}
