/* SPDX-License-Identifier: MIT */
/*
 * The memory_op commands that describe: how much memory a domain has, the machine's and a domain's memory
 * map, and where the M2P is.
 */
#include "guest/domain.h"
#include "guest/hypercall.h"
#include "guest/shared_info.h"
#include "guest/paging.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/bootmem.h"
#include "mm/guest_copy.h"
#include "mm/m2p.h"
#include "mm/memory_op.h"
#include "mm/mmu_owner.h"
#include "mm/page.h"
#include "mm/sub_op.h"
#include "xen/memory.h"

#define MAP_ENTRIES_MAX 64

struct e820_entry {
	uint64_t addr, size;
	uint32_t type;
} __packed;

static long reservation(const struct xen_memory_domain *q, bool most)
{
	struct domain *d;
	long pages;
	int rc;

	d = memory_domain_get(q->domid, &rc);
	if (!d)
		return rc;
	pages = most ? d->mm.max_pages : d->mm.tot_pages;
	domain_put(d);
	return pages;
}

static long current_reservation(struct vcpu *v, struct xen_memory_domain *q)
{
	return reservation(q, false);
}

static long maximum_reservation(struct vcpu *v, struct xen_memory_domain *q)
{
	return reservation(q, true);
}

/* The last of its pfns; 0 if it says nothing yet, or more than a machine has, which a 32-bit caller took for an error. */
static long maximum_gpfn(struct vcpu *v, struct xen_memory_domain *q)
{
	struct page_info *pg;
	struct domain *d;
	uint64_t pfns = 0;
	int rc;

	d = memory_domain_get(q->domid, &rc);
	if (!d)
		return rc;
	pg = page_get_mfn(d->shared_info_mfn, d); /* it may end meanwhile */
	if (pg) {
		pfns = shared_max_pfn(d->shared_info, d->abi->max_ports, d->abi->word_shift);
		page_put(pg);
	}
	domain_put(d);
	return pfns && pfns <= INT32_MAX ? (long)pfns - 1 : 0;
}

/* The caller's buffer of map.nr_entries gets @n entries; that count is the answer. */
static long put_map(struct xen_memory_map *map, const struct e820_entry *entries, unsigned n)
{
	map->nr_entries = MIN(map->nr_entries, n);
	return guest_write(map->buffer, entries, map->nr_entries * sizeof(*entries));
}

static long memory_map(struct vcpu *v, struct xen_memory_map *map)
{
	struct domain *d = v->domain;
	struct e820_entry entries[MAP_ENTRIES_MAX];
	unsigned n;

	spin_lock(&d->mm.page_lock);
	n = d->mm.memory_map_entries;
	if (n)
		memcpy(entries, d->mm.memory_map, n * sizeof(*entries));
	spin_unlock(&d->mm.page_lock);
	return n ? put_map(map, entries, n) : -ENOSYS;
}

static long machine_memory_map(struct vcpu *v, struct xen_memory_map *map)
{
	struct e820_entry entries[BOOT_RAM_MAX];

	if (map->nr_entries < boot_ram_count)
		return -EINVAL;
	for (unsigned i = 0; i < boot_ram_count; i++)
		entries[i] = (struct e820_entry){boot_ram[i].start, boot_ram[i].end - boot_ram[i].start,
						 boot_ram[i].type};
	return put_map(map, entries, boot_ram_count);
}

static int replace_map(struct domain *d, void *entries, unsigned n)
{
	void *old = entries;
	int rc = -EINVAL;

	spin_lock(&d->mm.page_lock);
	if (d->state < DOMAIN_DYING) { /* or it would never be freed */
		old = d->mm.memory_map;
		d->mm.memory_map = entries;
		d->mm.memory_map_entries = n;
		rc = 0;
	}
	spin_unlock(&d->mm.page_lock);
	heap_free(old);
	return rc;
}

static long set_memory_map(struct vcpu *v, struct xen_foreign_memory_map *f)
{
	struct e820_entry *entries;
	struct domain *d;
	size_t size;
	int rc;

	if (!f->map.nr_entries || f->map.nr_entries > MAP_ENTRIES_MAX)
		return -EINVAL;
	d = memory_domain_get(f->domid, &rc);
	if (!d)
		return rc;
	size = f->map.nr_entries * sizeof(*entries);
	entries = heap_alloc_for(d, size);
	rc = !entries ? -ENOMEM : guest_read(entries, f->map.buffer, size);
	if (rc)
		heap_free(entries);
	else
		rc = replace_map(d, entries, f->map.nr_entries);
	domain_put(d);
	return rc;
}

static long machphys_mapping(struct vcpu *v, struct xen_machphys_mapping *m)
{
	const struct paging_rules *rules = v->domain->paging;
	mfn_t seen = (rules->m2p_end - rules->m2p_start) >> rules->m2p_entry_shift;

	*m = (struct xen_machphys_mapping){rules->m2p_start, rules->m2p_end, MIN(max_mfn, seen) - 1};
	return 0;
}

/* Frames of the M2P in steps of 2 MiB, so that tools may map them. */
static long mfn_list(struct xen_machphys_mfn_list *l, unsigned entry_shift)
{
	while (!m2p_share())
		if (hypercall_preempt_check())
			return -ERESTART;
	for (l->nr_extents = 0; l->nr_extents < l->max_extents; l->nr_extents++) {
		mfn_t mfn = m2p_frame(entry_shift, l->nr_extents);

		if (!mfn)
			break;
		if (guest_put_word(l->extent_start, l->nr_extents, mfn))
			return -EFAULT;
	}
	return 0;
}

static long machphys_mfn_list(struct vcpu *v, struct xen_machphys_mfn_list *l)
{
	return mfn_list(l, v->domain->paging->m2p_entry_shift);
}

static long machphys_compat_mfn_list(struct vcpu *v, struct xen_machphys_mfn_list *l)
{
	return mfn_list(l, 2);
}

static const struct sub_op memory_ops[] = {
    [XENMEM_current_reservation] = SUB_OP(current_reservation, xen_memory_domain, SUB_READS),
    [XENMEM_maximum_reservation] = SUB_OP(maximum_reservation, xen_memory_domain, SUB_READS),
    [XENMEM_maximum_gpfn] = SUB_OP(maximum_gpfn, xen_memory_domain, SUB_READS),
    [XENMEM_memory_map] = SUB_OP(memory_map, xen_memory_map, SUB_READS | SUB_ANSWERS),
    [XENMEM_machine_memory_map] =
	SUB_OP(machine_memory_map, xen_memory_map, SUB_PRIVILEGED | SUB_READS | SUB_ANSWERS),
    [XENMEM_set_memory_map] = SUB_OP(set_memory_map, xen_foreign_memory_map, SUB_PRIVILEGED | SUB_READS),
    [XENMEM_machphys_mapping] = SUB_OP(machphys_mapping, xen_machphys_mapping, SUB_ANSWERS),
    [XENMEM_machphys_mfn_list] = SUB_OP(machphys_mfn_list, xen_machphys_mfn_list, SUB_READS | SUB_ANSWERS),
    [XENMEM_machphys_compat_mfn_list] =
	SUB_OP(machphys_compat_mfn_list, xen_machphys_mfn_list, SUB_READS | SUB_ANSWERS),
};

long memory_describe_op(uint32_t cmd, gva_t arg)
{
	long rc;

	if (cmd == XENMEM_maximum_ram_page)
		return max_mfn;
	rc = sub_op_run(memory_ops, ARRAY_SIZE(memory_ops), cmd, current, arg);
	return rc == -ERESTART ? HYPERCALL_RESTART(memory_op, cmd, arg) : rc;
}
