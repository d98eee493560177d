/* SPDX-License-Identifier: MIT */
/*
 * Specification: machine memory is given out once, given back whole, and counted right.
 *   map       what the firmware names twice is no RAM, or RAM once; reserved parts that touch are one
 *   boot      the map's RAM less what is reserved, and nothing else, joins the allocator
 *   buddy     blocks are aligned, in bounds of addr_bits, never overlap, and join again when freed
 *   addresses blocks with short addresses are kept for callers that need them, and all found
 *   heap      objects are zeroed, aligned, disjoint; all pages go back
 *   domain    limits, totals, list and references agree; claims keep frames for the domain that claimed them
 *   reach     a domain gets no frame that its kind cannot name, whatever it asks for
 *   exchange  trades frames that nothing maps, or changes nothing
 *   m2p       both tables say the same, and all ones past the end, in the tables that guests see
 */
#include "mm_host.h"

#include <stdlib.h>
#include <string.h>

#include "lib/errno.h"
#include "mm/bootmem.h"
#include "mm/m2p.h"
#include "mm/memory.h"

static uint8_t owner_of[HOST_FRAMES]; /* by the test: which live block a frame is in */

static void expect_map(const struct mem_range *expected, unsigned n)
{
	assert_int_equal(boot_ram_count, n);
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(boot_ram[i].start, expected[i].start);
		assert_int_equal(boot_ram[i].end, expected[i].end);
		assert_int_equal(boot_ram[i].type, expected[i].type);
	}
}

static void map(void **state)
{
	static const struct mem_range expected[] = {
	    {0, 0x9000, MEM_RAM},
	    {0x9000, 0xb000, MEM_RESERVED},
	    {0xb000, 0x20000, MEM_RAM},
	    {0x20000, 0x28000, MEM_ACPI},
	    {0x28000, 0x30000, MEM_RAM},
	    {0x30000, 0x40000, MEM_RAM},
	    {0x40000, 0x50000, MEM_RESERVED},
	    {0x50000, 0x60000, MEM_RAM},
	};
	struct mem_range ram[BOOT_RAM_MAX], reserved[BOOT_RESERVED_MAX];
	unsigned ram_count = boot_ram_count, reserved_count = boot_reserved_count;

	memcpy(ram, boot_ram, sizeof(ram));
	memcpy(reserved, boot_reserved, sizeof(reserved));
	boot_ram_count = boot_reserved_count = 0;
	boot_ram_add(0x40000, 0x50000, MEM_RESERVED);
	boot_ram_add(0x20000, 0x28000, MEM_ACPI);
	boot_ram_add(0, 0x30000, MEM_RAM);
	boot_ram_add(0x18000, 0x60000, MEM_RAM);
	boot_ram_add(0x9000, 0xb000, MEM_RESERVED);
	boot_ram_add(0x70000, 0x70000, MEM_RAM);
	expect_map(expected, ARRAY_SIZE(expected));
	for (paddr_t page = 0; page < 2 * BOOT_RESERVED_MAX; page++)
		boot_reserve(page * PAGE_SIZE, page * PAGE_SIZE + 1);
	assert_int_equal(boot_reserved_count, 1);
	assert_int_equal(boot_reserved[0].end, 2 * BOOT_RESERVED_MAX * PAGE_SIZE);
	memcpy(boot_ram, ram, sizeof(ram));
	memcpy(boot_reserved, reserved, sizeof(reserved));
	boot_ram_count = ram_count;
	boot_reserved_count = reserved_count;
}

static void boot(void **state)
{
	assert_int_equal(max_mfn, HOST_FRAMES - 16);
	assert_true(frames_free() < frames_total());
	assert_true(mfn_is_io(0x9f) && mfn_is_io(0xff) && mfn_is_io(HOST_FRAMES));
	assert_false(mfn_is_io(0x100) || mfn_is_io(1));
	for (mfn_t m = 0; m < 0x141; m++)
		assert_false(mfn_to_page(m)->type & PGT_FREE);
}

static void check_block(mfn_t mfn, unsigned order, mfn_t limit)
{
	assert_int_equal(mfn & ((1u << order) - 1), 0);
	assert_true(mfn >= 0x141 && mfn + (1u << order) <= limit);
	for (mfn_t m = mfn; m < mfn + (1u << order); m++) {
		assert_int_equal(owner_of[m], 0);
		owner_of[m] = 1;
	}
}

