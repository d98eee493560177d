/* SPDX-License-Identifier: MIT */
/*
 * All domains: ids and references.
 *
 * A domain lives while a reference to it is held: by itself until it is relinquished (dom/destroy.c), by its frames
 * together (mm/frame_domain.c), by each shared hypervisor page, and by code that looked it up. So a dead domain
 * some of whose frames Dom0 still maps stays in the list until the last of them is unmapped.
 * Locking: domain_list_lock guards the list and the hash that finds a domain by its id; it is a leaf lock, since
 * references drop in many places.
 */
#include "guest/domain.h"
#include "cpu/panic.h"
#include "guest/kind.h"
#include "lib/errno.h"
#include "lib/format.h"

const struct guest_kind *guest_kinds[KINDS];

struct list domain_list = LIST_INIT(domain_list);
struct spinlock domain_list_lock;
struct domain *dom0;
void (*domain_last_put)(struct domain *d);

static struct domain io_domain = {
    .id = DOMID_IO, .refs = 1, .state = DOMAIN_ALIVE, .name = "dom_io", .mm.heap_quota = ~0ull};
static struct domain xen_domain = {
    .id = DOMID_XEN, .refs = 1, .state = DOMAIN_ALIVE, .name = "dom_xen", .mm.heap_quota = ~0ull};
struct domain *dom_io = &io_domain, *dom_xen = &xen_domain;
struct domain dom_idle = {
    .id = DOMID_IDLE, .refs = 1, .state = DOMAIN_ALIVE, .name = "idle", .mm.heap_quota = ~0ull};

struct domain *privileged_domains = &dom_idle;

void domain_make_privileged(struct domain *d)
{
	d->privileged = true;
	d->next_privileged = privileged_domains == &dom_idle ? NULL : privileged_domains;
	__atomic_store_n(&privileged_domains, d, __ATOMIC_RELEASE);
}

/* One more reference, unless the last is gone already. */
static bool get_unless_dead(struct domain *d)
{
	uint32_t refs = __atomic_load_n(&d->refs, __ATOMIC_RELAXED);

	do {
		if (!refs)
			return false;
	} while (!__atomic_compare_exchange_n(&d->refs, &refs, refs + 1, true, __ATOMIC_ACQUIRE,
					      __ATOMIC_RELAXED));
	return true;
}

static struct domain *by_hash[256];

static struct domain **hash_slot(domid_t id)
{
	return &by_hash[id % ARRAY_SIZE(by_hash)];
}

/* The one in the list with this id, or NULL. */
static struct domain *find(domid_t id)
{
	struct domain *d = *hash_slot(id);

	while (d && d->id != id)
		d = d->hash_next;
	return d;
}

struct domain *domain_by_id(domid_t id)
{
	struct domain *self = current->domain, *d;

	if (id == DOMID_SELF || id == self->id) {
		domain_get(self);
		return self;
	}
	spin_lock(&domain_list_lock);
	d = find(id);
	if (d && !get_unless_dead(d))
		d = NULL;
	spin_unlock(&domain_list_lock);
	return d;
}

/* A caller that goes through all domains asks for the id after one that is in the list: its neighbour is the answer. */
struct domain *domain_next(domid_t first)
{
	struct domain *before, *found = NULL;
	struct list *at;

	spin_lock(&domain_list_lock);
	before = first ? find(first - 1) : NULL;
	for (at = before ? before->link.next : domain_list.next; at != &domain_list && !found;
	     at = at->next) {
		struct domain *d = list_entry(at, struct domain, link);

		if (d->id >= first && get_unless_dead(d))
			found = d;
	}
	spin_unlock(&domain_list_lock);
	return found;
}

void domain_get(struct domain *d)
{
	__atomic_fetch_add(&d->refs, 1, __ATOMIC_RELAXED);
}

/* The numbers given out. Under domain_list_lock, as long as the domain is in the list. */
static uint64_t tags[DOMAIN_TAGS / 64] = {1}; /* 0 is no domain's */

static bool tag_take(struct domain *d)
{
	for (unsigned i = 0; i < ARRAY_SIZE(tags); i++)
		if (~tags[i]) {
			unsigned bit = __builtin_ctzll(~tags[i]);

			tags[i] |= 1ull << bit;
			d->pt_tag = i * 64 + bit;
			return true;
		}
	return false;
}

static void tag_give(const struct domain *d)
{
	uint64_t tag = 1ull << d->pt_tag % 64;

	BUG_ON(!d->pt_tag || !(tags[d->pt_tag / 64] & tag));
	tags[d->pt_tag / 64] &= ~tag;
}

static void list_remove(struct domain *d)
{
	struct domain **link = hash_slot(d->id);

	while (*link != d)
		link = &(*link)->hash_next;
	*link = d->hash_next;
	list_del(&d->link);
}

void domain_put(struct domain *d)
{
	if (__atomic_sub_fetch(&d->refs, 1, __ATOMIC_ACQ_REL))
		return;
	spin_lock(&domain_list_lock);
	list_remove(d);
	tag_give(d); /* it has no tables any more */
	spin_unlock(&domain_list_lock);
	domain_last_put(d);
}

/* From the end, since a new id is usually the highest. */
static void list_add(struct domain *d)
{
	struct list *at = domain_list.prev;

	while (at != &domain_list && list_entry(at, struct domain, link)->id > d->id)
		at = at->prev;
	list_add_head(&d->link, at);
	d->hash_next = *hash_slot(d->id);
	*hash_slot(d->id) = d;
}

/* Link @d at its place, with id @id or the next free one after the last given out: an id is not
 * soon used again, so that a tool's stale number rarely means another domain. */
int domain_list_insert(struct domain *d, domid_t id)
{
	static domid_t last;
	int rc = 0;

	spin_lock(&domain_list_lock);
	if (id == DOMID_INVALID) {
		do {
			if (++last >= DOMID_FIRST_RESERVED)
				last = 1;
			id = last;
		} while (find(id));
	}
	if (find(id)) {
		rc = -EEXIST;
	} else if (!tag_take(d)) {
		rc = -ENOSPC;
	} else {
		d->id = id;
		snprintf(d->name, sizeof(d->name), "d%u", id);
		list_add(d);
	}
	spin_unlock(&domain_list_lock);
	return rc;
}
