/* SPDX-License-Identifier: MIT */
/*
 * Sockets on one machine: streams, datagrams, frames, a TAP and netlink do what Linux's do; and whatever a program passes (addresses,
 * lengths, vectors, options, calls in the wrong state) ends with an error, and harms nobody. ARP's answer is given by this
 * program, at the other end of the TAP.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../check.h"

#define BAD       ((void *)16)
#define BYTES     300000u
#define TUNSETIFF 0x400454ca
#define TAP_FLAGS 0x1002 /* IFF_TAP, IFF_NO_PI */

static struct sockaddr_in local(int port)
{
	return (struct sockaddr_in){
	    .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* A socket that listens, and its address. */
static int listener(struct sockaddr_in *a)
{
	socklen_t len = sizeof(*a);
	int s = socket(AF_INET, SOCK_STREAM, 0);

	*a = local(0);
	CHECK(s >= 0 && !bind(s, (void *)a, sizeof(*a)) && !listen(s, 2));
	CHECK(!getsockname(s, (void *)a, &len) && a->sin_port && len == sizeof(*a));
	return s;
}

static char pattern(unsigned i)
{
	return i * 7 + (i >> 8);
}

static void write_all(int s)
{
	static char bytes[BYTES];
	size_t done = 0;

	for (unsigned i = 0; i < BYTES; i++)
		bytes[i] = pattern(i);
	while (done < BYTES) {
		ssize_t n = write(s, bytes + done, BYTES - done);

		if (n <= 0)
			break;
		done += n;
	}
	CHECK(done == BYTES);
}

/* More than all buffers hold goes through a stream, both ends of which are here; then its end. */
static void stream(void)
{
	struct sockaddr_in a, peer;
	socklen_t len = sizeof(peer);
	int l = listener(&a), s, c, status, on = 1;
	unsigned got = 0;
	char part[5000];
	ssize_t n;
	pid_t child = fork();

	if (!child) {
		failed = 0;
		c = socket(AF_INET, SOCK_STREAM, 0);
		CHECK(!connect(c, (void *)&a, sizeof(a)));
		CHECK(!setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)));
		write_all(c);
		CHECK(!shutdown(c, SHUT_WR));
		CHECK(read(c, part, sizeof(part)) == 3 && !memcmp(part, "end", 3));
		_exit(failed);
	}
	s = accept4(l, (void *)&peer, &len, SOCK_CLOEXEC);
	CHECK(s >= 0 && peer.sin_addr.s_addr == htonl(INADDR_LOOPBACK) && peer.sin_port);
	while ((n = recv(s, part, sizeof(part), 0)) > 0)
		for (ssize_t i = 0; i < n; i++, got++)
			if (part[i] != pattern(got)) {
				CHECK(part[i] == pattern(got));
				i = n;
			}
	CHECK(n == 0 && got == BYTES);
	CHECK(send(s, "end", 3, MSG_NOSIGNAL) == 3);
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	CHECK(!close(s) && !close(l));
}