static void buddy(void **state)
{
	struct {
		mfn_t mfn;
		unsigned order;
	} live[200] = {};
	uint64_t before = frames_free(), held = 0;
	mfn_t big = buddy_alloc(11, 0);

	assert_int_equal(block_order(1), 0);
	assert_int_equal(block_order(PAGE_SIZE), 0);
	assert_int_equal(block_order(PAGE_SIZE + 1), 1);
	assert_int_equal(block_order(2 * PAGE_SIZE), 1);
	assert_int_equal(block_order(2 * PAGE_SIZE + 1), 2);
	assert_true(block_order(~0ull) > MAX_ORDER);
	assert_true(big);
	tlb_clock++;
	buddy_free(big, 11);
	for (mfn_t i = 0; i < 1u << 11; i++) /* until now a TLB may have known it */
		assert_int_equal(mfn_to_page(big + i)->stamp, tlb_stamp_now());
	for (int i = 0; i < 20000; i++) {
		unsigned n = host_random(ARRAY_SIZE(live)), order = host_random(7),
			 bits = host_random(2) ? 0 : 21 + host_random(5);

		if (live[n].mfn) {
			memset(owner_of + live[n].mfn, 0, 1u << live[n].order);
			buddy_free(live[n].mfn, live[n].order);
			held -= 1u << live[n].order;
			live[n].mfn = 0;
		} else if ((live[n].mfn = buddy_alloc(order, bits))) {
			live[n].order = order;
			held += 1u << order;
			check_block(live[n].mfn, order,
				    bits ? MIN(1ul << (bits - PAGE_SHIFT), max_mfn) : max_mfn);
		}
		assert_int_equal(frames_free(), before - held);
	}
	for (unsigned n = 0; n < ARRAY_SIZE(live); n++)
		if (live[n].mfn)
			buddy_free(live[n].mfn, live[n].order);
	memset(owner_of, 0, sizeof(owner_of));
	assert_int_equal(frames_free(), before);
	assert_int_equal(buddy_alloc(MAX_ORDER, 0), 0);
	assert_int_equal(buddy_alloc(MAX_ORDER + 1, 0), 0);
	big = buddy_alloc(11, 0);
	assert_true(big); /* everything joined again */
	buddy_free(big, 11);
}

/* Among many small blocks, those with short addresses are found to the last, and kept until they are needed. */
static void addresses(void **state)
{
	static mfn_t taken[HOST_FRAMES];
	uint64_t before = frames_free();
	unsigned n = 0, low = 0, given = 0;

	while ((taken[n] = buddy_alloc(0, 0)))
		n++;
	assert_int_equal(n, before);
	for (unsigned i = 0; i < n; i++)
		if (taken[i] % 2) {
			low += taken[i] < 1 << 11;
			buddy_free(taken[i], 0);
			taken[i] = 0;
		}
	for (unsigned i = 0; i < 100; i++) {
		mfn_t mfn = buddy_alloc(0, 0);

		assert_true(mfn >= 1 << 12); /* the upper half first */
		buddy_free(mfn, 0);
	}
	assert_int_equal(buddy_alloc(1, 0), 0);
	assert_int_equal(buddy_alloc(0, 1), 0);
	assert_int_equal(buddy_alloc(0, PAGE_SHIFT), 0);
	for (unsigned i = 0; i < n; i++)
		if (!taken[i] && (taken[i] = buddy_alloc(0, PAGE_SHIFT + 11))) {
			assert_true(taken[i] < 1 << 11);
			given++;
		}
	assert_int_equal(given, low);
	for (unsigned i = 0; i < n; i++)
		if (taken[i])
			buddy_free(taken[i], 0);
	assert_int_equal(frames_free(), before);
}

static void heap(void **state)
{
	struct {
		uint8_t *p;
		size_t size;
	} live[300] = {};
	uint64_t before = frames_free();

	for (int i = 0; i < 20000; i++) {
		unsigned n = host_random(ARRAY_SIZE(live));
		size_t size = 1 + host_random(host_random(8) ? 300 : 9000);

		if (live[n].p) {
			for (size_t k = 0; k < live[n].size; k++)
				assert_int_equal(live[n].p[k], (uint8_t)n);
			heap_free(live[n].p);
			live[n].p = NULL;
			continue;
		}
		live[n].p = heap_alloc(size);
		live[n].size = size;
		assert_non_null(live[n].p);
		assert_int_equal((uintptr_t)live[n].p % 16, 0);
		for (size_t k = 0; k < size; k++)
			assert_int_equal(live[n].p[k], 0);
		memset(live[n].p, n, size);
	}
	for (unsigned n = 0; n < ARRAY_SIZE(live); n++)
		heap_free(live[n].p);
	assert_int_equal(frames_free(), before);
}

