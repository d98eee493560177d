/* SPDX-License-Identifier: MIT */
/*
 * Shadow page tables: what the processor walks in place of the guest's. Each guest table in use has a shadow
 * whose entries are filled one by one, when the processor misses them; an entry allows no more than the guest's
 * does, and names the machine frame.
 *
 * Invariant: while a guest frame has a shadow, every shadow entry that maps it is read-only. So the guest's
 * first store into such a table faults; its shadow is then dropped whole, the frame is mapped writable, and
 * further stores cost nothing until the table is walked again. Kernels write tables in bursts and use them
 * later, so this is cheaper than to carry out each store, and no store need be decoded.
 *
 * A frame that must be writable for a walk through the very table it is (a table that maps itself) is mapped
 * so nevertheless, and everything is dropped at the next flush of the guest (`lax`): until then the guest may
 * not rely on its store, since a TLB could have kept the old entry as well (SDM 3A 4.10.4, Invalidation).
 *
 * Large pages of the guest and the flat space before it turns paging on have no table below to be the shadow
 * of; theirs are made up. Rights count at the last level alone: a code page is executed by ring 1 only after
 * fv/patch.c has seen it, and mapped without write permission from then on.
 */
#include "cpu/x86.h"
#include "fv/fv.h"
#include "lib/errno.h"
#include "lib/tracepoint.h"
#include "mm/mm.h"
#include "mm/page.h"

#define PF_PRESENT 1u
#define PF_WRITE   2u
#define PF_USER    4u
#define PF_FETCH   16u

#define SHADOWS_MIN       192u
#define FRAMES_PER_SHADOW 128u /* one more shadow for so many frames of RAM */

enum shadow_kind {
	SHADOW_L1,      /* of the guest's table in frame `key` */
	SHADOW_L2,      /* the same */
	SHADOW_LARGE,   /* splits the large page number `key` */
	SHADOW_FLAT_L2, /* paging is off: of GiB `key` */
};

struct fv_shadow {
	struct fv_shadow *next; /* of the bucket, or of the free ones */
	uint64_t *table;
	uint64_t *parent; /* the entry above that names it; if several do, one of them */
	uint32_t key;
	uint8_t kind;
	bool in_use, parents;
};

static struct fv_shadow **bucket(struct fv *fv, uint8_t kind, uint32_t key)
{
	return &fv->shadow_hash[(key * 4 + kind) % FV_SHADOW_BUCKETS];
}

static struct fv_shadow *find(struct fv *fv, uint8_t kind, uint32_t key)
{
	struct fv_shadow *s = *bucket(fv, kind, key);

	while (s && (s->kind != kind || s->key != key))
		s = s->next;
	return s;
}

static bool is_leaf_table(const struct fv_shadow *s)
{
	return s->kind == SHADOW_L1 || s->kind == SHADOW_LARGE;
}

/* It writes through the guest frame behind @pte? NULL: nothing that must be known. */
static struct fv_frame *written_frame(struct fv *fv, uint64_t pte)
{
	pfn_t pfn;

	if ((pte & (PTE_P | PTE_RW)) != (PTE_P | PTE_RW))
		return NULL;
	pfn = m2p_get(pte_mfn(pte));
	return pfn < fv->ram_pages && fv->frames[pfn].mfn == pte_mfn(pte) ? &fv->frames[pfn] : NULL;
}

static void set_leaf(struct fv *fv, uint64_t *slot, uint64_t pte)
{
	struct fv_frame *old = written_frame(fv, *slot), *new = written_frame(fv, pte);

	if (*slot & PTE_P)
		fv->flush = true;
	if (old)
		old->writers--;
	if (new) {
		new->writers++;
		new->writer = slot;
	}
	*slot = pte;
}

