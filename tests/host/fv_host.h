/* SPDX-License-Identifier: MIT */
/* The memory and code of an fv domain (fv/memory.c, shadow.c, patch.c) with a small memory below them. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "emul/decode.c"
#include "fv/memory.c"
#include "fv/shadow.c"
#undef ANY
#include "fv/patch.c"

/* ---- What they call: a small memory ---- */

#define PAGES     2048u
#define RAM_PAGES 64u

uint64_t host_directmap;
struct percpu host_percpu;
struct page_info *frame_table;
struct cpu_features features;
static uint8_t *arena;
static mfn_t next_page;
static pfn_t m2p[PAGES];
static uint32_t injected, injected_va;
static unsigned crashes, made, freed, flushes;
static unsigned flushed_before;    /* flushes when the last page was freed */
static unsigned blocks_left = ~0u; /* charged blocks that there is still memory for */

void *heap_alloc_pages(unsigned order)
{
	void *p = arena + next_page * PAGE_SIZE;

	next_page += 1u << order;
	assert_true(next_page <= PAGES);
	return memset(p, 0, PAGE_SIZE << order);
}

void heap_free_pages(void *p, unsigned order)
{
	freed++;
	flushed_before = flushes;
}

static unsigned refused_at; /* the one that is refused, from 1 on */
mfn_t heap_alloc_frames_for(struct domain *d, unsigned order)
{
	if (!blocks_left || (refused_at && !--refused_at))
		return 0;
	blocks_left--;
	made++;
	return virt_to_mfn(memset(heap_alloc_pages(order), 0x5a, PAGE_SIZE << order));
}

static mfn_t owned[PAGES]; /* the domain's, as it comes by */
static unsigned next_owned;
mfn_t owned_rotate(struct domain *d)
{
	return owned[next_owned++];
}

bool hypercall_preempt_check(void)
{
	return true;
}

void *heap_alloc_pages_for(struct domain *d, unsigned order)
{
	mfn_t mfn = heap_alloc_frames_for(d, order);

	return mfn ? memset(mfn_to_virt(mfn), 0, PAGE_SIZE << order) : NULL;
}

size_t heap_size(size_t size)
{
	return size;
}

void *heap_alloc_for(struct domain *d, size_t size)
{
	return calloc(1, size);
}

void heap_free(void *p)
{
	free(p);
}

pfn_t m2p_get(mfn_t mfn)
{
	return m2p[mfn];
}

void domain_crash(struct domain *d, const char *fmt, ...)
{
	crashes++;
}

void fv_inject_page_fault(struct vcpu *v, gva_t va, uint32_t error)
{
	injected = error;
	injected_va = va;
}

/* What the processor remembers at worst: each translation since it was last told to forget it. */
#define REMEMBERED 512u
static struct {
	uint32_t va;
	uint64_t entry; /* 0: none */
} remembered[REMEMBERED];

/* Does a translation that is allowed @now allow all that @then did? */
static bool permits(uint64_t now, uint64_t then)
{
	return (now & PTE_P) && pte_mfn(now) == pte_mfn(then) && !(then & ~now & (PTE_RW | PTE_U)) &&
	       !(now & ~then & PTE_NX);
}

void tlb_flush_local(void)
{
	flushes++;
	memset(remembered, 0, sizeof(remembered));
}

void tlb_flush_page_local(gva_t va)
{
	for (unsigned i = 0; i < REMEMBERED; i++)
		if (remembered[i].va >> PAGE_SHIFT == va >> PAGE_SHIFT)
			remembered[i].entry = 0;
}

static bool untakable; /* the next frame is a domain's page table */
int page_get_and_type(struct page_info *pg, struct domain *d, enum page_type type)
{
	assert_int_equal(type, PGT_WRITABLE);
	return untakable ? -EINVAL : 0;
}

static unsigned frames_put;
int page_put_and_type(struct page_info *pg)
{
	frames_put++;
	return 0;
}

/* As many as are counted, and the places that are noted are of such. */
static void writers_are_exact(struct fv *fv, uint32_t pfn)
{
	const struct fv_frame *f = fv_frame(fv, pfn);

	assert_int_equal(f->writers, fv_shadow_count_writers(fv, pfn));
	for (unsigned i = 0; i < ARRAY_SIZE(f->writer); i++)
		assert_true(!f->writer[i] || written_frame(fv, *f->writer[i]) == f);
}
