/* SPDX-License-Identifier: MIT */
/*
 * Shadow page tables: what the processor walks in place of the guest's. Each guest table in use has a shadow
 * whose entries are filled one by one, when the processor misses them; an entry allows no more than the guest's
 * does, and names the machine frame.
 *
 * Invariant: while a guest frame has a shadow, every shadow entry that maps it is read-only. So the guest's
 * first store into such a table faults; its shadow is then dropped whole, the frame is mapped writable, and
 * further stores cost nothing until the table is walked again. Kernels write tables in bursts and use them
 * later, so this is cheaper than carrying out each store, and no store has to be decoded.
 *
 * A frame that must be writable for a walk through the very table it is (a table that maps itself) is mapped
 * so nevertheless, and everything is dropped at the next flush of the guest (`lax`): until then the guest may
 * not rely on its store, since a TLB could have kept the old entry as well (SDM 3A 4.10.4, Invalidation).
 *
 * Every operation of the guest here ends soon, however many shadows it made. All are dropped by counting an epoch: a
 * shadow of an earlier one is cleared when it is next taken. Entries that map a frame are searched for only if there
 * are few shadows; otherwise all are dropped, and come back one by one as they are used.
 *
 * Large pages of the guest and the flat space before it turns paging on have no guest table to shadow; theirs
 * are made up. Rights count at the last level alone: a code page is executed by ring 1 only after
 * fv/patch.c has seen it, and mapped without write permission from then on.
 */
#include "cpu/x86.h"
#include "fv/fv.h"
#include "guest/hypercall.h"
#include "lib/errno.h"
#include "lib/tracepoint.h"
#include "mm/mm.h"
#include "mm/page.h"

#define SHADOWS_MIN       192u
#define FRAMES_PER_SHADOW 128u /* frames of RAM for which there is one more shadow */
#define SEARCHED          12u  /* shadows, at most, in which entries are searched for */
#define FOUND             128u /* entries, at most, that are changed one by one */
#define RELEASED_AT_ONCE  32u
#define CHAIN             32u /* shadows in a bucket, at most */

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
	bool parents;
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

/* The guest frame that @pte maps writable. NULL: none. */
static struct fv_frame *written_frame(struct fv *fv, uint64_t pte)
{
	pfn_t pfn;

	if ((pte & (PTE_P | PTE_RW)) != (PTE_P | PTE_RW))
		return NULL;
	pfn = m2p_get(pte_mfn(pte));
	return pfn < fv->ram_pages && fv->frames[pfn].mfn == pte_mfn(pte) ? fv_frame(fv, pfn) : NULL;
}

static void writer_add(struct fv_frame *f, uint64_t *slot)
{
	f->writers++;
	if (!f->writer[0])
		f->writer[0] = slot;
	else if (!f->writer[1])
		f->writer[1] = slot;
}

static void writer_del(struct fv_frame *f, uint64_t *slot)
{
	f->writers--;
	if (f->writer[0] == slot) {
		f->writer[0] = f->writer[1];
		f->writer[1] = NULL;
	} else if (f->writer[1] == slot) {
		f->writer[1] = NULL;
	}
}

static void set_leaf(struct fv *fv, uint64_t *slot, uint64_t pte)
{
	struct fv_frame *old = written_frame(fv, *slot), *new = written_frame(fv, pte);

	if (*slot & PTE_P)
		fv->flush = true;
	if (old)
		writer_del(old, slot);
	if (new)
		writer_add(new, slot);
	*slot = pte;
}

/* Every shadow in use is in the hash table. */
#define for_each_shadow(fv, s)                              \
	for (unsigned b_ = 0; b_ < FV_SHADOW_BUCKETS; b_++) \
		for ((s) = (fv)->shadow_hash[b_]; (s); (s) = (s)->next)

static void clear_references(struct fv *fv, struct fv_shadow *s)
{
	uint64_t mfn = virt_to_mfn(s->table);
	struct fv_shadow *above;

	for (unsigned i = 0; i < 4; i++)
		if ((fv->l3[i] & PTE_P) && pte_mfn(fv->l3[i]) == mfn)
			fv->l3[i] = 0;
	if (s->parent && (*s->parent & PTE_P) && pte_mfn(*s->parent) == mfn)
		*s->parent = 0;
	if (!s->parents)
		return;
	for_each_shadow (fv, above)
		for (unsigned i = 0; !is_leaf_table(above) && i < PTES_PER_TABLE; i++)
			if ((above->table[i] & PTE_P) && pte_mfn(above->table[i]) == mfn)
				above->table[i] = 0;
}

void fv_shadow_drop_all(struct fv *fv)
{
	fv->epoch++;
	memset(fv->shadow_hash, 0, sizeof(fv->shadow_hash));
	fv->shadow_free = NULL;
	fv->shadows_begun = fv->leaves = fv->uppers = 0;
	for (unsigned i = 0; i < 4; i++)
		fv->l3[i] = 0;
	fv->lax = false;
	fv->flush = true;
	fv_tlb_flush(fv);
}