static void clear_references(struct fv *fv, struct fv_shadow *s)
{
	uint64_t mfn = virt_to_mfn(s->table);

	for (unsigned i = 0; i < 4; i++)
		if ((fv->l3[i] & PTE_P) && pte_mfn(fv->l3[i]) == mfn)
			fv->l3[i] = 0;
	if (s->parent && (*s->parent & PTE_P) && pte_mfn(*s->parent) == mfn)
		*s->parent = 0;
	if (!s->parents)
		return;
	for (uint32_t n = 0; n < fv->nr_shadows; n++) {
		struct fv_shadow *above = &fv->shadows[n];

		if (!above->in_use || is_leaf_table(above))
			continue;
		for (unsigned i = 0; i < PTES_PER_TABLE; i++)
			if ((above->table[i] & PTE_P) && pte_mfn(above->table[i]) == mfn)
				above->table[i] = 0;
	}
}

static void drop(struct fv *fv, struct fv_shadow *s)
{
	struct fv_shadow **link = bucket(fv, s->kind, s->key);

	while (*link != s)
		link = &(*link)->next;
	*link = s->next;
	clear_references(fv, s);
	for (unsigned i = 0; i < PTES_PER_TABLE; i++) {
		if (is_leaf_table(s) && s->table[i])
			set_leaf(fv, &s->table[i], 0);
		s->table[i] = 0;
	}
	if (s->kind <= SHADOW_L2 && s->key < fv->ram_pages)
		fv->frames[s->key].shadows--;
	s->in_use = false;
	s->next = fv->shadow_free;
	fv->shadow_free = s;
	fv->flush = true;
}

void fv_shadow_drop_all(struct fv *fv)
{
	for (uint32_t i = 0; i < fv->nr_shadows; i++)
		if (fv->shadows[i].in_use)
			drop(fv, &fv->shadows[i]);
	for (unsigned i = 0; i < 4; i++)
		fv->l3[i] = 0;
	fv->lax = false;
	fv_tlb_flush(fv);
}

/* Take write permission, and more, from every shadow entry that satisfies the rest. */
static void for_each_leaf(struct fv *fv, mfn_t mfn, uint64_t with, uint64_t take)
{
	for (uint32_t n = 0; n < fv->nr_shadows; n++) {
		struct fv_shadow *s = &fv->shadows[n];

		if (!s->in_use || !is_leaf_table(s))
			continue;
		for (unsigned i = 0; i < PTES_PER_TABLE; i++)
			if ((s->table[i] & with) == with && pte_mfn(s->table[i]) == mfn)
				set_leaf(fv, &s->table[i], s->table[i] & ~take);
	}
}

unsigned fv_shadow_count_writers(struct fv *fv, uint32_t pfn)
{
	unsigned n = 0;

	for (uint32_t k = 0; k < fv->nr_shadows && fv->frames[pfn].writers; k++) {
		struct fv_shadow *s = &fv->shadows[k];

		for (unsigned i = 0; s->in_use && is_leaf_table(s) && i < PTES_PER_TABLE; i++)
			n += written_frame(fv, s->table[i]) == &fv->frames[pfn];
	}
	return n;
}

/* No entry maps it writable any more. Mostly there is one, and we know where. */
static void protect(struct fv *fv, uint32_t pfn)
{
	struct fv_frame *f = &fv->frames[pfn];

	if (!f->writers)
		return;
	if (f->writers == 1 && written_frame(fv, *f->writer) == f)
		set_leaf(fv, f->writer, *f->writer & ~PTE_RW);
	else
		for_each_leaf(fv, f->mfn, PTE_P | PTE_RW, PTE_RW);
	fv->flush = true;
}

static struct fv_shadow *take_free(struct fv *fv)
{
	struct fv_shadow *s = fv->shadow_free;

	if (!s) {
		fv_shadow_drop_all(fv);
		s = fv->shadow_free;
	}
	if (!s->table)
		s->table = heap_alloc_pages(0);
	if (!s->table)
		return NULL;
	fv->shadow_free = s->next;
	/* The processor may still know it as what it was, if it was dropped a moment ago. */
	fv_shadow_sync(fv);
	return s;
}

