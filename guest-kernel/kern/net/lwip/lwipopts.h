/* SPDX-License-Identifier: MIT */
/* What lwIP is here: IPv4, IPv6, UDP, TCP and raw packets, called with the kernel lock; no threads, no sockets of its own. */
#ifndef LWIPOPTS_H
#define LWIPOPTS_H

#define NO_SYS               1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_NETCONN         0
#define LWIP_SOCKET          0
#define LWIP_TIMERS          1
#define LWIP_TIMERS_CUSTOM   1 /* stack.c calls the timers, and only those that have something to do */

/* All memory is kmalloc()'s, with a bound (memory.c). */
#define MEM_LIBC_MALLOC 1
#define MEMP_MEM_MALLOC 1
#define MEM_ALIGNMENT   8
#define mem_clib_malloc net_malloc
#define mem_clib_calloc net_calloc
#define mem_clib_free   net_free

#define LWIP_ARP                      1
#define ARP_TABLE_SIZE                64
#define ARP_QUEUEING                  1
#define ARP_QUEUE_LEN                 8
#define ETHARP_SUPPORT_STATIC_ENTRIES 1
#define ETH_PAD_SIZE                  0
#define ETHARP_SUPPORT_VLAN           0

#define LWIP_IPV4                 1
#define IP_REASSEMBLY             1
#define IP_REASS_MAX_PBUFS        96 /* one datagram of 64 KiB, and a second */
#define IP_FRAG                   1
#define IP_FORWARD                0
#define IP_SOF_BROADCAST          1
#define IP_SOF_BROADCAST_RECV     0
#define LWIP_ICMP                 1
#define LWIP_BROADCAST_PING       0
#define LWIP_MULTICAST_PING       0
#define LWIP_IGMP                 0
#define LWIP_MULTICAST_TX_OPTIONS 0
#define LWIP_RAW                  1
#define LWIP_DHCP                 0 /* udhcpc does it */
#define LWIP_AUTOIP               0
#define LWIP_DNS                  0

#define LWIP_IPV6                     1
#define LWIP_IPV6_MLD                 0
#define LWIP_IPV6_FORWARD             0
#define LWIP_IPV6_REASS               1
#define LWIP_IPV6_FRAG                1
#define IPV6_FRAG_COPYHEADER          1
#define LWIP_IPV6_AUTOCONFIG          1
#define LWIP_IPV6_NUM_ADDRESSES       4
#define LWIP_IPV6_DUP_DETECT_ATTEMPTS 1
#define LWIP_ND6_QUEUEING             1
#define MEMP_NUM_ND6_QUEUE            16
#define LWIP_ND6_NUM_NEIGHBORS        32
#define LWIP_ND6_NUM_DESTINATIONS     32

#define LWIP_UDP            1
#define LWIP_TCP            1
#define TCP_MSS             1460
#define TCP_WND             32768 /* what has been received and not been read is one chain of buffers: less than 64 KiB */
#define TCP_SND_BUF         32768
#define TCP_SND_QUEUELEN    96
#define TCP_SNDLOWAT        4096
#define TCP_SNDQUEUELOWAT   48
#define TCP_QUEUE_OOSEQ     1
#define TCP_OOSEQ_MAX_BYTES 32768
#define TCP_OVERSIZE        TCP_MSS
#define TCP_LISTEN_BACKLOG  1
#define LWIP_TCP_KEEPALIVE  1
#define LWIP_TCP_TIMESTAMPS 0
#define LWIP_TCP_SACK_OUT   0
#define SO_REUSE            1
#define SO_REUSE_RXTOALL    0

#define LWIP_HAVE_LOOPIF               0 /* stack.c has one */
#define LWIP_NETIF_LOOPBACK            1
#define LWIP_LOOPBACK_MAX_PBUFS        256
#define LWIP_LOOPIF_MULTICAST          0
#define LWIP_NETIF_EXT_STATUS_CALLBACK 0
#define LWIP_CHECKSUM_CTRL_PER_NETIF   1 /* who sums what depends on the device, and on the frame */
#define LWIP_STATS                     0
#define LWIP_NOASSERT_ON_ERROR         1

/* Routes are this kernel's (route.c); sequence numbers cannot be guessed. */
struct ip4_addr;
struct netif;
struct netif *route_hook(const struct ip4_addr *from, const struct ip4_addr *to);
const struct ip4_addr *gateway_hook(struct netif *netif, const struct ip4_addr *to);
#define LWIP_HOOK_IP4_ROUTE_SRC(from, to)                   route_hook(from, to)
#define LWIP_HOOK_ETHARP_GET_GW(netif, to)                  gateway_hook(netif, to)
#define LWIP_HOOK_TCP_ISN(local, port, remote, remote_port) net_random()

#endif
