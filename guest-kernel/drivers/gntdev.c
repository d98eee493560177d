/* SPDX-License-Identifier: MIT */
/*
 * /dev/xen/gntdev. A program names grants of other domains (an ioctl gives it an offset), then maps them by
 * mmap() of exactly that range. The hypervisor writes the page-table entries itself, at the machine addresses
 * that this kernel names, and must remove them too: so each mapped page keeps its handle, and is unmapped when its part
 * of the area goes. The entries carry PTE_FOREIGN, one of the bits that the request can ask for.
 *
 * A set of grants belongs to its file and to the areas that map it. A page is announced as gone
 * (set_unmap_notify) when it is unmapped: its byte is cleared by a grant copy, since the address space may not
 * be the current one.
 * Locking: none, interrupts are off.
 */
#include "drivers/devices.h"
#include "cpu_ops.h"
#include "drivers/gntcopy.h"
#include "drivers/grants.h"
#include "kern/fs/devfs.h"
#include "kern/lib/errno.h"
#include "kern/mm/kmalloc.h"
#include "kern/mm/page.h"
#include "kern/mm/space.h"
#include "kern/mm/user.h"
#include "kern/proc/process.h"
#include "x86/internal.h"
#include "xen/sys/gntdev.h"

#define COUNT_MAX   1024u      /* grants at a time */
#define MAP_FOREIGN (1u << 17) /* GNTMAP_guest_avail bit 1, which becomes PTE_FOREIGN */
#define NO_HANDLE   (~0u)

struct grant {
	struct ioctl_gntdev_grant_ref ref;
	grant_handle_t handle; /* NO_HANDLE: not mapped */
};

/* Grants named by one ioctl. */
struct grant_set {
	struct list list; /* of its file */
	u32 users;        /* the file, and each mapped page */
	u32 count;
	u64 index;
	struct unmap_notify notify;
	u32 notify_page;
	struct grant grants[];
};

/* An open file. */
struct owner {
	struct list sets;
	u64 next_index;
};

static void set_put(struct grant_set *s, u32 n)
{
	s->users -= n;
	if (!s->users)
		kfree(s);
}

static int gntdev_open(struct inode *inode, struct file *file)
{
	struct owner *o = kzalloc(sizeof(*o));

	if (!o)
		return -ENOMEM;
	list_init(&o->sets);
	file->private = o;
	return 0;
}

static void forget(struct grant_set *s)
{
	list_del(&s->list);
	set_put(s, 1);
}

/* No area is left: each held a reference on the file. */
static void gntdev_release(struct file *file)
{
	struct owner *o = file->private;

	while (!list_empty(&o->sets))
		forget(list_entry(o->sets.next, struct grant_set, list));
	kfree(o);
}

/* The set that contains this offset, or NULL. */
static struct grant_set *find(struct owner *o, u64 offset)
{
	struct grant_set *s;

	list_for_each (s, &o->sets, list) {
		if (offset >= s->index && offset < s->index + (u64)s->count * PAGE_SIZE)
			return s;
	}
	return NULL;
}

static long name_grants(struct owner *o, struct ioctl_gntdev_map_grant_ref *user)
{
	struct ioctl_gntdev_map_grant_ref op;
	struct grant_set *s;

	if (copy_from_user(&op, user, sizeof(op)))
		return -EFAULT;
	if (!op.count || op.count > COUNT_MAX)
		return -EINVAL;
	s = kzalloc(sizeof(*s) + op.count * sizeof(s->grants[0]));
	if (!s)
		return -ENOMEM;
	s->users = 1;
	s->count = op.count;
	s->index = o->next_index;
	list_add_tail(&o->sets, &s->list);
	for (u32 i = 0; i < op.count; i++) {
		s->grants[i].handle = NO_HANDLE;
		if (get_user(s->grants[i].ref, &user->refs[i])) {
			forget(s);
			return -EFAULT;
		}
	}
	if (put_user(s->index, &user->index)) {
		forget(s);
		return -EFAULT;
	}
	o->next_index += (u64)op.count * PAGE_SIZE;
	return 0;
}

static long forget_grants(struct owner *o, const void *user)
{
	struct ioctl_gntdev_unmap_grant_ref op;
	struct grant_set *s;

	if (copy_from_user(&op, user, sizeof(op)))
		return -EFAULT;
	s = find(o, op.index);
	if (!s || s->index != op.index || s->count != op.count)
		return -ENOENT;
	forget(s);
	return 0;
}

static const struct area_ops area_ops;

static long offset_of(void *user)
{
	struct ioctl_gntdev_get_offset_for_vaddr op;
	struct area *a;
	struct grant_set *s;

	if (copy_from_user(&op, user, sizeof(op)))
		return -EFAULT;
	a = area_at(current->process->mm, op.vaddr);
	if (!a || a->ops != &area_ops || a->start != op.vaddr)
		return -EINVAL;
	s = a->private;
	op.offset = s->index;
	op.count = s->count;
	return copy_to_user(user, &op, sizeof(op));
}

