/* SPDX-License-Identifier: MIT */
/*
 * The memory_op commands that describe: how much memory a domain has, the machine's and a domain's memory
 * map, and where the M2P is.
 */
#include "guest/domain.h"
#include "guest/hypercall.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/bootmem.h"
#include "mm/guest_copy.h"
#include "mm/m2p.h"
#include "mm/memory_op.h"
#include "mm/mmu_owner.h"
#include "mm/page.h"
#include "xen/memory.h"

#define MAP_ENTRIES_MAX 64

struct e820_entry {
	uint64_t addr, size;
	uint32_t type;
} __packed;

static long reservation(uint32_t cmd, gva_t arg)
{
	struct xen_memory_domain q;
	struct domain *d;
	long pages;
	int rc;

	if (guest_get(&q, arg, xen_memory_domain))
		return -EFAULT;
	d = memory_domain_get(q.domid, &rc);
	if (!d)
		return rc;
	pages = cmd == XENMEM_current_reservation ? d->tot_pages : d->max_pages;
	domain_put(d);
	return pages;
}

/* The caller's buffer of map.nr_entries gets @n entries; the count is written back. */
static long put_map(gva_t arg, struct xen_memory_map *map, const struct e820_entry *entries, unsigned n)
{
	map->nr_entries = MIN(map->nr_entries, n);
	if (guest_write(map->buffer, entries, map->nr_entries * sizeof(*entries)) ||
	    guest_put(arg, map, xen_memory_map))
		return -EFAULT;
	return 0;
}

static long memory_map(gva_t arg)
{
	struct domain *d = current->domain;
	struct e820_entry entries[MAP_ENTRIES_MAX];
	struct xen_memory_map map;
	unsigned n;

	if (guest_get(&map, arg, xen_memory_map))
		return -EFAULT;
	spin_lock(&d->page_lock);
	n = d->memory_map_entries;
	if (n)
		memcpy(entries, d->memory_map, n * sizeof(*entries));
	spin_unlock(&d->page_lock);
	return n ? put_map(arg, &map, entries, n) : -ENOSYS;
}

static long machine_memory_map(gva_t arg)
{
	struct e820_entry entries[BOOT_RAM_MAX];
	struct xen_memory_map map;

	if (!current->domain->privileged)
		return -EPERM;
	if (guest_get(&map, arg, xen_memory_map))
		return -EFAULT;
	if (map.nr_entries < boot_ram_count)
		return -EINVAL;
	for (unsigned i = 0; i < boot_ram_count; i++)
		entries[i] = (struct e820_entry){boot_ram[i].start, boot_ram[i].end - boot_ram[i].start,
						 boot_ram[i].type};
	return put_map(arg, &map, entries, boot_ram_count);
}

static int replace_map(struct domain *d, void *entries, unsigned n)
{
	void *old = entries;
	int rc = -EINVAL;

	spin_lock(&d->page_lock);
	if (d->state < DOMAIN_DYING) { /* or nobody would free it */
		old = d->memory_map;
		d->memory_map = entries;
		d->memory_map_entries = n;
		rc = 0;
	}
	spin_unlock(&d->page_lock);
	heap_free(old);
	return rc;
}

static long set_memory_map(gva_t arg)
{
	struct xen_foreign_memory_map f;
	struct e820_entry *entries;
	struct domain *d;
	size_t size;
	int rc;

	if (!current->domain->privileged)
		return -EPERM;
	if (guest_get(&f, arg, xen_foreign_memory_map))
		return -EFAULT;
	if (!f.map.nr_entries || f.map.nr_entries > MAP_ENTRIES_MAX)
		return -EINVAL;
	d = memory_domain_get(f.domid, &rc);
	if (!d)
		return rc;
	size = f.map.nr_entries * sizeof(*entries);
	entries = heap_alloc_for(d, size);
	rc = !entries ? -ENOMEM : guest_read(entries, f.map.buffer, size);
	if (rc)
		heap_free(entries);
	else
		rc = replace_map(d, entries, f.map.nr_entries);
	domain_put(d);
	return rc;
}

static long machphys_mapping(gva_t arg)
{
	const struct guest_ops *ops = current->domain->ops;
	mfn_t seen = (ops->m2p_end - ops->m2p_start) >> ops->m2p_entry_shift;
	struct xen_machphys_mapping m = {ops->m2p_start, ops->m2p_end, MIN(max_mfn, seen) - 1};

	return guest_put(arg, &m, xen_machphys_mapping);
}

/* Frames of the M2P in steps of 2 MiB, so that tools may map them. */
static long machphys_mfn_list(uint32_t cmd, gva_t arg, unsigned entry_shift)
{
	struct xen_machphys_mfn_list l;

	if (guest_get(&l, arg, xen_machphys_mfn_list))
		return -EFAULT;
	while (!m2p_share())
		if (hypercall_preempt_check())
			return HYPERCALL_RESTART(memory_op, cmd, arg);
	for (l.nr_extents = 0; l.nr_extents < l.max_extents; l.nr_extents++) {
		mfn_t mfn = m2p_frame(entry_shift, l.nr_extents);

		if (!mfn)
			break;
		if (guest_put_word(l.extent_start, l.nr_extents, mfn))
			return -EFAULT;
	}
	return guest_put(arg, &l, xen_machphys_mfn_list);
}

long memory_describe_op(uint32_t cmd, gva_t arg)
{
	switch (cmd) {
	case XENMEM_maximum_ram_page:
		return max_mfn;
	case XENMEM_current_reservation:
	case XENMEM_maximum_reservation:
		return reservation(cmd, arg);
	case XENMEM_memory_map:
		return memory_map(arg);
	case XENMEM_machine_memory_map:
		return machine_memory_map(arg);
	case XENMEM_set_memory_map:
		return set_memory_map(arg);
	case XENMEM_machphys_mapping:
		return machphys_mapping(arg);
	case XENMEM_machphys_mfn_list:
		return machphys_mfn_list(cmd, arg, current->domain->ops->m2p_entry_shift);
	case XENMEM_machphys_compat_mfn_list:
		return machphys_mfn_list(cmd, arg, 2);
	default:
		return -ENOSYS;
	}
}
