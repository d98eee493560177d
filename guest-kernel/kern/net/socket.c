/* SPDX-License-Identifier: MIT */
/* Sockets as files, and the system calls. See socket.h. */
#include "kern/net/socket.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/kmalloc.h"
#include "kern/mm/user.h"
#include "kern/net/stack.h"
#include "kern/proc/process.h"
#include "kern/sys/syscalls.h"
#include "kern/time/clock.h"

#define SOCK_TYPE     0xf
#define SOCK_NONBLOCK O_NONBLOCK
#define SOCK_CLOEXEC  O_CLOEXEC

#define IOV_MAX     1024u
#define ADDRESS_MAX 128u /* of any family */
#define BACKLOG_MAX 128u
#define ROOM        65536u
#define FIONBIO     0x5421u
#define FIONREAD    0x541bu

static const struct file_ops socket_file_ops;
static struct fs_stat sockfs = {.type = "sockfs", .magic = 0x534f434b};

struct socket *socket_alloc(u16 family, u16 type, u16 protocol)
{
	struct socket *s = net_calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->family = family;
	s->type = type;
	s->protocol = protocol;
	s->room = ROOM;
	wait_init(&s->changed);
	list_init(&s->queue);
	list_init(&s->list);
	return s;
}

void socket_destroy(struct socket *s)
{
	if (s->ops)
		s->ops->release(s);
	queue_free(s);
	net_free(s);
}

static void socket_free(struct socket *s)
{
	socket_destroy(s);
	net_settle();
}

int socket_wait(struct socket *s, bool nonblock, u64 wait)
{
	int rc;

	if (nonblock)
		return -EAGAIN;
	rc = wait_on_until(&s->changed, wait ? clock_monotonic() + wait : WAIT_FOREVER);
	return rc == -ETIMEDOUT ? -EAGAIN : rc;
}

int socket_take_error(struct socket *s)
{
	int error = s->error;

	s->error = 0;
	return -error;
}

/* ---- Memory of the program's ---- */

static int message_copy(struct message *m, size_t at, void *kernel, size_t n, bool to_user)
{
	struct iovec part = m->one;

	for (u32 i = 0; n; i++) {
		size_t len;

		if (m->vector && (i == m->count || get_user(part, &m->vector[i])))
			return -EFAULT;
		if (at >= part.len) {
			at -= part.len;
			if (!m->vector)
				return -EFAULT;
			continue;
		}
		len = MIN(n, part.len - at);
		if (to_user ? copy_to_user((u8 *)part.base + at, kernel, len)
			    : copy_from_user(kernel, (u8 *)part.base + at, len))
			return -EFAULT;
		kernel = (u8 *)kernel + len;
		n -= len;
		at = 0;
	}
	return 0;
}

int message_put(struct message *m, size_t at, const void *from, size_t n)
{
	return message_copy(m, at, (void *)from, n, true);
}

int message_get(struct message *m, size_t at, void *to, size_t n)
{
	return message_copy(m, at, to, n, false);
}

int message_measure(struct message *m)
{
	struct iovec part;

	m->total = 0;
	for (u32 i = 0; i < m->count; i++) {
		if (get_user(part, &m->vector[i]))
			return -EFAULT;
		if ((long)part.len < 0)
			return -EINVAL;
		m->total += MIN(part.len, IO_MAX - m->total);
	}
	return 0;
}

static int get_address(union address *a, const void *user, u32 len)
{
	if (len > ADDRESS_MAX)
		return -EINVAL;
	*a = (union address){0};
	return copy_from_user(a, user, MIN(len, (u32)sizeof(*a)));
}

/* As much as there is room for, and how long it is. */
static int put_address(void *user, u32 *user_len, const union address *a, u32 len)
{
	u32 room;

	if (!user)
		return 0;
	if (get_user(room, user_len))
		return -EFAULT;
	if ((s32)room < 0)
		return -EINVAL;
	if (copy_to_user(user, a, MIN(room, len)))
		return -EFAULT;
	return put_user(len, user_len);
}

/* ---- Files ---- */

static long socket_read(struct file *file, void *buf, size_t n, u64 *pos)
{
	struct socket *s = file->private;
	struct message m = {.one = {buf, n}, .total = n, .nonblock = file->flags & O_NONBLOCK};

	return s->ops->receive(s, &m);
}

/* A broken stream: SIGPIPE, unless the program does not want it. */
static long send(struct socket *s, struct message *m)
{
	long rc = s->ops->send(s, m);

	if (rc == -EPIPE && !(m->flags & MSG_NOSIGNAL))
		signal_send(current->process, SIGPIPE, NULL);
	return rc;
}