static void refused_and_waiting(void)
{
	struct sockaddr_in a;
	int l = listener(&a), s, error = 0;
	socklen_t len = sizeof(error);
	struct pollfd p = {.events = POLLIN};
	struct timeval limit = {0, 20000};
	char c;

	s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	p.fd = l;
	CHECK(poll(&p, 1, 0) == 0);
	CHECK(!connect(s, (void *)&a, sizeof(a)) || errno == EINPROGRESS);
	CHECK(poll(&p, 1, 2000) == 1);
	p = (struct pollfd){.fd = s, .events = POLLOUT};
	CHECK(poll(&p, 1, 2000) == 1 && p.revents == POLLOUT);
	CHECK(!getsockopt(s, SOL_SOCKET, SO_ERROR, &error, &len) && error == 0);
	FAILS(recv(s, &c, 1, 0), EAGAIN);
	close(l); /* the connection, which nobody has accepted, is reset */
	p.events = POLLIN;
	CHECK(poll(&p, 1, 2000) == 1);
	FAILS(recv(s, &c, 1, 0), ECONNRESET);
	close(s);
	s = socket(AF_INET, SOCK_STREAM, 0);
	FAILS(connect(s, (void *)&a, sizeof(a)), ECONNREFUSED);
	close(s);
	s = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK(!setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
	a = local(0);
	CHECK(!bind(s, (void *)&a, sizeof(a)));
	FAILS(recv(s, &c, 1, 0), EAGAIN);
	close(s);
}

/* What a broken stream does: a signal, or not. */
static void broken_pipe(void)
{
	struct sockaddr_in a;
	int l = listener(&a), c = socket(AF_INET, SOCK_STREAM, 0), s;

	CHECK(!connect(c, (void *)&a, sizeof(a)));
	s = accept(l, NULL, NULL);
	CHECK(!shutdown(c, SHUT_WR));
	FAILS(send(c, "x", 1, MSG_NOSIGNAL), EPIPE);
	signal(SIGPIPE, SIG_IGN);
	FAILS(write(c, "x", 1), EPIPE);
	signal(SIGPIPE, SIG_DFL);
	close(s), close(c), close(l);
}

static void datagrams(void)
{
	struct sockaddr_in a = local(0), from;
	struct sockaddr_in6 any = {.sin6_family = AF_INET6};
	socklen_t len = sizeof(a);
	int s = socket(AF_INET, SOCK_DGRAM, 0), c = socket(AF_INET, SOCK_DGRAM, 0),
	    six = socket(AF_INET6, SOCK_DGRAM, 0);
	struct iovec parts[] = {{"one ", 4}, {"two", 3}};
	struct msghdr m = {.msg_iov = parts, .msg_iovlen = 2, .msg_name = &a, .msg_namelen = sizeof(a)};
	static char big[60000], back[60000];
	char text[16];
	int n = 0;

	FAILS(send(c, "x", 1, 0), EDESTADDRREQ);
	CHECK(!bind(s, (void *)&a, sizeof(a)) && !getsockname(s, (void *)&a, &len));
	FAILS(bind(c, (void *)&a, sizeof(a)), EADDRINUSE);
	CHECK(sendmsg(c, &m, 0) == 7);
	CHECK(!ioctl(s, FIONREAD, &n) && n == 7);
	len = sizeof(from);
	CHECK(recvfrom(s, text, 3, MSG_PEEK | MSG_TRUNC, (void *)&from, &len) == 7 &&
	      !memcmp(text, "one", 3));
	CHECK(from.sin_port && from.sin_addr.s_addr == a.sin_addr.s_addr);
	m = (struct msghdr){.msg_iov = &(struct iovec){text, 5}, .msg_iovlen = 1};
	CHECK(recvmsg(s, &m, 0) == 5 && m.msg_flags == MSG_TRUNC && !memcmp(text, "one t", 5));
	CHECK(!connect(c, (void *)&a, sizeof(a)));
	CHECK(writev(c, parts, 2) == 7); /* a vector is one datagram, sent or received */
	CHECK(readv(s, (struct iovec[]){{text, 2}, {text + 8, 8}}, 2) == 7 && !memcmp(text, "on", 2) &&
	      !memcmp(text + 8, "e two", 5));
	FAILS(syscall(SYS_writev, c, BAD, 1), EFAULT);
	for (unsigned i = 0; i < sizeof(big); i++)
		big[i] = pattern(i);
	CHECK(send(c, big, sizeof(big), 0) == sizeof(big));
	CHECK(recv(s, back, sizeof(back), 0) == sizeof(back) && !memcmp(big, back, sizeof(big)));
	FAILS(sendto(c, big, 65508, 0, (void *)&a, sizeof(a)), EMSGSIZE);
	/* What nobody reads is dropped in the end, and does not fill the memory. */
	for (int i = 0; i < 1000; i++)
		CHECK(send(c, big, 1000, 0) == 1000 || errno == ENOBUFS);
	while (recv(s, back, sizeof(back), MSG_DONTWAIT) > 0)
		n++;
	CHECK(n > 20 && n < 500);
	/* IPv6 takes IPv4 too */
	CHECK(!bind(six, (void *)&any, sizeof(any)));
	len = sizeof(any);
	CHECK(!getsockname(six, (void *)&any, &len) && len == sizeof(any));
	a = local(ntohs(any.sin6_port));
	CHECK(sendto(s, "v4", 2, 0, (void *)&a, sizeof(a)) == 2);
	CHECK(recvfrom(six, text, sizeof(text), 0, (void *)&any, &len) == 2 &&
	      IN6_IS_ADDR_V4MAPPED(&any.sin6_addr));
	close(s), close(c), close(six);
}

/* ---- A TAP, whose other end this program is ---- */

#define OURS   "\x0a\x63\x00\x01" /* 10.99.0.1 */
#define THEIRS "\x0a\x63\x00\x02"

static const unsigned char mac[6] = {2, 0, 0, 0, 0, 9};

static int open_tap(struct ifreq *r)
{
	int t = open("/dev/net/tun", O_RDWR);

	memset(r, 0, sizeof(*r));
	CHECK(t >= 0);
	FAILS(write(t, "x", 1), EIO);
	strcpy(r->ifr_name, "test%d");
	r->ifr_flags = TAP_FLAGS;
	CHECK(!ioctl(t, TUNSETIFF, r) && !strcmp(r->ifr_name, "test0"));
	FAILS(ioctl(t, TUNSETIFF, r), EINVAL);
	return t;
}

static void set_ip(int s, struct ifreq *r, int command, const char *ip)
{
	struct sockaddr_in *a = (void *)&r->ifr_addr;

	*a = (struct sockaddr_in){.sin_family = AF_INET};
	memcpy(&a->sin_addr, ip, 4);
	CHECK(!ioctl(s, command, r));
}

/* The next frame of this type. */
static ssize_t next_frame(int t, unsigned char *frame, unsigned type)
{
	struct pollfd p = {.fd = t, .events = POLLIN};

	while (poll(&p, 1, 3000) == 1) {
		ssize_t n = read(t, frame, 1518);

		if (n < 14 || (frame[12] << 8 | frame[13]) == (int)type)
			return n;
	}
	return -1;
}

static void answer_arp(int t)
{
	unsigned char frame[1518];

	do /* it tells of its own address, too */
		if (next_frame(t, frame, ETHERTYPE_ARP) != 42) {
			CHECK(!"asked for the address");
			return;
		}
	while (frame[21] != 1 || memcmp(frame + 38, THEIRS, 4));
	memcpy(frame, frame + 6, 6);
	memcpy(frame + 6, mac, 6);
	frame[21] = 2;
	memcpy(frame + 32, frame + 22, 10);
	memcpy(frame + 22, mac, 6);
	memcpy(frame + 28, THEIRS, 4);
	CHECK(write(t, frame, 42) == 42);
}

static void tap(void)
{
	unsigned char frame[1518], copy[1518];
	struct ifreq r;
	int t = open_tap(&r), s = socket(AF_INET, SOCK_DGRAM, 0),
	    k = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
	struct sockaddr_ll ll = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};

	memcpy(&to.sin_addr, THEIRS, 4);
	set_ip(s, &r, SIOCSIFADDR, OURS);
	set_ip(s, &r, SIOCSIFNETMASK, "\xff\xff\xff\x00");
	CHECK(!ioctl(s, SIOCGIFFLAGS, &r) &&
	      (r.ifr_flags & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING));
	CHECK(!ioctl(s, SIOCGIFINDEX, &r));
	ll.sll_ifindex = r.ifr_ifindex;
	CHECK(!bind(k, (void *)&ll, sizeof(ll)));
	CHECK(sendto(s, "hello", 5, 0, (void *)&to, sizeof(to)) == 5);
	answer_arp(t);
	CHECK(next_frame(t, frame, ETHERTYPE_IP) == 14 + 20 + 8 + 5 && !memcmp(frame + 42, "hello", 5) &&
	      !memcmp(frame, mac, 6));
	/* The packet socket has seen all of it, which went and came; and what it sends itself comes out. */
	CHECK(next_frame(k, copy, ETHERTYPE_IP) == 47 && !memcmp(copy, frame, 47));
	CHECK(sendto(k, frame, 47, 0, (void *)&ll, sizeof(ll)) == 47);
	CHECK(next_frame(t, copy, ETHERTYPE_IP) == 47 && !memcmp(copy, frame, 47));
	/* A vector is one frame, here and there. */
	CHECK(writev(k, (struct iovec[]){{frame, 14}, {frame + 14, 33}}, 2) == 47);
	CHECK(next_frame(t, copy, ETHERTYPE_IP) == 47 && !memcmp(copy, frame, 47));
	CHECK(writev(t, (struct iovec[]){{frame, 12}, {frame + 12, 2}, {frame + 14, 33}}, 3) == 47);
	CHECK(next_frame(k, copy, ETHERTYPE_IP) == 47 && !memcmp(copy, frame, 47));
	FAILS(sendto(k, frame, 13, 0, (void *)&ll, sizeof(ll)), EINVAL);
	FAILS(write(t, frame, 13), EINVAL);
	FAILS(write(t, BAD, 60), EFAULT);
	/* Frames of nonsense */
	srand(1);
	for (int i = 0; i < 3000; i++) {
		unsigned len = 14 + rand() % 200;

		for (unsigned j = 0; j < len; j++)
			frame[j] = i & 1 || j > 34 ? rand() : frame[j];
		if (i % 3)
			memset(frame, 0xff, 6);
		frame[12] = i & 8 ? 0x86 : 8, frame[13] = i & 8 ? 0xdd : i & 2 ? 6 : 0;
		frame[14] = i & 8 ? 0x60 : 0x45;
		CHECK(write(t, frame, len) == (ssize_t)len);
		while (poll(&(struct pollfd){.fd = t, .events = POLLIN}, 1, 0) == 1)
			CHECK(read(t, copy, sizeof(copy)) > 0);
	}
	CHECK(!close(t));
	FAILS(ioctl(s, SIOCGIFFLAGS, &r), ENODEV);
	close(s), close(k);
}

