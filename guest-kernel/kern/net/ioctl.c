/* SPDX-License-Identifier: MIT */
/* The old interface to devices, routes and ARP: ioctl() on any socket, as ifconfig, route and arp use it. */
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/user.h"
#include "kern/net/config.h"
#include "kern/net/route.h"
#include "kern/net/socket.h"
#include "kern/net/stack.h"
#include "lwip/etharp.h"

enum {
	SIOCADDRT = 0x890b,
	SIOCDELRT = 0x890c,
	SIOCGIFNAME = 0x8910,
	SIOCGIFCONF = 0x8912,
	SIOCGIFFLAGS = 0x8913,
	SIOCSIFFLAGS = 0x8914,
	SIOCGIFADDR = 0x8915,
	SIOCSIFADDR = 0x8916,
	SIOCGIFDSTADDR = 0x8917,
	SIOCGIFBRDADDR = 0x8919,
	SIOCSIFBRDADDR = 0x891a,
	SIOCGIFNETMASK = 0x891b,
	SIOCSIFNETMASK = 0x891c,
	SIOCGIFMETRIC = 0x891d,
	SIOCGIFMTU = 0x8921,
	SIOCSIFMTU = 0x8922,
	SIOCSIFHWADDR = 0x8924,
	SIOCGIFHWADDR = 0x8927,
	SIOCGIFINDEX = 0x8933,
	SIOCGIFTXQLEN = 0x8942,
	SIOCSIFTXQLEN = 0x8943,
	SIOCDARP = 0x8953,
	SIOCGARP = 0x8954,
	SIOCSARP = 0x8955,
	SIOCGIFMAP = 0x8970,
};

#define HARDWARE_ETHERNET 1
#define HARDWARE_LOOPBACK 772

enum {
	RTF_UP = 1,
	RTF_GATEWAY = 2,
	RTF_HOST = 4
};
enum {
	ATF_COM = 2,
	ATF_PERM = 4
};

/* Linux's struct ifreq, in each word size. */
struct ifreq {
	char name[NETDEV_NAME_MAX];
	union {
		struct {
			u16 family, port;
			u32 ip;
		} in;
		struct {
			u16 family;
			u8 bytes[14];
		} hw;
		short flags;
		int number;
		ulong map[sizeof(long) == 8 ? 3 : 4];
	};
};

struct ifconf {
	int len;
	struct ifreq *list;
};

struct sockaddr {
	u16 family, port;
	u32 ip;
	u8 zero[8];
};

struct rtentry {
	ulong pad1;
	struct sockaddr to, gateway, mask;
	u16 flags;
	short pad2;
	ulong pad3;
	ulong tos; /* and class */
	short metric;
	char *device;
	ulong mtu, window;
	u16 irtt;
};

struct arpreq {
	struct sockaddr ip;
	struct {
		u16 family;
		u8 mac[14];
	} hw;
	int flags;
	struct sockaddr mask;
	char device[16];
};

static long list_devices(struct ifconf *user)
{
	struct ifconf c;
	struct netdev *d;
	u32 done = 0;

	if (copy_from_user(&c, user, sizeof(c)))
		return -EFAULT;
	list_for_each (d, &netdevs, list) {
		struct ifreq r = {.in = {AF_INET, 0, config_address(d)}};

		if (!config_address(d) || (c.list && c.len - (int)(done * sizeof(r)) < (int)sizeof(r)))
			continue;
		strlcpy(r.name, d->name, sizeof(r.name));
		if (c.list && copy_to_user(&c.list[done], &r, sizeof(r)))
			return -EFAULT;
		done++;
	}
	return put_user((int)(done * sizeof(struct ifreq)), &user->len);
}

static void put_ip(struct ifreq *r, u32 ip)
{
	r->in.family = AF_INET;
	r->in.port = 0;
	r->in.ip = ip;
}

/* -ENOTTY: it is not one that asks. */
static long show(const struct netdev *d, u32 command, struct ifreq *r)
{
	memset(r->map, 0, sizeof(r->map));
	switch (command) {
	case SIOCGIFFLAGS:
		r->flags = config_flags(d);
		return 0;
	case SIOCGIFADDR:
	case SIOCGIFDSTADDR:
		put_ip(r, config_address(d));
		return config_address(d) ? 0 : -EADDRNOTAVAIL;
	case SIOCGIFBRDADDR:
		put_ip(r, config_broadcast(d));
		return config_address(d) ? 0 : -EADDRNOTAVAIL;
	case SIOCGIFNETMASK:
		put_ip(r, config_mask(d));
		return config_address(d) ? 0 : -EADDRNOTAVAIL;
	case SIOCGIFMTU:
		r->number = d->mtu;
		return 0;
	case SIOCGIFHWADDR:
		r->hw.family = d == &loopback ? HARDWARE_LOOPBACK : HARDWARE_ETHERNET;
		memcpy(r->hw.bytes, d->mac, NET_MAC_LEN);
		return 0;
	case SIOCGIFINDEX:
		r->number = d->index;
		return 0;
	case SIOCGIFTXQLEN:
		r->number = d == &loopback ? 0 : TXQUEUE;
		return 0;
	case SIOCGIFMETRIC:
	case SIOCGIFMAP:
		return 0;
	}
	return -ENOTTY;
}

