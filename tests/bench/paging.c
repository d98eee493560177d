/* SPDX-License-Identifier: MIT */
/*
 * Rows about page tables. Mappings alternate between two frames, so that no update is a repetition; the
 * frames are mapped writable elsewhere too, as any data page is.
 */
#include "bench.h"

#define SPARE   64 /* pages whose mapping is changed */
#define LONGEST 512

static char spare[SPARE][4096] __attribute__((aligned(4096)));
static char frame_a[4096] __attribute__((aligned(4096))), frame_b[4096] __attribute__((aligned(4096)));

static pte_t map_of(const void *page)
{
	return (pte_t)va_to_mfn(page) << 12 | PTE_P | PTE_RW | PTE_A | PTE_D;
}

/* Two batches of @count that undo each other, by turns; @rounds of both. */
static void bench_batch(const char *name, struct mmu_update *batch[2], unsigned count, unsigned rounds)
{
	uint64_t best = ~0ull;

	for (int n = 0; n < BATCHES; n++) {
		uint64_t t = rdtsc();
		for (unsigned i = 0; i < 2 * rounds; i++)
			hypercall_mmu_update(batch[i & 1], count, NULL, DOMID_SELF);
		t = rdtsc() - t;
		best = t < best ? t : best;
	}
	bench_report(name, best, 2 * rounds * count, 0);
}

static void bench_updates(void)
{
	static struct mmu_update even[LONGEST], odd[LONGEST];
	struct mmu_update *batch[2] = {even, odd};
	const pte_t pte[2] = {map_of(frame_a), map_of(frame_b)};
	unsigned long va = (unsigned long)spare[0];

	/* A long batch comes by each page several times, and changes it each time. */
	for (unsigned i = 0; i < LONGEST; i++)
		for (unsigned k = 0; k < 2; k++)
			batch[k][i] = (struct mmu_update){
			    .ptr = pte_maddr((unsigned long)spare[i % SPARE], 1) | MMU_NORMAL_PT_UPDATE,
			    .val = pte[(i / SPARE + k) & 1]};
	BENCH("update-va-mapping", 256, hypercall_update_va_mapping(va, pte[i & 1], UVMF_INVLPG));
	BENCH("mmu-update-1", 256, hypercall_mmu_update(batch[i & 1], 1, NULL, DOMID_SELF));
	bench_batch("mmu-update-8-per-entry", batch, 8, 32);
	bench_batch("mmu-update-64-per-entry", batch, 64, 8);
	/* This one undoes itself: its last pass leaves what the first replaces. */
	bench_batch("mmu-update-512-per-entry", (struct mmu_update *[2]){even, even}, LONGEST, 2);
}

/* Writing the read-only mapping of a live L1, which the hypervisor emulates; pv32 writes the half that
 * changes. */
static void bench_emulated_write(void)
{
	volatile unsigned long *entry = (volatile unsigned long *)pte_of((unsigned long)spare[0], 1);
	const unsigned long value[2] = {map_of(frame_a), map_of(frame_b)};

	if (hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables))
		error("vm_assist");
	BENCH("emulated-l1-write", 256, *entry = value[i & 1]);
}

/* A second root with the same contents; pv32 needs a second L2 for the slot that carries the hypervisor's
 * part. */
static unsigned long second_root(void)
{
	pte_t *root = page_alloc(), *old = root_page();

#ifdef __x86_64__
	for (unsigned i = 0; i < 512; i++)
		root[i] = i >= 256 && i < 272 ? 0 : old[i];
#else
	pte_t *l2 = page_alloc(), *old_l2 = mfn_to_va((old[3] & PTE_ADDR) >> 12);

	for (unsigned i = 0; i < (HYPERVISOR_VIRT_START >> 21) % 512; i++)
		l2[i] = old_l2[i];
	table_ready(l2);
	for (unsigned i = 0; i < 3; i++)
		root[i] = old[i];
	root[3] = (pte_t)va_to_mfn(l2) << 12 | PTE_P;
#endif
	table_ready(root);
	if (mmuext1(ROOT_LEVEL == 4 ? MMUEXT_PIN_L4_TABLE : MMUEXT_PIN_L3_TABLE, va_to_mfn(root), 0))
		error("cannot pin the second root");
	return va_to_mfn(root);
}

static void bench_roots(void)
{
	struct mmuext_op load[2] = {{.cmd = MMUEXT_NEW_BASEPTR}, {.cmd = MMUEXT_NEW_BASEPTR}};

	load[0].arg1.mfn = root_mfn();
	load[1].arg1.mfn = second_root();
	BENCH("new-baseptr-same", 256, hypercall_mmuext_op(&load[0], 1, NULL, DOMID_SELF));
	BENCH("new-baseptr-switch", 256, hypercall_mmuext_op(&load[(i + 1) & 1], 1, NULL, DOMID_SELF));
}

/* Of a table: its first @full slots have @entry, and the others none. */
static void bench_pin(unsigned cmd, pte_t entry, unsigned full, const char *pinned, const char *unpinned)
{
	struct mmuext_op pin = {.cmd = cmd}, unpin = {.cmd = MMUEXT_UNPIN_TABLE};
	pte_t *table = page_alloc();
	uint64_t best[2] = {~0ull, ~0ull};

	for (unsigned i = 0; i < 512; i++)
		table[i] = i < full ? entry : 0;
	table_ready(table);
	pin.arg1.mfn = unpin.arg1.mfn = va_to_mfn(table);
	for (int n = 0; n < BATCHES; n++) {
		uint64_t t0 = rdtsc(), t1, t2;
		hypercall_mmuext_op(&pin, 1, NULL, DOMID_SELF);
		t1 = rdtsc();
		hypercall_mmuext_op(&unpin, 1, NULL, DOMID_SELF);
		t2 = rdtsc();
		best[0] = t1 - t0 < best[0] ? t1 - t0 : best[0];
		best[1] = t2 - t1 < best[1] ? t2 - t1 : best[1];
	}
	bench_report(pinned, best[0], 1, 0);
	bench_report(unpinned, best[1], 1, 0);
}

void bench_paging(void)
{
	bench_updates();
	bench_emulated_write();
	bench_roots();
	bench_pin(MMUEXT_PIN_L1_TABLE, map_of(frame_a), 512, "pin-full-l1", "unpin-full-l1");
	bench_pin(MMUEXT_PIN_L1_TABLE, map_of(frame_a), 2, "pin-sparse-l1", "unpin-sparse-l1");
	bench_pin(MMUEXT_PIN_L1_TABLE, 0, 0, "pin-empty-l1", "unpin-empty-l1");
	bench_pin(MMUEXT_PIN_L2_TABLE, 0, 0, "pin-empty-l2", "unpin-empty-l2");
}
