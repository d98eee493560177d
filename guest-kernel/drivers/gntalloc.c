/* SPDX-License-Identifier: MIT */
/*
 * /dev/xen/gntalloc. A granted page (struct gref) belongs to the open file that allocated it and to each area
 * that maps it, and ends when none of these is left; programs give the file's part back right after mapping.
 * Then the grant is taken back; a page that the other domain still uses waits in `lingering`, and the kernel
 * tries again at each use of the device.
 *
 * An area's entries map this kernel's frames and hold references as usual, but the area is AREA_FOREIGN: a fork does
 * not inherit it, and it never faults.
 * Locking: none, interrupts are off.
 */
#include "drivers/devices.h"
#include "cpu_ops.h"
#include "drivers/grants.h"
#include "kern/fs/devfs.h"
#include "kern/lib/errno.h"
#include "kern/mm/kmalloc.h"
#include "kern/mm/page.h"
#include "kern/mm/space.h"
#include "kern/mm/user.h"
#include "xen/sys/gntalloc.h"

#define COUNT_MAX 1024u /* pages at a time, and of one file */

struct gref {
	struct list list; /* of its file, or `lingering`; in no list when only areas have it */
	u32 users;
	u64 index; /* offset in the file */
	pfn_t pfn;
	grant_ref_t ref;
	struct unmap_notify notify;
};

/* An open file. */
struct owner {
	struct list grefs; /* by index */
	u64 next_index;
	u32 count;
};

/* Shared by the areas of one mmap(): splitting an area copies the pointer. */
struct mapping {
	u64 first; /* offset in the file */
	u32 left;  /* pages still mapped */
	struct gref *grefs[];
};

static struct list lingering = LIST_INIT(lingering);

static bool gref_end(struct gref *g)
{
	if (!grant_end(g->ref))
		return false;
	list_del(&g->list);
	page_put(g->pfn);
	kfree(g);
	return true;
}

static void try_lingering(void)
{
	struct list *l, *next;

	for (l = lingering.next; l != &lingering; l = next) {
		next = l->next;
		gref_end(list_entry(l, struct gref, list));
	}
}

static void gref_put(struct gref *g)
{
	if (--g->users)
		return;
	if (g->notify.action & UNMAP_NOTIFY_CLEAR_BYTE)
		((u8 *)pfn_to_virt(g->pfn))[g->notify.byte] = 0;
	if (g->notify.action & UNMAP_NOTIFY_SEND_EVENT)
		evtchn_notify(g->notify.port);
	if (!gref_end(g))
		list_add_tail(&lingering, &g->list);
}

static int gntalloc_open(struct inode *inode, struct file *file)
{
	struct owner *o = kzalloc(sizeof(*o));

	if (!o)
		return -ENOMEM;
	list_init(&o->grefs);
	file->private = o;
	try_lingering();
	return 0;
}

static void drop(struct owner *o, struct gref *g)
{
	list_del(&g->list);
	o->count--;
	gref_put(g);
}

static void gntalloc_release(struct file *file)
{
	struct owner *o = file->private;

	while (!list_empty(&o->grefs))
		drop(o, list_entry(o->grefs.next, struct gref, list));
	kfree(o);
}

/* The page at this offset, or NULL. */
static struct gref *find(struct owner *o, u64 index)
{
	struct gref *g;

	list_for_each (g, &o->grefs, list) {
		if (g->index == index)
			return g;
	}
	return NULL;
}

static struct gref *gref_new(domid_t domid, bool readonly, long *rc)
{
	struct gref *g = kzalloc(sizeof(*g));
	long ref;

	*rc = -ENOMEM;
	if (!g)
		return NULL;
	g->users = 1;
	g->pfn = page_alloc_zeroed();
	if (g->pfn) {
		ref = grant_access(domid, g->pfn, readonly);
		g->ref = ref;
		if (ref >= 0)
			return g;
		*rc = ref;
		page_put(g->pfn);
	}
	kfree(g);
	return NULL;
}

static long alloc(struct owner *o, struct ioctl_gntalloc_alloc_gref *user)
{
	struct ioctl_gntalloc_alloc_gref op;
	long rc = 0;
	u32 done;

	if (copy_from_user(&op, user, sizeof(op)))
		return -EFAULT;
	if (!op.count || op.count > COUNT_MAX)
		return -EINVAL;
	if (o->count + op.count > COUNT_MAX)
		return -ENOSPC;
	op.index = o->next_index;
	for (done = 0; done < op.count && !rc; done++) {
		struct gref *g = gref_new(op.domid, !(op.flags & GNTALLOC_FLAG_WRITABLE), &rc);

		if (!g)
			break;
		rc = put_user(g->ref, &user->gref_ids[done]);
		g->index = o->next_index;
		o->next_index += PAGE_SIZE;
		o->count++;
		list_add_tail(&o->grefs, &g->list);
	}
	if (!rc)
		rc = put_user(op.index, &user->index);
	while (rc && o->next_index > op.index) {
		o->next_index -= PAGE_SIZE;
		drop(o, find(o, o->next_index));
	}
	return rc;
}