static struct fv_shadow *get(struct fv *fv, uint8_t kind, uint32_t key)
{
	struct fv_shadow *s = find(fv, kind, key), **head = bucket(fv, kind, key);

	if (s)
		return s;
	s = take_free(fv);
	if (!s)
		return NULL;
	*s = (struct fv_shadow){.table = s->table, .kind = kind, .key = key, .in_use = true, .next = *head};
	*head = s;
	if (kind <= SHADOW_L2 && key < fv->ram_pages) {
		fv->frames[key].shadows++;
		protect(fv, key);
	}
	return s;
}

void fv_shadow_written(struct fv *fv, uint32_t pfn)
{
	struct fv_frame *f = &fv->frames[pfn];

	if (pfn >= fv->ram_pages)
		return;
	if (f->code != FV_CODE_UNKNOWN) {
		for_each_leaf(fv, f->copy ? virt_to_mfn(f->copy) : f->mfn, PTE_P, ~0ull);
		fv_shadow_sync(fv); /* before the copy is freed */
		fv_code_forget(fv, pfn);
	}
	for (uint8_t kind = SHADOW_L1; f->shadows && kind <= SHADOW_L2; kind++) {
		struct fv_shadow *s = find(fv, kind, pfn);

		if (s)
			drop(fv, s);
	}
}

/* The entry for this access, and as much more as is known to be allowed. */
static uint64_t leaf_entry(struct fv *fv, const struct fv_place *p, uint32_t access)
{
	bool supervisor_write = (access & PF_WRITE) && !p->writable; /* CR0.WP is clear */
	uint64_t flags = PTE_P | PTE_A | (p->user && !supervisor_write ? PTE_U : 0);
	struct fv_frame *f = &fv->frames[p->pfn];
	bool shared = p->user && (fv->cr0 & CR0_PG); /* with applications, whose code runs as it is */

	if (p->pfn >= fv->ram_pages)
		return make_pte(virt_to_mfn(fv->nothing),
				flags | PTE_NX | (access & PF_WRITE ? PTE_RW | PTE_D : 0));
	/* The kernel's is executed only when it was looked at. */
	if (fv->patching && (access & PF_FETCH) && (!(access & PF_USER) || !shared)) {
		if (f->code == FV_CODE_UNKNOWN)
			fv_code_scan(fv, p->pfn);
		protect(fv, p->pfn);
		return make_pte(f->copy ? virt_to_mfn(f->copy) : f->mfn, flags);
	}
	if (((p->writable && p->dirty) || supervisor_write) && f->code == FV_CODE_UNKNOWN &&
	    (!f->shadows || (access & PF_WRITE)))
		flags |= PTE_RW | PTE_D;
	if (p->noexec || (fv->patching && !shared))
		flags |= PTE_NX;
	if (flags & PTE_RW && f->shadows)
		fv->lax = true;
	/* Reading a page that is being executed does not end that. */
	if (fv->patching && f->code != FV_CODE_UNKNOWN && !p->noexec && !(access & PF_WRITE))
		return make_pte(f->copy ? virt_to_mfn(f->copy) : f->mfn, flags & ~PTE_NX);
	return make_pte(f->mfn, flags);
}

