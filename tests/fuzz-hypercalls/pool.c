/* SPDX-License-Identifier: MIT */
/* What the fuzzer's arguments are made of: numbers at borders, frames of its own and of others, page tables
 * in use, pointers good and bad. */
#include "fuzz.h"

struct region region __attribute__((aligned(ARENA_PAGES * 4096)));
unsigned long frames[FRAMES];
unsigned long max_mfn;

/* Where the arena's tables are: asked once, since later the M2P may tell lies. */
static uint64_t arena_l1, arena_l2_entry;
static unsigned long tables[2 * ROOT_LEVEL];
pte_t *arena_l2;

static void find_tables(void)
{
	arena_l1 = pte_maddr((unsigned long)arena, 1);
	arena_l2 = pte_of((unsigned long)arena, 2);
	arena_l2_entry = pte_maddr((unsigned long)arena, 2);
	for (unsigned i = 0; i < ROOT_LEVEL; i++) {
		tables[2 * i] = pte_maddr((unsigned long)arena, 1 + i) >> 12;
		tables[2 * i + 1] = pte_maddr((unsigned long)&max_mfn, 1 + i) >> 12;
	}
}

static void find_ring(struct fuzz *f)
{
	for (unsigned i = 0; i < ARRAY_SIZE(f->ring_mfns); i++)
		f->ring_mfns[i] = va_to_mfn(f->ring + i * 4096);
}

void mend_ring(struct fuzz *f)
{
	for (unsigned i = 0; i < ARRAY_SIZE(f->ring_mfns); i++)
		hypercall_update_va_mapping((unsigned long)f->ring + i * 4096,
					    (pte_t)f->ring_mfns[i] << 12 | PTE_P | PTE_RW | PTE_A | PTE_D,
					    UVMF_INVLPG);
}

void pool_init(struct fuzz *first, struct fuzz *other)
{
	find_tables();
	find_ring(first);
	find_ring(other);
	for (unsigned i = 0; i < FRAMES; i++)
		frames[i] = va_to_mfn(arena[i % ARENA_PAGES]);
	hypercall_update_va_mapping((unsigned long)region.guard0, 0, UVMF_INVLPG);
	hypercall_update_va_mapping((unsigned long)region.guard1, 0, UVMF_INVLPG);
	hypercall_update_va_mapping((unsigned long)region.guard2, 0, UVMF_INVLPG);
	max_mfn = hypercall_memory_op(XENMEM_maximum_ram_page, NULL);
}

/* xorshift64* (Vigna 2014). */
uint64_t random64(struct fuzz *f)
{
	f->random ^= f->random >> 12;
	f->random ^= f->random << 25;
	f->random ^= f->random >> 27;
	return f->random * 0x2545f4914f6cdd1dull;
}

unsigned below(struct fuzz *f, unsigned n)
{
	return ((random64(f) >> 32) * n) >> 32;
}

unsigned page_for(struct fuzz *f, int role)
{
	unsigned page = below(f, ARENA_PAGES / 8) * 8; /* of eight: four data, four tables */

	return role ? page + 3 + role : page + below(f, 4);
}

unsigned long arena_va(struct fuzz *f)
{
	unsigned long offset = one_in(f, 4) ? below(f, 4096) : below(f, 512) * 8;

	if (one_in(f, 12))
		offset = 4096 - 1 - below(f, 64); /* across the end of a page */
	return (unsigned long)arena[below(f, ARENA_PAGES)] + offset;
}

unsigned long any_mfn(struct fuzz *f)
{
	switch (below(f, 20)) {
	case 0:
		return tables[below(f, ARRAY_SIZE(tables))];
	case 1:
		return below(f, max_mfn + 16);
	case 2:
		return start_info->shared_info >> 12;
	case 3:
		return random64(f) >> below(f, 64);
	case 4:
		return frames[0] + below(f, 64); /* neighbours */
	default:
		return frames[below(f, FRAMES)];
	}
}