/* ---- Whatever a program passes ---- */

static void hostile(void)
{
	struct sockaddr_in a = local(1);
	int s = socket(AF_INET, SOCK_STREAM, 0), d = socket(AF_INET, SOCK_DGRAM, 0),
	    file = open("/dev/null", O_RDWR), n = 4;
	socklen_t len = sizeof(a), negative = -1;
	struct iovec many[2] = {{BAD, 100}, {BAD, (size_t)-1}};
	struct msghdr m = {.msg_iov = many, .msg_iovlen = 2};
	struct pollfd p = {.fd = s, .events = POLLIN | POLLOUT};

	FAILS(socket(AF_UNIX, SOCK_STREAM, 0), EAFNOSUPPORT);
	FAILS(socket(12345, SOCK_STREAM, 0), EAFNOSUPPORT);
	FAILS(socket(AF_INET, 9, 0), ESOCKTNOSUPPORT);
	FAILS(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP), EPROTONOSUPPORT);
	FAILS(bind(-1, (void *)&a, sizeof(a)), EBADF);
	FAILS(bind(file, (void *)&a, sizeof(a)), ENOTSOCK);
	FAILS(bind(s, BAD, sizeof(a)), EFAULT);
	FAILS(bind(s, (void *)&a, 3), EINVAL);
	FAILS(bind(s, (void *)&a, -1), EINVAL);
	FAILS(bind(s, (void *)&a, 1 << 30), EINVAL);
	FAILS(accept(s, NULL, NULL), EINVAL);
	FAILS(recv(s, &n, 4, 0), ENOTCONN);
	FAILS(send(s, &n, 4, MSG_NOSIGNAL), ENOTCONN);
	FAILS(shutdown(s, 7), EINVAL);
	FAILS(shutdown(s, SHUT_RDWR), ENOTCONN);
	FAILS(getpeername(s, (void *)&a, &len), ENOTCONN);
	FAILS(getsockname(s, (void *)&a, &negative), EINVAL);
	FAILS(getsockname(s, (void *)&a, BAD), EFAULT);
	FAILS(syscall(SYS_sendmsg, d, BAD, 0), EFAULT); /* the library would read it */
	FAILS(sendmsg(d, &m, 0), EINVAL);
	many[1].iov_len = 100;
	m.msg_name = &a, m.msg_namelen = sizeof(a);
	FAILS(sendmsg(d, &m, 0), EFAULT);
	m.msg_iovlen = 1 << 20;
	FAILS(sendmsg(d, &m, 0), EMSGSIZE);
	FAILS(recvmsg(d, &m, MSG_DONTWAIT), EMSGSIZE);
	FAILS(sendto(d, BAD, 100, 0, (void *)&a, sizeof(a)), EFAULT);
	FAILS(setsockopt(s, SOL_SOCKET, SO_REUSEADDR, BAD, 4), EFAULT);
	FAILS(setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &n, 1), EINVAL);
	FAILS(setsockopt(s, SOL_SOCKET, SO_LINGER, &n, -5), EINVAL);
	FAILS(setsockopt(s, 77, 77, &n, sizeof(n)), ENOPROTOOPT);
	FAILS(setsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, "nowhere", 8), ENODEV);
	FAILS(getsockopt(s, SOL_SOCKET, SO_ERROR, BAD, &len), EFAULT);
	FAILS(getsockopt(s, SOL_SOCKET, SO_ERROR, &n, BAD), EFAULT);
	FAILS(ioctl(s, 0x8927, BAD), EFAULT);
	FAILS(ioctl(s, 0x12345678, &n), ENOTTY);
	CHECK(!listen(s, 1 << 30) && !listen(s, -1));
	FAILS(connect(s, (void *)&a, sizeof(a)), EINVAL);
	CHECK(poll(&p, 1, 0) == 0);
	close(s), close(d), close(file);
	/* As many as there are descriptors or memory: each end is told, and all is given back. */
	for (n = 3; (s = socket(AF_INET, n & 1 ? SOCK_STREAM : SOCK_DGRAM, 0)) >= 0; n++)
		;
	CHECK(n > 100 && (errno == EMFILE || errno == ENOMEM || errno == ENOBUFS));
	for (s = 3; s < n + 3; s++)
		close(s);
}

