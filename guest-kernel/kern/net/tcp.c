/* SPDX-License-Identifier: MIT */
/*
 * Stream sockets. lwIP frees a connection when it fails, and says so by failed(): from then on the socket has no pcb. What has
 * been received and not been read counts against the window, so it is at most TCP_WND bytes.
 */
#include "lwip/tcp.h"
#include "kern/lib/errno.h"
#include "kern/net/inet.h"
#include "kern/net/socket.h"
#include "kern/net/stack.h"
#include "machine.h"

#define PART    4096u /* of what is sent, copied at once */
#define BUFFERS 512u  /* that are kept of one connection: many small pieces are taken later */

enum stream_state {
	UNCONNECTED,
	CONNECTING,
	CONNECTED,
	LISTENING,
	ENDED, /* it was connected, or tried to */
};

struct stream {
	enum stream_state state;
	struct pbuf *received; /* and not read yet */
	bool peer_ended;       /* nothing more will come */
	struct list children;  /* struct socket: connections that wait for accept() */
	struct socket *parent; /* of one of these; NULL: it has been accepted */
};

static const struct socket_ops stream_ops;

/* ---- What lwIP calls ---- */

static void failed(void *arg, err_t rc)
{
	struct socket *s = arg;
	struct stream *t = s->stream;

	s->tcp = NULL;
	if (t->parent) { /* nobody has seen it, and others may have its place */
		list_del(&s->list);
		socket_destroy(s);
		return;
	}
	s->error = rc == ERR_RST && t->state == CONNECTING ? ECONNREFUSED : -net_error(rc);
	if (rc == ERR_CLSD) /* both sides have ended */
		s->error = 0;
	t->state = ENDED;
	t->peer_ended = true;
	wake_all(&s->changed);
}

static err_t received(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t rc)
{
	struct socket *s = arg;
	struct stream *t = s->stream;

	if (!p) {
		t->peer_ended = true;
	} else if (s->shut & SHUT_READ) {
		tcp_recved(pcb, p->tot_len);
		pbuf_free(p);
	} else if (t->received && pbuf_clen(t->received) + pbuf_clen(p) > BUFFERS) {
		return ERR_MEM;
	} else if (t->received) {
		pbuf_cat(t->received, p);
	} else {
		t->received = p;
	}
	wake_all(&s->changed);
	return ERR_OK;
}

static err_t sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
	struct socket *s = arg;

	wake_all(&s->changed);
	return ERR_OK;
}

static err_t connected(void *arg, struct tcp_pcb *pcb, err_t rc)
{
	struct socket *s = arg;

	s->stream->state = CONNECTED;
	wake_all(&s->changed);
	return ERR_OK;
}

static void set_calls(struct socket *s)
{
	tcp_arg(s->tcp, s);
	tcp_err(s->tcp, failed);
	tcp_recv(s->tcp, received);
	tcp_sent(s->tcp, sent);
}

static struct socket *stream_alloc(u16 family)
{
	struct socket *s = socket_alloc(family, SOCK_STREAM, IPPROTO_TCP);

	if (!s)
		return NULL;
	s->stream = net_calloc(1, sizeof(*s->stream));
	if (!s->stream) {
		net_free(s);
		return NULL;
	}
	list_init(&s->stream->children);
	s->ops = &stream_ops;
	return s;
}

/* Somebody has connected. */
static err_t arrived(void *arg, struct tcp_pcb *pcb, err_t rc)
{
	struct socket *s = arg, *child = pcb && rc == ERR_OK ? stream_alloc(s->family) : NULL;

	if (!child)
		return ERR_MEM; /* lwIP ends the connection */
	child->tcp = pcb;
	child->stream->state = CONNECTED;
	child->stream->parent = s;
	child->room = s->room;
	child->receive_wait = s->receive_wait;
	child->send_wait = s->send_wait;
	tcp_backlog_delayed(pcb);
	set_calls(child);
	list_add_tail(&s->stream->children, &child->list);
	wake_all(&s->changed);
	return ERR_OK;
}

/* ---- Coming and going ---- */

int tcp_create(struct socket *s)
{
	if (s->protocol && s->protocol != IPPROTO_TCP)
		return -EPROTONOSUPPORT;
	s->stream = net_calloc(1, sizeof(*s->stream));
	s->tcp = s->stream ? tcp_new_ip_type(inet_type(s)) : NULL;
	if (!s->tcp) {
		net_free(s->stream);
		return -ENOBUFS;
	}
	s->protocol = IPPROTO_TCP;
	list_init(&s->stream->children);
	set_calls(s);
	s->ops = &stream_ops;
	return 0;
}

