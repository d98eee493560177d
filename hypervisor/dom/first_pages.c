/* SPDX-License-Identifier: MIT */
/*
 * What stands in a domain's first memory (first_memory.h). Its page tables are written as a guest would write them;
 * making them real is left to the validation that every guest's tables go through, which so checks this file too.
 */
#include "compat_offsets.h"
#include "dom/first_memory.h"
#include "lib/string.h"
#include "mm/pte.h"
#include "xen/xen.h"

#define START_INFO(kind)                                                                              \
	{                                                                                             \
		.nr_pages = kind##_start_info_nr_pages, .shared_info = kind##_start_info_shared_info, \
		.flags = kind##_start_info_flags, .store_mfn = kind##_start_info_store_mfn,           \
		.store_evtchn = kind##_start_info_store_evtchn,                                       \
		.console_mfn = kind##_start_info_console_domU_mfn,                                    \
		.console_evtchn = kind##_start_info_console_domU_evtchn,                              \
		.pt_base = kind##_start_info_pt_base, .nr_pt_frames = kind##_start_info_nr_pt_frames, \
		.mfn_list = kind##_start_info_mfn_list, .mod_start = kind##_start_info_mod_start,     \
		.mod_len = kind##_start_info_mod_len, .cmd_line = kind##_start_info_cmd_line,         \
		.first_p2m_pfn = kind##_start_info_first_p2m_pfn,                                     \
		.nr_p2m_frames = kind##_start_info_nr_p2m_frames,                                     \
	}

const struct first_kind first_pv64 = {
    .magic = "xen-3.0-x86_64",
    .levels = 4,
    .word = 8,
    .hole_start = 1ull << 47,
    .hole_last = 0xffff87ffffffffff,
    .start_info = START_INFO(PV64),
};

const struct first_kind first_pv32 = {
    .magic = "xen-3.0-x86_32p",
    .levels = 3,
    .word = 4,
    .hole_start = HYPERVISOR_VIRT_START_PAE,
    .hole_last = ~0ull,
    .start_info = START_INFO(COMPAT),
};

static bool is_in(const struct first_range *range, pfn_t pfn)
{
	return pfn - range->pfn < range->count;
}

/* The frame that the first address space shows at @va. */
static bool frame_at(const struct first_memory *m, gva_t va, pfn_t *pfn)
{
	if (va >= m->v_start && va < m->v_end) {
		*pfn = first_pfn(m, va);
		return true;
	}
	*pfn = m->p2m.pfn + ((va - m->p2m_va) >> PAGE_SHIFT);
	return m->p2m_apart && va >= m->p2m_va && is_in(&m->p2m, *pfn);
}

static uint64_t leaf(const struct first_memory *m, gva_t va, const mfn_t *mfn)
{
	pfn_t pfn;

	if (!frame_at(m, va, &pfn))
		return 0;
	/* No page table may be writable: the hypervisor refuses to validate it otherwise. */
	return make_pte(mfn[pfn], is_in(&m->tables, pfn) ? PTE_P | PTE_A : PTE_P | PTE_RW | PTE_A);
}

/* The entry of a table of level @above for the table of the level below that translates @va. */
static uint64_t branch(const struct first_memory *m, unsigned above, gva_t va, const mfn_t *mfn)
{
	unsigned shift = PAGE_SHIFT + 9 * (above - 1);
	/* A PAE root's entries have few bits (SDM 3A 4.4.1, "PDPTE Registers"). */
	uint64_t flags = above == 3 && m->kind->levels == 3 ? PTE_P : PTE_P | PTE_RW | PTE_U | PTE_A | PTE_D;

	for (unsigned i = 0; i < m->runs; i++) {
		const struct first_tables *t = &m->run[i];

		if (t->level == above - 1 && t->base <= va && va <= t->last)
			return make_pte(mfn[t->pfn + ((va - t->base) >> shift)], flags);
	}
	return 0;
}

