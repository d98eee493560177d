/* SPDX-License-Identifier: MIT */
/*
 * Hypercall 20, grant_table_op (xen/grant_table.h): copying in, authorising, copying out. The argument is an
 * array of structures; each gets its own status (GNTST_*), so that the call as a whole fails only where it
 * cannot be understood. A long array is interrupted between entries and goes on with the rest of it.
 *
 * Version 1 only. Linux asks for version 2: the answer is that of a Xen that was told not to offer it.
 */
#include "gnt/table.h"
#include "guest/domain.h"
#include "guest/hypercall.h"
#include "hypercalls.h"
#include "lib/errno.h"
#include "mm/guest_copy.h"
#include "mm/mm.h"
#include "mm/page.h"
#include "mm/sub_op.h"
#include "xen/grant_table.h"

#define ENTRIES_PER_CHECK 16 /* a power of two */
#define FRAMES_PER_CHECK  6  /* of a table that grows */
#define UNMAP_BATCH       16 /* unmapped with one TLB flush */
#define SHORT_LIST        4u /* entries; a multicall of more than that looks at other work after each list */
#define CACHE_LINE        64

/* Where the results begin, which are all that is written back. */
#define MAP_RESULTS   offsetof(struct gnttab_map_grant_ref, dom)
#define UNMAP_RESULTS offsetof(struct gnttab_unmap_grant_ref, handle)

/* The domain of a request about a whole table: the caller, or for Dom0 any. NULL and *status. */
static struct domain *table_owner(domid_t id, int16_t *status)
{
	struct domain *self = current->domain, *d;

	if (id != DOMID_SELF && id != self->id && !self->privileged) {
		*status = GNTST_permission_denied;
		return NULL;
	}
	d = domain_by_id(id);
	*status = d ? GNTST_okay : GNTST_bad_domain;
	return d;
}

static int put_frame_list(struct grant_table *gt, const struct gnttab_setup_table *op)
{
	for (uint32_t i = 0; i < op->nr_frames; i++)
		if (guest_put_word(op->frame_list, i, virt_to_mfn(gt->shared[i])))
			return GNTST_bad_virt_addr;
	return GNTST_okay;
}

/* Some frames at a time. False: there is other work before the rest. */
static bool grow_table(struct domain *d, struct gnttab_setup_table *op)
{
	uint32_t n = d->grants->frames;

	do {
		n = MIN(n + FRAMES_PER_CHECK, op->nr_frames);
		op->status = grant_grow(d, n);
	} while (op->status == GNTST_okay && n < op->nr_frames && !hypercall_preempt_check());
	return op->status != GNTST_okay || n == op->nr_frames;
}

static long setup_table(struct vcpu *v, struct gnttab_setup_table *op)
{
	struct domain *d;
	bool whole = true;

	hypercall_was_long();
	d = table_owner(op->dom, &op->status);
	if (d && op->nr_frames > d->grants->max_frames) {
		op->status = GNTST_general_error;
		domain_put(d);
	} else if (d) {
		whole = grow_table(d, op);
		if (whole && op->status == GNTST_okay)
			op->status = put_frame_list(d->grants, op);
		domain_put(d);
	}
	return whole ? 0 : -ERESTART;
}

static long query_size(struct vcpu *v, struct gnttab_query_size *op)
{
	struct domain *d;

	d = table_owner(op->dom, &op->status);
	if (d) {
		op->nr_frames = d->grants->frames;
		op->max_nr_frames = d->grants->max_frames;
		domain_put(d);
	}
	return 0;
}

static long dump_table(struct vcpu *v, struct gnttab_dump_table *op)
{
	struct domain *d = NULL;

	/* Not every domain may fill the log. */
	if (current->domain->privileged)
		d = table_owner(op->dom, &op->status);
	else
		op->status = GNTST_permission_denied;
	if (d) {
		grant_dump(d);
		domain_put(d);
	}
	return 0;
}

