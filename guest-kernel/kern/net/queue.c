/* SPDX-License-Identifier: MIT */
/* Datagrams that have arrived and wait to be read: of UDP, raw, packet and netlink sockets. */
#include "kern/lib/errno.h"
#include "kern/net/socket.h"
#include "kern/net/stack.h"
#include "lwip/pbuf.h"

#define OVERHEAD 128u /* counted besides the bytes: so small datagrams are not for nothing */

static u32 weight(const struct packet *k)
{
	return k->p->tot_len + OVERHEAD;
}

void queue_add(struct socket *s, struct pbuf *p, const union address *from, u32 from_len)
{
	struct packet *k = s->queued < s->room && !(s->shut & SHUT_READ) ? net_malloc(sizeof(*k)) : NULL;

	if (!k) {
		pbuf_free(p);
		return;
	}
	k->p = p;
	k->from = *from;
	k->from_len = from_len;
	list_add_tail(&s->queue, &k->list);
	s->queued += weight(k);
	wake_all(&s->changed);
}

static struct packet *first(struct socket *s)
{
	return list_empty(&s->queue) ? NULL : list_entry(s->queue.next, struct packet, list);
}

static void drop(struct socket *s, struct packet *k)
{
	list_del(&k->list);
	s->queued -= weight(k);
	pbuf_free(k->p);
	net_free(k);
}

void queue_free(struct socket *s)
{
	while (!list_empty(&s->queue))
		drop(s, first(s));
}

static int put(struct message *m, const struct pbuf *p, size_t n)
{
	size_t at = 0, part;

	for (; at < n; at += part, p = p->next) {
		part = MIN(n - at, (size_t)p->len);
		if (message_put(m, at, p->payload, part))
			return -EFAULT;
	}
	return 0;
}

long queue_receive(struct socket *s, struct message *m)
{
	struct packet *k;
	size_t n, all;
	int rc;

	while (!(k = first(s))) {
		rc = socket_take_error(s);
		if (rc || s->shut & SHUT_READ)
			return rc;
		rc = socket_wait(s, m->nonblock, s->receive_wait);
		if (rc)
			return rc;
	}
	all = k->p->tot_len;
	n = MIN(m->total, all);
	if (put(m, k->p, n))
		return -EFAULT;
	m->address = k->from;
	m->address_len = k->from_len;
	m->result_flags = n < all ? MSG_TRUNC : 0;
	if (!(m->flags & MSG_PEEK))
		drop(s, k);
	return m->flags & MSG_TRUNC ? all : n;
}

unsigned queue_ready(struct socket *s)
{
	return (list_empty(&s->queue) && !(s->shut & SHUT_READ) ? 0 : POLLIN) | POLLOUT |
	       (s->error ? POLLERR : 0);
}

u32 queue_readable(struct socket *s)
{
	return list_empty(&s->queue) ? 0 : first(s)->p->tot_len;
}