/* What is still to be sent, is. lwIP resets the connection if something has been received that nobody will read. */
static void leave(struct socket *s)
{
	struct tcp_pcb *pcb = s->tcp;

	s->tcp = NULL;
	if (!pcb)
		return;
	tcp_arg(pcb, NULL);
	if (s->stream->state != LISTENING) {
		tcp_err(pcb, NULL);
		tcp_recv(pcb, NULL);
		tcp_sent(pcb, NULL);
	}
	if (s->linger && !s->linger_seconds && s->stream->state == CONNECTED)
		tcp_abort(pcb);
	else if (tcp_close(pcb) != ERR_OK)
		tcp_abort(pcb);
}

static void stream_release(struct socket *s)
{
	struct stream *t = s->stream;

	while (!list_empty(&t->children)) {
		struct socket *child = list_entry(t->children.next, struct socket, list);

		child->linger = true; /* nobody has seen it: it is reset */
		list_del(&child->list);
		socket_destroy(child);
	}
	leave(s);
	if (t->received)
		pbuf_free(t->received);
	net_free(t);
}

static int stream_bind(struct socket *s, const union address *a, u32 len)
{
	ip_addr_t ip;
	u16 port;
	int rc = inet_from(s, a, len, &ip, &port);

	if (rc)
		return rc;
	if (!s->tcp || s->stream->state != UNCONNECTED || s->tcp->local_port)
		return -EINVAL;
	if (s->reuse)
		ip_set_option(s->tcp, SOF_REUSEADDR);
	return net_error(tcp_bind(s->tcp, &ip, port));
}

/* A socket whose connection has failed may try again. */
static int begin_anew(struct socket *s)
{
	s->tcp = tcp_new_ip_type(inet_type(s));
	if (!s->tcp)
		return -ENOBUFS;
	s->stream->peer_ended = false;
	s->stream->state = UNCONNECTED;
	set_calls(s);
	return 0;
}

static int begin_connect(struct socket *s, const union address *a, u32 len)
{
	ip_addr_t ip;
	u16 port;
	int rc = inet_from(s, a, len, &ip, &port);

	if (!rc && !s->tcp)
		rc = begin_anew(s);
	if (rc)
		return rc;
	if (s->device)
		tcp_bind_netif(s->tcp, netdev_at(s->device) ? netdev_at(s->device)->netif : NULL);
	if (ip_addr_isany(&ip)) /* as Linux: this machine */
		inet_local(&ip, &ip);
	rc = net_error(tcp_connect(s->tcp, &ip, port, connected));
	if (!rc)
		s->stream->state = CONNECTING;
	return rc;
}

static int stream_connect(struct socket *s, const union address *a, u32 len, bool nonblock)
{
	struct stream *t = s->stream;
	int rc;

	if (t->state == CONNECTED)
		return -EISCONN;
	if (t->state == LISTENING)
		return -EINVAL;
	if (t->state == CONNECTING && nonblock)
		return -EALREADY;
	rc = socket_take_error(s);
	if (!rc && t->state != CONNECTING)
		rc = begin_connect(s, a, len);
	if (rc)
		return rc;
	net_settle();
	while (t->state == CONNECTING) {
		if (nonblock)
			return -EINPROGRESS;
		rc = socket_wait(s, false, s->send_wait);
		if (rc)
			return rc == -EAGAIN ? -EINPROGRESS : rc;
	}
	return t->state == CONNECTED ? 0 : socket_take_error(s);
}

static int stream_listen(struct socket *s, u32 backlog)
{
	struct tcp_pcb *pcb;
	err_t rc;

	if (s->stream->state == LISTENING) {
		tcp_backlog_set(s->tcp, backlog);
		return 0;
	}
	if (!s->tcp || s->stream->state != UNCONNECTED)
		return -EINVAL;
	if (!s->tcp->local_port && (rc = tcp_bind(s->tcp, NULL, 0)) != ERR_OK)
		return net_error(rc);
	pcb = tcp_listen_with_backlog_and_err(s->tcp, backlog, &rc);
	if (!pcb)
		return net_error(rc);
	s->tcp = pcb;
	s->stream->state = LISTENING;
	tcp_accept(pcb, arrived);
	return 0;
}

static int stream_accept(struct socket *s, bool nonblock, struct socket **out)
{
	struct stream *t = s->stream;
	struct socket *child;
	int rc;

	if (t->state != LISTENING)
		return -EINVAL;
	while (list_empty(&t->children)) {
		rc = socket_wait(s, nonblock, s->receive_wait);
		if (rc)
			return rc;
	}
	child = list_entry(t->children.next, struct socket, list);
	list_del(&child->list);
	child->stream->parent = NULL;
	if (child->tcp)
		tcp_backlog_accepted(child->tcp);
	*out = child;
	return 0;
}