static void domain(void **state)
{
	uint32_t at = 0;
	uint64_t before = frames_free();
	struct domain *d = host_domain(&host_pv64, 10), *other = host_domain(&host_pv64, 10);
	struct page_info *pg = domain_alloc_pages(d, 3, 0), *one;
	void *shared = heap_alloc_pages_for(d, 0);

	assert_non_null(pg);
	assert_int_equal(d->mm.tot_pages, 8);
	assert_int_equal(d->refs, 2);
	assert_null(domain_alloc_pages(d, 2, 0)); /* 12 > 10 */
	d->state = DOMAIN_DYING;
	assert_null(domain_alloc_pages(d, 0, 0)); /* it would not be taken back */
	d->state = DOMAIN_ALIVE;
	one = domain_alloc_pages(d, 0, 24);
	assert_true(page_to_mfn(one) < 4096);
	for (size_t i = 0; i < PAGE_SIZE; i++)
		assert_int_equal(((uint8_t *)mfn_to_virt(page_to_mfn(one)))[i], 0);
	assert_false(page_get(one, other));
	assert_true(page_get(one, d));
	assert_true(page_disown(one));
	assert_false(page_disown(one));
	assert_int_equal(d->mm.tot_pages, 9);
	page_put(one);
	assert_int_equal(d->mm.tot_pages, 8);
	assert_false(page_get(one, d));

	share_heap_page(shared, d, false);
	assert_true(page_get(mfn_to_page(virt_to_mfn(shared)), d));
	assert_int_equal(page_get_type(mfn_to_page(virt_to_mfn(shared)), PGT_L1), -EINVAL);
	assert_int_equal(d->mm.tot_pages, 8);
	assert_int_equal(memory_decrease(d, HOST_FRAMES, 0, &at), -EINVAL);
	assert_int_equal(memory_decrease(d, virt_to_mfn(shared), 0, &at),
			 0); /* no effect: not the guest's to give */
	unshare_heap_page(shared);
	page_put(mfn_to_page(virt_to_mfn(shared)));
	assert_int_equal(d->refs, 2);
	host_domain_free(d);
	host_domain_free(other);
	assert_int_equal(frames_free(), before);
}

static void reach(void **state)
{
	struct guest_abi abi = {.addr_bits = 0};
	struct guest_kind kind = host_pv32;
	struct domain *d;
	uint64_t below = 0;

	kind.abi = &abi;
	while (1ull << (abi.addr_bits + 1) < max_mfn << PAGE_SHIFT)
		abi.addr_bits++;
	d = host_domain(&kind, HOST_FRAMES);
	for (unsigned bits = 0; bits < 64; bits += 40) { /* any address; more than the kind's */
		struct page_info *pg;

		for (below = 0; (pg = domain_alloc_pages(d, 0, bits)); below++)
			assert_true(page_to_mfn(pg) << PAGE_SHIFT < 1ull << abi.addr_bits);
		host_domain_free(d);
		d = host_domain(&kind, HOST_FRAMES);
		assert_true(below > 0);
	}
	assert_true(page_to_mfn(domain_alloc_pages(d, 0, PAGE_SHIFT + 9)) <
		    1 << 9); /* a narrower limit counts */
	abi.addr_bits = 0;   /* what was left lies above */
	while (domain_alloc_pages(d, 0, 0))
		;
	assert_true(d->mm.tot_pages > below + 1000);
	host_domain_free(d);
}

static struct domain *payer[2];
static size_t seen[2];

static void count_charge(struct domain *d, size_t bytes)
{
	seen[d == payer[1]] += bytes;
	assert_true(d == payer[0] || d == payer[1]);
}

/* What the heap itself remembers is what the accounts say. */
static void accounts_agree(const size_t *held)
{
	seen[0] = seen[1] = 0;
	for (mfn_t mfn = 1; mfn < max_mfn; mfn++)
		heap_each_charge(mfn_to_page(mfn), count_charge);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(payer[i]->mm.heap_bytes, held[i]);
		assert_int_equal(seen[i], held[i]);
	}
}