static void drop(struct fv *fv, struct fv_shadow *s)
{
	struct fv_shadow **link = bucket(fv, s->kind, s->key);

	if (s->parents && fv->uppers > SEARCHED) {
		fv_shadow_drop_all(fv);
		return;
	}
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
		fv_frame(fv, s->key)->shadows--;
	if (is_leaf_table(s))
		fv->leaves--;
	else
		fv->uppers--;
	s->next = fv->shadow_free;
	fv->shadow_free = s;
	fv->flush = true;
}

/* Clear the bits @take in every shadow entry of @mfn that has the bits @with; or, if these are many, drop all. */
static void for_each_leaf(struct fv *fv, mfn_t mfn, uint64_t with, uint64_t take)
{
	unsigned left = fv->leaves <= SEARCHED ? FOUND : 0;
	struct fv_shadow *s;

	for_each_shadow (fv, s)
		for (unsigned i = 0; left && is_leaf_table(s) && i < PTES_PER_TABLE; i++)
			if ((s->table[i] & with) == with && pte_mfn(s->table[i]) == mfn) {
				set_leaf(fv, &s->table[i], s->table[i] & ~take);
				left--;
			}
	if (!left)
		fv_shadow_drop_all(fv);
}

unsigned fv_shadow_count_writers(struct fv *fv, uint32_t pfn)
{
	struct fv_frame *f = fv_frame(fv, pfn);
	struct fv_shadow *s;
	unsigned n = 0;

	if (f->writers)
		for_each_shadow (fv, s)
			for (unsigned i = 0; is_leaf_table(s) && i < PTES_PER_TABLE; i++)
				n += written_frame(fv, s->table[i]) == f;
	return n;
}

/* No entry maps it writable any more. Mostly there are one or two, and it is known where. If others are left then, Dom0
 * has changed the frame's name in the M2P, and the writers are unknown. */
static void protect(struct fv *fv, uint32_t pfn)
{
	struct fv_frame *f = fv_frame(fv, pfn);

	if (!f->writers)
		return;
	if (f->writers == 0u + !!f->writer[0] + !!f->writer[1])
		for (unsigned n = f->writers; n; n--)
			set_leaf(fv, f->writer[0], *f->writer[0] & ~PTE_RW);
	else
		for_each_leaf(fv, f->mfn, PTE_P | PTE_RW, PTE_RW);
	fv->flush = true;
	if (fv_frame(fv, pfn)->writers)
		fv_shadow_drop_all(fv);
}

static struct fv_shadow *take_free(struct fv *fv)
{
	struct fv_shadow *s = fv->shadow_free;
	bool dropped = s;

	if (dropped) {
		fv->shadow_free = s->next;
	} else {
		if (fv->shadows_begun == fv->nr_shadows)
			fv_shadow_drop_all(fv);
		s = &fv->shadows[fv->shadows_begun];
		if (fv->shadows_begun++ == fv->shadows_made) {
			fv->shadows_made++;
			s->table = NULL;
		}
	}
	/* The processor may still use it in its old place, if it was dropped a moment ago. */
	fv_shadow_sync(fv);
	if (!s->table)
		s->table = heap_alloc_pages_for(fv->v->domain, 0);
	else if (!dropped)
		memset(s->table, 0, PAGE_SIZE);
	if (s->table)
		return s;
	s->next = fv->shadow_free;
	fv->shadow_free = s;
	return NULL;
}

static bool chain_is_long(struct fv *fv, uint8_t kind, uint32_t key)
{
	unsigned n = 0;

	for (const struct fv_shadow *s = *bucket(fv, kind, key); s; s = s->next)
		n++;
	return n >= CHAIN;
}

static struct fv_shadow *get(struct fv *fv, uint8_t kind, uint32_t key)
{
	struct fv_shadow *s = find(fv, kind, key), **head = bucket(fv, kind, key);

	if (s)
		return s;
	if (chain_is_long(fv, kind, key))
		fv_shadow_drop_all(fv);
	s = take_free(fv);
	if (!s)
		return NULL;
	*s = (struct fv_shadow){.table = s->table, .kind = kind, .key = key, .next = *head};
	*head = s;
	if (is_leaf_table(s))
		fv->leaves++;
	else
		fv->uppers++;
	if (kind <= SHADOW_L2 && key < fv->ram_pages) {
		fv_frame(fv, key)->shadows++;
		protect(fv, key);
	}
	return s;
}

void fv_shadow_written(struct fv *fv, uint32_t pfn)
{
	struct fv_frame *f;

	if (pfn >= fv->ram_pages)
		return;
	f = fv_frame(fv, pfn);
	if (f->code != FV_CODE_UNKNOWN) {
		for_each_leaf(fv, f->copy ? virt_to_mfn(f->copy) : f->mfn, PTE_P, ~0ull);
		fv_shadow_sync(fv); /* before the copy is freed */
		fv_code_forget(fv, pfn);
	}
	for (uint8_t kind = SHADOW_L1; fv_frame(fv, pfn)->shadows && kind <= SHADOW_L2; kind++) {
		struct fv_shadow *s = find(fv, kind, pfn);

		if (s)
			drop(fv, s);
	}
}

