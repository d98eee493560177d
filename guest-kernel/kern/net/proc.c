/* SPDX-License-Identifier: MIT */
/* The files of /proc/net that ifconfig, route, arp and netstat read. */
#include "kern/fs/procfs.h"
#include "kern/lib/string.h"
#include "kern/net/config.h"
#include "kern/net/route.h"
#include "kern/net/stack.h"
#include "lwip/etharp.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/raw.h"
#include "lwip/udp.h"

static void show_dev(struct proc_text *t, struct process *p)
{
	struct netdev *d;

	proc_print(t, "Inter-|   Receive                                                |  Transmit\n"
		      " face |bytes    packets errs drop fifo frame compressed multicast|"
		      "bytes    packets errs drop fifo colls carrier compressed\n");
	list_for_each (d, &netdevs, list)
		proc_print(t, "%6s: %llu %llu 0 %llu 0 0 0 0 %llu %llu 0 %llu 0 0 0 0\n", d->name,
			   (unsigned long long)d->received.bytes, (unsigned long long)d->received.frames,
			   (unsigned long long)d->received.dropped, (unsigned long long)d->sent.bytes,
			   (unsigned long long)d->sent.frames, (unsigned long long)d->sent.dropped);
}

static void print_route(struct proc_text *t, const struct route *r)
{
	proc_print(t, "%s\t%08X\t%08X\t%04X\t0\t0\t%u\t%08X\t0\t0\t0\n", r->device->name, r->network,
		   r->gateway, 1u | (r->gateway ? 2u : 0) | (r->mask == ~0u ? 4u : 0), r->metric, r->mask);
}

static void show_route(struct proc_text *t, struct process *p)
{
	struct netdev *d;

	proc_print(t,
		   "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n");
	for (const struct route *r = routes; r < routes + ROUTES; r++)
		if (r->device)
			print_route(t, r);
	list_for_each (d, &netdevs, list) {
		struct route own = {config_address(d) & config_mask(d), config_mask(d), 0, 0, d};

		if (own.network && d != &loopback)
			print_route(t, &own);
	}
}

static void show_arp(struct proc_text *t, struct process *p)
{
	struct eth_addr *mac;
	struct netif *n;
	ip4_addr_t *ip;
	char text[16];

	proc_print(t, "IP address       HW type     Flags       HW address            Mask     Device\n");
	for (u32 i = 0; i < ARP_TABLE_SIZE; i++) {
		const u8 *a;

		if (!etharp_get_entry(i, &ip, &n, &mac))
			continue;
		a = (const u8 *)&ip->addr;
		snprintf(text, sizeof(text), "%u.%u.%u.%u", a[0], a[1], a[2], a[3]);
		a = mac->addr;
		proc_print(t, "%-16s 0x1         0x2         %02x:%02x:%02x:%02x:%02x:%02x     *        %s\n",
			   text, a[0], a[1], a[2], a[3], a[4], a[5], netdev_of(n)->name);
	}
}

static void show_if_inet6(struct proc_text *t, struct process *p)
{
	struct netdev *d;

	list_for_each (d, &netdevs, list) {
		for (u32 i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
			const u8 *a = (const u8 *)netif_ip6_addr(d->netif, i)->addr;
			bool local = d == &loopback;

			if (ip6_addr_isinvalid(netif_ip6_addr_state(d->netif, i)))
				continue;
			for (u32 k = 0; k < 16; k++)
				proc_print(t, "%02x", a[k]);
			proc_print(t, " %02x %02x %02x 80 %8s\n", d->index, local ? 128 : 64,
				   local                                               ? 0x10
				   : ip6_addr_islinklocal(netif_ip6_addr(d->netif, i)) ? 0x20
										       : 0,
				   d->name);
		}
	}
}

/* ---- Sockets ---- */

static void print_end(struct proc_text *t, const ip_addr_t *ip, u16 port, bool six)
{
	if (!six)
		proc_print(t, "%08X", IP_IS_V4(ip) ? ip_addr_get_ip4_u32(ip) : 0);
	for (u32 i = 0; six && i < 4; i++)
		proc_print(t, "%08X", IP_IS_V6_VAL(*ip) ? ip_2_ip6(ip)->addr[i] : 0);
	proc_print(t, ":%04X ", port);
}

