/* SPDX-License-Identifier: MIT */
/* See card.h. */
#include "card.h"
#include "err.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define FRAMES_MAX 64 /* in one turn */

/* linux/if_tun.h, linux/if_packet.h and linux/virtio_net.h: not among musl's headers. */
#define TUN_SET_INTERFACE   _IOW('T', 202, int)
#define TUN_TAP             0x0002
#define TUN_NO_HEADER       0x1000
#define AUX_DATA            8
#define AUX_HEADER          15
#define AUX_IGNORE_OUTGOING 23
#define AUX_TAG_VALID       0x10
#define AUX_BLANK           0x08

struct aux {
	uint32_t status, len, snaplen;
	uint16_t mac, net, tci, tpid;
};

struct virtio_header {
	uint8_t flags, gso;
	uint16_t head, size, start, offset;
};
#define VIRTIO_BLANK 1
#define VIRTIO_VALID 2
#define VIRTIO_TCP4  1
#define VIRTIO_TCP6  4
#define VIRTIO_ECN   0x80

static struct card *port_card(struct switch_port *p)
{
	return (struct card *)p;
}

/* ---- Out ---- */

static bool write_frame(struct card *c, struct frame *f, bool tagged)
{
	static const uint8_t zeros[ETH_MIN];
	static struct virtio_header none;
	uint32_t len = f->len + (tagged ? ETH_TAG : 0);
	uint8_t tag[ETH_TAG];
	struct iovec v[5] = {
	    {&none, c->header ? sizeof(none) : 0},
	    {f->data, 2 * ETH_ADDRESS},
	    {tag, tagged ? ETH_TAG : 0},
	    {f->data + 2 * ETH_ADDRESS, f->len - 2 * ETH_ADDRESS},
	    {(void *)(uintptr_t)zeros, len < ETH_MIN ? ETH_MIN - len : 0},
	};

	frame_tag(f, tag);
	return writev(c->fd, v, 5) >= 0;
}

struct sending {
	struct card *card;
	bool tagged, whole;
};

static void write_segment(void *arg, struct frame *f)
{
	struct sending *s = arg;

	s->whole &= write_frame(s->card, f, s->tagged);
	frame_drop(f);
}

/* Nothing leaves unfinished. */
static bool send_frame(struct switch_port *p, struct frame *f, bool tagged)
{
	struct sending s = {port_card(p), tagged, true};
	struct frame *whole;

	if (f->gso)
		return frame_segment(f, true, write_segment, &s) && s.whole;
	whole = f->blank ? frame_finished(f) : frame_ref(f);
	if (!whole)
		return false;
	s.whole = write_frame(s.card, whole, tagged);
	frame_drop(whole);
	return s.whole;
}

static const struct port_ops card_ops = {.send = send_frame};

/* ---- In ---- */

/* What the kernel knows of the frame beside its bytes. */
static void read_aux(struct msghdr *m, struct aux *out)
{
	*out = (struct aux){0};
	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h))
		if (h->cmsg_level == SOL_PACKET && h->cmsg_type == AUX_DATA)
			memcpy(out, CMSG_DATA(h), sizeof(*out));
}

static struct frame *make_frame(const uint8_t *bytes, size_t len, const struct aux *aux,
				const struct virtio_header *h)
{
	bool tagged = aux->status & AUX_TAG_VALID && len >= 2 * ETH_ADDRESS;
	size_t before = tagged ? 2 * ETH_ADDRESS : 0;
	struct frame *f = frame_new((uint32_t)(len + (tagged ? ETH_TAG : 0)));
	uint8_t gso = h->gso & ~VIRTIO_ECN;

	if (!f)
		return NULL;
	memcpy(f->data, bytes, before);
	if (tagged) {
		put_be16(f->data + before, aux->tpid ? aux->tpid : ETH_VLAN);
		put_be16(f->data + before + 2, aux->tci);
	}
	memcpy(f->data + before + (tagged ? ETH_TAG : 0), bytes + before, len - before);
	f->blank = h->flags & VIRTIO_BLANK || aux->status & AUX_BLANK;
	f->validated = h->flags & VIRTIO_VALID;
	f->gso = gso == VIRTIO_TCP4 ? GSO_TCP4 : gso == VIRTIO_TCP6 ? GSO_TCP6 : GSO_NONE;
	f->gso_size = f->gso ? h->size : 0;
	return f;
}

