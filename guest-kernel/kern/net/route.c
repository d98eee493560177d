/* SPDX-License-Identifier: MIT */
/* See route.h; lwIP asks for what is on no device's own network. */
#include "kern/net/route.h"
#include "kern/lib/errno.h"
#include "kern/net/stack.h"
#include "lwip/netif.h"

struct route routes[ROUTES];

static bool works(const struct netdev *d)
{
	return netdev_is_up(d) && d->carrier && netif_ip4_addr(d->netif)->addr;
}

/* The device on whose own network the address is. */
static struct netdev *neighbour(u32 address)
{
	struct netdev *d;

	list_for_each (d, &netdevs, list) {
		u32 mask = netif_ip4_netmask(d->netif)->addr;

		if (works(d) && ((address ^ netif_ip4_addr(d->netif)->addr) & mask) == 0)
			return d;
	}
	return NULL;
}

/* The narrowest network, and of such the lowest metric. */
static const struct route *best(u32 to, const struct netdev *d)
{
	const struct route *found = NULL;

	for (const struct route *r = routes; r < routes + ROUTES; r++) {
		if (!r->device || !works(r->device) || (d && r->device != d) || ((to ^ r->network) & r->mask))
			continue;
		if (!found || __builtin_bswap32(r->mask) > __builtin_bswap32(found->mask) ||
		    (r->mask == found->mask && r->metric < found->metric))
			found = r;
	}
	return found;
}

struct netdev *route_find(u32 to, u32 *gateway)
{
	struct netdev *d = neighbour(to);
	const struct route *r = d ? NULL : best(to, NULL);

	*gateway = r ? r->gateway : 0;
	return r ? r->device : d;
}

struct netif *route_hook(const struct ip4_addr *from, const struct ip4_addr *to)
{
	const struct route *r = from ? NULL : best(to->addr, NULL);

	return r ? r->device->netif : NULL;
}

const struct ip4_addr *gateway_hook(struct netif *netif, const struct ip4_addr *to)
{
	static struct ip4_addr next;
	const struct route *r = best(to->addr, netdev_of(netif));

	if (!r)
		return NULL;
	next.addr = r->gateway ? r->gateway : to->addr;
	return &next;
}

static bool same(const struct route *a, const struct route *b)
{
	return a->network == b->network && a->mask == b->mask && (!b->gateway || a->gateway == b->gateway) &&
	       (!b->device || a->device == b->device);
}

int route_add(struct route r)
{
	struct route *unused = NULL;

	r.network &= r.mask;
	if (!r.device)
		r.device = r.gateway ? neighbour(r.gateway) : NULL;
	if (!r.device)
		return -ENETUNREACH;
	for (struct route *old = routes; old < routes + ROUTES; old++) {
		if (!old->device)
			unused = unused ? unused : old;
		else if (same(old, &r) && old->metric == r.metric)
			return -EEXIST;
	}
	if (!unused)
		return -ENOBUFS;
	*unused = r;
	return 0;
}

int route_delete(const struct route *r)
{
	for (struct route *old = routes; old < routes + ROUTES; old++) {
		if (old->device && same(old, r)) {
			old->device = NULL;
			return 0;
		}
	}
	return -ESRCH;
}

void route_forget(const struct netdev *d)
{
	for (struct route *r = routes; r < routes + ROUTES; r++)
		if (r->device == d)
			r->device = NULL;
}