static bool install(struct fv *fv, uint32_t va, const struct fv_place *p, uint32_t access)
{
	bool paging = fv->cr0 & CR0_PG;
	struct fv_shadow *l2, *l1;
	uint64_t *slot;

	if (access & PF_WRITE)
		fv_shadow_written(fv, p->pfn);
	l2 = paging ? get(fv, SHADOW_L2, pte_mfn(fv->pdpte[va >> 30])) : get(fv, SHADOW_FLAT_L2, va >> 30);
	if (!l2)
		return false;
	fv->l3[va >> 30] = make_pte(virt_to_mfn(l2->table), PTE_P | PTE_RW | PTE_U | PTE_A);
	l1 = paging && !p->large
		 ? get(fv, SHADOW_L1, p->table)
		 : get(fv, SHADOW_LARGE, (p->pfn >> 9) << 4 | p->writable << 2 | p->user << 1 | p->noexec);
	if (!l1)
		return false;
	/* Room for the second one was made by dropping all, the first too. */
	if (find(fv, paging ? SHADOW_L2 : SHADOW_FLAT_L2, l2->key) != l2 || l2 == l1)
		return install(fv, va, p, access);
	slot = &l2->table[pt_slot(va, 2)];
	if (l1->parent && l1->parent != slot)
		l1->parents = true;
	l1->parent = slot;
	if (*slot & PTE_P)
		fv->flush |= pte_mfn(*slot) != virt_to_mfn(l1->table);
	*slot = make_pte(virt_to_mfn(l1->table), PTE_P | PTE_RW | PTE_U | PTE_A);
	slot = &l1->table[pt_slot(va, 1)];
	set_leaf(fv, slot, leaf_entry(fv, p, access));
	return true;
}

void fv_page_fault(struct vcpu *v, uint32_t va, uint32_t error)
{
	struct fv *fv = fv_of(v);
	uint32_t access = error & (PF_WRITE | PF_USER | PF_FETCH);
	struct fv_place place;
	uint32_t wrong = fv_walk(fv, va, access, &place);

	if (wrong != FV_OK) {
		fv_inject_page_fault(v, va, wrong);
		return;
	}
	if (!install(fv, va, &place, access)) {
		domain_crash(v->domain, "no memory for the shadow of its page tables");
		return;
	}
	trace_point(TRACE_EMULATED, TRACE_SHADOW);
	if (error & PF_PRESENT)
		tlb_flush_page_local(va);
}

void fv_shadow_load_cr3(struct fv *fv)
{
	if (fv->lax)
		fv_shadow_drop_all(fv);
	for (unsigned i = 0; i < 4; i++) {
		struct fv_shadow *s =
		    fv->pdpte[i] & PTE_P ? find(fv, SHADOW_L2, pte_mfn(fv->pdpte[i])) : NULL;

		fv->l3[i] = s ? make_pte(virt_to_mfn(s->table), PTE_P | PTE_RW | PTE_U | PTE_A) : 0;
	}
	fv->flush = true;
	fv_tlb_flush(fv);
}

void fv_shadow_invlpg(struct fv *fv, uint32_t va)
{
	fv_tlb_flush(fv); /* all: the page may be a large one */
	if (fv->lax)
		fv_shadow_drop_all(fv);
	tlb_flush_page_local(va);
}

void fv_shadow_sync(struct fv *fv)
{
	if (fv->flush && fv->v == current)
		tlb_flush_local();
	fv->flush = false;
}

int fv_shadow_init(struct fv *fv)
{
	uint32_t n = SHADOWS_MIN + fv->ram_pages / FRAMES_PER_SHADOW;

	while (PAGE_SIZE << fv->shadows_order < n * sizeof(*fv->shadows))
		fv->shadows_order++;
	fv->shadows = heap_alloc_pages(fv->shadows_order);
	fv->l3 = heap_alloc_pages(0);
	if (!fv->shadows || !fv->l3)
		return -ENOMEM;
	fv->nr_shadows = n;
	for (uint32_t i = 0; i < n; i++) {
		fv->shadows[i].next = fv->shadow_free;
		fv->shadow_free = &fv->shadows[i];
	}
	*(uint64_t *)fv->v->kind_root = make_pte(virt_to_mfn(fv->l3), PTE_P | PTE_RW | PTE_U | PTE_A);
	return 0;
}

void fv_shadow_free(struct fv *fv)
{
	for (uint32_t i = 0; i < fv->nr_shadows; i++)
		if (fv->shadows[i].table)
			heap_free_pages(fv->shadows[i].table, 0);
	if (fv->shadows)
		heap_free_pages(fv->shadows, fv->shadows_order);
	if (fv->l3)
		heap_free_pages(fv->l3, 0);
	fv->shadows = NULL;
	fv->l3 = NULL;
	fv->nr_shadows = 0;
}