static long set_version(struct vcpu *v, struct gnttab_set_version *op)
{
	long rc;

	rc = op->version == 1 ? 0 : op->version == 2 ? -ENOSYS : -EINVAL;
	op->version = 1;
	return rc;
}

static long get_version(struct vcpu *v, struct gnttab_get_version *op)
{
	struct domain *d;
	int16_t status;

	d = table_owner(op->dom, &status);
	if (!d)
		return status == GNTST_permission_denied ? -EPERM : -ESRCH;
	domain_put(d);
	op->version = 1;
	return 0;
}

/* Version 1 keeps the status in the entries themselves. */
static long get_status_frames(struct vcpu *v, struct gnttab_get_status_frames *op)
{
	struct domain *d;

	d = table_owner(op->dom, &op->status);
	if (d) {
		op->status = GNTST_general_error;
		domain_put(d);
	}
	return 0;
}

static long map_one(uint32_t cmd, gva_t arg)
{
	struct gnttab_map_grant_ref op;
	struct domain *granter;

	if (guest_read(&op, arg, sizeof(op)))
		return -EFAULT;
	/* Granters go by their numbers: DOMID_SELF is none. */
	granter = likely(op.dom != DOMID_SELF) ? domain_by_id(op.dom) : NULL;
	if (likely(granter)) {
		op.status = grant_map(current, granter, &op);
		if (unlikely(op.status))
			domain_put(granter);
	} else {
		op.status = GNTST_bad_domain;
	}
	return guest_write(arg + MAP_RESULTS, (char *)&op + MAP_RESULTS, sizeof(op) - MAP_RESULTS);
}

/* Pages of PV guests change hands through memory_op. This status alone says that the page is still the
 * caller's. */
static long transfer_one(struct vcpu *v, struct gnttab_transfer *op)
{
	op->status = GNTST_bad_page;
	return 0;
}

/* The owner of the page: any domain by a grant, by frame number DOMID_SELF alone. Takes a reference unless it is the
 * current domain. NULL and *status. */
static inline struct domain *copy_domain(domid_t id, bool granted, int16_t *status)
{
	struct domain *self = current->domain, *d;

	if (id == DOMID_SELF || (granted && id == self->id))
		return self;
	d = domain_by_id(id);
	if (granted && d)
		return d;
	*status = d ? GNTST_permission_denied : GNTST_bad_domain;
	if (d)
		domain_put(d);
	return NULL;
}

static inline void copy_domain_put(struct domain *d)
{
	if (unlikely(d != current->domain))
		domain_put(d);
}

static inline void copy_between(struct gnttab_copy *op)
{
	struct domain *from = copy_domain(op->source.domid, op->flags & GNTCOPY_source_gref, &op->status),
		      *to;

	if (unlikely(!from))
		return;
	to = copy_domain(op->dest.domid, op->flags & GNTCOPY_dest_gref, &op->status);
	if (likely(to)) {
		op->status = grant_copy(current->domain, from, to, op);
		copy_domain_put(to);
	}
	copy_domain_put(from);
}

static long copy_one(uint32_t cmd, gva_t arg)
{
	struct gnttab_copy op;
	uint32_t status;

	if (guest_get(&op, arg, gnttab_copy))
		return -EFAULT;
	copy_between(&op);
	/* Only the status, which is the last word in either layout. */
	status = op.status;
	return guest_write(arg + guest_sizeof(gnttab_copy) - sizeof(status), &status, sizeof(status));
}

static long swap_one(struct vcpu *v, struct gnttab_swap_grant_ref *op)
{
	op->status = grant_swap(current->domain, op->ref_a, op->ref_b);
	return 0;
}

/* Caches of the processors are coherent: this is for devices that are not. CLFLUSH writes back and discards;
 * discarding alone would bring back what was there before, perhaps another domain's data. */