static long socket_write(struct file *file, const void *buf, size_t n, u64 *pos)
{
	struct message m = {.one = {(void *)buf, n}, .total = n, .nonblock = file->flags & O_NONBLOCK};

	return send(file->private, &m);
}

static long socket_vector(struct file *file, const void *vector, u32 count, bool writing)
{
	struct message m = {.vector = vector, .count = count, .nonblock = file->flags & O_NONBLOCK};
	struct socket *s = file->private;
	int rc = message_measure(&m);

	if (rc || (!m.total && s->type == SOCK_STREAM))
		return rc;
	return writing ? send(s, &m) : s->ops->receive(s, &m);
}

static unsigned socket_poll(struct file *file, struct poll_set *set)
{
	struct socket *s = file->private;

	poll_wait(set, &s->changed);
	return s->ops->ready(s);
}

static long socket_ioctl(struct file *file, unsigned command, ulong arg)
{
	struct socket *s = file->private;
	int value;

	switch (command) {
	case FIONREAD:
		return put_user((int)s->ops->readable(s), (int *)arg);
	case FIONBIO:
		if (get_user(value, (int *)arg))
			return -EFAULT;
		file->flags = value ? file->flags | O_NONBLOCK : file->flags & ~O_NONBLOCK;
		return 0;
	}
	return net_ioctl(s, command, arg);
}

static void socket_release(struct file *file)
{
	socket_free(file->private);
}

static void inode_release(struct inode *inode)
{
	kfree(inode);
}

static const struct file_ops socket_file_ops = {
    .release = socket_release,
    .read = socket_read,
    .write = socket_write,
    .vector = socket_vector,
    .poll = socket_poll,
    .ioctl = socket_ioctl,
};

static const struct inode_ops socket_inode_ops = {.release = inode_release};

/* The descriptor of a new socket, which is gone if there is none. */
static long install(struct socket *s, u32 flags)
{
	struct inode *inode = inode_alloc(&sockfs, S_IFSOCK | 0777);
	struct file *file = NULL;

	if (inode) {
		inode->ops = &socket_inode_ops;
		file = file_alloc(inode, &socket_file_ops, O_RDWR | (flags & SOCK_NONBLOCK));
		inode_put(inode);
	}
	if (!file) {
		socket_free(s);
		return -ENOMEM;
	}
	file->private = s;
	return fd_install(file, 0, flags & SOCK_CLOEXEC);
}

/* The file of a socket, counted, or -errno. */
static struct file *get(int fd)
{
	struct file *file = fd_file(fd);

	if (!file)
		return ERR_PTR(-EBADF);
	return file->ops == &socket_file_ops ? file_get(file) : ERR_PTR(-ENOTSOCK);
}

static int create(struct socket *s)
{
	switch (s->family) {
	case AF_INET:
	case AF_INET6:
		return s->type == SOCK_STREAM ? tcp_create(s) : datagram_create(s);
	case AF_PACKET:
		return packet_create(s);
	case AF_NETLINK:
		return netlink_create(s);
	}
	return -EAFNOSUPPORT;
}

long sys_socket(int family, int type, int protocol)
{
	u32 flags = type & ~SOCK_TYPE;
	struct socket *s;
	int rc;

	if (flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC))
		return -EINVAL;
	if (family < 0 || family > AF_PACKET)
		return -EAFNOSUPPORT;
	s = socket_alloc(family, type & SOCK_TYPE, protocol);
	if (!s)
		return -ENOMEM;
	rc = create(s);
	net_settle();
	if (!rc)
		return install(s, flags);
	s->ops = NULL;
	socket_free(s);
	return rc;
}

long sys_socketpair(int family, int type, int protocol, int *fds)
{
	return family == AF_INET || family == AF_INET6 ? -EOPNOTSUPP : -EAFNOSUPPORT;
}

long sys_bind(int fd, const void *user, u32 len)
{
	struct file *file = get(fd);
	struct socket *s;
	union address a;
	long rc;

	if (IS_ERR(file))
		return PTR_ERR(file);
	s = file->private;
	rc = get_address(&a, user, len);
	if (!rc)
		rc = s->ops->bind ? s->ops->bind(s, &a, len) : -EOPNOTSUPP;
	net_settle();
	file_put(file);
	return rc;
}

long sys_connect(int fd, const void *user, u32 len)
{
	struct file *file = get(fd);
	struct socket *s;
	union address a;
	long rc;

	if (IS_ERR(file))
		return PTR_ERR(file);
	s = file->private;
	rc = get_address(&a, user, len);
	if (!rc)
		rc = s->ops->connect ? s->ops->connect(s, &a, len, file->flags & O_NONBLOCK) : -EOPNOTSUPP;
	net_settle();
	file_put(file);
	return rc;
}

