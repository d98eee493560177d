/* SPDX-License-Identifier: MIT */
/* See stack.h: lwIP's interfaces over this kernel's devices, its clock and its timers. */
#include "kern/net/stack.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/net/packet.h"
#include "kern/net/route.h"
#include "kern/net/tap.h"
#include "kern/time/clock.h"
#include "kern/time/timer.h"
#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "lwip/init.h"
#include "lwip/ip4_frag.h"
#include "lwip/ip6_frag.h"
#include "lwip/nd6.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/sys.h"
#include "lwip/timeouts.h"
#include "machine.h"
#include "netif/ethernet.h"

#define TCP_NS  (TCP_TMR_INTERVAL * (u64)NSEC_PER_MSEC)
#define SLOW_NS ((u64)NSEC_PER_SEC) /* ARP, neighbours, fragments */

#define CHECK_TRANSPORT (NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP)

static u64 tcp_due, slow_due; /* 0: not needed */
static struct timer timer;

struct netdev loopback = {.name = "lo", .mtu = 65535, .carrier = true};

/* ---- Time ---- */

u32_t sys_now(void)
{
	return div64(clock_monotonic(), NSEC_PER_MSEC, NULL);
}

/* net_settle() looks itself whether one is. */
void tcp_timer_needed(void)
{
}

void sys_timeouts_init(void)
{
}

static bool tcp_works(void)
{
	return tcp_active_pcbs || tcp_tw_pcbs;
}

static bool device_works(void)
{
	struct netdev *d;

	list_for_each (d, &netdevs, list)
		if (d != &loopback && netdev_is_up(d))
			return true;
	return false;
}

static void slow_tick(void)
{
	etharp_tmr();
	ip_reass_tmr();
	nd6_tmr();
	ip6_reass_tmr();
}

static void arm(u64 now)
{
	tcp_due = !tcp_works() ? 0 : tcp_due ? tcp_due : now + TCP_NS;
	slow_due = !device_works() ? 0 : slow_due ? slow_due : now + SLOW_NS;
	if (tcp_due && (!slow_due || tcp_due < slow_due))
		timer_set(&timer, tcp_due);
	else if (slow_due)
		timer_set(&timer, slow_due);
	else
		timer_cancel(&timer);
}

static void expired(struct timer *t)
{
	u64 now = clock_monotonic();

	if (tcp_due && tcp_due <= now) {
		tcp_due = 0;
		tcp_tmr();
	}
	if (slow_due && slow_due <= now) {
		slow_due = 0;
		slow_tick();
	}
	net_settle();
}

void net_settle(void)
{
	struct netif *n;

	NETIF_FOREACH(n)
	netif_poll(n);
	arm(clock_monotonic());
}

/* ---- Sending ---- */

/* Frames in few pieces, none of which crosses a page frame. */
static bool frame_of(struct net_frame *f, struct net_piece *pieces, struct pbuf *p)
{
	u32 count = 0;

	for (struct pbuf *q = p; q && count <= NET_PIECES; q = q->next)
		count = net_pieces(pieces, count, q->payload, q->len);
	*f = (struct net_frame){.pieces = pieces, .count = count, .len = p->tot_len};
	return count <= NET_PIECES;
}

/* Headers are in the first buffer, as lwIP makes them; it leaves TCP's sum to a device that wants it blank. */
static void mark_blank(const struct netdev *d, struct net_frame *f, struct pbuf *p)
{
	if (d->sends_blank && !(d->netif->chksum_flags & NETIF_CHECKSUM_GEN_TCP) &&
	    checksum_blank(p->payload, p->len, p->tot_len, &f->sum_start, &f->sum_offset))
		f->checksum = NET_SUM_BLANK;
}

static err_t send(struct netif *netif, struct pbuf *p)
{
	struct netdev *d = netdev_of(netif);
	struct net_piece pieces[NET_PIECES];
	struct pbuf *whole = NULL;
	struct net_frame f;
	int rc;

	if (!frame_of(&f, pieces, p)) {
		whole = pbuf_clone(PBUF_RAW, PBUF_RAM, p);
		if (!whole || !frame_of(&f, pieces, whole))
			return ERR_MEM;
	}
	mark_blank(d, &f, whole ? whole : p);
	packet_deliver(d, whole ? whole : p, &f);
	rc = netdev_send(d, &f);
	if (whole)
		pbuf_free(whole);
	return rc ? ERR_MEM : ERR_OK;
}

/* ---- Receiving ---- */

/* Whether sums are checked is lwIP's setting for a device, so it is made for each frame. */
void stack_receive(struct netdev *d, struct pbuf *p, enum net_checksum checksum)
{
	if (checksum == NET_SUM_UNKNOWN)
		d->netif->chksum_flags |= CHECK_TRANSPORT;
	if (d->netif->input(p, d->netif) != ERR_OK)
		pbuf_free(p);
	d->netif->chksum_flags &= ~CHECK_TRANSPORT;
	net_settle();
}

