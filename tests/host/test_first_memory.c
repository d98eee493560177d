/* SPDX-License-Identifier: MIT */
/*
 * Specification: the first memory of Dom0 and of every other PV domain is as xen.h has it ("Start-of-day memory layout").
 *   order     one thing after the other, packed, from the kernel's base to a multiple of 4 MiB with 512 KiB to spare; a domain
 *             whose memory ends before that is too small
 *   tables    map all of it, and a P2M apart, wherever that lies; each is used, none can be written; a PAE root has the one of
 *             the last GiB
 *   contents  start_info says where everything is; the P2M names no frame behind the last
 *   refused   what cannot be, with a sentence
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dom/first_memory.c"
#include "dom/first_pages.c"

#define MOST 65536

static mfn_t mfn_of[MOST];
static uint64_t (*page_of)[512]; /* the domain's memory, by pfn: its tables alone */

static pfn_t pfn_of(mfn_t mfn)
{
	assert_true(mfn >= 5000 && mfn < 5000 + MOST);
	return mfn - 5000;
}

/* Every table's contents, as a builder has them written. */
static void write_tables(const struct first_memory *m)
{
	const struct first_range *const all[] = {&m->tables, &m->p2m_tables};

	memset(page_of, 0, MOST * sizeof(*page_of));
	for (pfn_t pfn = 0; pfn < MOST; pfn++)
		mfn_of[pfn] = 5000 + pfn;
	for (int i = 0; i < 2; i++)
		for (pfn_t pfn = all[i]->pfn; pfn < all[i]->pfn + all[i]->count; pfn++)
			assert_true(first_table(m, pfn, mfn_of, page_of[pfn]));
	assert_false(first_table(m, m->tables.pfn - 1, mfn_of, page_of[0]));
	assert_false(first_table(m, m->tables.pfn + m->tables.count, mfn_of, page_of[0]));
}

/* The leaf for @va as the processor finds it, 0: none. */
static uint64_t leaf_of(const struct first_memory *m, gva_t va)
{
	pfn_t pfn = m->tables.pfn;
	uint64_t entry = 0;

	for (int level = m->kind->levels; level; level--) {
		entry = page_of[pfn][pt_slot(va, level)];
		if (!(entry & PTE_P))
			return 0;
		pfn = pfn_of(pte_mfn(entry));
	}
	return entry;
}

/* How many tables can be reached, each once. */
static uint64_t reached(const struct first_memory *m, pfn_t pfn, int level)
{
	uint64_t n = 1;

	for (int i = 0; level > 1 && i < 512; i++)
		if (page_of[pfn][i])
			n += reached(m, pfn_of(pte_mfn(page_of[pfn][i])), level - 1);
	return n;
}

/* Maps [@va, @va + @count pages) the frames from @pfn on, and who may write them? */
static void check_mapped(const struct first_memory *m, gva_t va, pfn_t pfn, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		bool table = pfn + i >= m->tables.pfn && pfn + i < m->tables.pfn + m->tables.count;

		assert_int_equal(leaf_of(m, va + i * PAGE_SIZE),
				 make_pte(5000 + pfn + i, table ? PTE_P | PTE_A : PTE_P | PTE_RW | PTE_A));
	}
}

static void check_order(const struct first_memory *m, const struct first_request *rq)
{
	const struct first_range *const order[] = {&m->image, &m->initrd,  &m->p2m,    &m->start_info,
						   &m->store, &m->console, &m->tables, &m->stack};
	pfn_t next = m->image.pfn;

	for (unsigned i = 0; i < ARRAY_SIZE(order); i++) {
		if ((order[i] == &m->initrd && m->initrd_unmapped) || (order[i] == &m->p2m && m->p2m_apart) ||
		    !order[i]->count)
			continue;
		assert_int_equal(order[i]->pfn, next);
		next += order[i]->count;
	}
	assert_int_equal(m->store.count + m->console.count, rq->rings ? 2 : 0);
	assert_int_equal(m->v_end % 0x400000, 0);
	assert_true(m->v_end - first_va(m, next) >= 0x80000 && m->v_end - first_va(m, next) < 0x480000);
	next = first_pfn(m, m->v_end);
	if (m->p2m_apart)
		assert_int_equal(m->p2m.pfn, next);
	assert_true(m->used_pages >= next && m->used_pages <= m->nr_pages);
}

/* Nothing is mapped at @va, unless another area begins there. */
static void check_end(const struct first_memory *m, gva_t va)
{
	bool area = va >= m->v_start && va < m->v_end;
	bool p2m = va >= m->p2m_va && va < m->p2m_va + m->p2m.count * PAGE_SIZE;

	if (!area && !p2m)
		assert_int_equal(leaf_of(m, va), 0);
}