long sys_listen(int fd, int backlog)
{
	struct file *file = get(fd);
	struct socket *s;
	long rc;

	if (IS_ERR(file))
		return PTR_ERR(file);
	s = file->private;
	rc = s->ops->listen ? s->ops->listen(s, MAX(1u, MIN((u32)backlog, BACKLOG_MAX))) : -EOPNOTSUPP;
	file_put(file);
	return rc;
}

long sys_accept4(int fd, void *user, u32 *user_len, int flags)
{
	struct file *file = get(fd);
	struct socket *s, *child;
	union address a = {0};
	u32 len = 0;
	long rc;

	if (IS_ERR(file))
		return PTR_ERR(file);
	s = file->private;
	if (flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC))
		rc = -EINVAL;
	else
		rc = s->ops->accept ? s->ops->accept(s, file->flags & O_NONBLOCK, &child) : -EOPNOTSUPP;
	if (!rc) {
		(void)child->ops->name(child, true, &a, &len);
		rc = put_address(user, user_len, &a, len);
		if (rc)
			socket_free(child);
		else
			rc = install(child, flags);
	}
	file_put(file);
	return rc;
}

long sys_accept(int fd, void *user, u32 *user_len)
{
	return sys_accept4(fd, user, user_len, 0);
}

static long name(int fd, bool peer, void *user, u32 *user_len)
{
	struct file *file = get(fd);
	struct socket *s;
	union address a = {0};
	u32 len = 0;
	long rc;

	if (IS_ERR(file))
		return PTR_ERR(file);
	s = file->private;
	rc = s->ops->name(s, peer, &a, &len);
	if (!rc)
		rc = user ? put_address(user, user_len, &a, len) : -EFAULT;
	file_put(file);
	return rc;
}

long sys_getsockname(int fd, void *user, u32 *user_len)
{
	return name(fd, false, user, user_len);
}

long sys_getpeername(int fd, void *user, u32 *user_len)
{
	return name(fd, true, user, user_len);
}

long sys_shutdown(int fd, int how)
{
	struct file *file = get(fd);
	struct socket *s;
	long rc;

	if (IS_ERR(file))
		return PTR_ERR(file);
	s = file->private;
	if (how < 0 || how > 2) /* reading, writing, both */
		rc = -EINVAL;
	else
		rc = s->ops->shutdown ? s->ops->shutdown(s, how + 1) : -EOPNOTSUPP;
	net_settle();
	file_put(file);
	return rc;
}

long sys_setsockopt(int fd, int level, int option, const void *value, u32 len)
{
	struct file *file = get(fd);
	long rc;

	if (IS_ERR(file))
		return PTR_ERR(file);
	rc = socket_set_option(file->private, level, option, value, len);
	file_put(file);
	return rc;
}

long sys_getsockopt(int fd, int level, int option, void *value, u32 *len)
{
	struct file *file = get(fd);
	long rc;

	if (IS_ERR(file))
		return PTR_ERR(file);
	rc = socket_get_option(file->private, level, option, value, len);
	file_put(file);
	return rc;
}

/* ---- Sending and receiving ---- */

static long send_message(int fd, struct message *m, const void *to, u32 to_len)
{
	struct file *file = get(fd);
	long rc = 0;

	if (IS_ERR(file))
		return PTR_ERR(file);
	m->nonblock = file->flags & O_NONBLOCK || m->flags & MSG_DONTWAIT;
	if (to) {
		rc = get_address(&m->address, to, to_len);
		m->address_len = to_len;
	}
	if (!rc)
		rc = send(file->private, m);
	net_settle();
	file_put(file);
	return rc;
}

static long receive_message(int fd, struct message *m)
{
	struct file *file = get(fd);
	struct socket *s;
	long rc;

	if (IS_ERR(file))
		return PTR_ERR(file);
	s = file->private;
	m->nonblock = file->flags & O_NONBLOCK || m->flags & MSG_DONTWAIT;
	rc = s->ops->receive(s, m);
	net_settle();
	file_put(file);
	return rc;
}

long sys_sendto(int fd, const void *buf, size_t n, int flags, const void *to, u32 to_len)
{
	struct message m = {.one = {(void *)buf, MIN(n, IO_MAX)}, .total = MIN(n, IO_MAX), .flags = flags};

	return send_message(fd, &m, to, to_len);
}

static long plain_send(int fd, const void *buf, size_t n, int flags)
{
	return sys_sendto(fd, buf, n, flags, NULL, 0);
}

long sys_recvfrom(int fd, void *buf, size_t n, int flags, void *from, u32 *from_len)
{
	struct message m = {.one = {buf, MIN(n, IO_MAX)}, .total = MIN(n, IO_MAX), .flags = flags};
	long got = receive_message(fd, &m), rc = 0;

	if (got >= 0)
		rc = put_address(from, from_len, &m.address, m.address_len);
	return rc ? rc : got;
}