struct line {
	const ip_addr_t *local, *remote;
	u16 local_port, remote_port;
	u32 state, unsent, unread;
};

static void print_socket(struct proc_text *t, u32 *number, const struct line *l, bool six)
{
	if ((IP_GET_TYPE(l->local) != IPADDR_TYPE_V4) != six)
		return;
	proc_print(t, "%4u: ", (*number)++);
	print_end(t, l->local, l->local_port, six);
	print_end(t, l->remote, l->remote_port, six);
	proc_print(t, "%02X %08X:%08X 00:00000000 00000000 0 0 0\n", l->state, l->unsent, l->unread);
}

static void print_heading(struct proc_text *t)
{
	proc_print(t, "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  "
		      "timeout inode\n");
}

/* lwIP's states as Linux's numbers. */
static u32 state_of(enum tcp_state state)
{
	static const u8 states[] = {
	    [CLOSED] = 7,      [LISTEN] = 10,    [SYN_SENT] = 2,   [SYN_RCVD] = 3,
	    [ESTABLISHED] = 1, [FIN_WAIT_1] = 4, [FIN_WAIT_2] = 5, [CLOSE_WAIT] = 8,
	    [CLOSING] = 11,    [LAST_ACK] = 9,   [TIME_WAIT] = 6,
	};

	return states[state];
}

static void show_tcp_of(struct proc_text *t, bool six)
{
	u32 number = 0;

	print_heading(t);
	for (struct tcp_pcb_listen *l = tcp_listen_pcbs.listen_pcbs; l; l = l->next)
		print_socket(
		    t, &number,
		    &(struct line){&l->local_ip, &l->remote_ip, l->local_port, 0, state_of(LISTEN), 0, 0},
		    six);
	for (u32 list = 0; list < 2; list++)
		for (struct tcp_pcb *pcb = list ? tcp_tw_pcbs : tcp_active_pcbs; pcb; pcb = pcb->next)
			print_socket(t, &number,
				     &(struct line){&pcb->local_ip, &pcb->remote_ip, pcb->local_port,
						    pcb->remote_port, state_of(pcb->state),
						    TCP_SND_BUF - pcb->snd_buf, TCP_WND - pcb->rcv_wnd},
				     six);
}

static void show_tcp(struct proc_text *t, struct process *p)
{
	show_tcp_of(t, false);
}

static void show_tcp6(struct proc_text *t, struct process *p)
{
	show_tcp_of(t, true);
}

static void show_udp_of(struct proc_text *t, bool six)
{
	u32 number = 0;

	print_heading(t);
	for (struct udp_pcb *pcb = udp_pcbs; pcb; pcb = pcb->next)
		print_socket(t, &number,
			     &(struct line){&pcb->local_ip, &pcb->remote_ip, pcb->local_port,
					    pcb->remote_port, state_of(CLOSED), 0, 0},
			     six);
}

static void show_udp(struct proc_text *t, struct process *p)
{
	show_udp_of(t, false);
}

static void show_udp6(struct proc_text *t, struct process *p)
{
	show_udp_of(t, true);
}

static const struct proc_file files[] = {
    {"dev", S_IFREG | 0444, show_dev, NULL},
    {"route", S_IFREG | 0444, show_route, NULL},
    {"arp", S_IFREG | 0444, show_arp, NULL},
    {"if_inet6", S_IFREG | 0444, show_if_inet6, NULL},
    {"tcp", S_IFREG | 0444, show_tcp, NULL},
    {"tcp6", S_IFREG | 0444, show_tcp6, NULL},
    {"udp", S_IFREG | 0444, show_udp, NULL},
    {"udp6", S_IFREG | 0444, show_udp6, NULL},
    {NULL, 0, NULL, NULL},
};

void net_proc_init(void)
{
	procfs_net_files = files;
}
