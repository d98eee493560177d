/* SPDX-License-Identifier: MIT */
/*
 * Frames of domains: each domain's list of owned frames and its total, claims, and hypervisor pages shared
 * with a guest.
 *
 * Invariant: tot_pages counts the listed frames; while it is not zero the list holds one reference to the
 * domain, and so does each shared hypervisor page. A new frame has type WRITABLE with count 0: nothing
 * maps it yet, but the first writable mapping usually comes next and finds its type already there.
 * Locking: page_lock guards list and total; claim_lock guards claims.
 */
#include "guest/domain.h"
#include "cpu/panic.h"
#include "guest/abi.h"
#include "lib/errno.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "mm/page.h"

static struct spinlock claim_lock;
static uint64_t claimed_total;

/* Unlike a list of pointers, this one ends with 0 at its tail; the head's prev is the tail. */
static void owned_add(struct domain *d, mfn_t mfn)
{
	struct page_info *pg = mfn_to_page(mfn);
	mfn_t head = d->mm.page_head;

	pg->next = 0;
	if (head) {
		pg->prev = mfn_to_page(head)->prev;
		mfn_to_page(pg->prev)->next = mfn;
		mfn_to_page(head)->prev = mfn;
	} else {
		pg->prev = mfn;
		d->mm.page_head = mfn;
	}
}

static void owned_del(struct domain *d, mfn_t mfn)
{
	struct page_info *pg = mfn_to_page(mfn);

	if (d->mm.page_head == mfn)
		d->mm.page_head = pg->next;
	else
		mfn_to_page(pg->prev)->next = pg->next;
	if (pg->next)
		mfn_to_page(pg->next)->prev = pg->prev;
	else if (d->mm.page_head)
		mfn_to_page(d->mm.page_head)->prev = pg->prev;
	pg->next = pg->prev = 0;
}

mfn_t owned_rotate(struct domain *d)
{
	mfn_t mfn;

	spin_lock(&d->mm.page_lock);
	mfn = d->mm.page_head;
	if (mfn) {
		owned_del(d, mfn);
		owned_add(d, mfn);
	}
	spin_unlock(&d->mm.page_lock);
	return mfn;
}

/* May @d take @n more frames of what is free? Others' claims are kept; its own shrinks. */
static bool claim_take(struct domain *d, uint64_t n)
{
	bool ok;

	spin_lock(&claim_lock);
	ok = frames_free() >= n + claimed_total - d->mm.claimed_pages;
	if (ok) {
		uint64_t used = MIN(n, d->mm.claimed_pages);

		d->mm.claimed_pages -= used;
		claimed_total -= used;
	}
	spin_unlock(&claim_lock);
	return ok;
}

bool claims_leave(uint64_t pages)
{
	return frames_free() >= pages + __atomic_load_n(&claimed_total, __ATOMIC_RELAXED);
}

int domain_claim_pages(struct domain *d, uint64_t pages)
{
	int rc = 0;
	uint64_t more;

	spin_lock(&claim_lock);
	more = pages > d->mm.tot_pages ? pages - d->mm.tot_pages : 0;
	if (pages && (!more || pages > d->mm.max_pages || d->state >= DOMAIN_DYING)) {
		rc = -EINVAL;
	} else if (more > frames_free() - MIN(frames_free(), claimed_total - d->mm.claimed_pages)) {
		rc = -ENOMEM;
	} else {
		claimed_total += more - d->mm.claimed_pages;
		d->mm.claimed_pages = more;
	}
	spin_unlock(&claim_lock);
	return rc;
}

/* Count @n frames in before they exist, so that two CPUs cannot both pass the limit. */
static bool total_grow(struct domain *d, uint64_t n, uint64_t beyond)
{
	bool ok, first;

	spin_lock(&d->mm.page_lock);
	ok = d->state < DOMAIN_DYING && d->mm.tot_pages + n <= d->mm.max_pages + beyond;
	first = ok && !d->mm.tot_pages;
	if (ok)
		d->mm.tot_pages += n;
	if (first)
		domain_get(d);
	spin_unlock(&d->mm.page_lock);
	return ok;
}