unsigned long unmapped_mfn(struct fuzz *f)
{
	return frames[ARENA_PAGES + below(f, FRAMES - ARENA_PAGES)];
}

static pte_t any_flags(struct fuzz *f)
{
	static const pte_t odd[] = {PTE_PS, PTE_G, PTE_NX, 1ull << 52, 1ull << 51, 8, 16, 0xe00, 1ull << 62};
	pte_t flags = PTE_P | (one_in(f, 2) ? PTE_RW : 0) | (one_in(f, 2) ? PTE_U : 0) | PTE_A;

	if (one_in(f, 12))
		flags ^= odd[below(f, ARRAY_SIZE(odd))];
	if (one_in(f, 20))
		flags &= ~PTE_P;
	return flags;
}

pte_t any_pte(struct fuzz *f, int level)
{
	unsigned long mfn = one_in(f, 6) ? any_mfn(f) : va_to_mfn(arena[page_for(f, level - 1)]);
	pte_t flags = any_flags(f);

	if (level > 1 && one_in(f, 10)) { /* a linear entry */
		mfn = va_to_mfn(arena[page_for(f, level)]);
		flags &= ~PTE_RW;
	} else if (level > 1) {
		flags |= PTE_RW;
	}
	if (level == 3 && ROOT_LEVEL == 3) /* PAE's root entries have no rights */
		flags &= ~(PTE_RW | PTE_U | PTE_A | PTE_D);
	return one_in(f, 10) ? 0 : (pte_t)mfn << 12 | flags;
}

unsigned long bad_pointer(struct fuzz *f)
{
	static const unsigned long bad[] = BAD_POINTERS;

	return bad[below(f, ARRAY_SIZE(bad))] + (one_in(f, 3) ? below(f, 4096) - 2048 : 0);
}

uint64_t any_word(struct fuzz *f)
{
	switch (below(f, 11)) {
	case 0:
		return 0;
	case 1:
		return ~0ull;
	case 2:
		return below(f, 64);
	case 3:
		return (1ull << below(f, 64)) + below(f, 3) - 1;
	case 4:
		return random64(f) >> below(f, 64);
	case 5:
		return any_mfn(f);
	case 6:
		return any_pte(f, 1 + below(f, ROOT_LEVEL));
	case 7:
		return any_domid(f);
	case 8:
		return bad_pointer(f);
	default:
		return arena_va(f);
	}
}

domid_t any_domid(struct fuzz *f)
{
	static const domid_t special[] = {DOMID_SELF, DOMID_SELF, DOMID_SELF, DOMID_IO, DOMID_XEN, 0,     1,
					  2,          3,          0x7ff0,     0x7ff4,   0x7fff,    0xffff};

	if (f->peer && one_in(f, 3))
		return f->peer;
	if (f->dom0 && one_in(f, 3))
		return f->made[below(f, ARRAY_SIZE(f->made))];
	return one_in(f, 12) ? below(f, 200) : special[below(f, ARRAY_SIZE(special))];
}

void *buffer(struct fuzz *f, unsigned size)
{
	char *p;

	size = (size + 15) & ~15u;
	if (f->ring_at + size > RING_SIZE)
		f->ring_at = 0;
	p = f->ring + f->ring_at;
	f->ring_at += size;
	__builtin_memset(p, 0, size);
	return p;
}

unsigned long pointer(struct fuzz *f, const void *p)
{
	if (!one_in(f, 16))
		return (unsigned long)p;
	return one_in(f, 2) ? bad_pointer(f) : arena_va(f);
}

uint64_t live_entry(struct fuzz *f, int *level)
{
	*level = one_in(f, 12) ? 2 : 1;
	return *level == 2 ? arena_l2_entry : arena_entry(below(f, ARENA_PAGES));
}

uint64_t arena_l2_maddr(void)
{
	return arena_l2_entry;
}

uint64_t arena_entry(unsigned page)
{
	return arena_l1 + page * sizeof(pte_t);
}