/* With applications, whose code runs as it is. */
static bool is_shared(const struct fv *fv, const struct fv_place *p)
{
	return p->user && (fv->cr0 & CR0_PG);
}

/* The kernel's code is executed only after it was searched. */
static bool is_kernel_fetch(const struct fv *fv, const struct fv_place *p, uint32_t access)
{
	return fv->patching && (access & PF_FETCH) && (!(access & PF_USER) || !is_shared(fv, p)) &&
	       p->pfn < fv->ram_pages;
}

/* Does the search allow the access now? False: the guest must fault again. */
static bool is_looked_at(struct fv *fv, const struct fv_place *p, uint32_t access)
{
	if (!is_kernel_fetch(fv, p, access))
		return true;
	protect(fv, p->pfn);
	return fv->frames[p->pfn].code > FV_CODE_SEARCH || fv_code_scan(fv, p->pfn);
}

/* The entry for this access, with all further rights that are known to be allowed. */
static uint64_t leaf_entry(struct fv *fv, const struct fv_place *p, uint32_t access)
{
	bool supervisor_write = (access & PF_WRITE) && !p->writable; /* CR0.WP is clear */
	uint64_t flags = PTE_P | PTE_A | (p->user && !supervisor_write ? PTE_U : 0);
	bool shared = is_shared(fv, p);
	struct fv_frame *f;

	if (p->pfn >= fv->ram_pages)
		return make_pte(virt_to_mfn(fv->nothing),
				flags | PTE_NX | (access & PF_WRITE ? PTE_RW | PTE_D : 0));
	f = fv_frame(fv, p->pfn);
	if (is_kernel_fetch(fv, p, access))
		return make_pte(f->copy ? virt_to_mfn(f->copy) : f->mfn, flags);
	if (((p->writable && p->dirty) || supervisor_write) && f->code == FV_CODE_UNKNOWN &&
	    (!f->shadows || (access & PF_WRITE)))
		flags |= PTE_RW | PTE_D;
	if (p->noexec || (fv->patching && !shared))
		flags |= PTE_NX;
	if (flags & PTE_RW && f->shadows)
		fv->lax = true;
	/* Reading a page that is being executed does not end that. */
	if (fv->patching && f->code > FV_CODE_SEARCH && !p->noexec && !(access & PF_WRITE))
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
	/* Either get() may have dropped all shadows, even its own. That cannot happen again: none are left to drop. */
	if (l2 == l1 || find(fv, l2->kind, l2->key) != l2 || find(fv, l1->kind, l1->key) != l1)
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
	if ((access & PF_FETCH) && place.pfn >= fv->ram_pages) {
		domain_crash(v->domain, "its code is at %08x, where there is no memory", va);
		return;
	}
	if (access & PF_FETCH)
		fv_code_make_room(fv);
	if (!is_looked_at(fv, &place, access))
		return;
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

static uint32_t shadows_for(uint64_t ram_pages)
{
	return SHADOWS_MIN + ram_pages / FRAMES_PER_SHADOW;
}

static unsigned order_for(uint32_t shadows)
{
	return block_order(shadows * sizeof(struct fv_shadow));
}

uint64_t fv_shadow_most(uint64_t ram_pages)
{
	uint32_t n = shadows_for(ram_pages);

	return (PAGE_SIZE << order_for(n)) + n * PAGE_SIZE;
}

int fv_shadow_init(struct fv *fv)
{
	uint32_t n = shadows_for(fv->ram_pages);

	fv->shadows_order = order_for(n);
	if (!fv->shadows_at)
		fv->shadows_at = heap_alloc_frames_for(fv->v->domain, fv->shadows_order);
	if (!fv->l3)
		fv->l3 = heap_alloc_pages_for(fv->v->domain, 0);
	if (!fv->shadows_at || !fv->l3)
		return -ENOMEM;
	fv->shadows = mfn_to_virt(fv->shadows_at);
	fv->nr_shadows = n;
	*(uint64_t *)fv->v->mm.kind_root = make_pte(virt_to_mfn(fv->l3), PTE_P | PTE_RW | PTE_U | PTE_A);
	return 0;
}

int fv_shadow_release(struct fv *fv)
{
	if (fv->shadows_made)
		fv_shadow_drop_all(fv);
	while (fv->shadows_made) {
		struct fv_shadow *s = &fv->shadows[--fv->shadows_made];

		if (s->table)
			heap_free_pages(s->table, 0);
		if (fv->shadows_made % RELEASED_AT_ONCE == 0 && hypercall_preempt_check())
			return -ERESTART;
	}
	return 0;
}

void fv_shadow_free(struct fv *fv)
{
	if (fv->shadows_at)
		heap_free_pages(mfn_to_virt(fv->shadows_at), fv->shadows_order);
	if (fv->l3)
		heap_free_pages(fv->l3, 0);
	fv->shadows = NULL;
	fv->shadows_at = 0;
	fv->l3 = NULL;
	fv->nr_shadows = 0;
}
