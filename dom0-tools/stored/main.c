/* SPDX-License-Identifier: MIT */
/*
 * rl-stored: Dom0's store daemon. This file joins the store (store.h) with the machine: rings by foreign
 * mappings, event channels, and the news of domains that end (VIRQ_DOM_EXC).
 *
 * Dom0's own kernel is a client like any other; its ring comes from /dev/xen/xenbus_backend. It carries the requests of
 * all Dom0 programs (/dev/xen/xenbus). The program goes into the background when it can answer. Killed and restarted,
 * it continues where it was (save.h): rings, watches and messages under way are as before.
 */
#include "save.h"
#include "store.h"
#include "domains.h"
#include "err.h"
#include "evtchn.h"
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xen/sys/xenbus_dev.h>

static struct hv hv;
static struct store store;
static int evtchn = -1;
static int end_port;            /* VIRQ_DOM_EXC */
static struct port_table conns; /* by their ports */

/* ---- Rings ---- */

/* The page and the port that Dom0's kernel keeps for the store. */
static int attach_dom0(struct conn *c)
{
	int fd = open("/dev/xen/xenbus_backend", O_RDWR | O_CLOEXEC);
	void *page;
	int port;

	if (fd < 0)
		return fail("/dev/xen/xenbus_backend: %s; the store works in Dom0 only, as root",
			    strerror(errno));
	port = ioctl(fd, IOCTL_XENBUS_BACKEND_EVTCHN);
	page = mmap(NULL, FRAME_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	/* The file stays open: while it is, the kernel knows that there is a store. */
	if (port < 0 || page == MAP_FAILED)
		return fail("/dev/xen/xenbus_backend: %s; is another rl-stored, or xenstored, running?",
			    strerror(errno));
	c->ring = page;
	c->remote_port = port;
	c->port = evtchn_bind_interdomain(evtchn, 0, port);
	return c->port < 0 ? fail_errno(c->port, "cannot bind Dom0's store event channel %d", port) : 0;
}

static void detach(struct conn *c)
{
	if (c->port >= 0) {
		port_note(&conns, c->port, NULL);
		evtchn_unbind(evtchn, c->port);
	}
	if (c->ring)
		hv_unmap(&hv, c->ring, 1);
	c->port = -1;
	c->ring = NULL;
}

static int attach_guest(struct conn *c)
{
	c->ring = hv_map_one(&hv, c->id, c->mfn);
	if (!c->ring)
		return fail_errno(errno, "domain %u: cannot map its store page", c->id);
	c->port = evtchn_bind_interdomain(evtchn, c->id, c->remote_port);
	if (c->port >= 0)
		return 0;
	return fail_errno(c->port, "domain %u: store event channel %u", c->id, c->remote_port);
}

static int attach(struct conn *c)
{
	int rc = c->id ? attach_guest(c) : attach_dom0(c);

	if (!rc)
		rc = port_note(&conns, c->port, c);
	if (rc)
		detach(c);
	return rc;
}

static const struct store_ops ops = {.attach = attach, .detach = detach, .keep = save_keep};

static void tell(struct conn *c)
{
	evtchn_notify(evtchn, c->port);
}

/* ---- Events ---- */

static int by_id(const void *key, const void *element)
{
	const struct ringlet_domain_state *state = element;

	return (int)*(const unsigned *)key - (int)state->domain;
}

/* Some domain has ended, the event does not say which: ask for all of them together. */
static void look_for_ends(void)
{
	const struct ringlet_domain_state *list, *state, *likely;
	struct conn *c, *next;
	long count = domain_states(&hv, &list);

	if (count < 0) {
		fail_errno(count, "cannot list the domains");
		return;
	}
	likely = list; /* connections are mostly in the order of their numbers, too */
	for (c = store.conns; c; c = next) {
		state = likely < list + count && likely->domain == c->id
			    ? likely
			    : bsearch(&c->id, list, count, sizeof(*list), by_id);
		likely = state ? state + 1 : likely;
		next = c->next;
		if (!c->id)
			continue;
		if (!state || state->flags & XEN_DOMINF_dying) {
			conn_gone(c);
		} else if (state->flags & XEN_DOMINF_shutdown && !c->seen_shutdown) {
			conn_shutdown(c);
		}
	}
}

/* Events only say which clients to look at. Unmasking comes first: what comes during the look raises a new event. */
static void take_events(void)
{
	uint32_t ports[64];
	size_t n = evtchn_fired(evtchn, ports, 64);

	evtchn_unmask(evtchn, ports, n);
	for (size_t i = 0; i < n; i++) {
		struct conn *c = port_owner(&conns, ports[i]);

		if (c)
			conn_ready(c);
	}
	for (size_t i = 0; i < n; i++)
		if ((int)ports[i] == end_port)
			look_for_ends();
}

static void serve(void)
{
	bool more = true;

	for (;;) {
		struct pollfd fd = {.fd = evtchn, .events = POLLIN};

		if (poll(&fd, 1, more ? 0 : -1) > 0)
			take_events();
		more = store_round(&store, tell);
	}
}

/* ---- Start ---- */

/* What the kernel gave this program at random. */
static uint64_t secret(void)
{
	const void *random = (const void *)getauxval(AT_RANDOM);
	uint64_t value = 0;

	if (random)
		memcpy(&value, random, sizeof(value));
	return value;
}

/* The parent waits for a byte from the child, which is sent when the store answers. Mappings of other
 * domains' pages are not inherited, hence the order. The descriptor to write to; -1: this is the parent's
 * failure. */
static int into_background(void)
{
	int ready[2];
	char byte;
	pid_t child;

	if (pipe(ready) < 0 || (child = fork()) < 0)
		return fail_errno(errno, "cannot go into the background");
	if (child) {
		close(ready[1]);
		_exit(read(ready[0], &byte, 1) == 1 ? 0 : 1);
	}
	close(ready[0]);
	setsid();
	return ready[1];
}

/* Continue where another was killed, or start. */
static int begin(void)
{
	struct conn *dom0;
	int again;

	store_init(&store, &ops);
	store.seed = secret();
	again = save_open(&store);
	if (again < 0)
		return -1;
	dom0 = conn_find(&store, 0);
	if (!dom0 && conn_introduce(&store, 0, 0, 0, &dom0))
		return -1;
	save_begin(&store);
	if (again)
		look_for_ends(); /* those that no daemon saw */
	return 0;
}

/* With an argument, a descriptor: a byte goes there when the store answers, and this process does not fork. */
int main(int argc, char **argv)
{
	int ready;

	fail_program("rl-stored");
	signal(SIGPIPE, SIG_IGN);
	ready = argc > 1 ? atoi(argv[1]) : into_background();
	if (lock_take("rl-stored", false))
		return 1;
	if (ready < 0 || hv_open(&hv) || (evtchn = evtchn_open()) < 0)
		return 1;
	end_port = evtchn_bind_virq(evtchn, VIRQ_DOM_EXC);
	if (end_port < 0) {
		fail_errno(end_port,
			   "cannot bind VIRQ_DOM_EXC; is another rl-stored, or xenstored, running?");
		return 1;
	}
	if (begin())
		return 1;
	if (write(ready, "", 1) != 1)
		return 1;
	close(ready);
	serve();
}
