/* SPDX-License-Identifier: MIT */
/* UDP and raw sockets: the same, but for ports, and for whose headers the program sees. */
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/net/inet.h"
#include "kern/net/socket.h"
#include "kern/net/stack.h"
#include "lwip/inet_chksum.h"
#include "lwip/ip.h"
#include "lwip/raw.h"
#include "lwip/udp.h"

#define DATAGRAM_MAX 65507u
#define PROTOCOL_RAW 255u /* raw sockets that only send, headers and all */
#define ICMPV6       58u

enum { /* options of IPPROTO_IP and IPPROTO_IPV6 */
	IP_TOS = 1,
	IP_TTL = 2,
	IP_HDRINCL = 3,
	IP_PKTINFO = 8,
	IP_MTU_DISCOVER = 10,
	IP_RECVERR = 11,
	IP_RECVTTL = 12,
	IPV6_CHECKSUM = 7,
	IPV6_UNICAST_HOPS = 16,
	IPV6_RECVERR = 25,
	IPV6_RECVPKTINFO = 49,
	IPV6_RECVHOPLIMIT = 51,
	IPV6_TCLASS = 67,
};
#define SOL_RAW    255
#define SOL_ICMPV6 58

static const struct socket_ops udp_ops, raw_ops;

/* ---- What lwIP calls ---- */

static void udp_arrived(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from, u16_t port)
{
	union address a;
	u32 len = inet_to(arg, from, port, &a);

	queue_add(arg, p, &a, len);
}

/* Others want it too, and so does lwIP itself. IPv4's header is shown to the program, IPv6's is not. */
static u8_t raw_arrived(void *arg, struct raw_pcb *pcb, struct pbuf *p, const ip_addr_t *from)
{
	struct socket *s = arg;
	struct pbuf *copy = s->queued < s->room ? pbuf_clone(PBUF_RAW, PBUF_RAM, p) : NULL;
	union address a;
	u32 len = inet_to(s, from, 0, &a);

	if (copy && s->family == AF_INET6 && pbuf_remove_header(copy, IP6_HLEN)) {
		pbuf_free(copy);
		copy = NULL;
	}
	if (copy)
		queue_add(s, copy, &a, len);
	return 0;
}

/* ---- Coming and going ---- */

static int create_udp(struct socket *s)
{
	s->udp = udp_new_ip_type(inet_type(s));
	if (!s->udp)
		return -ENOBUFS;
	s->protocol = IPPROTO_UDP;
	s->ops = &udp_ops;
	udp_recv(s->udp, udp_arrived, s);
	return 0;
}

static int create_raw(struct socket *s)
{
	if (!s->protocol || s->protocol > PROTOCOL_RAW)
		return -EPROTONOSUPPORT;
	s->raw = raw_new_ip_type(s->family == AF_INET ? IPADDR_TYPE_V4 : IPADDR_TYPE_V6, s->protocol);
	if (!s->raw)
		return -ENOBUFS;
	if (s->protocol == PROTOCOL_RAW)
		raw_set_flags(s->raw, RAW_FLAGS_HDRINCL);
	if (s->family == AF_INET6 && s->protocol == ICMPV6) {
		s->raw->chksum_reqd = 1;
		s->raw->chksum_offset = 2;
	}
	s->ops = &raw_ops;
	raw_recv(s->raw, raw_arrived, s);
	return 0;
}

int datagram_create(struct socket *s)
{
	if (s->type == SOCK_RAW)
		return create_raw(s);
	if (s->type != SOCK_DGRAM)
		return -ESOCKTNOSUPPORT;
	return s->protocol && s->protocol != IPPROTO_UDP ? -EPROTONOSUPPORT : create_udp(s);
}

static void udp_release(struct socket *s)
{
	udp_remove(s->udp);
}

static void raw_release(struct socket *s)
{
	raw_remove(s->raw);
}

/* ---- Addresses ---- */

static bool is_udp(const struct socket *s)
{
	return s->ops == &udp_ops;
}

static int datagram_bind(struct socket *s, const union address *a, u32 len)
{
	ip_addr_t ip;
	u16 port;
	int rc = inet_from(s, a, len, &ip, &port);

	if (rc)
		return rc;
	if (!is_udp(s))
		return net_error(raw_bind(s->raw, &ip));
	if (s->udp->local_port)
		return -EINVAL;
	if (s->reuse)
		ip_set_option(s->udp, SOF_REUSEADDR);
	return net_error(udp_bind(s->udp, &ip, port));
}