/* ---- Interfaces ---- */

static err_t send_to_self4(struct netif *netif, struct pbuf *p, const ip4_addr_t *to)
{
	loopback.sent.frames++;
	loopback.received.frames++;
	loopback.sent.bytes += p->tot_len;
	loopback.received.bytes += p->tot_len;
	return netif_loop_output(netif, p);
}

static err_t send_to_self6(struct netif *netif, struct pbuf *p, const ip6_addr_t *to)
{
	return send_to_self4(netif, p, NULL);
}

static err_t init_loopback(struct netif *n)
{
	n->output = send_to_self4;
	n->output_ip6 = send_to_self6;
	n->mtu = loopback.mtu;
	n->flags = NETIF_FLAG_LINK_UP;
	n->chksum_flags = 0;
	return ERR_OK;
}

static err_t init_ethernet(struct netif *n)
{
	struct netdev *d = netdev_of(n);

	n->output = etharp_output;
	n->output_ip6 = ethip6_output;
	n->linkoutput = send;
	n->mtu = d->mtu;
	n->hwaddr_len = NET_MAC_LEN;
	memcpy(n->hwaddr, d->mac, NET_MAC_LEN);
	n->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET |
		   (d->carrier ? NETIF_FLAG_LINK_UP : 0);
	n->chksum_flags = NETIF_CHECKSUM_ENABLE_ALL & ~CHECK_TRANSPORT;
	if (d->sends_blank)
		n->chksum_flags &= ~NETIF_CHECKSUM_GEN_TCP;
	return ERR_OK;
}

int stack_add(struct netdev *d)
{
	bool ethernet = d != &loopback;

	d->netif = net_calloc(1, sizeof(*d->netif));
	if (!d->netif)
		return -ENOMEM;
	memcpy(d->netif->name, d->name, sizeof(d->netif->name));
	if (!netif_add_noaddr(d->netif, d, ethernet ? init_ethernet : init_loopback,
			      ethernet ? ethernet_input : ip_input)) {
		net_free(d->netif);
		return -ENOMEM;
	}
	if (ethernet) {
		netif_create_ip6_linklocal_address(d->netif, 1);
		netif_set_ip6_autoconfig_enabled(d->netif, 1);
	}
	return 0;
}

void stack_remove(struct netdev *d)
{
	route_forget(d);
	netif_remove(d->netif);
	net_free(d->netif);
	d->netif = NULL;
	net_settle();
}

void stack_carrier(struct netdev *d)
{
	if (d->carrier)
		netif_set_link_up(d->netif);
	else
		netif_set_link_down(d->netif);
	net_settle();
}

static void add_loopback(void)
{
	ip4_addr_t address = {PP_HTONL(IPADDR_LOOPBACK)}, mask = {PP_HTONL(IP_CLASSA_NET)};

	if (netdev_add(&loopback))
		panic("no memory for the loopback device");
	netif_set_ipaddr(loopback.netif, &address);
	netif_set_netmask(loopback.netif, &mask);
	IP_ADDR6_HOST(loopback.netif->ip6_addr, 0, 0, 0, 1);
	loopback.netif->ip6_addr_state[0] = IP6_ADDR_VALID | IP6_ADDR_PREFERRED;
	netif_set_up(loopback.netif);
}

int net_error(int rc)
{
	static const u8 errors[] = {
	    [-ERR_MEM] = ENOBUFS,
	    [-ERR_BUF] = ENOBUFS,
	    [-ERR_TIMEOUT] = ETIMEDOUT,
	    [-ERR_RTE] = ENETUNREACH,
	    [-ERR_INPROGRESS] = EINPROGRESS,
	    [-ERR_VAL] = EINVAL,
	    [-ERR_WOULDBLOCK] = EAGAIN,
	    [-ERR_USE] = EADDRINUSE,
	    [-ERR_ALREADY] = EALREADY,
	    [-ERR_ISCONN] = EISCONN,
	    [-ERR_CONN] = ENOTCONN,
	    [-ERR_IF] = EIO,
	    [-ERR_ABRT] = ETIMEDOUT,
	    [-ERR_RST] = ECONNRESET,
	    [-ERR_CLSD] = ENOTCONN,
	    [-ERR_ARG] = EINVAL,
	};

	return rc >= 0 ? 0 : -rc < (int)ARRAY_SIZE(errors) ? -errors[-rc] : -EIO;
}

void net_assertion(const char *text)
{
	panic("lwIP: %s", text);
}

void net_init(void)
{
	timer_init(&timer, expired);
	lwip_init();
	add_loopback();
	net_proc_init();
	tap_init();
}