static long plain_receive(int fd, void *buf, size_t n, int flags)
{
	return sys_recvfrom(fd, buf, n, flags, NULL, NULL);
}

/* Linux's struct msghdr. */
struct msghdr {
	void *name;
	u32 name_len;
	struct iovec *vector;
	size_t count;
	void *control;
	size_t control_len;
	u32 flags;
};

struct mmsghdr {
	struct msghdr header;
	u32 len;
};

static int get_header(struct msghdr *h, const struct msghdr *user, struct message *m, u32 flags)
{
	if (copy_from_user(h, user, sizeof(*h)))
		return -EFAULT;
	if (h->count > IOV_MAX)
		return -EMSGSIZE;
	*m = (struct message){.vector = h->vector, .count = h->count, .flags = flags};
	return message_measure(m);
}

/* What is told besides the data (control messages) is not looked at. */
long sys_sendmsg(int fd, const struct msghdr *user, int flags)
{
	struct message m;
	struct msghdr h;
	int rc = get_header(&h, user, &m, flags);

	return rc ? rc : send_message(fd, &m, h.name, h.name_len);
}

long sys_recvmsg(int fd, struct msghdr *user, int flags)
{
	struct message m;
	struct msghdr h;
	long got;
	int rc = get_header(&h, user, &m, flags);

	if (rc)
		return rc;
	got = receive_message(fd, &m);
	if (got < 0)
		return got;
	if (h.name) {
		if (copy_to_user(h.name, &m.address, MIN(h.name_len, m.address_len)))
			return -EFAULT;
		h.name_len = m.address_len;
	} else {
		h.name_len = 0;
	}
	if (put_user(h.name_len, &user->name_len) || put_user((size_t)0, &user->control_len) ||
	    put_user(m.result_flags, &user->flags))
		return -EFAULT;
	return got;
}

long sys_sendmmsg(int fd, struct mmsghdr *user, u32 count, int flags)
{
	long rc = 0;
	u32 done;

	for (done = 0; done < MIN(count, IOV_MAX); done++, kernel_breathe()) {
		rc = sys_sendmsg(fd, &user[done].header, flags);
		if (rc >= 0)
			rc = put_user((u32)rc, &user[done].len);
		if (rc < 0)
			break;
	}
	return done ? (long)done : rc;
}

/* ---- i386's one call for all ---- */

static long call(u32 number, const ulong *a)
{
	switch (number) {
	case 1:
		return sys_socket(a[0], a[1], a[2]);
	case 2:
		return sys_bind(a[0], (void *)a[1], a[2]);
	case 3:
		return sys_connect(a[0], (void *)a[1], a[2]);
	case 4:
		return sys_listen(a[0], a[1]);
	case 5:
		return sys_accept(a[0], (void *)a[1], (void *)a[2]);
	case 6:
		return sys_getsockname(a[0], (void *)a[1], (void *)a[2]);
	case 7:
		return sys_getpeername(a[0], (void *)a[1], (void *)a[2]);
	case 8:
		return sys_socketpair(a[0], a[1], a[2], (void *)a[3]);
	case 9:
		return plain_send(a[0], (void *)a[1], a[2], a[3]);
	case 10:
		return plain_receive(a[0], (void *)a[1], a[2], a[3]);
	case 11:
		return sys_sendto(a[0], (void *)a[1], a[2], a[3], (void *)a[4], a[5]);
	case 12:
		return sys_recvfrom(a[0], (void *)a[1], a[2], a[3], (void *)a[4], (void *)a[5]);
	case 13:
		return sys_shutdown(a[0], a[1]);
	case 14:
		return sys_setsockopt(a[0], a[1], a[2], (void *)a[3], a[4]);
	case 15:
		return sys_getsockopt(a[0], a[1], a[2], (void *)a[3], (void *)a[4]);
	case 16:
		return sys_sendmsg(a[0], (void *)a[1], a[2]);
	case 17:
		return sys_recvmsg(a[0], (void *)a[1], a[2]);
	case 18:
		return sys_accept4(a[0], (void *)a[1], (void *)a[2], a[3]);
	case 20:
		return sys_sendmmsg(a[0], (void *)a[1], a[2], a[3]);
	}
	return -EINVAL;
}

long sys_socketcall(u32 number, const ulong *user_args)
{
	static const u8 counts[] = {0, 3, 3, 3, 2, 3, 3, 3, 4, 4, 4, 6, 6, 2, 5, 5, 3, 3, 4, 5, 4};
	ulong args[6];

	if (number >= ARRAY_SIZE(counts))
		return -EINVAL;
	if (copy_from_user(args, user_args, counts[number] * sizeof(*args)))
		return -EFAULT;
	return call(number, args);
}
