/* SPDX-License-Identifier: MIT */
/* IPv4 routes. Those to a device's own network follow from its address; IPv6's are lwIP's, from router advertisements. */
#ifndef KERN_NET_ROUTE_H
#define KERN_NET_ROUTE_H

#include "kern/lib/types.h"

struct netdev;

/* Addresses in network order. */
struct route {
	u32 network, mask;
	u32 gateway; /* 0: whom it is for is on the device's own network */
	u32 metric;
	struct netdev *device; /* NULL: this one is unused */
};

#define ROUTES 64u

extern struct route routes[ROUTES];

/* -EEXIST, -ENOBUFS; -ENETUNREACH: the gateway is on no device's network. Without a device it is found by the gateway. */
int route_add(struct route r);
/* The first that is so; zero gateway or NULL device: any. -ESRCH. */
int route_delete(const struct route *r);
void route_forget(const struct netdev *d); /* all of a device that goes, or loses its address */
/* The device through which it is sent, and *gateway; NULL: there is none. */
struct netdev *route_find(u32 to, u32 *gateway);

#endif
