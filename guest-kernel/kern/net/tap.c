/* SPDX-License-Identifier: MIT */
/*
 * TAPs: what the kernel sends through such a device a program reads, frame by frame, and what it writes has arrived. Of Linux's
 * interface that is IFF_TAP with IFF_NO_PI, one queue, and a device that goes when its file is closed.
 */
#include "kern/net/tap.h"
#include "kern/fs/devfs.h"
#include "kern/fs/poll.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/user.h"
#include "kern/net/netdev.h"
#include "kern/net/socket.h"
#include "kern/net/stack.h"

#define TUN_DEVICE MKDEV(DEV_MISC, 200)
#define WAITING    64u /* frames that the program has not read */

enum {
	TUNGETFEATURES = 0x800454cf,
	TUNSETOFFLOAD = 0x400454d0,
	TUNSETIFF = 0x400454ca,
	TUNGETIFF = 0x800454d2,
};
#define IFF_TAP   2u
#define IFF_NO_PI 0x1000u

struct ifreq_flags {
	char name[NETDEV_NAME_MAX];
	u16 flags;
	u8 rest[sizeof(long) == 8 ? 22 : 14];
};

struct tap {
	struct netdev net;
	bool attached; /* to a device */
	struct list frames;
	u32 count;
	struct wait_queue changed;
};

struct tap_frame {
	struct list list;
	u32 len;
	u8 bytes[];
};

static bool tap_transmit(struct netdev *d, const struct net_frame *f)
{
	struct tap *t = container_of(d, struct tap, net);
	struct tap_frame *k = t->count < WAITING ? net_malloc(sizeof(*k) + f->len) : NULL;
	u8 *to;

	if (!k)
		return false;
	k->len = f->len;
	to = k->bytes;
	for (u32 i = 0; i < f->count; i++) {
		memcpy(to, f->pieces[i].at, f->pieces[i].len);
		to += f->pieces[i].len;
	}
	list_add_tail(&t->frames, &k->list);
	t->count++;
	wake_all(&t->changed);
	return true;
}

static int tap_open(struct inode *inode, struct file *file)
{
	struct tap *t = net_calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	list_init(&t->frames);
	wait_init(&t->changed);
	file->private = t;
	return 0;
}

static void drop(struct tap *t, struct tap_frame *k)
{
	list_del(&k->list);
	t->count--;
	net_free(k);
}

static struct tap_frame *first(struct tap *t)
{
	return list_empty(&t->frames) ? NULL : list_entry(t->frames.next, struct tap_frame, list);
}

static void tap_release(struct file *file)
{
	struct tap *t = file->private;

	if (t->attached)
		netdev_remove(&t->net);
	while (first(t))
		drop(t, first(t));
	net_free(t);
}

static long leaves(struct file *file, struct message *m)
{
	struct tap *t = file->private;
	struct tap_frame *k;
	size_t n;
	int rc;

	if (!t->attached)
		return -EIO;
	while (!(k = first(t))) {
		rc = file->flags & O_NONBLOCK ? -EAGAIN : wait_on(&t->changed);
		if (rc)
			return rc;
	}
	n = MIN(m->total, (size_t)k->len);
	if (message_put(m, 0, k->bytes, n))
		return -EFAULT;
	drop(t, k);
	netdev_wake(&t->net);
	return n;
}

static long tap_read(struct file *file, void *buf, size_t n, u64 *pos)
{
	struct message m = {.one = {buf, n}, .total = n};

	return leaves(file, &m);
}

static long arrives(struct tap *t, struct message *m)
{
	struct net_piece piece = {NULL, m->total};
	struct net_frame f = {.pieces = &piece, .count = 1, .len = m->total};
	u8 *frame;
	int rc;

	if (!t->attached)
		return -EIO;
	if (m->total < NET_HEADER_LEN || m->total > NET_FRAME_MAX)
		return -EINVAL;
	frame = net_malloc(m->total);
	if (!frame)
		return -ENOBUFS;
	piece.at = frame;
	rc = message_get(m, 0, frame, m->total);
	if (!rc)
		netdev_receive(&t->net, &f);
	net_free(frame);
	return rc ? rc : (long)m->total;
}

static long tap_write(struct file *file, const void *buf, size_t n, u64 *pos)
{
	struct message m = {.one = {(void *)buf, n}, .total = n};

	return arrives(file->private, &m);
}

static long tap_vector(struct file *file, const void *vector, u32 count, bool writing)
{
	struct message m = {.vector = vector, .count = count};
	int rc = message_measure(&m);

	if (rc)
		return rc;
	return writing ? arrives(file->private, &m) : leaves(file, &m);
}

static unsigned tap_poll(struct file *file, struct poll_set *set)
{
	struct tap *t = file->private;

	poll_wait(set, &t->changed);
	return !t->attached ? POLLERR : POLLOUT | (t->count ? POLLIN : 0);
}

/* A locally administered address: nobody else has it. */
static void make_mac(u8 mac[NET_MAC_LEN])
{
	u32 low = net_random(), high = net_random();

	memcpy(mac, &low, 4);
	memcpy(mac + 4, &high, 2);
	mac[0] = (mac[0] & ~1) | 2;
}

static long attach(struct tap *t, struct ifreq_flags *user)
{
	struct ifreq_flags r;
	char *format;
	int rc;

	if (copy_from_user(&r, user, sizeof(r)))
		return -EFAULT;
	if (t->attached || r.flags != (IFF_TAP | IFF_NO_PI))
		return -EINVAL;
	r.name[sizeof(r.name) - 1] = 0;
	format = strchr(r.name, '%'); /* "tap%d" */
	if (format)
		format[1] = 0;
	strlcpy(t->net.name, *r.name ? r.name : "tap%", sizeof(t->net.name));
	make_mac(t->net.mac);
	t->net.mtu = NET_MTU;
	t->net.carrier = true;
	t->net.transmit = tap_transmit;
	rc = netdev_add(&t->net);
	if (rc)
		return rc == -EEXIST ? -EBUSY : rc;
	t->attached = true;
	strlcpy(r.name, t->net.name, sizeof(r.name));
	return copy_to_user(user, &r, sizeof(r));
}

static long tap_ioctl(struct file *file, unsigned command, ulong arg)
{
	struct tap *t = file->private;
	struct ifreq_flags r = {.flags = IFF_TAP | IFF_NO_PI};

	switch (command) {
	case TUNGETFEATURES:
		return put_user((u32)(IFF_TAP | IFF_NO_PI), (u32 *)arg);
	case TUNSETIFF:
		return attach(t, (struct ifreq_flags *)arg);
	case TUNSETOFFLOAD: /* none */
		return arg ? -EINVAL : 0;
	case TUNGETIFF:
		if (!t->attached)
			return -EINVAL;
		strlcpy(r.name, t->net.name, sizeof(r.name));
		return copy_to_user((void *)arg, &r, sizeof(r));
	}
	return -ENOTTY;
}

static const struct file_ops tap_ops = {
    .open = tap_open,
    .release = tap_release,
    .read = tap_read,
    .write = tap_write,
    .vector = tap_vector,
    .poll = tap_poll,
    .ioctl = tap_ioctl,
};

void tap_init(void)
{
	devfs_add("net/tun", TUN_DEVICE, 0666, &tap_ops);
}
