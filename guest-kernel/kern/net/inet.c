/* SPDX-License-Identifier: MIT */
/* See inet.h. */
#include "kern/net/inet.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "lwip/def.h"
#include "lwip/ip.h"

#define IN_LEN    16u
#define IN6_LEN   28u
#define IN6_LEAST 24u /* an old one has no scope */

u8 inet_type(const struct socket *s)
{
	return s->family == AF_INET ? IPADDR_TYPE_V4 : s->v6only ? IPADDR_TYPE_V6 : IPADDR_TYPE_ANY;
}

static int from6(const struct socket *s, const union address *a, ip_addr_t *ip)
{
	const u32 *words = a->in6.ip;

	if (!words[0] && !words[1] && words[2] == PP_HTONL(0xffff) && !s->v6only) {
		ip_addr_set_ip4_u32(ip, words[3]);
		return 0;
	}
	IP_ADDR6(ip, words[0], words[1], words[2], words[3]);
	if (ip_addr_isany(ip))
		IP_SET_TYPE(ip, inet_type(s));
	else if (ip6_addr_has_scope(ip_2_ip6(ip), IP6_UNKNOWN))
		ip6_addr_set_zone(ip_2_ip6(ip), a->in6.scope ? a->in6.scope : s->device);
	return 0;
}

int inet_from(const struct socket *s, const union address *a, u32 len, ip_addr_t *ip, u16 *port)
{
	bool six = s->family == AF_INET6;

	if (len < (six ? IN6_LEAST : IN_LEN))
		return -EINVAL;
	if (a->family != s->family)
		return -EAFNOSUPPORT;
	*port = lwip_ntohs(a->in.port);
	if (six)
		return from6(s, a, ip);
	ip_addr_set_ip4_u32(ip, a->in.ip);
	return 0;
}

u32 inet_to(const struct socket *s, const ip_addr_t *ip, u16 port, union address *a)
{
	*a = (union address){.family = s->family};
	a->in.port = lwip_htons(port);
	if (s->family == AF_INET) {
		a->in.ip = IP_IS_V4(ip) ? ip_addr_get_ip4_u32(ip) : 0;
		return IN_LEN;
	}
	if (IP_IS_V4_VAL(*ip)) {
		if (ip_addr_get_ip4_u32(ip)) {
			a->in6.ip[2] = PP_HTONL(0xffff);
			a->in6.ip[3] = ip_addr_get_ip4_u32(ip);
		}
	} else {
		memcpy(a->in6.ip, ip_2_ip6(ip)->addr, sizeof(a->in6.ip));
		a->in6.scope = ip6_addr_zone(ip_2_ip6(ip));
	}
	return IN6_LEN;
}

void inet_local(const ip_addr_t *peer, ip_addr_t *local)
{
	ip_addr_t any;
	struct netif *n;
	const ip_addr_t *found = NULL;

	ip_addr_set_any(IP_IS_V6(peer), &any);
	n = ip_route(&any, peer);
	if (n)
		found = ip_netif_get_local_ip(n, peer);
	if (found)
		*local = *found;
}