static int datagram_connect(struct socket *s, const union address *a, u32 len, bool nonblock)
{
	ip_addr_t ip, none = {0};
	u16 port;
	int rc;

	if (len >= sizeof(a->family) && a->family == AF_UNSPEC) {
		if (is_udp(s))
			udp_disconnect(s->udp);
		else
			raw_disconnect(s->raw);
		return 0;
	}
	rc = inet_from(s, a, len, &ip, &port);
	if (rc)
		return rc;
	if (ip_addr_isany(&ip))
		inet_local(&ip, &ip);
	inet_local(&ip, &none);
	if (ip_addr_isany(&none) && !s->device)
		return -ENETUNREACH;
	return net_error(is_udp(s) ? udp_connect(s->udp, &ip, port) : raw_connect(s->raw, &ip));
}

static int datagram_name(struct socket *s, bool peer, union address *a, u32 *len)
{
	bool udp = is_udp(s);
	bool joined = udp ? s->udp->flags & UDP_FLAGS_CONNECTED : s->raw->flags & RAW_FLAGS_CONNECTED;
	const ip_addr_t *remote = udp ? &s->udp->remote_ip : &s->raw->remote_ip;
	ip_addr_t local = udp ? s->udp->local_ip : s->raw->local_ip;

	if (peer && !joined)
		return -ENOTCONN;
	if (joined && ip_addr_isany(&local))
		inet_local(remote, &local);
	*len = peer ? inet_to(s, remote, udp ? s->udp->remote_port : 0, a)
		    : inet_to(s, &local, udp ? s->udp->local_port : 0, a);
	return 0;
}

/* ---- Sending ---- */

/* To whom: what the message says, or whom the socket is connected to. */
static int target(struct socket *s, struct message *m, ip_addr_t *ip, u16 *port)
{
	if (m->address_len)
		return inet_from(s, &m->address, m->address_len, ip, port);
	if (is_udp(s) ? !(s->udp->flags & UDP_FLAGS_CONNECTED) : !(s->raw->flags & RAW_FLAGS_CONNECTED))
		return -EDESTADDRREQ;
	*ip = is_udp(s) ? s->udp->remote_ip : s->raw->remote_ip;
	*port = is_udp(s) ? s->udp->remote_port : 0;
	return 0;
}

/* The headers that the program has made: what IPv4 fills in for it. */
static int complete_header(struct pbuf *p)
{
	struct ip_hdr *h = p->payload;

	if (p->len < IP_HLEN || IPH_HL_BYTES(h) < IP_HLEN || IPH_HL_BYTES(h) > p->len)
		return -EINVAL;
	IPH_LEN_SET(h, lwip_htons(p->tot_len));
	IPH_CHKSUM_SET(h, 0);
	IPH_CHKSUM_SET(h, inet_chksum(h, IPH_HL_BYTES(h)));
	return 0;
}

static int transmit(struct socket *s, struct pbuf *p, const ip_addr_t *to, u16 port)
{
	bool includes = !is_udp(s) && s->raw->flags & RAW_FLAGS_HDRINCL;
	int rc = includes ? complete_header(p) : 0;

	if (rc)
		return rc;
	return net_error(is_udp(s) ? udp_sendto(s->udp, p, to, port) : raw_sendto(s->raw, p, to));
}

static long datagram_send(struct socket *s, struct message *m)
{
	struct pbuf *p;
	ip_addr_t to;
	u16 port;
	int rc = socket_take_error(s);

	if (!rc)
		rc = m->total > DATAGRAM_MAX ? -EMSGSIZE : target(s, m, &to, &port);
	if (rc)
		return rc;
	if (!s->broadcast && IP_IS_V4(&to) && ip_addr_get_ip4_u32(&to) == IPADDR_BROADCAST)
		return -EACCES;
	if (ip_addr_isany(&to))
		inet_local(&to, &to);
	p = pbuf_alloc(is_udp(s) ? PBUF_TRANSPORT : PBUF_IP, m->total, PBUF_RAM);
	if (!p)
		return -ENOBUFS;
	rc = message_get(m, 0, p->payload, m->total);
	if (!rc)
		rc = transmit(s, p, &to, port);
	pbuf_free(p);
	return rc ? rc : (long)m->total;
}

