/* SPDX-License-Identifier: MIT */
/*
 * /dev/xen/evtchn. Each open file owns ports. One that fires is masked and queued; read() takes port numbers
 * from the queue, write() unmasks ports again: so a port is in the queue at most once, and one entry per port
 * is enough. Locking: none, interrupts are off outside of sleeps (kern/proc/wait.h).
 */
#include "drivers/devices.h"
#include "cpu_ops.h"
#include "kern/fs/devfs.h"
#include "kern/fs/poll.h"
#include "kern/fs/vfs.h"
#include "kern/lib/errno.h"
#include "kern/mm/kmalloc.h"
#include "kern/mm/user.h"
#include "kern/proc/wait.h"
#include "xen/sys/evtchn.h"

#define PORTS 1024u /* as many as irq_register() takes */

struct owner {
	struct wait_queue readers;
	uint32_t produced, consumed; /* count on, modulo PORTS in fired[] */
	evtchn_port_t fired[PORTS];
};

static struct bound {
	struct owner *owner;
	bool queued; /* in owner->fired, or read and not yet written back */
} bound[PORTS];

static void port_irq(void *data)
{
	struct bound *b = data;
	evtchn_port_t port = b - bound;

	evtchn_mask(port);
	if (b->queued)
		return;
	b->queued = true;
	b->owner->fired[b->owner->produced++ % PORTS] = port;
	wake_all(&b->owner->readers);
}

static int evtchn_open(struct inode *inode, struct file *file)
{
	struct owner *o = kzalloc(sizeof(*o));

	if (!o)
		return -ENOMEM;
	wait_init(&o->readers);
	file->private = o;
	return 0;
}

static void give_back(evtchn_port_t port)
{
	irq_unregister(port);
	evtchn_close(port);
	bound[port].owner = NULL;
}

static void evtchn_release(struct file *file)
{
	for (evtchn_port_t port = 0; port < PORTS; port++)
		if (bound[port].owner == file->private)
			give_back(port);
	kfree(file->private);
}

static long evtchn_read(struct file *file, void *user, size_t n, u64 *pos)
{
	struct owner *o = file->private;
	size_t done = 0;

	if (n < sizeof(evtchn_port_t))
		return -EINVAL;
	while (o->produced == o->consumed) {
		int rc = file->flags & O_NONBLOCK ? -EAGAIN : wait_on(&o->readers);

		if (rc)
			return rc;
	}
	for (; n - done >= sizeof(evtchn_port_t) && o->produced != o->consumed; o->consumed++) {
		if (put_user(o->fired[o->consumed % PORTS], (evtchn_port_t *)((char *)user + done)))
			return done ? (long)done : -EFAULT;
		done += sizeof(evtchn_port_t);
	}
	return done;
}

static bool owns(const struct owner *o, evtchn_port_t port)
{
	return port < PORTS && bound[port].owner == o;
}

static long evtchn_write(struct file *file, const void *user, size_t n, u64 *pos)
{
	const evtchn_port_t *ports = user;
	size_t count = n / sizeof(*ports);

	for (size_t i = 0; i < count; i++) {
		evtchn_port_t port;

		if (get_user(port, &ports[i]))
			return -EFAULT;
		if (!owns(file->private, port) || !bound[port].queued)
			continue;
		bound[port].queued = false;
		evtchn_unmask(port);
	}
	return count * sizeof(*ports);
}

static unsigned evtchn_poll(struct file *file, struct poll_set *set)
{
	struct owner *o = file->private;

	poll_wait(set, &o->readers);
	return POLLOUT | (o->produced != o->consumed ? POLLIN : 0);
}

/* The hypervisor has made a port (or returned an error): from now on its events belong to this file. */
static long take_port(struct owner *o, long rc, evtchn_port_t port)
{
	if (rc)
		return rc;
	if (port >= PORTS) {
		evtchn_close(port);
		return -ENOSPC;
	}
	bound[port] = (struct bound){.owner = o};
	irq_register(port, port_irq, &bound[port]);
	return port;
}

static long bind_virq(struct owner *o, const struct ioctl_evtchn_bind_virq *arg)
{
	struct evtchn_bind_virq op = {.virq = arg->virq};
	long rc = hypercall_event_channel_op(EVTCHNOP_bind_virq, &op);

	return take_port(o, rc, op.port);
}

static long bind_interdomain(struct owner *o, const struct ioctl_evtchn_bind_interdomain *arg)
{
	struct evtchn_bind_interdomain op = {.remote_dom = arg->remote_domain,
					     .remote_port = arg->remote_port};
	long rc = hypercall_event_channel_op(EVTCHNOP_bind_interdomain, &op);

	return take_port(o, rc, op.local_port);
}

static long bind_unbound(struct owner *o, const struct ioctl_evtchn_bind_unbound_port *arg)
{
	struct evtchn_alloc_unbound op = {.dom = DOMID_SELF, .remote_dom = arg->remote_domain};
	long rc = hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &op);

	return take_port(o, rc, op.port);
}

/* Take the port out of the queue: its number may soon be another channel's. */
static void forget_fired(struct owner *o, evtchn_port_t port)
{
	uint32_t kept = o->consumed;

	for (uint32_t i = o->consumed; i != o->produced; i++)
		if (o->fired[i % PORTS] != port)
			o->fired[kept++ % PORTS] = o->fired[i % PORTS];
	o->produced = kept;
}

static long unbind(struct owner *o, const struct ioctl_evtchn_unbind *arg)
{
	if (!owns(o, arg->port))
		return -ENOTCONN;
	give_back(arg->port);
	forget_fired(o, arg->port);
	return 0;
}

static long notify(struct owner *o, const struct ioctl_evtchn_notify *arg)
{
	if (!owns(o, arg->port))
		return -ENOTCONN;
	evtchn_notify(arg->port);
	return 0;
}

static long reset(struct owner *o)
{
	o->consumed = o->produced;
	return 0;
}

static long evtchn_ioctl(struct file *file, unsigned command, ulong arg)
{
	struct owner *o = file->private;
	union {
		struct ioctl_evtchn_bind_virq virq;
		struct ioctl_evtchn_bind_interdomain interdomain;
		struct ioctl_evtchn_bind_unbound_port unbound;
		struct ioctl_evtchn_unbind unbind;
		struct ioctl_evtchn_notify notify;
	} u;
	size_t size = command >> 16 & 0x3fff; /* _IOC encodes the argument's size there */

	if (size > sizeof(u))
		return -ENOTTY;
	if (copy_from_user(&u, (const void *)arg, size))
		return -EFAULT;
	switch (command) {
	case IOCTL_EVTCHN_BIND_VIRQ:
		return bind_virq(o, &u.virq);
	case IOCTL_EVTCHN_BIND_INTERDOMAIN:
		return bind_interdomain(o, &u.interdomain);
	case IOCTL_EVTCHN_BIND_UNBOUND_PORT:
		return bind_unbound(o, &u.unbound);
	case IOCTL_EVTCHN_UNBIND:
		return unbind(o, &u.unbind);
	case IOCTL_EVTCHN_NOTIFY:
		return notify(o, &u.notify);
	case IOCTL_EVTCHN_RESET:
		return reset(o);
	}
	return -ENOTTY;
}

static const struct file_ops evtchn_ops = {
    .open = evtchn_open,
    .release = evtchn_release,
    .read = evtchn_read,
    .write = evtchn_write,
    .poll = evtchn_poll,
    .ioctl = evtchn_ioctl,
};

void evtchn_init(void)
{
	devfs_add("xen/evtchn", MKDEV(DEV_MISC, 61), 0600, &evtchn_ops);
}