static int stream_shutdown(struct socket *s, u32 how)
{
	struct stream *t = s->stream;
	err_t rc = ERR_OK;

	if (t->state != CONNECTED && t->state != ENDED)
		return -ENOTCONN;
	/* Reading ends here only: lwIP would reset what comes later. */
	if (s->tcp && how & SHUT_WRITE && !(s->shut & SHUT_WRITE))
		rc = tcp_shutdown(s->tcp, 0, 1);
	if (rc == ERR_OK)
		s->shut |= how;
	wake_all(&s->changed);
	return net_error(rc);
}

static int stream_name(struct socket *s, bool peer, union address *a, u32 *len)
{
	const struct tcp_pcb *pcb = s->tcp;
	ip_addr_t none = {0};

	IP_SET_TYPE_VAL(none, s->family == AF_INET ? IPADDR_TYPE_V4 : IPADDR_TYPE_V6);
	if (peer && (!pcb || s->stream->state != CONNECTED))
		return -ENOTCONN;
	*len = !pcb   ? inet_to(s, &none, 0, a)
	       : peer ? inet_to(s, &pcb->remote_ip, pcb->remote_port, a)
		      : inet_to(s, &pcb->local_ip, pcb->local_port, a);
	return 0;
}

/* ---- Data ---- */

/* Why nothing can be read now: 0, at the end, or -errno. Sleeps until that is otherwise: 1. */
static long wait_for_data(struct socket *s, bool nonblock)
{
	struct stream *t = s->stream;
	long rc;

	while (!t->received) {
		rc = socket_take_error(s);
		if (rc || t->peer_ended || s->shut & SHUT_READ)
			return rc;
		if (t->state != CONNECTED && t->state != CONNECTING)
			return -ENOTCONN;
		rc = socket_wait(s, nonblock, s->receive_wait);
		if (rc)
			return rc;
	}
	return 1;
}

/* Gives what is there to the program, at `at` of the message. */
static long take(struct socket *s, struct message *m, size_t at)
{
	struct stream *t = s->stream;
	size_t n = MIN(m->total - at, (size_t)t->received->tot_len), done = 0, part;

	for (struct pbuf *p = t->received; done < n; done += part, p = p->next) {
		part = MIN(n - done, (size_t)p->len);
		if (message_put(m, at + done, p->payload, part))
			return -EFAULT;
	}
	if (m->flags & MSG_PEEK)
		return n;
	t->received = pbuf_free_header(t->received, n);
	if (s->tcp)
		tcp_recved(s->tcp, n);
	net_settle(); /* the peer may go on, if it is on this machine */
	return n;
}

static long stream_receive(struct socket *s, struct message *m)
{
	bool all = (m->flags & (MSG_WAITALL | MSG_PEEK)) == MSG_WAITALL;
	size_t done = 0;
	long rc;

	if (!m->total)
		return 0;
	do {
		rc = wait_for_data(s, m->nonblock);
		if (rc > 0)
			rc = take(s, m, done);
		if (rc <= 0)
			return done ? (long)done : rc;
		done += rc;
		kernel_breathe();
	} while (all && done < m->total);
	return done;
}

/* How much can be given to lwIP now: 0 after sleeping or an error, which is in *rc. */
static u32 room_to_send(struct socket *s, bool nonblock, long *rc)
{
	struct stream *t = s->stream;
	u32 room;

	*rc = socket_take_error(s);
	if (*rc)
		return 0;
	if (s->shut & SHUT_WRITE || t->state == ENDED) {
		*rc = -EPIPE;
		return 0;
	}
	if (t->state != CONNECTED && t->state != CONNECTING) {
		*rc = -ENOTCONN;
		return 0;
	}
	room =
	    t->state == CONNECTED && tcp_sndqueuelen(s->tcp) + 4 < TCP_SND_QUEUELEN ? tcp_sndbuf(s->tcp) : 0;
	if (!room)
		*rc = socket_wait(s, nonblock, s->send_wait);
	return room;
}

/* lwIP has no memory: its own timer tries again only what it has got. */
static long no_memory(struct socket *s, bool nonblock)
{
	tcp_output(s->tcp);
	net_settle();
	if (!s->tcp)
		return 0;
	return s->tcp->unacked || s->tcp->unsent ? socket_wait(s, nonblock, s->send_wait) : -ENOBUFS;
}

static long send_part(struct socket *s, struct message *m, size_t done, void *part, u32 n)
{
	bool more = done + n < m->total;
	err_t rc;

	if (message_get(m, done, part, n))
		return -EFAULT;
	rc = tcp_write(s->tcp, part, n, TCP_WRITE_FLAG_COPY | (more ? TCP_WRITE_FLAG_MORE : 0));
	if (rc == ERR_MEM)
		return no_memory(s, m->nonblock);
	if (rc != ERR_OK)
		return net_error(rc);
	if (!more || tcp_sndbuf(s->tcp) < TCP_MSS) {
		tcp_output(s->tcp);
		net_settle();
	}
	return n;
}