static void accounts(void **state)
{
	struct {
		void *p;
		size_t size;
	} live[200] = {};
	uint64_t before = frames_free();
	size_t held[2] = {};

	payer[0] = host_domain(&host_pv64, 1);
	payer[1] = host_domain(&host_pv32, 1);
	for (int i = 0; i < 4000; i++) {
		unsigned n = host_random(ARRAY_SIZE(live)), order = host_random(8) ? 9 : host_random(3);
		size_t size = order < 9 ? PAGE_SIZE << order : 1 + host_random(host_random(8) ? 300 : 9000);

		if (live[n].p) {
			held[n & 1] -= live[n].size;
			heap_free(live[n].p);
			live[n].p = NULL;
		} else {
			live[n].size = order < 9 ? size : heap_size(size);
			live[n].p = order < 9 ? heap_alloc_pages_for(payer[n & 1], order)
					      : heap_alloc_for(payer[n & 1], size);
			assert_non_null(live[n].p);
			assert_true(live[n].size >= size && (uintptr_t)live[n].p % 16 == 0);
			held[n & 1] += live[n].size;
			for (size_t k = 0; k < size; k++)
				assert_int_equal(((uint8_t *)live[n].p)[k], 0);
			memset(live[n].p, 0xff, size); /* the owner is not in the part that is used */
		}
		if (i % 200 == 0)
			accounts_agree(held);
	}
	for (unsigned n = 0; n < ARRAY_SIZE(live); n++)
		heap_free(live[n].p);
	host_domain_free(payer[0]);
	host_domain_free(payer[1]);
	assert_int_equal(frames_free(), before);
}

/* Refused, and nothing on the account: over the quota, and where all that is free has been claimed. */
static void quota(void **state)
{
	struct domain *d = host_domain(&host_pv64, HOST_FRAMES),
		      *other = host_domain(&host_pv64, HOST_FRAMES);
	uint64_t before = frames_free();
	void *p[4], *shared;

	d->mm.heap_quota = 3 * PAGE_SIZE;
	for (unsigned i = 0; i < 3; i++)
		assert_non_null(p[i] = heap_alloc_pages_for(d, 0));
	assert_null(heap_alloc_for(d, 1));
	assert_null(heap_alloc_for(d, 5000));
	assert_null(heap_alloc_pages_for(d, 0));
	assert_int_equal(d->mm.heap_bytes, 3 * PAGE_SIZE);
	heap_free(p[0]);
	assert_null(heap_alloc_pages_for(d, 1));
	assert_non_null(p[0] = heap_alloc_for(d, 2000));
	assert_non_null(p[3] = heap_alloc_for(d, 1000));
	assert_null(heap_alloc_for(d, 1024));
	for (unsigned i = 0; i < 4; i++)
		heap_free(p[i]);
	assert_int_equal(d->mm.heap_bytes, 0);

	shared = heap_alloc_pages_for(d, 0);
	share_heap_page(shared, d, false);
	assert_int_equal(d->mm.heap_bytes, PAGE_SIZE);
	assert_true(page_get(mfn_to_page(virt_to_mfn(shared)), d));
	unshare_heap_page(shared); /* a mapping remains: still on the account */
	assert_int_equal(d->mm.heap_bytes, PAGE_SIZE);
	page_put(mfn_to_page(virt_to_mfn(shared)));
	assert_int_equal(d->mm.heap_bytes, 0);

	d->mm.heap_quota = ~0ull;
	assert_int_equal(domain_claim_pages(other, frames_free()), 0);
	assert_null(heap_alloc_for(d, 100));
	assert_null(heap_alloc_pages_for(other, 0)); /* nor for its own tables: its claim is for its frames */
	assert_int_equal(domain_claim_pages(other, frames_free() - 2), 0);
	assert_non_null(p[0] = heap_alloc_pages_for(d, 0));
	assert_non_null(p[1] = heap_alloc_pages_for(other, 0));
	assert_null(heap_alloc_pages_for(d, 0));
	assert_int_equal(domain_claim_pages(d, 1), -ENOMEM);
	heap_free(p[0]);
	heap_free(p[1]);
	host_domain_free(d);
	host_domain_free(other);
	assert_int_equal(frames_free(), before);
}

static void claims(void **state)
{
	struct domain *d = host_domain(&host_pv64, HOST_FRAMES),
		      *other = host_domain(&host_pv64, HOST_FRAMES);

	assert_int_equal(domain_claim_pages(d, HOST_FRAMES), -ENOMEM);
	assert_int_equal(domain_claim_pages(d, HOST_FRAMES + 1), -EINVAL);
	assert_int_equal(domain_claim_pages(d, frames_free()), 0);
	assert_null(domain_alloc_pages(other, 0, 0));
	assert_non_null(domain_alloc_pages(d, 4, 0));
	assert_null(domain_alloc_pages(other, 0, 0));
	assert_int_equal(domain_claim_pages(d, 0), 0);
	assert_non_null(domain_alloc_pages(other, 0, 0));
	assert_int_equal(domain_claim_pages(d, 100), 0);
	host_domain_free(d);
	assert_int_equal(domain_claim_pages(other, frames_free()), 0);
	host_domain_free(other);
}

