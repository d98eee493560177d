/* SPDX-License-Identifier: MIT */
/* See peek.h. The hypervisor lets only frames be mapped that are the domain's own. */
#include "peek.h"

#include <string.h>

/* Page table entries: Intel SDM 3A, 4.5. */
#define PRESENT    1u
#define LARGE      (1u << 7)
#define FRAME_MASK 0xffffffffffull /* after the shift */
#define INDEX_MASK 511
#define INDEX_BITS 9

static bool is_address(const struct peek *p, uint64_t va)
{
	return p->word == 8 ? (uint64_t)((int64_t)(va << 16) >> 16) == va : !(va >> 32);
}

/* Entry @index of the table in frame *mfn, which becomes the frame that it names. */
static bool descend(struct peek *p, uint64_t *mfn, unsigned index, bool last)
{
	const uint64_t *table = hv_view(p->hv, p->domain, *mfn);
	uint64_t entry;

	if (!table)
		return false;
	entry = table[index];
	hv_unmap(p->hv, table, 1);
	*mfn = entry >> FRAME_SHIFT & FRAME_MASK;
	return entry & PRESENT && (last || !(entry & LARGE));
}

static bool find_page(struct peek *p, uint64_t va)
{
	unsigned shift = FRAME_SHIFT + INDEX_BITS * (p->word == 8 ? 4 : 3);
	uint64_t mfn = p->root;

	peek_end(p);
	if (!is_address(p, va))
		return false;
	do {
		shift -= INDEX_BITS;
		if (!descend(p, &mfn, va >> shift & INDEX_MASK, shift == FRAME_SHIFT))
			return false;
	} while (shift > FRAME_SHIFT);
	p->page = va & ~(uint64_t)(FRAME_SIZE - 1);
	p->at = hv_view(p->hv, p->domain, mfn);
	return p->at;
}

bool peek_word(struct peek *p, uint64_t va, uint64_t *out)
{
	if (va % p->word || ((!p->at || va - p->page >= FRAME_SIZE) && !find_page(p, va)))
		return false;
	*out = 0;
	memcpy(out, p->at + va % FRAME_SIZE, p->word);
	return true;
}

void peek_end(struct peek *p)
{
	if (p->at)
		hv_unmap(p->hv, p->at, 1);
	p->at = NULL;
}