static long cache_flush_one(struct vcpu *v, struct gnttab_cache_flush *op)
{
	struct page_info *pg;
	const char *line;

	if (op->offset + op->length > PAGE_SIZE || (op->op & ~(GNTTAB_CACHE_CLEAN | GNTTAB_CACHE_INVAL)))
		return -EINVAL;
	if (!op->length || !op->op)
		return 0;
	if (op->op == GNTTAB_CACHE_INVAL)
		return -EOPNOTSUPP;
	pg = page_get_mfn(op->a.dev_bus_addr >> PAGE_SHIFT, current->domain);
	if (!pg)
		return -EINVAL;
	line = (const char *)mfn_to_virt(page_to_mfn(pg)) + (op->offset & -CACHE_LINE);
	for (unsigned at = op->offset & -CACHE_LINE; at < op->offset + op->length; at += CACHE_LINE)
		__asm__ volatile("clflush (%0)" : : "r"(line + at - (op->offset & -CACHE_LINE)) : "memory");
	page_put(pg);
	return 0;
}

/* Each entry by itself: @one copies in, works, copies out. */
static __always_inline long run_list(uint32_t cmd, gva_t uop, uint32_t count, size_t size,
				     long (*one)(uint32_t cmd, gva_t arg))
{
	if (unlikely(count > SHORT_LIST))
		hypercall_was_long();
	while (count) {
		long rc = one(cmd, uop);

		if (unlikely(rc))
			return rc;
		uop += size;
		if (!(--count & (ENTRIES_PER_CHECK - 1)) && count && hypercall_preempt_check())
			return HYPERCALL_RESTART(grant_table_op, cmd, uop, count);
	}
	return 0;
}

static long map_list(gva_t uop, uint32_t count)
{
	return run_list(GNTTABOP_map_grant_ref, uop, count, sizeof(struct gnttab_map_grant_ref), map_one);
}

static long copy_list(gva_t uop, uint32_t count)
{
	hypercall_was_long();
	return run_list(GNTTABOP_copy, uop, count, guest_sizeof(gnttab_copy), copy_one);
}

/* The two requests to unmap differ in one word: the device's address, or the address whose mapping moves. */
_Static_assert(sizeof(struct gnttab_unmap_and_replace) == sizeof(struct gnttab_unmap_grant_ref) &&
		   offsetof(struct gnttab_unmap_and_replace, new_addr) ==
		       offsetof(struct gnttab_unmap_grant_ref, dev_bus_addr) &&
		   offsetof(struct gnttab_unmap_and_replace, status) ==
		       offsetof(struct gnttab_unmap_grant_ref, status),
	       "one reader for both");

static long unmap_begin(struct grant_unmap *u, gva_t arg, bool replace)
{
	struct gnttab_unmap_grant_ref op;

	u->done = 0;
	if (guest_read(&op, arg, sizeof(op)))
		return -EFAULT;
	u->handle = op.handle;
	op.status = grant_unmap_begin(current, u, op.host_addr, replace ? 0 : op.dev_bus_addr,
				      replace ? op.dev_bus_addr : 0);
	return guest_write(arg + UNMAP_RESULTS, (char *)&op + UNMAP_RESULTS, sizeof(op) - UNMAP_RESULTS);
}

/* The first halves of all, one flush, the second halves. What was begun is ended whatever happens. */
static __always_inline long unmap_batch(gva_t uop, unsigned n, bool replace)
{
	struct domain *d = current->domain;
	struct grant_unmap u[UNMAP_BATCH];
	uint32_t done = 0;
	unsigned i;
	long rc = 0;

	for (i = 0; i < n && !rc; i++) {
		rc = unmap_begin(&u[i], uop + i * sizeof(struct gnttab_unmap_grant_ref), replace);
		done |= u[i].done;
	}
	if (done & GNTMAP_host_map)
		tlb_flush_cpus(d->mm.tlb_cpus);
	while (i--)
		if (likely(u[i].done))
			grant_unmap_end(d, &u[i]);
	return rc;
}