static void check_plan(struct first_memory *m, const struct first_request *rq)
{
	assert_null(first_memory_plan(m, rq));
	check_order(m, rq);
	write_tables(m);
	assert_int_equal(reached(m, m->tables.pfn, m->kind->levels), m->tables.count + m->p2m_tables.count);
	check_mapped(m, m->v_start, 0, first_pfn(m, m->v_end));
	check_mapped(m, m->p2m_va, m->p2m.pfn, m->p2m.count);
	check_end(m, m->v_start - PAGE_SIZE);
	check_end(m, m->v_end);
	check_end(m, m->p2m_va + m->p2m.count * PAGE_SIZE);
}

static struct elf_kernel plain_kernel(bool wide, uint64_t end)
{
	return (struct elf_kernel){.elf.class = wide ? ELF_CLASS64 : ELF_CLASS32, .end = end};
}

static void plan_linux(void **state)
{
	struct elf_kernel k = plain_kernel(true, 0x3e00000);
	struct first_request rq = {&k, 65536, 20 << 20, false};
	struct first_memory m;

	k.start = 0x1000000;
	k.notes.virt_base = 0xffffffff80000000;
	k.notes.init_p2m = 0x8000000000;
	k.notes.mod_start_pfn = true;
	check_plan(&m, &rq);
	/* Where Xen 4.17 puts them for the same kernel. */
	assert_int_equal(first_va(&m, m.start_info.pfn), 0xffffffff83e00000);
	assert_int_equal(first_va(&m, m.tables.pfn), 0xffffffff83e01000);
	assert_int_equal(first_va(&m, m.stack.pfn), 0xffffffff83e24000);
	assert_int_equal(m.v_end, 0xffffffff84000000);
	assert_int_equal(m.p2m_va, 0x8000000000);
	assert_int_equal(m.p2m.count, 128);
	assert_int_equal(m.p2m_tables.count, 3);
	assert_int_equal(m.initrd.pfn, m.p2m.pfn + 131);
}

/* A P2M that shares tables with the first area, behind it and before it, at each level. */
static void plan_neighbours(void **state)
{
	static const struct {
		gva_t p2m; /* 64 pages */
		uint64_t tables;
	} at[] = {
	    {0xffffffff80400000, 1}, {0xffffffff80600000, 1}, {0xffffffffc0000000, 2},
	    {0xffffffffbffff000, 3}, {0xffffffff7ffc0000, 2}, {0xffffff8000000000, 2},
	    {0xffffff7ffffc1000, 5},
	};
	struct elf_kernel k = plain_kernel(true, 0x100000);
	struct first_request rq = {&k, 32768, 0, true};
	struct first_memory m;

	k.notes.virt_base = 0xffffffff80000000;
	for (unsigned i = 0; i < ARRAY_SIZE(at); i++) {
		k.notes.init_p2m = at[i].p2m;
		check_plan(&m, &rq);
		assert_int_equal(m.p2m_tables.count, at[i].tables);
	}
}

static void plan_pae(void **state)
{
	struct elf_kernel k = plain_kernel(false, 0x41e1f0);
	struct first_request rq = {&k, 16384, 5000, true};
	struct first_memory m;

	check_plan(&m, &rq);
	assert_int_equal(first_va(&m, m.initrd.pfn), 0x41f000);
	assert_int_equal(m.p2m_va, 0x421000);
	/* Root, the second-level tables of the first GiB and of the last, and a first-level one for each 2 MiB. */
	assert_int_equal(m.tables.count, 3 + (m.v_end >> 21));
	assert_int_not_equal(page_of[m.tables.pfn][3], 0);
	assert_int_equal(page_of[m.tables.pfn][0] & 0xfff, PTE_P);
	k.notes.virt_base = 0xc0000000;
	check_plan(&m, &rq);
	assert_int_equal(m.tables.count, 2 + ((m.v_end - m.v_start) >> 21));
}

static void plan_refuses(void **state)
{
	static const struct {
		bool wide;
		gva_t base, p2m, stubs;
		const char *why;
	} bad[] = {
	    {false, 0, 0x40000000, 0, "only a 64-bit kernel"},
	    {false, 0xf5600000, 0, 0, "addresses that belong to the hypervisor"},
	    {false, 0xffc00000, 0, 0, "addresses that belong to the hypervisor"},
	    {true, 0x7fffffe01000, 0, 0, "addresses that belong to the hypervisor"},
	    {true, 0xffff87ffffc00000, 0, 0, "addresses that belong to the hypervisor"},
	    {true, 0xffffffffffc00000, 0, 0, "addresses that belong to the hypervisor"},
	    {true, 0, 0x7ffffffff000, 0, "P2M at addresses that belong to the hypervisor"},
	    {true, 0, 0xfffffffffffff000, 0, "P2M at addresses that belong to the hypervisor"},
	    {true, 0x400000, 0x7ff000, 0, "P2M inside its first memory area"},
	    {true, 0x400000, 0x3ff000, 0, "P2M inside its first memory area"},
	    {true, 0x400000, 0, 0x3ff000, "hypercall page lies outside"},
	    {true, 0x400000, 0, 0x800000, "hypercall page lies outside"},
	    {true, 0x400000, 0, 0x500800, "hypercall page lies outside"},
	};
	struct first_memory m;

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		struct elf_kernel k = plain_kernel(bad[i].wide, 0x200000);
		struct first_request rq = {&k, 4096, 0, true};
		const char *wrong;

		k.notes.virt_base = bad[i].base;
		k.notes.init_p2m = bad[i].p2m;
		k.notes.hypercall_page = bad[i].stubs;
		wrong = first_memory_plan(&m, &rq);
		assert_non_null(wrong);
		assert_non_null(strstr(wrong, bad[i].why));
	}
}

