/* SPDX-License-Identifier: MIT */
/* What netlink messages say: devices, addresses, routes, neighbours. See netlink.h. */
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/net/config.h"
#include "kern/net/netlink.h"
#include "kern/net/route.h"
#include "kern/net/socket.h"
#include "kern/net/stack.h"
#include "lwip/etharp.h"
#include "lwip/priv/nd6_priv.h"

enum {
	NEWLINK = 16,
	GETLINK = 18,
	SETLINK = 19,
	NEWADDR = 20,
	DELADDR = 21,
	GETADDR = 22,
	NEWROUTE = 24,
	DELROUTE = 25,
	GETROUTE = 26,
	NEWNEIGH = 28,
	GETNEIGH = 30,
};

enum {
	IFLA_ADDRESS = 1,
	IFLA_BROADCAST = 2,
	IFLA_IFNAME = 3,
	IFLA_MTU = 4,
	IFLA_QDISC = 6,
	IFLA_TXQLEN = 13,
	IFLA_OPERSTATE = 16
};
enum {
	IFA_ADDRESS = 1,
	IFA_LOCAL = 2,
	IFA_LABEL = 3,
	IFA_BROADCAST = 4
};
enum {
	RTA_DST = 1,
	RTA_OIF = 4,
	RTA_GATEWAY = 5,
	RTA_PRIORITY = 6,
	RTA_PREFSRC = 7,
	RTA_TABLE = 15
};
enum {
	NDA_DST = 1,
	NDA_LLADDR = 2
};

#define HARDWARE_ETHERNET 1u
#define HARDWARE_LOOPBACK 772u
#define OPERATES          6u
#define OPERATES_NOT      2u
#define OPERATES_UNKNOWN  0u
#define TABLE_MAIN        254u
#define BY_KERNEL         2u
#define BY_BOOT           3u
#define SCOPE_GLOBAL      0u
#define SCOPE_LINK        253u
#define SCOPE_HOST        254u
#define UNICAST           1u
#define NUD_REACHABLE     2u
#define NUD_PERMANENT     0x80u
#define IFA_F_TENTATIVE   0x40u
#define IFA_F_PERMANENT   0x80u

struct ifinfomsg {
	u8 family, pad;
	u16 type;
	s32 index;
	u32 flags, change;
};

struct ifaddrmsg {
	u8 family, prefix, flags, scope;
	u32 index;
};

struct rtmsg {
	u8 family, to_len, from_len, tos, table, protocol, scope, type;
	u32 flags;
};

struct ndmsg {
	u8 family, pad1;
	u16 pad2;
	s32 index;
	u16 state;
	u8 flags, type;
};

bool netlink_is_get(u16 type)
{
	return type == GETLINK || type == GETADDR || type == GETROUTE || type == GETNEIGH;
}

/* ---- Devices ---- */

static void tell_link(struct reply *r, const struct netdev *d)
{
	static const u8 everybody[NET_MAC_LEN] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, nobody[NET_MAC_LEN];
	bool ethernet = d != &loopback;
	struct ifinfomsg m = {.type = ethernet ? HARDWARE_ETHERNET : HARDWARE_LOOPBACK,
			      .index = d->index,
			      .flags = config_flags(d)};
	u8 state = !ethernet ? OPERATES_UNKNOWN : m.flags & IFF_LOWER_UP ? OPERATES : OPERATES_NOT;

	reply_begin(r, NEWLINK, &m, sizeof(m));
	reply_put(r, IFLA_IFNAME, d->name, strlen(d->name) + 1);
	reply_put_u32(r, IFLA_TXQLEN, TXQUEUE);
	reply_put_u32(r, IFLA_MTU, d->mtu);
	reply_put(r, IFLA_OPERSTATE, &state, sizeof(state));
	reply_put(r, IFLA_QDISC, ethernet ? "fifo" : "noqueue", ethernet ? 5 : 8);
	reply_put(r, IFLA_ADDRESS, d->mac, NET_MAC_LEN);
	reply_put(r, IFLA_BROADCAST, ethernet ? everybody : nobody, NET_MAC_LEN);
	reply_end(r);
}

/* The device that is asked for by number or name. */
static struct netdev *link_of(const struct request *q)
{
	const struct ifinfomsg *m = q->head;
	const char *name = attribute(q, IFLA_IFNAME, 1);
	char copy[NETDEV_NAME_MAX];

	if (m->index > 0)
		return netdev_at(m->index);
	if (!name)
		return NULL;
	strlcpy(copy, name,
		MIN(sizeof(copy), (size_t)((const struct rtattr *)name)[-1].len - sizeof(struct rtattr) + 1));
	return netdev_find(copy);
}

static int get_link(const struct request *q, struct reply *r)
{
	struct netdev *d;

	if (!r->dump) {
		d = link_of(q);
		if (d)
			tell_link(r, d);
		return d ? 0 : -ENODEV;
	}
	list_for_each (d, &netdevs, list)
		tell_link(r, d);
	return 0;
}

