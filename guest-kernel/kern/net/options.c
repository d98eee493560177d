/* SPDX-License-Identifier: MIT */
/* Options of sockets: those of all kinds here, others by the operations of the kind. */
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/user.h"
#include "kern/net/socket.h"
#include "kern/net/stack.h"
#include "kern/sys/syscalls.h"
#include "kern/time/clock.h"

#define VALUE_MAX 64u
#define ROOM_MIN  2048u
#define ROOM_MAX  262144u

#define IPV6_V6ONLY 26

enum {
	SO_DEBUG = 1,
	SO_REUSEADDR = 2,
	SO_TYPE = 3,
	SO_ERROR = 4,
	SO_DONTROUTE = 5,
	SO_BROADCAST = 6,
	SO_SNDBUF = 7,
	SO_RCVBUF = 8,
	SO_KEEPALIVE = 9,
	SO_OOBINLINE = 10,
	SO_PRIORITY = 12,
	SO_LINGER = 13,
	SO_REUSEPORT = 15,
	SO_RCVTIMEO = 20,
	SO_SNDTIMEO = 21,
	SO_BINDTODEVICE = 25,
	SO_ATTACH_FILTER = 26,
	SO_TIMESTAMP = 29,
	SO_ACCEPTCONN = 30,
	SO_SNDBUFFORCE = 32,
	SO_RCVBUFFORCE = 33,
	SO_PROTOCOL = 38,
	SO_DOMAIN = 39,
	SO_RCVTIMEO64 = 66,
	SO_SNDTIMEO64 = 67,
};

union value {
	int number;
	struct {
		int on, seconds;
	} linger;
	struct timeval time;
	struct timespec64 time64; /* with microseconds */
	char name[VALUE_MAX];
};

static int set_time(u64 *wait, const union value *v, u32 len, bool wide)
{
	s64 sec = wide ? v->time64.sec : v->time.sec, usec = wide ? v->time64.nsec : v->time.usec;

	if (len < (wide ? sizeof(v->time64) : sizeof(v->time)))
		return -EINVAL;
	return clock_span(sec, usec, NSEC_PER_USEC, wait);
}

static int set_device(struct socket *s, union value *v, u32 len)
{
	struct netdev *d;

	v->name[MIN(len, NETDEV_NAME_MAX - 1)] = 0;
	d = *v->name ? netdev_find(v->name) : NULL;
	if (*v->name && !d)
		return -ENODEV;
	s->device = d ? d->index : 0;
	return 0;
}

static int set_socket(struct socket *s, int name, union value *v, u32 len)
{
	switch (name) {
	case SO_BINDTODEVICE:
		return set_device(s, v, len);
	case SO_ATTACH_FILTER: /* programs look at what they get themselves, too */
		return s->family == AF_PACKET ? 0 : -ENOPROTOOPT;
	case SO_RCVTIMEO:
		return set_time(&s->receive_wait, v, len, false);
	case SO_SNDTIMEO:
		return set_time(&s->send_wait, v, len, false);
	case SO_RCVTIMEO64:
		return set_time(&s->receive_wait, v, len, true);
	case SO_SNDTIMEO64:
		return set_time(&s->send_wait, v, len, true);
	case SO_LINGER:
		if (len < sizeof(v->linger))
			return -EINVAL;
		s->linger = v->linger.on;
		s->linger_seconds = v->linger.seconds;
		return 0;
	}
	if (len < sizeof(int))
		return -EINVAL;
	switch (name) {
	case SO_REUSEADDR:
		s->reuse = v->number;
		return 0;
	case SO_BROADCAST:
		s->broadcast = v->number;
		return 0;
	case SO_KEEPALIVE:
		s->keepalive = v->number;
		return 0;
	case SO_RCVBUF:
	case SO_RCVBUFFORCE:
		s->room = 2 * MAX(ROOM_MIN, MIN((u32)v->number, ROOM_MAX));
		return 0;
	case SO_DEBUG:
	case SO_DONTROUTE:
	case SO_SNDBUF:
	case SO_SNDBUFFORCE:
	case SO_OOBINLINE:
	case SO_PRIORITY:
	case SO_REUSEPORT:
	case SO_TIMESTAMP:
		return 0;
	}
	return -ENOPROTOOPT;
}

long socket_set_option(struct socket *s, int level, int name, const void *user, u32 len)
{
	union value v = {0};
	int rc;

	if ((s32)len < 0)
		return -EINVAL;
	len = MIN(len, (u32)sizeof(v));
	if (copy_from_user(&v, user, len))
		return -EFAULT;
	if (level == IPPROTO_IPV6 && name == IPV6_V6ONLY) { /* before it is bound */
		s->v6only = v.number;
		return 0;
	}
	if (level == SOL_SOCKET) {
		rc = set_socket(s, name, &v, len);
		if (!rc && s->ops->changed)
			s->ops->changed(s);
	} else {
		rc = s->ops->set ? s->ops->set(s, level, name, &v, len) : -ENOPROTOOPT;
	}
	net_settle();
	return rc;
}

static int get_socket(struct socket *s, int name, union value *v, u32 *len)
{
	*len = sizeof(int);
	switch (name) {
	case SO_TYPE:
		v->number = s->type;
		return 0;
	case SO_ERROR:
		v->number = -socket_take_error(s);
		return 0;
	case SO_DOMAIN:
		v->number = s->family;
		return 0;
	case SO_PROTOCOL:
		v->number = s->protocol;
		return 0;
	case SO_REUSEADDR:
		v->number = s->reuse;
		return 0;
	case SO_BROADCAST:
		v->number = s->broadcast;
		return 0;
	case SO_KEEPALIVE:
		v->number = s->keepalive;
		return 0;
	case SO_SNDBUF:
	case SO_RCVBUF:
		v->number = s->room;
		return 0;
	case SO_ACCEPTCONN:
		v->number = s->type == SOCK_STREAM && s->ops->ready(s) & POLLIN;
		return 0;
	case SO_LINGER:
		v->linger.on = s->linger;
		v->linger.seconds = s->linger_seconds;
		*len = sizeof(v->linger);
		return 0;
	}
	return -ENOPROTOOPT;
}

long socket_get_option(struct socket *s, int level, int name, void *user, u32 *user_len)
{
	union value v = {0};
	u32 room, len = sizeof(int);
	int rc;

	if (get_user(room, user_len))
		return -EFAULT;
	if ((s32)room < 0)
		return -EINVAL;
	if (level == SOL_SOCKET)
		rc = get_socket(s, name, &v, &len);
	else
		rc = s->ops->get ? s->ops->get(s, level, name, &v.number) : -ENOPROTOOPT;
	if (rc)
		return rc;
	len = MIN(len, room);
	return copy_to_user(user, &v, len) ? -EFAULT : put_user(len, user_len);
}