/* False: there is no more. */
static bool receive_one(struct card *c, uint64_t now_ms)
{
	static uint8_t bytes[FRAME_MAX];
	struct virtio_header header = {0};
	char control[CMSG_SPACE(sizeof(struct aux))];
	struct iovec v[2] = {{&header, c->header ? sizeof(header) : 0}, {bytes, sizeof(bytes) - ETH_TAG}};
	struct msghdr m = {
	    .msg_iov = v, .msg_iovlen = 2, .msg_control = control, .msg_controllen = sizeof(control)};
	struct aux aux = {0};
	ssize_t got = c->kind == CARD_TAP ? readv(c->fd, v, 2) : recvmsg(c->fd, &m, 0);
	struct frame *f;

	if (got < 0 || (size_t)got < v[0].iov_len)
		return false;
	if (c->kind == CARD_UPLINK)
		read_aux(&m, &aux);
	f = make_frame(bytes, (size_t)got - v[0].iov_len, &aux, &header);
	if (f)
		switch_input(&c->port, f, now_ms);
	return true;
}

void card_receive(struct card *c, uint64_t now_ms)
{
	for (unsigned i = 0; i < FRAMES_MAX; i++)
		if (!receive_one(c, now_ms))
			return;
}

/* ---- Opening ---- */

static int bring_up(const char *name)
{
	struct ifreq request = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc;

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	rc = fd < 0 ? -1 : ioctl(fd, SIOCGIFFLAGS, &request);
	if (!rc && !(request.ifr_flags & IFF_UP)) {
		request.ifr_flags |= IFF_UP;
		rc = ioctl(fd, SIOCSIFFLAGS, &request);
	}
	if (fd >= 0)
		close(fd);
	return rc;
}

static int open_tap(const char *name)
{
	struct ifreq request = {.ifr_flags = TUN_TAP | TUN_NO_HEADER};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return fail_errno(
		    errno, "tap %s: cannot open /dev/net/tun; is the driver there (modprobe tun)?", name);
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(fd, (int)TUN_SET_INTERFACE, &request) < 0) {
		close(fd);
		return fail_errno(errno, "tap %s: cannot make this interface", name);
	}
	return fd;
}

/* if_nametoindex() would need sockets of the Unix family, which the teaching kernel has not. 0: there is none. */
static int index_of(int fd, const char *name)
{
	struct ifreq request = {0};

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	return ioctl(fd, SIOCGIFINDEX, &request) ? 0 : request.ifr_ifindex;
}

static int open_uplink(const char *name)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(0x0003)}; /* all */
	struct packet_mreq all = {.mr_type = PACKET_MR_PROMISC};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;

	at.sll_ifindex = all.mr_ifindex = fd < 0 ? 0 : index_of(fd, name);
	if (fd < 0 || !at.sll_ifindex || bind(fd, (struct sockaddr *)&at, sizeof(at)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all))) {
		fail_errno(errno, "uplink %s: cannot use this interface", name);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	setsockopt(fd, SOL_PACKET, AUX_IGNORE_OUTGOING, &on, sizeof(on));
	setsockopt(fd, SOL_PACKET, AUX_DATA, &on, sizeof(on));
	return fd;
}

struct card *card_open(enum card_kind kind, const char *name)
{
	struct card *c = calloc(1, sizeof(*c));
	int on = 1;

	if (!c) {
		fail("out of memory for %s", name);
		return NULL;
	}
	c->fd = kind == CARD_TAP ? open_tap(name) : open_uplink(name);
	if (c->fd < 0) {
		free(c);
		return NULL;
	}
	c->kind = kind;
	c->header = kind == CARD_UPLINK && !setsockopt(c->fd, SOL_PACKET, AUX_HEADER, &on, sizeof(on));
	if (bring_up(name))
		warn("%s: cannot be set up: %s", name, strerror(errno));
	c->port.ops = &card_ops;
	c->port.group = -1;
	c->port.mtu = FRAME_MAX - ETH_HEAD; /* the kernel says what is too long */
	snprintf(c->port.name, sizeof(c->port.name), "%s", name);
	snprintf(c->port.id, sizeof(c->port.id), "%s", name);
	return c;
}

void card_close(struct card *c)
{
	close(c->fd);
	free(c);
}
