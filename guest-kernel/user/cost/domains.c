/* SPDX-License-Identifier: MIT */
/*
 * Two domains that answer each other over an event channel, by /dev/xen/evtchn: `cost --answer 0` in the one prints
 * the port that it waits at, `cost --peer DOMAIN:PORT domain_round_trip` in the other measures.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/ioctl.h>
#include "cost.h"
#include "xen/sys/evtchn.h"

#define DEVICE "/dev/xen/evtchn"

static int fd;
static unsigned peer_domain, peer_port;
static uint32_t port;

static void open_device(void)
{
	fd = open(DEVICE, O_RDWR);
	REQUIRE(fd >= 0);
}

static void wait_event(void)
{
	uint32_t fired;

	/* Written back, it is unmasked. */
	REQUIRE(read(fd, &fired, sizeof(fired)) == sizeof(fired) &&
		write(fd, &fired, sizeof(fired)) == sizeof(fired));
}

static void notify(void)
{
	struct ioctl_evtchn_notify arg = {.port = port};

	REQUIRE(ioctl(fd, IOCTL_EVTCHN_NOTIFY, &arg) == 0);
}

void domains_answer(const char *domain)
{
	struct ioctl_evtchn_bind_unbound_port arg = {.remote_domain = atoi(domain)};
	int bound;

	open_device();
	bound = ioctl(fd, IOCTL_EVTCHN_BIND_UNBOUND_PORT, &arg);
	REQUIRE(bound >= 0);
	port = bound;
	printf("port %d\n", bound);
	fflush(stdout);
	for (;;) {
		wait_event();
		notify();
	}
}

void domains_set_peer(const char *domain_and_port)
{
	REQUIRE(sscanf(domain_and_port, "%u:%u", &peer_domain, &peer_port) == 2);
}

/* An event may have come before the other side asked for it: the first round takes it too. */
static void bind_peer(void)
{
	struct ioctl_evtchn_bind_interdomain arg = {.remote_domain = peer_domain, .remote_port = peer_port};
	int bound;

	open_device();
	bound = ioctl(fd, IOCTL_EVTCHN_BIND_INTERDOMAIN, &arg);
	REQUIRE(bound >= 0);
	port = bound;
}

static void release_peer(void)
{
	close(fd);
}

static void round_trip(unsigned rounds)
{
	while (rounds--) {
		notify();
		wait_event();
	}
}

const struct workload domains[] = {
    {"domain_round_trip", 16, 200, 1, bind_peer, NULL, round_trip, release_peer},
    {0},
};