static int set_link(const struct request *q)
{
	const struct ifinfomsg *m = q->head;
	struct netdev *d = link_of(q);
	const u8 *mac = attribute(q, IFLA_ADDRESS, NET_MAC_LEN);
	u32 mtu = attribute_u32(q, IFLA_MTU);
	int rc = 0;

	if (!d)
		return q->type == NEWLINK ? -EOPNOTSUPP : -ENODEV; /* none can be made here */
	if (mac)
		rc = config_set_mac(d, mac);
	if (!rc && mtu)
		rc = config_set_mtu(d, mtu);
	if (!rc && m->change & IFF_UP)
		rc = config_set_up(d, m->flags & IFF_UP);
	return rc;
}

/* ---- Addresses ---- */

static void tell_address(struct reply *r, const struct netdev *d)
{
	u32 ip = config_address(d);
	struct ifaddrmsg m = {.family = AF_INET,
			      .prefix = config_prefix_of(config_mask(d)),
			      .flags = IFA_F_PERMANENT,
			      .scope = d == &loopback ? SCOPE_HOST : SCOPE_GLOBAL,
			      .index = d->index};

	if (!ip)
		return;
	reply_begin(r, NEWADDR, &m, sizeof(m));
	reply_put_u32(r, IFA_ADDRESS, ip);
	reply_put_u32(r, IFA_LOCAL, ip);
	if (d != &loopback)
		reply_put_u32(r, IFA_BROADCAST, config_broadcast(d));
	reply_put(r, IFA_LABEL, d->name, strlen(d->name) + 1);
	reply_end(r);
}

static void tell_address6(struct reply *r, const struct netdev *d, u32 i)
{
	const ip6_addr_t *ip = netif_ip6_addr(d->netif, i);
	u8 state = netif_ip6_addr_state(d->netif, i);
	struct ifaddrmsg m = {.family = AF_INET6,
			      .prefix = d == &loopback ? 128 : 64,
			      .flags = IFA_F_PERMANENT | (ip6_addr_istentative(state) ? IFA_F_TENTATIVE : 0),
			      .scope = d == &loopback             ? SCOPE_HOST
				       : ip6_addr_islinklocal(ip) ? SCOPE_LINK
								  : SCOPE_GLOBAL,
			      .index = d->index};

	if (ip6_addr_isinvalid(state))
		return;
	reply_begin(r, NEWADDR, &m, sizeof(m));
	reply_put(r, IFA_ADDRESS, ip->addr, sizeof(ip->addr));
	reply_end(r);
}

static int get_addresses(struct reply *r, u8 family)
{
	struct netdev *d;

	list_for_each (d, &netdevs, list) {
		if (family != AF_INET6)
			tell_address(r, d);
		for (u32 i = 0; family != AF_INET && i < LWIP_IPV6_NUM_ADDRESSES; i++)
			tell_address6(r, d, i);
	}
	return 0;
}

static int change_address4(const struct request *q, struct netdev *d, u8 prefix)
{
	const u32 *ip = attribute(q, IFA_LOCAL, sizeof(*ip));

	if (!ip)
		ip = attribute(q, IFA_ADDRESS, sizeof(*ip));
	if (!ip || prefix > 32)
		return -EINVAL;
	if (q->type == DELADDR)
		return *ip && *ip == config_address(d) ? config_set_address(d, 0, 0) : -EADDRNOTAVAIL;
	if (config_address(d) == *ip && config_mask(d) == config_mask_of(prefix))
		return -EEXIST;
	return config_set_address(d, *ip, config_mask_of(prefix)); /* lwIP has one for a device: the latest */
}

static int change_address(const struct request *q)
{
	const struct ifaddrmsg *m = q->head;
	struct netdev *d = netdev_at(m->index);
	u32 ip6[4];
	const void *ip;

	if (!d)
		return -ENODEV;
	if (m->family == AF_INET)
		return change_address4(q, d, m->prefix);
	ip = attribute(q, IFA_LOCAL, sizeof(ip6));
	if (!ip)
		ip = attribute(q, IFA_ADDRESS, sizeof(ip6));
	if (m->family != AF_INET6 || !ip)
		return -EINVAL;
	memcpy(ip6, ip, sizeof(ip6));
	return q->type == NEWADDR ? config_add_address6(d, ip6) : config_delete_address6(d, ip6);
}

/* ---- Routes ---- */

static void tell_route(struct reply *r, const struct route *e, u8 protocol)
{
	struct rtmsg m = {.family = AF_INET,
			  .to_len = config_prefix_of(e->mask),
			  .table = TABLE_MAIN,
			  .protocol = protocol,
			  .scope = e->gateway ? SCOPE_GLOBAL : SCOPE_LINK,
			  .type = UNICAST};

	reply_begin(r, NEWROUTE, &m, sizeof(m));
	reply_put_u32(r, RTA_TABLE, TABLE_MAIN);
	if (e->mask)
		reply_put_u32(r, RTA_DST, e->network);
	if (e->gateway)
		reply_put_u32(r, RTA_GATEWAY, e->gateway);
	if (e->metric)
		reply_put_u32(r, RTA_PRIORITY, e->metric);
	if (protocol == BY_KERNEL)
		reply_put_u32(r, RTA_PREFSRC, config_address(e->device));
	reply_put_u32(r, RTA_OIF, e->device->index);
	reply_end(r);
}

