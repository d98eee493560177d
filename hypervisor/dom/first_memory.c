/* SPDX-License-Identifier: MIT */
/*
 * See first_memory.h. The tables lie in the area that they map: their number depends on where it ends, and that on
 * their number. The plan begins with one and repeats until they suffice, which is soon, since both only grow.
 */
#include "dom/first_memory.h"
#include "mm/pte.h"

#define AREA_ALIGN 0x400000u
#define SLACK      0x80000u
#define LAST_GIB   0xc0000000u

static uint64_t pages(uint64_t bytes)
{
	return (bytes + PAGE_SIZE - 1) >> PAGE_SHIFT;
}

static struct first_range take(pfn_t *next, uint64_t count)
{
	struct first_range range = {*next, count};

	*next += count;
	return range;
}

/* How many bytes one table of @level translates. */
static uint64_t span(unsigned level)
{
	return 1ull << (PAGE_SHIFT + 9 * level);
}

static bool covers(const struct first_tables *t, unsigned level, gva_t base)
{
	return t->level == level && t->base <= base && base <= t->last;
}

/* The tables of @level for [@start, @end), except those that are there, from frame *next on. The areas of a plan are
 * apart, so what is there already is one table at an end, or all. */
static void add_tables(struct first_memory *m, unsigned level, gva_t start, gva_t end, pfn_t *next)
{
	struct first_tables t = {level, ROUND_DOWN(start, span(level)), ROUND_DOWN(end - 1, span(level)),
				 *next};

	for (unsigned i = 0; i < m->runs; i++) {
		bool head = covers(&m->run[i], level, t.base), tail = covers(&m->run[i], level, t.last);

		if (head && tail)
			return;
		if (head)
			t.base = m->run[i].last + span(level);
		if (tail)
			t.last = m->run[i].base - span(level);
	}
	*next += (t.last - t.base) / span(level) + 1;
	m->run[m->runs++] = t;
}

/* All that map the first area, from frame @next on. Returns their number. */
static uint64_t place_tables(struct first_memory *m, pfn_t next)
{
	unsigned root = m->kind->levels;
	pfn_t first = next;

	m->runs = 0;
	m->run[m->runs++] = (struct first_tables){.level = root, .pfn = next++};
	for (unsigned level = root - 1; level; level--) {
		add_tables(m, level, m->v_start, m->v_end, &next);
		/* The hypervisor maps the M2P through the last of a PAE root's tables: that one must be there. */
		if (root == 3 && level == 2)
			add_tables(m, level, LAST_GIB, LAST_GIB + span(1), &next);
	}
	return next - first;
}

/* The first area, if it has @nr_tables page tables. Returns how many it really takes. */
static uint64_t place_area(struct first_memory *m, const struct first_request *rq, uint64_t nr_tables)
{
	pfn_t next = pages(rq->kernel->end);

	if (!m->initrd_unmapped)
		m->initrd = take(&next, pages(rq->initrd_size));
	if (!m->p2m_apart) {
		m->p2m = take(&next, m->p2m.count);
		m->p2m_va = first_va(m, m->p2m.pfn);
	}
	m->start_info = take(&next, 1);
	m->store = take(&next, rq->rings);
	m->console = take(&next, rq->rings);
	m->tables = take(&next, nr_tables);
	m->stack = take(&next, 1);
	m->v_end = ROUND_UP(first_va(m, next) + SLACK, AREA_ALIGN);
	return place_tables(m, m->tables.pfn);
}

/* What lies behind the first area. Returns the frames of both. */
static uint64_t place_rest(struct first_memory *m, const struct first_request *rq)
{
	pfn_t next = first_pfn(m, m->v_end);
	uint64_t first;

	if (m->p2m_apart) {
		m->p2m = take(&next, m->p2m.count);
		first = next;
		for (unsigned level = m->kind->levels - 1; level; level--)
			add_tables(m, level, m->p2m_va, m->p2m_va + m->p2m.count * PAGE_SIZE, &next);
		m->p2m_tables = (struct first_range){first, next - first};
	}
	if (m->initrd_unmapped)
		m->initrd = take(&next, pages(rq->initrd_size));
	return next;
}

/* Do [@start, @end) hold an address that no guest has? */
static bool forbidden(const struct first_memory *m, gva_t start, gva_t end)
{
	return end <= start || (start <= m->kind->hole_last && end - 1 >= m->kind->hole_start);
}

static const char *judge(const struct first_memory *m, const struct elf_notes *notes)
{
	gva_t stubs = notes->hypercall_page, p2m_end = m->p2m_va + m->p2m.count * PAGE_SIZE;

	if (forbidden(m, m->v_start, m->v_end))
		return "it wants addresses that belong to the hypervisor";
	if (stubs && (stubs % PAGE_SIZE || stubs < m->v_start || stubs >= m->v_end))
		return "its hypercall page lies outside its memory";
	if (!m->p2m_apart)
		return NULL;
	if (m->kind->levels != 4)
		return "only a 64-bit kernel may choose its P2M's place";
	if (forbidden(m, m->p2m_va, p2m_end))
		return "it wants its P2M at addresses that belong to the hypervisor";
	return m->p2m_va < m->v_end && p2m_end > m->v_start ? "it wants its P2M inside its first memory area"
							    : NULL;
}

const char *first_memory_plan(struct first_memory *m, const struct first_request *rq)
{
	const struct elf_notes *notes = &rq->kernel->notes;
	uint64_t need = 1, tables;
	const char *wrong;

	*m = (struct first_memory){
	    .kind = rq->kernel->elf.class == ELF_CLASS64 ? &first_pv64 : &first_pv32,
	    .nr_pages = rq->nr_pages,
	    .v_start = notes->virt_base,
	    .initrd_size = rq->initrd_size,
	    .p2m_apart = notes->init_p2m,
	    .p2m_va = notes->init_p2m,
	    .initrd_unmapped = rq->initrd_size && notes->mod_start_pfn,
	};
	m->image.pfn = rq->kernel->start >> PAGE_SHIFT;
	m->image.count = pages(rq->kernel->end) - m->image.pfn;
	m->p2m.count = pages(rq->nr_pages * m->kind->word);
	do {
		tables = need;
		need = place_area(m, rq, tables);
	} while (need > tables);
	wrong = judge(m, notes);
	if (wrong)
		return wrong;
	m->used_pages = place_rest(m, rq);
	return m->used_pages <= m->nr_pages ? NULL : "it needs more memory";
}