/* Messages of nonsense to netlink; then one that is right. */
static void netlink(void)
{
	struct {
		unsigned length;
		unsigned short type, flags;
		unsigned seq, pid;
		unsigned char body[48];
	} m = {0};
	int s = socket(AF_NETLINK, SOCK_RAW, 0);
	char reply[8192];
	ssize_t n;

	srand(2);
	for (int i = 0; i < 3000; i++) {
		for (unsigned j = 0; j < sizeof(m.body); j++)
			m.body[j] = rand() % 4 ? rand() % 8 : rand();
		m.length = rand() % 5 ? 16u + rand() % 48 : (unsigned)rand();
		m.type = 16 + 2 + 4 * (rand() % 4); /* what asks: the machine's own addresses stay */
		m.flags = rand();
		CHECK(send(s, &m, 16 + rand() % 49, 0) > 0);
		while (recv(s, reply, sizeof(reply), MSG_DONTWAIT) > 0)
			;
	}
	memset(&m, 0, sizeof(m));
	m.length = 32, m.type = 18, m.flags = 0x301, m.seq = 77; /* all devices */
	CHECK(send(s, &m, 32, 0) == 32);
	n = recv(s, reply, sizeof(reply), 0);
	CHECK(n > 64 && reply[4] == 16 && reply[8] == 77 && memmem(reply, n, "lo", 3));
	close(s);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	stream();
	refused_and_waiting();
	broken_pipe();
	datagrams();
	tap();
	netlink();
	hostile();
	stream(); /* it still works */
	puts(failed ? "sockets: failed" : "sockets: good");
	return failed;
}