/* Free memory is full of old contents. */
static void spoil(void)
{
	static mfn_t taken[HOST_FRAMES];
	unsigned n = 0;

	while ((taken[n] = buddy_alloc(0, 0)))
		memset(mfn_to_virt(taken[n++]), 0x5a, PAGE_SIZE);
	while (n--)
		buddy_free(taken[n], 0);
}

/* Step by step, to the end. */
static int trade(struct domain *d, struct exchange *x)
{
	int rc;

	do {
		rc = memory_exchange(d, x);
	} while (rc == -ERESTART);
	return rc;
}

static void exchange(void **state)
{
	static struct exchange x;
	struct domain *d = host_domain(&host_pv64, 8);
	struct page_info *pg = domain_alloc_pages(d, 3, 0);
	mfn_t mfn = page_to_mfn(pg);

	spoil();
	x.n = 8;
	x.out_order = 2;
	for (unsigned i = 0; i < 8; i++)
		x.in[i] = mfn + i;
	page_get(&pg[7], d);
	assert_int_equal(trade(d, &x), -EINVAL); /* the last one is mapped */
	page_put(&pg[7]);
	x.addr_bits = 13;
	assert_int_equal(trade(d, &x), -ENOMEM);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(pg[i].count, PGC_ALLOCATED | 1);
	x.addr_bits = 0;
	assert_int_equal(trade(d, &x), 0);
	for (unsigned i = 0; i < 2; i++)
		for (unsigned at = 0; at < PAGE_SIZE << x.out_order; at++)
			assert_int_equal(((uint8_t *)mfn_to_virt(x.out[i]))[at], 0);
	assert_int_equal(d->mm.tot_pages, 8);
	assert_false(page_get(pg, d));
	assert_true(page_get(mfn_to_page(x.out[1] + 3), d));
	page_put(mfn_to_page(x.out[1] + 3));
	x.in[0] = mfn; /* no longer ours */
	assert_int_equal(trade(d, &x), -EINVAL);
	host_domain_free(d);
}

/* The leaf for @va, from a table at @level on. */
static uint64_t leaf(const uint64_t *table, int level, uint64_t va)
{
	uint64_t e = table[pt_slot(va, level)];

	assert_true(e & PTE_P);
	assert_false(level == 1 && (e & PTE_RW));
	return level == 1 || (e & PTE_PS) ? e : leaf(mfn_to_virt(pte_mfn(e)), level - 1, va);
}

static void m2p(void **state)
{
	mfn_t mfn = HOST_FRAMES / 2 + 5;
	const uint64_t *l1_page;
	const uint32_t *compat_page;

	m2p_set(mfn, 0x1234);
	assert_int_equal(m2p_get(mfn), 0x1234);
	l1_page = mfn_to_virt(pte_mfn(leaf(idle_root, 4, M2P_VA + mfn * 8)));
	assert_int_equal(l1_page[mfn % 512], 0x1234);
	compat_page = mfn_to_virt(pte_mfn(leaf(m2p_compat_l2, 2, COMPAT_M2P_VA + mfn * 4)));
	assert_int_equal(compat_page[mfn % 1024], 0x1234);
	for (uint64_t past = max_mfn + 1024; past < 1ull << 36; past = past * 3 + 511) {
		l1_page = mfn_to_virt(pte_mfn(leaf(idle_root, 4, M2P_VA + past * 8)));
		assert_true(l1_page[past % 512] == ~0ull);
	}
	compat_page = mfn_to_virt(pte_mfn(leaf(m2p_compat_l2, 2, 0xffdff000)));
	assert_true(compat_page[1023] == ~0u);
	m2p_set(mfn, INVALID_PFN);
	while (!m2p_share())
		;
	assert_true(m2p_frame(3, 0) && m2p_frame(2, 0) && !m2p_frame(3, 1));
	assert_true(page_get(mfn_to_page(m2p_frame(3, 0)), dom_xen));
	assert_int_equal(page_get_type(mfn_to_page(m2p_frame(3, 0)), PGT_WRITABLE), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(boot),     cmocka_unit_test(buddy),    cmocka_unit_test(addresses),
	    cmocka_unit_test(heap),     cmocka_unit_test(domain),   cmocka_unit_test(claims),
	    cmocka_unit_test(exchange), cmocka_unit_test(m2p),      cmocka_unit_test(reach),
	    cmocka_unit_test(map),      cmocka_unit_test(accounts), cmocka_unit_test(quota),
	};

	host_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
