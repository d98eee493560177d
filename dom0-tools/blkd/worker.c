/* SPDX-License-Identifier: MIT */
/* See worker.h. */
#include "worker.h"
#include "err.h"
#include "evtchn.h"
#include "files.h"
#include "grants.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LOCKED_MS  8000 /* a worker before us may still be closing it, or another domain's */
#define BOUND_MS   5000 /* the same of its event channel */
#define LOOK_MS    2000 /* an idle disk's size is looked at so often */
#define BATCHES    16   /* between two looks at the commands */
#define EMPTY_MAX  16   /* events without a request, one after the other, before they are slowed down */
#define EMPTY_REST 2    /* ms */

static struct ring ring;
static int commands, reports, evtchn = -1;
static int port = -1;
static void *pages;
static unsigned page_count;
static uint64_t map_index;

static void report(enum report_kind kind, const char *text)
{
	struct report r = {.kind = kind};

	if (kind == WORKER_HELD)
		snprintf(r.holder, sizeof(r.holder), "%s", image_holder());

	if (ring.image) {
		r.sectors = ring.image->sectors;
		r.discards = ring.image->discards;
	}
	snprintf(r.text, sizeof(r.text), "%s", text);
	if (write(reports, &r, sizeof(r)) < 0) {
	} /* rl-blkd has ended: the commands do, too */
}

/* Wait for a command. 0: none in this time; -1: no more will come. */
static int wait_command(int ms)
{
	struct pollfd fd = {.fd = commands, .events = POLLIN};
	int n = poll(&fd, 1, ms);

	return n > 0 && !(fd.revents & POLLIN) ? -1 : n > 0;
}

static void open_image(const struct worker_config *c)
{
	uint64_t until = now_ms() + LOCKED_MS;
	char why[sizeof(((struct report *)0)->text)] = "", told[sizeof(why)] = "";
	int rc;

	do {
		rc = image_open(c->path, c->format, c->readonly, c->name, &ring.image, why, sizeof(why));
		if (rc == -EBUSY && strcmp(told, why)) {
			report(WORKER_HELD, why);
			memcpy(told, why, sizeof(told));
		}
	} while (rc == -EBUSY && now_ms() < until && wait_command(50) >= 0);
	if (rc) {
		report(WORKER_FAILED, why);
		_exit(1);
	}
	ring.image->discards &= c->discards && ring.image->ops->discard && !ring.image->readonly;
	report(WORKER_OPENED, "");
}

static void disconnect(void)
{
	if (port >= 0)
		evtchn_unbind(evtchn, (unsigned)port);
	if (pages)
		grants_unmap(ring.grants, pages, page_count, map_index);
	ring.head = NULL;
	pages = NULL;
	port = -1;
}

/* The channel's end of a worker that was killed is free as soon as that is gone. */
static int bind_port(unsigned remote)
{
	uint64_t until = now_ms() + BOUND_MS;
	int rc;

	while ((rc = evtchn_bind_interdomain(evtchn, ring.dom, remote)) < 0 && rc != -ESRCH &&
	       now_ms() < until)
		if (wait_command(50))
			break;
	return rc;
}

static void connect_ring(const struct command *c)
{
	char why[128];

	disconnect();
	page_count = c->pages;
	port = bind_port(c->port);
	if (port < 0) {
		snprintf(why, sizeof(why), "cannot bind its event channel %u: %s", c->port, strerror(-port));
		report(WORKER_LOST, why);
		return;
	}
	pages = grants_map(ring.grants, ring.dom, c->refs, page_count, &map_index);
	if (!pages) {
		snprintf(why, sizeof(why), "cannot map its ring (grant %u): %s", c->refs[0], strerror(errno));
		disconnect();
		report(WORKER_LOST, why);
		return;
	}
	ring_attach(&ring, pages, page_count, c->layout);
	report(WORKER_CONNECTED, "");
	evtchn_notify(evtchn, (unsigned)port); /* a worker that was killed may not have */
}

/* False: there is no more. */
static bool take_command(void)
{
	struct command c;

	if (read(commands, &c, sizeof(c)) != sizeof(c))
		return false;
	if (c.kind == WORKER_CONNECT) {
		connect_ring(&c);
	} else {
		disconnect();
		report(WORKER_DISCONNECTED, "");
	}
	return true;
}

static void look_at_size(void)
{
	uint64_t before = ring.image->sectors;
	int rc = ring.image->ops->look ? ring.image->ops->look(ring.image) : 0;

	if (rc || ring.image->sectors == before)
		return;
	warn("%s: its image has %llu sectors now, and had %llu", ring.name,
	     (unsigned long long)ring.image->sectors, (unsigned long long)before);
	report(WORKER_RESIZED, "");
}

/* True: there may be more to do. */
static bool serve_some(void)
{
	static unsigned empty;
	uint32_t before = ring.cons;
	enum ring_state state = RING_MORE;
	bool tell;

	for (unsigned i = 0; i < BATCHES && state == RING_MORE; i++) {
		state = ring_serve(&ring, &tell);
		if (tell)
			evtchn_notify(evtchn, (unsigned)port);
	}
	if (state == RING_MORE)
		return true;
	empty = ring.cons == before ? empty + 1 : 0;
	if (empty > EMPTY_MAX)
		sleep_ms(EMPTY_REST);
	if (state == RING_IDLE)
		evtchn_unmask(evtchn, &(uint32_t){(uint32_t)port}, 1);
	return false;
}

static void serve(void)
{
	struct pollfd fds[2] = {{.fd = commands, .events = POLLIN}, {.fd = evtchn, .events = POLLIN}};
	bool more = false;
	uint32_t fired;

	for (;;) {
		int n = poll(fds, 2, more ? 0 : LOOK_MS);

		if (n > 0 && fds[0].revents) {
			if (!take_command())
				return;
			more = ring.head != NULL;
		}
		if (n > 0 && fds[1].revents & POLLIN)
			more |= evtchn_fired(evtchn, &fired, 1) == 1;
		look_at_size();
		if (more && ring.head)
			more = serve_some();
		else
			more = false;
	}
}

void worker_main(const struct worker_config *c)
{
	commands = c->commands;
	reports = c->reports;
	ring.dom = c->dom;
	ring.name = c->name;
	ring.grants = grants_open();
	evtchn = evtchn_open();
	ring.buffer = mmap(NULL, BATCH_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (ring.grants < 0 || evtchn < 0 || ring.buffer == MAP_FAILED)
		_exit(1);
	open_image(c);
	serve();
	disconnect();
	ring.image->ops->close(ring.image);
	_exit(0);
}