static int get_route(const struct request *q, struct reply *r)
{
	const u32 *to = attribute(q, RTA_DST, sizeof(*to));
	struct route found = {.mask = ~0u};

	if (!to)
		return -EINVAL;
	found.network = *to;
	found.device = route_find(*to, &found.gateway);
	if (!found.device)
		return -ENETUNREACH;
	tell_route(r, &found, BY_KERNEL);
	return 0;
}

static int get_routes(struct reply *r)
{
	struct netdev *d;

	for (const struct route *e = routes; e < routes + ROUTES; e++)
		if (e->device)
			tell_route(r, e, BY_BOOT);
	list_for_each (d, &netdevs, list) {
		struct route own = {
		    .network = config_address(d) & config_mask(d), .mask = config_mask(d), .device = d};

		if (own.network && d != &loopback)
			tell_route(r, &own, BY_KERNEL);
	}
	return 0;
}

static int change_route(const struct request *q)
{
	const struct rtmsg *m = q->head;
	struct route e = {.network = attribute_u32(q, RTA_DST),
			  .mask = config_mask_of(m->to_len),
			  .gateway = attribute_u32(q, RTA_GATEWAY),
			  .metric = attribute_u32(q, RTA_PRIORITY)};
	u32 index = attribute_u32(q, RTA_OIF);

	if (m->family != AF_INET)
		return -EAFNOSUPPORT; /* IPv6's come from routers */
	if (index && !(e.device = netdev_at(index)))
		return -ENODEV;
	return q->type == NEWROUTE ? route_add(e) : route_delete(&e);
}

/* ---- Neighbours ---- */

static void tell_neighbour(struct reply *r, u8 family, const struct netdev *d, const void *ip, u32 len,
			   const void *mac)
{
	struct ndmsg m = {.family = family, .index = d->index, .state = NUD_REACHABLE, .type = UNICAST};

	reply_begin(r, NEWNEIGH, &m, sizeof(m));
	reply_put(r, NDA_DST, ip, len);
	reply_put(r, NDA_LLADDR, mac, NET_MAC_LEN);
	reply_end(r);
}

static int get_neighbours(struct reply *r, u8 family)
{
	struct eth_addr *mac;
	struct netif *n;
	ip4_addr_t *ip;

	for (u32 i = 0; family != AF_INET6 && i < ARP_TABLE_SIZE; i++)
		if (etharp_get_entry(i, &ip, &n, &mac))
			tell_neighbour(r, AF_INET, netdev_of(n), &ip->addr, sizeof(ip->addr), mac);
	for (u32 i = 0; family != AF_INET && i < LWIP_ND6_NUM_NEIGHBORS; i++) {
		const struct nd6_neighbor_cache_entry *e = &neighbor_cache[i];

		if (e->state != ND6_NO_ENTRY && e->state != ND6_INCOMPLETE && e->netif)
			tell_neighbour(r, AF_INET6, netdev_of(e->netif), e->next_hop_address.addr, 16,
				       e->lladdr);
	}
	return 0;
}

/* ---- All ---- */

static u32 head_len(u16 type)
{
	switch (type) {
	case NEWLINK:
	case SETLINK:
		return sizeof(struct ifinfomsg);
	case NEWADDR:
	case DELADDR:
		return sizeof(struct ifaddrmsg);
	case NEWROUTE:
	case DELROUTE:
		return sizeof(struct rtmsg);
	}
	return 1; /* what asks for all need not say more than the family */
}

int netlink_request(struct request *q, struct reply *r)
{
	u32 head = q->type == GETLINK && !r->dump    ? sizeof(struct ifinfomsg)
		   : q->type == GETROUTE && !r->dump ? sizeof(struct rtmsg)
						     : head_len(q->type);
	u8 family;

	if (q->head_len < head)
		return -EINVAL;
	family = *(const u8 *)q->head;
	q->attributes = (const u8 *)q->head + ROUND_UP(head, 4u);
	q->attributes_len = q->head_len > ROUND_UP(head, 4u) ? q->head_len - ROUND_UP(head, 4u) : 0;
	switch (q->type) {
	case GETLINK:
		return get_link(q, r);
	case NEWLINK:
	case SETLINK:
		return set_link(q);
	case GETADDR:
		return get_addresses(r, family);
	case NEWADDR:
	case DELADDR:
		return change_address(q);
	case GETROUTE:
		return r->dump ? (family == AF_INET6 ? 0 : get_routes(r)) : get_route(q, r);
	case NEWROUTE:
	case DELROUTE:
		return change_route(q);
	case GETNEIGH:
		return get_neighbours(r, family);
	}
	return -EOPNOTSUPP;
}