static long stream_send(struct socket *s, struct message *m)
{
	u32 most = MIN(m->total, (size_t)PART), room;
	void *part = net_malloc(most);
	size_t done = 0;
	long rc = part ? 0 : -ENOBUFS;

	while (rc >= 0 && done < m->total) {
		room = room_to_send(s, m->nonblock, &rc);
		if (room) {
			room = MIN(room, most);
			rc = send_part(s, m, done, part, MIN(m->total - done, (size_t)room));
			done += MAX(rc, 0L);
		}
		kernel_breathe();
	}
	net_free(part);
	if (s->tcp && done)
		tcp_output(s->tcp);
	net_settle();
	return done ? (long)done : rc;
}

/* ---- Looking ---- */

static unsigned stream_ready(struct socket *s)
{
	struct stream *t = s->stream;
	bool over = t->peer_ended || s->shut & SHUT_READ;
	unsigned mask = s->error ? POLLERR : 0;

	if (t->state == LISTENING)
		return mask | (list_empty(&t->children) ? 0 : POLLIN);
	if (t->received || over || s->error)
		mask |= POLLIN;
	if (t->state == ENDED || (t->state == CONNECTED && over && s->shut & SHUT_WRITE) ||
	    t->state == UNCONNECTED)
		mask |= POLLHUP | POLLOUT;
	else if (t->state == CONNECTED &&
		 (s->shut & SHUT_WRITE ||
		  (tcp_sndbuf(s->tcp) >= TCP_SNDLOWAT && tcp_sndqueuelen(s->tcp) < TCP_SNDQUEUELOWAT)))
		mask |= POLLOUT;
	return mask;
}

static u32 stream_readable(struct socket *s)
{
	return s->stream->received ? s->stream->received->tot_len : 0;
}

/* ---- Options ---- */

enum {
	TCP_OPT_NODELAY = 1,
	TCP_OPT_MAXSEG = 2,
	TCP_OPT_KEEPIDLE = 4,
	TCP_OPT_KEEPINTVL = 5,
	TCP_OPT_KEEPCNT = 6,
};

static int set_tcp(struct tcp_pcb *pcb, int name, u32 n)
{
	switch (name) {
	case TCP_OPT_NODELAY:
		if (n)
			tcp_nagle_disable(pcb);
		else
			tcp_nagle_enable(pcb);
		return 0;
	case TCP_OPT_KEEPIDLE:
	case TCP_OPT_KEEPINTVL:
		if (!n || n > 32767) /* seconds, as in Linux */
			return -EINVAL;
		*(name == TCP_OPT_KEEPIDLE ? &pcb->keep_idle : &pcb->keep_intvl) = n * 1000;
		return 0;
	case TCP_OPT_KEEPCNT:
		if (!n || n > 127)
			return -EINVAL;
		pcb->keep_cnt = n;
		return 0;
	}
	return -ENOPROTOOPT;
}

static void stream_changed(struct socket *s)
{
	if (!s->tcp)
		return;
	if (s->keepalive)
		ip_set_option(s->tcp, SOF_KEEPALIVE);
	else
		ip_reset_option(s->tcp, SOF_KEEPALIVE);
}

static int stream_set(struct socket *s, int level, int name, const void *value, u32 len)
{
	if (level != IPPROTO_TCP)
		return -ENOPROTOOPT;
	if (len < sizeof(int))
		return -EINVAL;
	return s->tcp && s->stream->state != LISTENING ? set_tcp(s->tcp, name, *(const int *)value) : 0;
}

static int stream_get(struct socket *s, int level, int name, int *value)
{
	struct tcp_pcb *pcb = s->tcp;

	if (level != IPPROTO_TCP || !pcb || s->stream->state == LISTENING)
		return -ENOPROTOOPT;
	switch (name) {
	case TCP_OPT_NODELAY:
		*value = tcp_nagle_disabled(pcb);
		return 0;
	case TCP_OPT_MAXSEG:
		*value = tcp_mss(pcb);
		return 0;
	case TCP_OPT_KEEPIDLE:
		*value = pcb->keep_idle / 1000;
		return 0;
	case TCP_OPT_KEEPINTVL:
		*value = pcb->keep_intvl / 1000;
		return 0;
	case TCP_OPT_KEEPCNT:
		*value = pcb->keep_cnt;
		return 0;
	}
	return -ENOPROTOOPT;
}

static const struct socket_ops stream_ops = {
    .release = stream_release,
    .bind = stream_bind,
    .connect = stream_connect,
    .listen = stream_listen,
    .accept = stream_accept,
    .send = stream_send,
    .receive = stream_receive,
    .name = stream_name,
    .shutdown = stream_shutdown,
    .ready = stream_ready,
    .readable = stream_readable,
    .changed = stream_changed,
    .set = stream_set,
    .get = stream_get,
};
