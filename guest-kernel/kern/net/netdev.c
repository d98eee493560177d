/* SPDX-License-Identifier: MIT */
/* See netdev.h: names, the queue before a device that has no room, and what is counted. */
#include "kern/net/netdev.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"

#define MTU_MIN     68u /* RFC 791 */
#define NAMED_ALIKE 64u

struct list netdevs = LIST_INIT(netdevs);

static struct netdev *find(const char *name)
{
	struct netdev *d;

	list_for_each (d, &netdevs, list)
		if (!strcmp(d->name, name))
			return d;
	return NULL;
}

/* "eth%" becomes "eth0" or the next. */
static int make_name(struct netdev *d)
{
	char *number = strchr(d->name, '%');
	char name[NETDEV_NAME_MAX];

	if (!number)
		return find(d->name) ? -EEXIST : 0;
	*number = 0;
	for (u32 n = 0; n < NAMED_ALIKE; n++) {
		if (snprintf(name, sizeof(name), "%s%u", d->name, n) >= (int)sizeof(name))
			return -EINVAL;
		if (!find(name)) {
			strlcpy(d->name, name, sizeof(d->name));
			return 0;
		}
	}
	return -EEXIST;
}

int netdev_add(struct netdev *d)
{
	static u32 last;
	int rc = d->mtu < MTU_MIN || d->mtu > NET_MTU || !*d->name ? -EINVAL : make_name(d);

	if (rc)
		return rc;
	d->index = ++last;
	d->users = 1;
	list_init(&d->waiting);
	list_add_tail(&netdevs, &d->list);
	return 0;
}

void netdev_receive(struct netdev *d, const struct net_frame *f)
{
	d->received.frames++;
	d->received.bytes += f->len;
}

void netdev_carrier(struct netdev *d, bool up)
{
	d->carrier = up;
}

void netdev_wake(struct netdev *d)
{
}

void netdev_remove(struct netdev *d)
{
	d->gone = true;
	list_del(&d->list);
	if (!--d->users && d->release)
		d->release(d);
}
