/* SPDX-License-Identifier: MIT */
/*
 * Sockets: files whose operations depend on the family and type (socket_ops). socket.c has the system calls and copies
 * addresses; tcp.c, datagram.c (UDP, raw), packet.c (frames) and netlink.c (routes and addresses) have the operations.
 *
 * Locking: the kernel lock. lwIP's callbacks come in interrupts, when the task that is in a call sleeps: every sleep
 * is in a loop that looks again at what it waits for.
 */
#ifndef KERN_NET_SOCKET_H
#define KERN_NET_SOCKET_H

#include "kern/fs/poll.h"
#include "kern/fs/vfs.h"
#include "kern/lib/list.h"

struct netdev;
struct pbuf;
struct socket;
struct tcp_pcb;

#define AF_UNSPEC  0
#define AF_INET    2
#define AF_INET6   10
#define AF_NETLINK 16
#define AF_PACKET  17

#define SOCK_STREAM 1
#define SOCK_DGRAM  2
#define SOCK_RAW    3

#define SOL_SOCKET   1
#define IPPROTO_ICMP 1
#define IPPROTO_TCP  6
#define IPPROTO_UDP  17
#define IPPROTO_IPV6 41

#define MSG_PEEK     0x02
#define MSG_CTRUNC   0x08
#define MSG_TRUNC    0x20
#define MSG_DONTWAIT 0x40
#define MSG_WAITALL  0x100
#define MSG_NOSIGNAL 0x4000

#define SHUT_READ  1
#define SHUT_WRITE 2

/* An address as programs pass it, of any family here. Numbers are in network order where the network sees them. */
union address {
	u16 family;
	struct {
		u16 family, port;
		u32 ip;
		u8 zero[8];
	} in;
	struct {
		u16 family, port;
		u32 flow, ip[4], scope;
	} in6;
	struct {
		u16 family, protocol;
		s32 index;
		u16 hardware;
		u8 packet_type, mac_len, mac[8];
	} ll;
	struct {
		u16 family, zero;
		u32 port, groups;
	} nl;
};

struct iovec {
	void *base;
	size_t len;
};

/* What is sent or received: memory of the program's, described by a vector of its or by `one`. */
struct message {
	const struct iovec *vector; /* in user memory; NULL: `one` */
	struct iovec one;
	u32 count, flags;
	size_t total;
	union address address; /* to or from whom; address_len is 0: not given */
	u32 address_len;
	u32 result_flags; /* MSG_TRUNC, of what was received */
	bool nonblock;
};

struct socket_ops {
	void (*release)(struct socket *s);
	int (*bind)(struct socket *s, const union address *a, u32 len);
	int (*connect)(struct socket *s, const union address *a, u32 len, bool nonblock);
	int (*listen)(struct socket *s, u32 backlog);
	int (*accept)(struct socket *s, bool nonblock, struct socket **out);
	long (*send)(struct socket *s, struct message *m);
	long (*receive)(struct socket *s, struct message *m);
	int (*name)(struct socket *s, bool peer, union address *a, u32 *len);
	int (*shutdown)(struct socket *s, u32 how); /* SHUT_* */
	unsigned (*ready)(struct socket *s);        /* POLL* */
	u32 (*readable)(struct socket *s);          /* bytes that a read would give */
	void (*changed)(
	    struct socket *s); /* options.c has set one of those of all kinds. NULL: that is all */
	/* Options of the family's; -ENOPROTOOPT: not one of them. The value is a copy. */
	int (*set)(struct socket *s, int level, int name, const void *value, u32 len);
	int (*get)(struct socket *s, int level, int name, int *value);
};

struct socket {
	const struct socket_ops *ops;
	u16 family, type, protocol; /* protocol of packet sockets: in network order */
	struct wait_queue changed;
	int error;                   /* told once: positive */
	u32 shut;                    /* SHUT_* */
	u64 receive_wait, send_wait; /* nanoseconds; 0: for ever */
	u32 room;                    /* SO_RCVBUF: bytes that wait to be read */
	u32 device;                  /* SO_BINDTODEVICE, or the device of a packet socket; 0: any */
	bool v6only, reuse, broadcast, keepalive, linger;
	bool ignores_outgoing; /* a packet socket: PACKET_IGNORE_OUTGOING */
	u32 linger_seconds;

	struct list queue; /* struct packet: what has been received, of all but streams */
	u32 queued;        /* bytes, with what they take besides */

	union {
		void *pcb; /* lwIP's; NULL: it is no more */
		struct tcp_pcb *tcp;
		struct udp_pcb *udp;
		struct raw_pcb *raw;
	};
	struct stream *stream; /* tcp.c */
	struct list list;      /* packet.c: in packet_sockets; tcp.c: in those that wait to be accepted */
};

/* One that waits to be read. */
struct packet {
	struct list list;
	struct pbuf *p;
	union address from;
	u32 from_len;
};

/* ---- socket.c ---- */

/* A new one of its kind, with its operations set, or -errno. */
int tcp_create(struct socket *s);
int datagram_create(struct socket *s);
int packet_create(struct socket *s);
int netlink_create(struct socket *s);

struct socket *socket_alloc(u16 family, u16 type, u16 protocol);
void socket_destroy(struct socket *s); /* also when lwIP calls */
/* Sleeps until something has changed: 0, -EAGAIN (nonblock, or the time `wait` is over) or -ERESTARTSYS. */
int socket_wait(struct socket *s, bool nonblock, u64 wait);
int socket_take_error(struct socket *s); /* -errno, once */
/* Sets m->total by its vector. -EFAULT, -EINVAL: a length is negative. */
int message_measure(struct message *m);
/* Copies n bytes at `offset` of the message from kernel memory or to it. -EFAULT. */
int message_put(struct message *m, size_t offset, const void *from, size_t n);
int message_get(struct message *m, size_t offset, void *to, size_t n);

/* ---- options.c ---- */

long socket_set_option(struct socket *s, int level, int name, const void *user, u32 len);
long socket_get_option(struct socket *s, int level, int name, void *user, u32 *user_len);

/* ---- queue.c: datagrams that wait ---- */

/* Takes the buffer: kept, or dropped if there is no room. */
void queue_add(struct socket *s, struct pbuf *p, const union address *from, u32 from_len);
long queue_receive(struct socket *s, struct message *m);
unsigned queue_ready(struct socket *s);
u32 queue_readable(struct socket *s);
void queue_free(struct socket *s);

/* ---- ioctl.c ---- */

long net_ioctl(struct socket *s, u32 command, ulong arg);

#endif