/* Which table is @pfn? Its level and the first address that it translates. */
static bool find_table(const struct first_memory *m, pfn_t pfn, unsigned *level, gva_t *base)
{
	for (unsigned i = 0; i < m->runs; i++) {
		const struct first_tables *t = &m->run[i];
		unsigned shift = PAGE_SHIFT + 9 * t->level;

		if (pfn < t->pfn || pfn - t->pfn > (t->last - t->base) >> shift)
			continue;
		*level = t->level;
		*base = t->base + ((pfn - t->pfn) << shift);
		return true;
	}
	return false;
}

bool first_table(const struct first_memory *m, pfn_t pfn, const mfn_t *mfn, uint64_t page[512])
{
	unsigned level, slots, shift;
	gva_t base;

	if (!find_table(m, pfn, &level, &base))
		return false;
	slots = level == 3 && m->kind->levels == 3 ? 4 : PTES_PER_TABLE;
	shift = PAGE_SHIFT + 9 * (level - 1);
	memset(page, 0, PAGE_SIZE);
	for (uint64_t slot = 0; slot < slots; slot++) {
		gva_t va = base + (slot << shift);

		/* Addresses of the upper half are sign-extended (SDM 1 3.3.7.1, "Canonical Addressing"). */
		if (level == 4 && slot >= PTES_PER_TABLE / 2)
			va |= 0xffffull << 48;
		page[slot] = level == 1 ? leaf(m, va, mfn) : branch(m, level, va, mfn);
	}
	return true;
}

/* A word of the guest's: little endian, so the low bytes come first. */
static void put(const struct first_memory *m, void *page, unsigned offset, uint64_t value)
{
	memcpy((char *)page + offset, &value, m->kind->word);
}

static void put32(void *page, unsigned offset, uint32_t value)
{
	memcpy((char *)page + offset, &value, sizeof(value));
}

void first_p2m_page(const struct first_memory *m, uint64_t i, const mfn_t *mfn, void *page)
{
	uint64_t per_page = PAGE_SIZE / m->kind->word;

	for (uint64_t slot = 0; slot < per_page; slot++) {
		pfn_t pfn = i * per_page + slot;

		put(m, page, slot * m->kind->word, pfn < m->nr_pages ? mfn[pfn] : INVALID_MFN);
	}
}

void first_start_info(const struct first_memory *m, const mfn_t *mfn, const struct first_facts *f, void *page)
{
	const struct first_kind *k = m->kind;
	bool by_pfn = m->initrd_unmapped;

	memset(page, 0, PAGE_SIZE);
	memcpy(page, k->magic, strlen(k->magic));
	put(m, page, k->start_info.nr_pages, m->nr_pages);
	put(m, page, k->start_info.shared_info, f->shared_info);
	put32(page, k->start_info.flags, f->flags | (by_pfn ? SIF_MOD_START_PFN : 0));
	if (m->store.count) {
		put(m, page, k->start_info.store_mfn, mfn[m->store.pfn]);
		put32(page, k->start_info.store_evtchn, f->store_port);
		put(m, page, k->start_info.console_mfn, mfn[m->console.pfn]);
		put32(page, k->start_info.console_evtchn, f->console_port);
	}
	put(m, page, k->start_info.pt_base, first_va(m, m->tables.pfn));
	put(m, page, k->start_info.nr_pt_frames, m->tables.count);
	put(m, page, k->start_info.mfn_list, m->p2m_va);
	if (m->p2m_apart) {
		put(m, page, k->start_info.first_p2m_pfn, m->p2m.pfn);
		put(m, page, k->start_info.nr_p2m_frames, m->p2m.count + m->p2m_tables.count);
	}
	if (m->initrd_size) {
		put(m, page, k->start_info.mod_start, by_pfn ? m->initrd.pfn : first_va(m, m->initrd.pfn));
		put(m, page, k->start_info.mod_len, m->initrd_size);
	}
	memcpy((char *)page + k->start_info.cmd_line, f->cmdline, strnlen(f->cmdline, MAX_GUEST_CMDLINE - 1));
}