/* The area ends at a multiple of 4 MiB or not at all: a domain whose memory ends before is too small. */
static void plan_too_small(void **state)
{
	struct elf_kernel k = plain_kernel(true, 32 << 20);
	struct first_request rq = {&k, 4096, 0, false};
	struct first_memory m;

	assert_non_null(first_memory_plan(&m, &rq));
	assert_true(m.used_pages > 8192);
	k.end = 0x200000;
	for (rq.nr_pages = 1000; rq.nr_pages < 1048; rq.nr_pages += 23) {
		const char *wrong = first_memory_plan(&m, &rq);

		assert_int_equal(wrong != NULL, rq.nr_pages < 1024);
		assert_int_equal(m.used_pages, 1024);
	}
}

static uint64_t word_of(const struct first_memory *m, const void *page, unsigned offset)
{
	uint64_t value = 0;

	memcpy(&value, (const char *)page + offset, m->kind->word);
	return value;
}

static void plan_start_info(void **state)
{
	static char page[PAGE_SIZE], line[2000];
	struct first_facts facts = {.shared_info = 0x7000,
				    .flags = SIF_PRIVILEGED,
				    .store_port = 11,
				    .console_port = 12,
				    .cmdline = line};

	memset(line, 'x', sizeof(line) - 1);
	for (int wide = 0; wide < 2; wide++)
		for (int rings = 0; rings < 2; rings++)
			for (int unmapped = 0; unmapped < 2; unmapped++) {
				struct elf_kernel k = plain_kernel(wide, 0x200000);
				struct first_request rq = {&k, 4096, 5000, rings};
				struct first_memory m;

				k.notes.mod_start_pfn = unmapped;
				check_plan(&m, &rq);
				memset(page, 0xcc, sizeof(page));
				first_start_info(&m, mfn_of, &facts, page);
#define SAYS(field) word_of(&m, page, m.kind->start_info.field)
				assert_string_equal(page, m.kind->magic);
				assert_int_equal(SAYS(nr_pages), 4096);
				assert_int_equal(SAYS(shared_info), 0x7000);
				assert_int_equal((uint32_t)SAYS(flags),
						 SIF_PRIVILEGED | (unmapped ? SIF_MOD_START_PFN : 0));
				assert_int_equal(SAYS(store_mfn), rings ? 5000 + m.store.pfn : 0);
				assert_int_equal((uint32_t)SAYS(store_evtchn), rings ? 11 : 0);
				assert_int_equal(SAYS(console_mfn), rings ? 5000 + m.console.pfn : 0);
				assert_int_equal((uint32_t)SAYS(console_evtchn), rings ? 12 : 0);
				assert_int_equal(SAYS(pt_base), first_va(&m, m.tables.pfn));
				assert_int_equal(SAYS(nr_pt_frames), m.tables.count);
				assert_int_equal(SAYS(mfn_list), m.p2m_va);
				assert_int_equal(SAYS(mod_start),
						 unmapped ? m.initrd.pfn : first_va(&m, m.initrd.pfn));
				assert_int_equal(SAYS(mod_len), 5000);
				assert_int_equal(SAYS(first_p2m_pfn), 0);
				assert_int_equal(strlen(page + m.kind->start_info.cmd_line),
						 MAX_GUEST_CMDLINE - 1);
			}
}

/* Of a page that the P2M does not fill, the rest names no frame. */
static void plan_p2m(void **state)
{
	static uint64_t page[512];

	for (int wide = 0; wide < 2; wide++) {
		struct elf_kernel k = plain_kernel(wide, 0x200000);
		struct first_request rq = {&k, 1500, 0, true};
		struct first_memory m;
		unsigned per_page = wide ? 512 : 1024;

		check_plan(&m, &rq);
		for (pfn_t pfn = 0; pfn < m.p2m.count * per_page; pfn++) {
			if (pfn % per_page == 0)
				first_p2m_page(&m, pfn / per_page, mfn_of, page);
			assert_int_equal(word_of(&m, page, pfn % per_page * m.kind->word), pfn < 1500
											       ? 5000 + pfn
											   : wide ? ~0ull
												  : ~0u);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(plan_linux),     cmocka_unit_test(plan_neighbours),
	    cmocka_unit_test(plan_pae),       cmocka_unit_test(plan_refuses),
	    cmocka_unit_test(plan_too_small), cmocka_unit_test(plan_start_info),
	    cmocka_unit_test(plan_p2m),
	};
	int failed;

	page_of = malloc(MOST * sizeof(*page_of));
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	free(page_of);
	return failed;
}
