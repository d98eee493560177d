/* SPDX-License-Identifier: MIT */
/* See config.h. */
#include "kern/net/config.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/net/route.h"
#include "kern/net/stack.h"
#include "lwip/netif.h"

u32 config_flags(const struct netdev *d)
{
	u32 flags = d == &loopback ? IFF_LOOPBACK : IFF_BROADCAST | IFF_MULTICAST;

	if (netdev_is_up(d))
		flags |= IFF_UP | (d->carrier ? IFF_RUNNING | IFF_LOWER_UP : 0);
	return flags;
}

int config_set_up(struct netdev *d, bool up)
{
	if (up) {
		netif_set_up(d->netif);
	} else {
		route_forget(d);
		netif_set_down(d->netif);
	}
	net_settle();
	return 0;
}

int config_set_mac(struct netdev *d, const u8 *mac)
{
	if (d == &loopback || mac[0] & 1)
		return -EADDRNOTAVAIL;
	memcpy(d->mac, mac, NET_MAC_LEN);
	memcpy(d->netif->hwaddr, mac, NET_MAC_LEN);
	return 0;
}

int config_set_mtu(struct netdev *d, int mtu)
{
	if (mtu < 68 || mtu > (d == &loopback ? 65535 : (int)NET_MTU))
		return -EINVAL;
	d->mtu = d->netif->mtu = d->netif->mtu6 = mtu;
	return 0;
}

u32 config_address(const struct netdev *d)
{
	return netif_ip4_addr(d->netif)->addr;
}

u32 config_mask(const struct netdev *d)
{
	return netif_ip4_netmask(d->netif)->addr;
}

u32 config_broadcast(const struct netdev *d)
{
	return config_address(d) ? config_address(d) | ~config_mask(d) : 0;
}

int config_set_address(struct netdev *d, u32 address, u32 mask)
{
	ip4_addr_t ip = {address}, net = {address ? mask : 0}, none = {0};

	if (address == IPADDR_BROADCAST || ip4_addr_ismulticast(&ip) ||
	    config_mask_of(config_prefix_of(mask)) != mask)
		return -EINVAL;
	if (!address)
		route_forget(d);
	netif_set_addr(d->netif, &ip, &net, &none);
	net_settle();
	return 0;
}

u32 config_mask_of(u32 prefix)
{
	return prefix ? __builtin_bswap32(~0u << (32 - MIN(prefix, 32u))) : 0;
}

u32 config_prefix_of(u32 mask)
{
	u32 prefix = 0;

	for (mask = __builtin_bswap32(mask); mask & 0x80000000; mask <<= 1)
		prefix++;
	return prefix;
}

static void make6(struct netdev *d, const u32 words[4], ip6_addr_t *ip)
{
	IP6_ADDR(ip, words[0], words[1], words[2], words[3]);
	ip6_addr_assign_zone(ip, IP6_UNICAST, d->netif);
}

int config_add_address6(struct netdev *d, const u32 words[4])
{
	ip6_addr_t ip;
	s8_t at;

	make6(d, words, &ip);
	if (netif_get_ip6_addr_match(d->netif, &ip) >= 0)
		return -EEXIST;
	if (netif_add_ip6_address(d->netif, &ip, &at) != ERR_OK)
		return -ENOBUFS;
	netif_ip6_addr_set_state(d->netif, at, IP6_ADDR_TENTATIVE);
	net_settle();
	return 0;
}

int config_delete_address6(struct netdev *d, const u32 words[4])
{
	ip6_addr_t ip;
	s8_t at;

	make6(d, words, &ip);
	at = netif_get_ip6_addr_match(d->netif, &ip);
	if (at < 0)
		return -EADDRNOTAVAIL;
	netif_ip6_addr_set_state(d->netif, at, IP6_ADDR_INVALID);
	net_settle();
	return 0;
}