static void total_shrink(struct domain *d, uint64_t n, mfn_t unlink)
{
	bool last;

	spin_lock(&d->mm.page_lock);
	if (unlink)
		owned_del(d, unlink);
	d->mm.tot_pages -= n;
	last = !d->mm.tot_pages;
	spin_unlock(&d->mm.page_lock);
	if (last)
		domain_put(d);
}

/* The narrower of two limits of address bits; 0 means no limit. */
static unsigned narrower(unsigned a, unsigned b)
{
	return a && b ? MIN(a, b) : MAX(a, b);
}

mfn_t domain_take_frames(struct domain *d, unsigned order, unsigned addr_bits, uint64_t beyond)
{
	uint64_t n = 1ull << order;
	mfn_t mfn;

	if (order > MAX_ORDER || !total_grow(d, n, beyond))
		return 0;
	mfn = claim_take(d, n) ? buddy_alloc(order, narrower(addr_bits, d->abi->addr_bits)) : 0;
	if (!mfn)
		total_shrink(d, n, 0);
	return mfn;
}

bool domain_own_frames(struct domain *d, mfn_t mfn, uint64_t n)
{
	bool lives;

	spin_lock(&d->mm.page_lock);
	lives = d->state < DOMAIN_DYING;
	for (uint64_t i = 0; lives && i < n; i++) {
		struct page_info *pg = mfn_to_page(mfn + i);

		owned_add(d, mfn + i);
		pg->owner = d;
		pg->type = (uint64_t)PGT_WRITABLE << PGT_SHIFT | PGT_VALIDATED;
		__atomic_store_n(&pg->count, PGC_ALLOCATED | 1, __ATOMIC_RELEASE);
	}
	spin_unlock(&d->mm.page_lock);
	return lives;
}

void domain_return_frames(struct domain *d, mfn_t mfn, uint64_t n)
{
	buddy_return(mfn, mfn + n);
	total_shrink(d, n, 0);
}

struct page_info *domain_alloc_pages(struct domain *d, unsigned order, unsigned addr_bits)
{
	mfn_t mfn = domain_take_frames(d, order, addr_bits, 0);

	if (!mfn)
		return NULL;
	for (uint64_t i = 0; i < 1ull << order; i++)
		memset(mfn_to_virt(mfn + i), 0, PAGE_SIZE);
	if (domain_own_frames(d, mfn, 1ull << order))
		return mfn_to_page(mfn);
	domain_return_frames(d, mfn, 1ull << order);
	return NULL;
}

bool page_disown(struct page_info *pg)
{
	if (!(__atomic_fetch_and(&pg->count, ~PGC_ALLOCATED, __ATOMIC_ACQ_REL) & PGC_ALLOCATED))
		return false;
	page_put(pg);
	return true;
}

void frame_release(struct page_info *pg)
{
	struct domain *d = pg->owner;
	mfn_t mfn = page_to_mfn(pg);
	bool heap = pg->count & PGC_HEAP;

	m2p_set(mfn, INVALID_PFN);
	if (!heap)
		total_shrink(d, 1, mfn);
	pg->owner = NULL;
	pg->count = 0;
	pg->type = 0;
	buddy_free(mfn, 0);
	if (heap) {
		domain_uncharge(d, PAGE_SIZE);
		domain_put(d);
	}
}

void share_heap_page(void *p, struct domain *d, bool readonly)
{
	struct page_info *pg = mfn_to_page(virt_to_mfn(p));
	enum page_type type = readonly ? PGT_NONE : PGT_WRITABLE;

	BUG_ON(pg->count || (pg->owner && pg->owner != d));
	/* The sharing's own use of the type keeps it for good: never a page table. */
	pg->type = (uint64_t)type << PGT_SHIFT | PGT_VALIDATED | 1;
	domain_get(d);
	pg->owner = d;
	__atomic_store_n(&pg->count, PGC_ALLOCATED | PGC_HEAP | 1, __ATOMIC_RELEASE);
}

void unshare_heap_page(void *p)
{
	BUG_ON(!page_disown(mfn_to_page(virt_to_mfn(p))));
}