static long dealloc(struct owner *o, const void *user)
{
	struct ioctl_gntalloc_dealloc_gref op;

	if (copy_from_user(&op, user, sizeof(op)))
		return -EFAULT;
	for (u32 i = 0; i < op.count && i < COUNT_MAX; i++)
		if (!find(o, op.index + i * PAGE_SIZE))
			return -EINVAL;
	for (u32 i = 0; i < op.count && i < COUNT_MAX; i++)
		drop(o, find(o, op.index + i * PAGE_SIZE));
	return 0;
}

static long set_notify(struct owner *o, const void *user)
{
	struct ioctl_gntalloc_unmap_notify op;
	struct gref *g;

	if (copy_from_user(&op, user, sizeof(op)))
		return -EFAULT;
	g = find(o, op.index & PAGE_MASK);
	if (!g)
		return -ENOENT;
	if (op.action & ~(UNMAP_NOTIFY_CLEAR_BYTE | UNMAP_NOTIFY_SEND_EVENT))
		return -EINVAL;
	g->notify = (struct unmap_notify){op.action, op.event_channel_port, op.index & ~PAGE_MASK};
	return 0;
}

static long gntalloc_ioctl(struct file *file, unsigned command, ulong arg)
{
	try_lingering();
	switch (command) {
	case IOCTL_GNTALLOC_ALLOC_GREF:
		return alloc(file->private, (void *)arg);
	case IOCTL_GNTALLOC_DEALLOC_GREF:
		return dealloc(file->private, (const void *)arg);
	case IOCTL_GNTALLOC_SET_UNMAP_NOTIFY:
		return set_notify(file->private, (const void *)arg);
	}
	return -ENOTTY;
}

static void unmap(struct area *a, ulong start, ulong end)
{
	struct mapping *m = a->private;

	for (ulong va = start; m && va < end; va += PAGE_SIZE) {
		gref_put(m->grefs[(a->offset + (va - a->start) - m->first) >> PAGE_SHIFT]);
		m->left--;
	}
	if (m && !m->left)
		kfree(m);
}

static const struct area_ops area_ops = {.unmap = unmap};

static int map_pages(struct area *a, struct mapping *m)
{
	for (ulong va = a->start; va < a->end; va += PAGE_SIZE) {
		struct gref *g = m->grefs[m->left];
		pte_t *ptep = pte_find(&a->mm->root, va, true);

		if (!ptep)
			return -ENOMEM;
		page_get(g->pfn);
		pte_set(ptep, pte_for(a, g->pfn, true));
		a->mm->pages++;
		g->users++;
		m->left++;
	}
	return 0;
}

static int gntalloc_mmap(struct file *file, struct area *a)
{
	ulong n = (a->end - a->start) >> PAGE_SHIFT;
	struct mapping *m;

	if (!(a->flags & AREA_SHARED) || !a->prot)
		return -EINVAL;
	if (n > COUNT_MAX)
		return -EINVAL;
	m = kzalloc(sizeof(*m) + n * sizeof(m->grefs[0]));
	if (!m)
		return -ENOMEM;
	m->first = a->offset;
	for (ulong i = 0; i < n; i++) {
		m->grefs[i] = find(file->private, a->offset + i * PAGE_SIZE);
		if (!m->grefs[i]) {
			kfree(m);
			return -ENOENT;
		}
	}
	a->flags |= AREA_FOREIGN;
	if (map_pages(a, m)) {
		/* Pages already mapped are given back here; the caller clears their entries. */
		while (m->left)
			m->grefs[--m->left]->users--;
		kfree(m);
		return -ENOMEM;
	}
	a->private = m;
	a->ops = &area_ops;
	return 0;
}

static const struct file_ops gntalloc_ops = {
    .open = gntalloc_open,
    .release = gntalloc_release,
    .ioctl = gntalloc_ioctl,
    .mmap = gntalloc_mmap,
};

void gntalloc_init(void)
{
	devfs_add("xen/gntalloc", MKDEV(DEV_MISC, 65), 0600, &gntalloc_ops);
}
