/* SPDX-License-Identifier: MIT */
/* Inside gnt/: a domain's grant table, both sides of it. Locking: grant_table.lock, except where said. */
#pragma once

#include "gnt/grant.h"
#include "lib/rare.h"
#include "lib/spinlock.h"
#include "lib/types.h"
#include "xen/grant_table.h"
#include "xen/xen.h"

struct gnttab_copy;
struct gnttab_map_grant_ref;
struct vcpu;

#define GRANT_FRAMES_MAX     64 /* shared frames of a domain, and the default */
#define GRANTS_PER_FRAME     (PAGE_SIZE / sizeof(struct grant_entry_v1))
#define MAPTRACK_FRAMES_MAX  1024
#define MAPTRACKS_PER_FRAME  (PAGE_SIZE / sizeof(struct maptrack))
#define MAPTRACK_NONE        (~0u)
#define GRANT_USE_PAGE_ORDER 1 /* a shared frame's entries in struct grant_use */

/* An entry as the guest sees it; its head is changed in one piece. */
union grant_slot {
	struct grant_entry_v1 v1;
	struct {
		uint16_t flags;
		domid_t domid;
	};
	uint32_t head;
};

/* What is known of an entry in use. While pins is not zero, frame and domid are what the entry said at the
 * first pin: the guest can change its entry, but not what was mapped. */
struct grant_use {
	uint32_t pins; /* mappings and running copies */
	uint32_t writers;
	uint32_t frame;
	domid_t domid;
};

#define MAPTRACK_BUSY  (1u << 31) /* in flags: being unmapped */
#define MAPTRACK_PARTS (GNTMAP_host_map | GNTMAP_device_map)

/* A mapping, known to the domain that mapped by its number, the handle. */
struct maptrack {
	struct domain *granter; /* a reference is held; NULL: free */
	uint32_t ref;           /* of a free one: the next free handle */
	uint32_t flags;         /* GNTMAP_* as mapped; of host_map and device_map what is still there */
};

struct grant_table {
	struct spinlock lock;
	bool closed; /* its domain is dying */

	/* As granter. */
	uint32_t frames, max_frames;
	union grant_slot *shared[GRANT_FRAMES_MAX];
	struct grant_use *uses[GRANT_FRAMES_MAX];

	/* As mapper. */
	uint32_t maptrack_frames, max_maptrack_frames;
	uint32_t maptrack_free; /* first free handle, or MAPTRACK_NONE */
	uint32_t release_next;  /* how far grant_release_maps() came */
	struct maptrack **maptrack;

	struct domain *domain; /* the owner of the table */
};

static inline union grant_slot *grant_slot(struct grant_table *gt, grant_ref_t ref)
{
	return &gt->shared[ref / GRANTS_PER_FRAME][ref % GRANTS_PER_FRAME];
}

static inline struct grant_use *grant_use(struct grant_table *gt, grant_ref_t ref)
{
	return &gt->uses[ref / GRANTS_PER_FRAME][ref % GRANTS_PER_FRAME];
}

/* ---- grant.c; results are GNTST_* ---- */

/* At least @frames shared frames. */
int grant_grow(struct domain *d, uint32_t frames);
/* The cases that pin.h does not handle. With the lock. */
int grant_pin_slowly(struct grant_table *gt, grant_ref_t ref, domid_t who, bool readonly) __rare;
void grant_unpin_slowly(struct grant_table *gt, grant_ref_t ref, bool readonly) __rare;
int grant_swap(struct domain *d, grant_ref_t a, grant_ref_t b);

/* ---- maptrack.c ---- */

static inline struct maptrack *maptrack_at(struct grant_table *gt, uint32_t handle)
{
	return &gt->maptrack[handle / MAPTRACKS_PER_FRAME][handle % MAPTRACKS_PER_FRAME];
}
bool maptrack_grow(struct grant_table *gt) __rare; /* more free handles; with the lock */

/* A handle of @gt, its mapping still to be filled in, flags last; NULL if there is none left. */
static inline struct maptrack *maptrack_get(struct grant_table *gt, uint32_t *handle)
{
	struct maptrack *m = NULL;

	spin_lock(&gt->lock);
	if (likely(gt->maptrack_free != MAPTRACK_NONE) || rare_value(maptrack_grow, gt)) {
		*handle = gt->maptrack_free;
		m = maptrack_at(gt, *handle);
		gt->maptrack_free = m->ref;
	}
	spin_unlock(&gt->lock);
	return m;
}

/* The handle of @m is free again. */
static inline void maptrack_put(struct grant_table *gt, struct maptrack *m, uint32_t handle)
{
	m->granter = NULL;
	spin_lock(&gt->lock);
	m->flags = 0;
	m->ref = gt->maptrack_free;
	gt->maptrack_free = handle;
	spin_unlock(&gt->lock);
}

/*
 * The mapping behind a number from the guest, marked busy: until its flags are stored without that, or it is put,
 * no other CPU gets it. NULL if there is none. The table of handles only grows, and flags say of each handle whether
 * there is a mapping to claim: no lock.
 */
static inline struct maptrack *maptrack_claim(struct grant_table *gt, uint32_t handle)
{
	struct maptrack *m;
	uint32_t flags;

	if (unlikely(handle >= __atomic_load_n(&gt->maptrack_frames, __ATOMIC_ACQUIRE) * MAPTRACKS_PER_FRAME))
		return NULL;
	m = maptrack_at(gt, handle);
	flags = __atomic_load_n(&m->flags, __ATOMIC_RELAXED);
	do {
		if (unlikely(!(flags & MAPTRACK_PARTS) || (flags & MAPTRACK_BUSY)))
			return NULL;
	} while (unlikely(!__atomic_compare_exchange_n(&m->flags, &flags, flags | MAPTRACK_BUSY, false,
						       __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)));
	return m;
}

/* ---- map.c; @v is current, results are GNTST_* ---- */

/* Fills in op->handle and op->dev_bus_addr. The mapping takes over the caller's reference to @granter. */
int grant_map(struct vcpu *v, struct domain *granter, struct gnttab_map_grant_ref *op);

/* Unmapping has two halves. In between the TLBs of the mapping domain are flushed, once for many: only then
 * may the granter hear that its frame is unused. */
struct grant_unmap {
	grant_handle_t handle;
	uint32_t done;      /* parts that the first half took away; 0: there is no second half */
	struct maptrack *m; /* claimed */
};
/* Of u->handle; the addresses as in the requests, 0: not wanted. */
int grant_unmap_begin(struct vcpu *v, struct grant_unmap *u, uint64_t host_addr, uint64_t dev_addr,
		      uint64_t new_addr);
void grant_unmap_end(struct domain *d, const struct grant_unmap *u);

/* ---- copy.c ---- */

/* One copy for domain @d, between frames of @from and @to or between frames that these granted it. */
int grant_copy(struct domain *d, struct domain *from, struct domain *to, const struct gnttab_copy *op);
