/* SPDX-License-Identifier: MIT */
/*
 * Netlink sockets, of the one protocol that `ip` and C libraries use: devices, addresses, routes, neighbours. A request is
 * answered at once, into the socket's own queue. Nobody is told of changes.
 */
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/net/netlink.h"
#include "kern/net/socket.h"
#include "kern/net/stack.h"
#include "kern/proc/process.h"
#include "lwip/pbuf.h"

#define NETLINK_ROUTE 0
#define ADDRESS_LEN   12u
#define REQUEST_MAX   16384u
#define REPLY_MAX     3072u /* bytes of one datagram: programs' buffers are larger */

enum {
	NLM_F_MULTI = 2,
	NLM_F_ACK = 4,
	NLM_F_DUMP = 0x300
};
enum {
	NLMSG_ERROR = 2,
	NLMSG_DONE = 3
};

static const struct socket_ops netlink_ops;

int netlink_create(struct socket *s)
{
	if (s->type != SOCK_RAW && s->type != SOCK_DGRAM)
		return -ESOCKTNOSUPPORT;
	if (s->protocol != NETLINK_ROUTE)
		return -EPROTONOSUPPORT;
	s->room = 4 * s->room;
	s->ops = &netlink_ops;
	return 0;
}

static void netlink_release(struct socket *s)
{
}

/* ---- Replies ---- */

static const union address from_kernel = {.nl = {AF_NETLINK, 0, 0, 0}};

static void flush(struct reply *r)
{
	struct pbuf *p = r->len ? pbuf_alloc(PBUF_RAW, r->len, PBUF_RAM) : NULL;

	if (p) {
		memcpy(p->payload, r->bytes, r->len);
		queue_add(r->s, p, &from_kernel, ADDRESS_LEN);
	}
	r->len = 0;
}

void reply_begin(struct reply *r, u16 type, const void *head, u32 len)
{
	struct nlmsghdr *h;

	if (r->len > REPLY_MAX - REPLY_MESSAGE)
		flush(r);
	h = (struct nlmsghdr *)(r->bytes + r->len);
	*h = (struct nlmsghdr){
	    .type = type, .flags = r->dump ? NLM_F_MULTI : 0, .seq = r->seq, .port = r->port};
	r->begin = r->len;
	r->len += sizeof(*h);
	memcpy(r->bytes + r->len, head, len);
	r->len += ROUND_UP(len, 4u);
}

void reply_put(struct reply *r, u16 type, const void *value, u32 len)
{
	struct rtattr *a = (struct rtattr *)(r->bytes + r->len);

	if (r->len + sizeof(*a) + ROUND_UP(len, 4u) > REPLY_MAX)
		return;
	a->len = sizeof(*a) + len;
	a->type = type;
	memcpy(a + 1, value, len);
	memset((u8 *)(a + 1) + len, 0, ROUND_UP(len, 4u) - len);
	r->len += sizeof(*a) + ROUND_UP(len, 4u);
}

void reply_put_u32(struct reply *r, u16 type, u32 value)
{
	reply_put(r, type, &value, sizeof(value));
}

void reply_end(struct reply *r)
{
	((struct nlmsghdr *)(r->bytes + r->begin))->len = r->len - r->begin;
}

static void reply_error(struct reply *r, const struct nlmsghdr *request, int rc)
{
	struct {
		int error;
		struct nlmsghdr request;
	} e = {rc, *request};

	r->dump = false;
	reply_begin(r, NLMSG_ERROR, &e, sizeof(e));
	reply_end(r);
}

static void reply_done(struct reply *r)
{
	int zero = 0;

	reply_begin(r, NLMSG_DONE, &zero, sizeof(zero));
	reply_end(r);
}

/* ---- Requests ---- */

const void *attribute(const struct request *q, u16 type, u32 len)
{
	const u8 *at = q->attributes;
	u32 left = q->attributes_len;

	while (left >= sizeof(struct rtattr)) {
		const struct rtattr *a = (const struct rtattr *)at;
		u32 step = ROUND_UP((u32)a->len, 4u);

		if (a->len < sizeof(*a) || a->len > left)
			return NULL;
		if (a->type == type)
			return a->len - sizeof(*a) >= len ? a + 1 : NULL;
		if (step >= left)
			return NULL;
		at += step;
		left -= step;
	}
	return NULL;
}

u32 attribute_u32(const struct request *q, u16 type)
{
	const u32 *value = attribute(q, type, sizeof(*value));

	return value ? *value : 0;
}

static void answer(struct reply *r, const struct nlmsghdr *h)
{
	struct request q = {
	    .type = h->type, .flags = h->flags, .head = h + 1, .head_len = h->len - sizeof(*h)};
	int rc;

	r->seq = h->seq;
	r->dump = (h->flags & NLM_F_DUMP) && netlink_is_get(h->type);
	rc = netlink_request(&q, r);
	if (rc || (h->flags & NLM_F_ACK && !r->dump))
		reply_error(r, h, rc);
	else if (r->dump)
		reply_done(r);
	flush(r);
}

/* Numbers of programs' ends: the process's, as long as it has one socket only; nobody counts on more. */
static u32 own_port(const struct socket *s)
{
	return s->device ? s->device : (u32)current->process->pid;
}

static long netlink_send(struct socket *s, struct message *m)
{
	struct reply r = {.s = s, .port = own_port(s)};
	u32 at = 0, total = m->total;
	u8 *bytes;
	int rc;

	if (m->total > REQUEST_MAX)
		return -EMSGSIZE;
	bytes = net_malloc(ROUND_UP(total, 4u) + REPLY_MAX);
	if (!bytes)
		return -ENOBUFS;
	r.bytes = bytes + ROUND_UP(total, 4u);
	rc = message_get(m, 0, bytes, total);
	while (!rc && total - at >= sizeof(struct nlmsghdr)) {
		const struct nlmsghdr *h = (const struct nlmsghdr *)(bytes + at);
		u32 step = ROUND_UP(h->len, 4u);

		if (h->len < sizeof(*h) || h->len > total - at)
			break;
		answer(&r, h);
		if (step >= total - at)
			break;
		at += step;
	}
	net_free(bytes);
	return rc ? rc : (long)total;
}

static int netlink_bind(struct socket *s, const union address *a, u32 len)
{
	if (len < ADDRESS_LEN || a->family != AF_NETLINK)
		return -EINVAL;
	s->device = a->nl.port;
	return 0;
}

static int netlink_connect(struct socket *s, const union address *a, u32 len, bool nonblock)
{
	return 0;
}

static int netlink_name(struct socket *s, bool peer, union address *a, u32 *len)
{
	a->nl.family = AF_NETLINK;
	a->nl.port = peer ? 0 : own_port(s);
	*len = ADDRESS_LEN;
	return 0;
}

static int netlink_set(struct socket *s, int level, int name, const void *value, u32 len)
{
	return 0;
}

static const struct socket_ops netlink_ops = {
    .release = netlink_release,
    .bind = netlink_bind,
    .connect = netlink_connect,
    .send = netlink_send,
    .receive = queue_receive,
    .name = netlink_name,
    .ready = queue_ready,
    .readable = queue_readable,
    .set = netlink_set,
};