static long set_notify(struct owner *o, const void *user)
{
	struct ioctl_gntdev_unmap_notify op;
	struct grant_set *s;

	if (copy_from_user(&op, user, sizeof(op)))
		return -EFAULT;
	if (op.action & ~(UNMAP_NOTIFY_CLEAR_BYTE | UNMAP_NOTIFY_SEND_EVENT))
		return -EINVAL;
	s = find(o, op.index);
	if (!s)
		return -ENOENT;
	s->notify = (struct unmap_notify){op.action, op.event_channel_port, op.index & ~PAGE_MASK};
	s->notify_page = (op.index - s->index) >> PAGE_SHIFT;
	return 0;
}

static long gntdev_ioctl(struct file *file, unsigned command, ulong arg)
{
	switch (command) {
	case IOCTL_GNTDEV_MAP_GRANT_REF:
		return name_grants(file->private, (void *)arg);
	case IOCTL_GNTDEV_UNMAP_GRANT_REF:
		return forget_grants(file->private, (const void *)arg);
	case IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR:
		return offset_of((void *)arg);
	case IOCTL_GNTDEV_SET_MAX_GRANTS:
		return 0; /* the hypervisor's limit is the limit */
	case IOCTL_GNTDEV_SET_UNMAP_NOTIFY:
		return set_notify(file->private, (const void *)arg);
	case IOCTL_GNTDEV_GRANT_COPY:
		return gntcopy((void *)arg);
	}
	return -ENOTTY;
}

/* Announces that the page is gone, if the program asked for that. */
static void announce(struct grant_set *s, u32 page)
{
	const struct grant *g = &s->grants[page];

	if (!s->notify.action || page != s->notify_page)
		return;
	if (s->notify.action & UNMAP_NOTIFY_CLEAR_BYTE)
		gntcopy_clear_byte(g->ref.domid, g->ref.ref, s->notify.byte);
	if (s->notify.action & UNMAP_NOTIFY_SEND_EVENT)
		evtchn_notify(s->notify.port);
	s->notify.action = 0;
}

/* An entry that cannot be removed would stay in a table that is about to become an ordinary page. */
static void unmap_page(struct area *a, ulong va, struct grant *g)
{
	struct gnttab_unmap_grant_ref op = {.host_addr = machine_address(pte_find(&a->mm->root, va, false)),
					    .handle = g->handle};

	if (hypercall_grant_table_op(GNTTABOP_unmap_grant_ref, &op, 1) || op.status)
		panic("grant handle %u refused: %d", g->handle, op.status);
	g->handle = NO_HANDLE;
}

static void unmap(struct area *a, ulong start, ulong end)
{
	struct grant_set *s = a->private;
	u32 gone = 0;

	for (ulong va = start; va < end; va += PAGE_SIZE) {
		u32 page = (a->offset + (va - a->start) - s->index) >> PAGE_SHIFT;

		if (s->grants[page].handle == NO_HANDLE)
			continue;
		announce(s, page);
		unmap_page(a, va, &s->grants[page]);
		gone++;
	}
	set_put(s, gone);
}

static const struct area_ops area_ops = {.unmap = unmap};

static int map_page(struct area *a, ulong va, struct grant *g)
{
	pte_t *ptep = pte_find(&a->mm->root, va, true);
	struct gnttab_map_grant_ref op = {
	    .flags = GNTMAP_host_map | GNTMAP_application_map | GNTMAP_contains_pte | MAP_FOREIGN,
	    .ref = g->ref.ref,
	    .dom = g->ref.domid,
	};

	if (!ptep)
		return -ENOMEM;
	op.host_addr = machine_address(ptep);
	if (!(a->prot & PROT_WRITE))
		op.flags |= GNTMAP_readonly;
	if (hypercall_grant_table_op(GNTTABOP_map_grant_ref, &op, 1) || op.status)
		return -EINVAL;
	g->handle = op.handle;
	return 0;
}

/* Maps a whole set, once. If it fails in the middle, the caller unmaps the area, which undoes it. */
static int gntdev_mmap(struct file *file, struct area *a)
{
	struct grant_set *s = find(file->private, a->offset);
	int rc = 0;

	if (!s || s->index != a->offset || s->count != (a->end - a->start) >> PAGE_SHIFT ||
	    !(a->flags & AREA_SHARED) || !a->prot)
		return -EINVAL;
	if (s->users > 1)
		return -EBUSY;
	a->flags |= AREA_FOREIGN;
	a->private = s;
	a->ops = &area_ops;
	for (u32 i = 0; i < s->count && !rc; i++) {
		rc = map_page(a, a->start + i * PAGE_SIZE, &s->grants[i]);
		s->users += !rc;
	}
	return rc;
}

static const struct file_ops gntdev_ops = {
    .open = gntdev_open,
    .release = gntdev_release,
    .ioctl = gntdev_ioctl,
    .mmap = gntdev_mmap,
};

void gntdev_init(void)
{
	devfs_add("xen/gntdev", MKDEV(DEV_MISC, 64), 0600, &gntdev_ops);
}