static __always_inline long run_unmap(uint32_t cmd, gva_t uop, uint32_t count, bool replace)
{
	if (unlikely(count > SHORT_LIST))
		hypercall_was_long();
	while (count) {
		unsigned n = MIN(count, (uint32_t)UNMAP_BATCH);
		long rc = unmap_batch(uop, n, replace);

		uop += n * sizeof(struct gnttab_unmap_grant_ref);
		count -= n;
		if (likely(rc || !count))
			return rc;
		if (hypercall_preempt_check())
			return HYPERCALL_RESTART(grant_table_op, cmd, uop, count);
	}
	return 0;
}

static long unmap_list(gva_t uop, uint32_t count)
{
	return run_unmap(GNTTABOP_unmap_grant_ref, uop, count, false);
}

static long replace_list(gva_t uop, uint32_t count)
{
	return run_unmap(GNTTABOP_unmap_and_replace, uop, count, true);
}

/* Operations on lists whose entries are read in line; then those of rows: on lists too, and on one structure. */
static long (*const lists[])(gva_t uop, uint32_t count) = {
    [GNTTABOP_map_grant_ref] = map_list, [GNTTABOP_unmap_grant_ref] = unmap_list,
    [GNTTABOP_copy] = copy_list,         [GNTTABOP_unmap_and_replace] = replace_list,
    [GNTTABOP_cache_flush] = NULL, /* as long as the rows */
};

static const struct sub_op grant_ops[] = {
    [GNTTABOP_setup_table] = SUB_OP(setup_table, gnttab_setup_table, SUB_READS | SUB_ANSWERS),
    [GNTTABOP_dump_table] = SUB_OP(dump_table, gnttab_dump_table, SUB_READS | SUB_ANSWERS),
    [GNTTABOP_transfer] = SUB_OP(transfer_one, gnttab_transfer, SUB_READS | SUB_ANSWERS),
    [GNTTABOP_query_size] = SUB_OP(query_size, gnttab_query_size, SUB_READS | SUB_ANSWERS),
    [GNTTABOP_set_version] = SUB_OP(set_version, gnttab_set_version, SUB_READS | SUB_TELLS),
    [GNTTABOP_get_status_frames] =
	SUB_OP(get_status_frames, gnttab_get_status_frames, SUB_READS | SUB_ANSWERS),
    [GNTTABOP_get_version] = SUB_OP(get_version, gnttab_get_version, SUB_READS | SUB_ANSWERS),
    [GNTTABOP_swap_grant_ref] = SUB_OP(swap_one, gnttab_swap_grant_ref, SUB_READS | SUB_ANSWERS),
    [GNTTABOP_cache_flush] = SUB_OP(cache_flush_one, gnttab_cache_flush, SUB_READS),
};

static long run_row(uint32_t cmd, gva_t arg)
{
	return sub_op_run(grant_ops, ARRAY_SIZE(grant_ops), cmd, current, arg);
}

static bool takes_list(uint32_t cmd)
{
	return cmd == GNTTABOP_transfer || cmd == GNTTABOP_swap_grant_ref || cmd == GNTTABOP_cache_flush;
}

static __cold __attribute__((noinline)) long row_op(gva_t uop, uint32_t count, uint32_t cmd)
{
	long rc;

	if (takes_list(cmd)) {
		if (cmd == GNTTABOP_cache_flush)
			hypercall_was_long();
		return run_list(cmd, uop, count,
				current->domain->abi->layout[grant_ops[cmd].layout].guest_size, run_row);
	}
	if (count != 1)
		return -EINVAL;
	rc = run_row(cmd, uop);
	return rc == -ERESTART ? HYPERCALL_RESTART(grant_table_op, cmd, uop, 1) : rc;
}

long hc_grant_table_op(uint64_t cmd_arg, uint64_t uop, uint64_t count_arg)
{
	uint64_t cmd = (uint32_t)cmd_arg;
	uint32_t count = count_arg;

	if (unlikely(cmd >= ARRAY_SIZE(lists)))
		return (int32_t)count < 0 ? -EINVAL : -ENOSYS;
	if (unlikely((int32_t)count < 0))
		return -EINVAL;
	if (likely(lists[cmd]))
		return lists[cmd](uop, count);
	return row_op(uop, count, cmd);
}