static int datagram_shutdown(struct socket *s, u32 how)
{
	if (is_udp(s) && !(s->udp->flags & UDP_FLAGS_CONNECTED))
		return -ENOTCONN;
	s->shut |= how;
	wake_all(&s->changed);
	return 0;
}

/* ---- Options ---- */

/* What options.c keeps for all kinds is told to lwIP. */
static void datagram_changed(struct socket *s)
{
	const struct netdev *d = s->device ? netdev_at(s->device) : NULL;

	if (is_udp(s))
		udp_bind_netif(s->udp, d ? d->netif : NULL);
	else
		raw_bind_netif(s->raw, d ? d->netif : NULL);
	if (s->broadcast)
		ip_set_option((struct ip_pcb *)s->pcb, SOF_BROADCAST);
	else
		ip_reset_option((struct ip_pcb *)s->pcb, SOF_BROADCAST);
}

static int set_ttl(struct socket *s, int value, u8 *field)
{
	if (value == -1)
		value = field == &((struct ip_pcb *)s->pcb)->ttl ? 64 : 0;
	if (value < 0 || value > 255)
		return -EINVAL;
	*field = value;
	return 0;
}

static int set_ipv4(struct socket *s, int name, int value)
{
	struct ip_pcb *pcb = s->pcb;

	switch (name) {
	case IP_TOS:
		pcb->tos = value;
		return 0;
	case IP_TTL:
		return set_ttl(s, value, &pcb->ttl);
	case IP_HDRINCL:
		if (is_udp(s))
			return -ENOPROTOOPT;
		raw_set_flags(s->raw,
			      value ? s->raw->flags | RAW_FLAGS_HDRINCL : s->raw->flags & ~RAW_FLAGS_HDRINCL);
		return 0;
	case IP_PKTINFO: /* nothing is told besides the data, and nobody counts on it */
	case IP_MTU_DISCOVER:
	case IP_RECVERR:
	case IP_RECVTTL:
		return 0;
	}
	return -ENOPROTOOPT;
}

static int set_ipv6(struct socket *s, int name, int value)
{
	struct ip_pcb *pcb = s->pcb;

	switch (name) {
	case IPV6_UNICAST_HOPS:
		return set_ttl(s, value, &pcb->ttl);
	case IPV6_TCLASS:
		return set_ttl(s, value, &pcb->tos);
	case IPV6_RECVERR:
	case IPV6_RECVPKTINFO:
	case IPV6_RECVHOPLIMIT:
		return 0;
	}
	return -ENOPROTOOPT;
}

static int datagram_set(struct socket *s, int level, int name, const void *value, u32 len)
{
	int n;

	if (!len)
		return -EINVAL;
	n = len < sizeof(int) ? *(const u8 *)value : *(const int *)value;
	if (level == 0)
		return set_ipv4(s, name, n);
	if (level == IPPROTO_IPV6)
		return set_ipv6(s, name, n);
	if ((level == SOL_RAW && name == IPV6_CHECKSUM) || level == SOL_ICMPV6 ||
	    (level == SOL_RAW && name == 1))
		return 0; /* ICMPv6 always has one; filters: programs look at types themselves too */
	return -ENOPROTOOPT;
}

static int datagram_get(struct socket *s, int level, int name, int *value)
{
	const struct ip_pcb *pcb = s->pcb;

	if ((level == 0 && name == IP_TTL) || (level == IPPROTO_IPV6 && name == IPV6_UNICAST_HOPS))
		*value = pcb->ttl;
	else if (level == 0 && name == IP_TOS)
		*value = pcb->tos;
	else
		return -ENOPROTOOPT;
	return 0;
}

static const struct socket_ops udp_ops = {
    .release = udp_release,
    .bind = datagram_bind,
    .connect = datagram_connect,
    .send = datagram_send,
    .receive = queue_receive,
    .name = datagram_name,
    .shutdown = datagram_shutdown,
    .ready = queue_ready,
    .readable = queue_readable,
    .changed = datagram_changed,
    .set = datagram_set,
    .get = datagram_get,
};

static const struct socket_ops raw_ops = {
    .release = raw_release,
    .bind = datagram_bind,
    .connect = datagram_connect,
    .send = datagram_send,
    .receive = queue_receive,
    .name = datagram_name,
    .shutdown = datagram_shutdown,
    .ready = queue_ready,
    .readable = queue_readable,
    .changed = datagram_changed,
    .set = datagram_set,
    .get = datagram_get,
};
