/* SPDX-License-Identifier: MIT */
/*
 * rl-blkd: the back end of virtual disks. It serves what a toolstack describes below backend/qdisk of its own domain in the
 * store, over /dev/xen/evtchn, /dev/xen/gntdev and /dev/xen/xenbus, so on any Dom0.
 *
 * This process talks to the store and opens no image; each disk has a process of its own (worker.h). Whichever of them is killed,
 * the next one goes on where it was: what the state of a disk is stands in the store, and what is left to do stands in its ring.
 */
#include "disk.h"
#include "err.h"
#include "files.h"
#include "lock.h"
#include "record.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS_MAX 1024 /* taken from the store in one round */
#define REST_MS    1    /* after a round: what comes meanwhile is looked at together */

static struct disk *disks;

static struct disk *find(unsigned dom, unsigned dev)
{
	struct disk *d = disks;

	while (d && (d->dom != dom || d->dev != dev))
		d = d->next;
	return d;
}

static void note_disk(unsigned dom, unsigned dev)
{
	struct disk *d = find(dom, dev);

	if (d) {
		d->changed = true;
		return;
	}
	d = disk_new(dom, dev);
	if (!d) {
		warn("out of memory for disk %u of domain %u", dev, dom);
		return;
	}
	d->next = disks;
	disks = d;
}

static void note_disks_of(struct xs *xs, unsigned dom)
{
	char path[64], *list;
	size_t len;

	snprintf(path, sizeof(path), BACKEND "/%u", dom);
	list = xs_directory(xs, 0, path, &len);
	for (char *at = list; list && at < list + len; at += strlen(at) + 1)
		note_disk(dom, (unsigned)strtoul(at, NULL, 10));
	free(list);
}

static void note_all(struct xs *xs)
{
	size_t len;
	char *list = xs_directory(xs, 0, BACKEND, &len);

	for (char *at = list; list && at < list + len; at += strlen(at) + 1)
		note_disks_of(xs, (unsigned)strtoul(at, NULL, 10));
	free(list);
	for (struct disk *d = disks; d; d = d->next)
		d->changed = true;
}

static void note_front(const char *path)
{
	for (struct disk *d = disks; d; d = d->next) {
		size_t n = d->frontend ? strlen(d->frontend) : 0;

		if (n && !strncmp(path, d->frontend, n) && (path[n] == '/' || !path[n]))
			d->changed = true;
	}
}

/* What an event is about is only marked. */
static void take_events(struct xs *xs)
{
	char *event;

	for (unsigned taken = 0; taken < EVENTS_MAX && (event = xs_event(xs, 0)); taken++) {
		const char *token = event + strlen(event) + 1;
		unsigned dom, dev;

		if (!strcmp(token, "front"))
			note_front(event);
		else if (sscanf(event, BACKEND "/%u/%u", &dom, &dev) == 2)
			note_disk(dom, dev);
		else
			note_all(xs);
		free(event);
	}
}

static void look_at_changed(struct xs *xs)
{
	struct disk **link = &disks;

	while (*link) {
		struct disk *d = *link;

		if (disk_patience(d) || disk_look(xs, d)) {
			link = &d->next;
			continue;
		}
		*link = d->next;
		disk_free(xs, d);
	}
}

static int patience(void)
{
	int first = -1;

	for (struct disk *d = disks; d; d = d->next) {
		int ms = disk_patience(d);

		if (ms >= 0 && (first < 0 || ms < first))
			first = ms;
	}
	return first;
}

static size_t wait_for_workers(struct pollfd *fds)
{
	size_t n = 0;

	for (struct disk *d = disks; d; d = d->next)
		fds[n++] = (struct pollfd){.fd = d->reports, .events = POLLIN};
	return n;
}

static void serve(struct xs *xs)
{
	size_t count = 1;
	struct pollfd *fds;

	for (struct disk *d = disks; d; d = d->next)
		count++;
	fds = calloc(count, sizeof(*fds));
	if (!fds) {
		sleep_ms(100); /* Dom0 is out of memory: try again when some has been freed */
		return;
	}
	fds[0] = (struct pollfd){.fd = xs_fd(xs), .events = POLLIN};
	count = 1 + wait_for_workers(fds + 1);
	if (poll(fds, count, xs_pending(xs) ? 0 : patience()) > 0) {
		struct pollfd *fd = fds + 1;

		for (struct disk *d = disks; d; d = d->next)
			if ((fd++)->revents)
				disk_hear(xs, d, disks);
		if (fds[0].revents & ~POLLIN) {
			fail("the store has gone");
			exit(1);
		}
	}
	free(fds);
	take_events(xs);
	look_at_changed(xs);
	sleep_ms(REST_MS);
}

int main(void)
{
	struct xs *xs;
	char dir[256];

	fail_program("rl-blkd");
	signal(SIGPIPE, SIG_IGN);
	snprintf(dir, sizeof(dir), "%s/blkd", run_dir);
	if (lock_take("rl-blkd", false) || make_dirs(dir))
		return 1;
	xs = xs_shared();
	if (!xs)
		return 1;
	if (xs_watch(xs, BACKEND, "back")) {
		fail_errno(errno, "cannot watch the store");
		return 1;
	}
	for (;;)
		serve(xs);
}
