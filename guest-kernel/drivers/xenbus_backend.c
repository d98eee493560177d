/* SPDX-License-Identifier: MIT */
/*
 * /dev/xen/xenbus_backend, in Dom0: through it the store daemon takes the other side of the kernel's own
 * store ring. mmap() gives the page, an ioctl the port to bind to. One daemon at a time; when it dies, the ring stays
 * as it is and the next one continues there, as under Linux. Requests made meanwhile wait.
 */
#include "drivers/xenbus.h"
#include "cpu_ops.h"
#include "drivers/xs_ring.h"
#include "kern/fs/devfs.h"
#include "kern/lib/errno.h"
#include "kern/mm/page.h"
#include "kern/mm/space.h"
#include "kern/console/log.h"
#include "xen/sys/xenbus_dev.h"

static pfn_t page;
static evtchn_port_t port;
static bool in_use, was_used;

bool xenbus_served(void)
{
	return !boot_info.privileged || was_used;
}

static int backend_open(struct inode *inode, struct file *file)
{
	if (in_use)
		return -EBUSY;
	in_use = was_used = true;
	return 0;
}

static void backend_release(struct file *file)
{
	in_use = false;
}

static long backend_ioctl(struct file *file, unsigned command, ulong arg)
{
	return command == IOCTL_XENBUS_BACKEND_EVTCHN ? (long)port : -ENOTTY;
}

/* The page is there at once; its frame belongs to the kernel, the entry holds a reference like any other. */
static int backend_mmap(struct file *file, struct area *area)
{
	pte_t *ptep;

	if (area->end - area->start != PAGE_SIZE || area->offset || !(area->flags & AREA_SHARED))
		return -EINVAL;
	ptep = pte_find(&area->mm->root, area->start, true);
	if (!ptep)
		return -ENOMEM;
	page_get(page);
	pte_set(ptep, pte_for(area, page, true));
	area->mm->pages++;
	return 0;
}

static const struct file_ops backend_ops = {
    .open = backend_open,
    .release = backend_release,
    .ioctl = backend_ioctl,
    .mmap = backend_mmap,
};

void xenbus_backend_init(void)
{
	struct evtchn_alloc_unbound op = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF};

	page = page_alloc_zeroed();
	if (!page || hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &op)) {
		log_warn("store: no page or event channel for its ring\n");
		return;
	}
	port = op.port;
	xs_ring_init(pfn_to_virt(page), port);
	devfs_add("xen/xenbus_backend", MKDEV(DEV_MISC, 63), 0600, &backend_ops);
}