/* The mask of an address alone: as when networks had classes. */
static u32 old_mask(u32 ip)
{
	u8 first = ip;

	return config_mask_of(first < 128 ? 8 : first < 192 ? 16 : 24);
}

static long change(struct netdev *d, u32 command, const struct ifreq *r)
{
	switch (command) {
	case SIOCSIFFLAGS:
		return config_set_up(d, r->flags & IFF_UP);
	case SIOCSIFADDR:
		if (r->in.family != AF_INET)
			return -EAFNOSUPPORT;
		if (r->in.ip && !netdev_is_up(d))
			config_set_up(d, true);
		return config_set_address(d, r->in.ip, old_mask(r->in.ip));
	case SIOCSIFNETMASK:
		return config_address(d) ? config_set_address(d, config_address(d), r->in.ip)
					 : -EADDRNOTAVAIL;
	case SIOCSIFMTU:
		return config_set_mtu(d, r->number);
	case SIOCSIFHWADDR:
		return config_set_mac(d, r->hw.bytes);
	case SIOCSIFBRDADDR: /* it follows from the mask */
	case SIOCSIFTXQLEN:
		return 0;
	}
	return -ENOTTY;
}

static long device_ioctl(u32 command, struct ifreq *user)
{
	struct ifreq r;
	struct netdev *d;
	char *alias;
	long rc;

	if (copy_from_user(&r, user, sizeof(r)))
		return -EFAULT;
	r.name[sizeof(r.name) - 1] = 0;
	if (command == SIOCGIFNAME) {
		d = netdev_at(r.number);
		if (!d)
			return -ENODEV;
		strlcpy(r.name, d->name, sizeof(r.name));
		return copy_to_user(user, &r, sizeof(r)) ? -EFAULT : 0;
	}
	alias = strchr(r.name, ':');
	if (alias)
		*alias = 0;
	d = netdev_find(r.name);
	if (!d)
		return -ENODEV;
	rc = change(d, command, &r);
	if (rc != -ENOTTY)
		return rc;
	rc = show(d, command, &r);
	if (rc)
		return rc;
	return copy_to_user((u8 *)user + NETDEV_NAME_MAX, r.map, sizeof(r.map)) ? -EFAULT : 0;
}

static long route_ioctl(u32 command, const struct rtentry *user)
{
	struct route r = {0};
	struct rtentry e;
	char name[NETDEV_NAME_MAX] = "";

	if (copy_from_user(&e, user, sizeof(e)))
		return -EFAULT;
	if (e.to.family != AF_INET)
		return -EAFNOSUPPORT;
	if (e.device && strncpy_from_user(name, e.device, sizeof(name)) < 0)
		return -EFAULT;
	r.network = e.to.ip;
	r.mask = e.flags & RTF_HOST ? ~0u : e.mask.ip;
	r.gateway = e.flags & RTF_GATEWAY ? e.gateway.ip : 0;
	r.metric = e.metric > 0 ? e.metric - 1 : 0;
	if (*name && !(r.device = netdev_find(name)))
		return -ENODEV;
	return command == SIOCADDRT ? route_add(r) : route_delete(&r);
}

static long show_arp(struct arpreq *q, struct arpreq *user)
{
	ip4_addr_t *ip;
	struct eth_addr *mac;
	struct netif *n;

	for (u32 i = 0; i < ARP_TABLE_SIZE; i++) {
		if (!etharp_get_entry(i, &ip, &n, &mac) || ip->addr != q->ip.ip)
			continue;
		q->hw.family = HARDWARE_ETHERNET;
		memcpy(q->hw.mac, mac, NET_MAC_LEN);
		q->flags = ATF_COM;
		strlcpy(q->device, netdev_of(n)->name, sizeof(q->device));
		return copy_to_user(user, q, sizeof(*q)) ? -EFAULT : 0;
	}
	return -ENXIO;
}

static long arp_ioctl(u32 command, struct arpreq *user)
{
	struct arpreq q;
	struct eth_addr mac;
	ip4_addr_t ip;

	if (copy_from_user(&q, user, sizeof(q)))
		return -EFAULT;
	if (q.ip.family != AF_INET)
		return -EAFNOSUPPORT;
	ip.addr = q.ip.ip;
	memcpy(mac.addr, q.hw.mac, NET_MAC_LEN);
	if (command == SIOCGARP)
		return show_arp(&q, user);
	if (command == SIOCSARP)
		return net_error(etharp_add_static_entry(&ip, &mac));
	return etharp_remove_static_entry(&ip) == ERR_OK ? 0 : -ENXIO;
}

long net_ioctl(struct socket *s, u32 command, ulong arg)
{
	switch (command) {
	case SIOCGIFCONF:
		return list_devices((struct ifconf *)arg);
	case SIOCADDRT:
	case SIOCDELRT:
		return route_ioctl(command, (const struct rtentry *)arg);
	case SIOCGARP:
	case SIOCSARP:
	case SIOCDARP:
		return arp_ioctl(command, (struct arpreq *)arg);
	}
	return command >> 8 == SIOCADDRT >> 8 ? device_ioctl(command, (struct ifreq *)arg) : -ENOTTY;
}
