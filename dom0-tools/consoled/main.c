/* SPDX-License-Identifier: MIT */
/*
 * rl-consoled: keeps the consoles of all domains.
 *
 * Commands come as lines through <run>/consoled.ctl: `add ID` (a domain was made: console/ring-ref and
 * console/port in the store say where its ring is), `gone ID` (drain and let go). What it shows:
 *	<run>/console/ID/log       the kept output (conlog.h)
 *	<run>/console/ID/in        FIFO: keys for the domain
 *	<run>/console/ID/attached  there while its page is mapped here
 *
 * One thread, one poll(): each wake-up moves at most a ring's worth per domain, so no domain and no client
 * can keep it from the others. After a restart of the daemon all living domains of <run>/domains are taken up
 * again.
 */
#include "guest.h"
#include "ctl.h"
#include "err.h"
#include "evtchn.h"
#include "files.h"
#include "home.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct hv hv;
static int evtchn = -1;
static struct guest *guests;
static size_t nr_guests;

static struct guest *find_guest(unsigned id)
{
	struct guest *g = guests;

	while (g && g->id != id)
		g = g->next;
	return g;
}

static void touch(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	if (fd >= 0)
		close(fd);
}

/* Let go of everything of @g; its log stays. */
static void close_guest(struct guest *g)
{
	if (g->port >= 0)
		evtchn_unbind(evtchn, g->port);
	if (g->ring)
		hv_unmap(&hv, g->ring, 1);
	conlog_close(&g->log);
	if (g->in >= 0)
		close(g->in);
	unlink(console_path(g->id, "in"));
	unlink(console_path(g->id, "attached"));
	free(g);
}

static int open_files(struct guest *g)
{
	const char *in = console_path(g->id, "in");
	int err = make_dirs(console_path(g->id, NULL));

	if (!err)
		err = conlog_create(&g->log, console_path(g->id, "log"));
	if (err)
		return fail_errno(err, "domain %u: cannot make its console log", g->id);
	unlink(in);
	if (mkfifo(in, 0600) < 0)
		return fail_errno(errno, "%s: cannot make this FIFO", in);
	g->in = open(in, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	return g->in < 0 ? fail_errno(errno, "%s: cannot open", in) : 0;
}

static int open_ring(struct guest *g)
{
	struct xs *xs = xs_shared();
	long long mfn = xs ? home_number(xs, g->id, "console/ring-ref") : -1;
	long long port = xs ? home_number(xs, g->id, "console/port") : -1;

	if (mfn < 0 || port < 0)
		return fail("domain %u: the store does not say where its console is", g->id);
	g->ring = hv_map_one(&hv, g->id, mfn);
	if (!g->ring)
		return fail_errno(errno, "domain %u: cannot map its console page", g->id);
	g->port = evtchn_bind_interdomain(evtchn, g->id, port);
	return g->port < 0 ? fail_errno(g->port, "domain %u: console event channel %lld", g->id, port) : 0;
}

static void add_guest(unsigned id)
{
	struct record r;
	struct guest *g;

	if (find_guest(id) || record_load(id, &r) || r.end[0])
		return;
	g = calloc(1, sizeof(*g));
	if (!g) {
		fail("out of memory for domain %u", id);
		return;
	}
	g->id = id;
	g->in = g->log.fd = g->port = -1;
	if (open_files(g) || open_ring(g)) {
		close_guest(g);
		return;
	}
	g->next = guests;
	guests = g;
	nr_guests++;
	touch(console_path(id, "attached"));
	/* The first event may have come before we were bound. */
	if (console_drain(g))
		evtchn_notify(evtchn, g->port);
}

static void remove_guest(unsigned id)
{
	struct guest **link = &guests, *g;

	while (*link && (*link)->id != id)
		link = &(*link)->next;
	g = *link;
	if (!g)
		return;
	/* All that it wrote: it does not run. Once, for others may write to that page still, and without end. */
	console_drain(g);
	*link = g->next;
	nr_guests--;
	close_guest(g);
}

static void command(void *arg, char *line)
{
	unsigned id;

	if (sscanf(line, "add %u", &id) == 1)
		add_guest(id);
	else if (sscanf(line, "gone %u", &id) == 1)
		remove_guest(id);
	else
		warn("a command it does not know: %.60s", line);
}

static void serve_events(void)
{
	uint32_t ports[64];
	size_t n = evtchn_fired(evtchn, ports, 64);

	for (size_t i = 0; i < n; i++) {
		struct guest *g = guests;

		/* Unmask first: what comes while we look raises a new event. */
		evtchn_unmask(evtchn, &ports[i], 1);
		while (g && g->port != (int)ports[i])
			g = g->next;
		if (g && console_drain(g))
			evtchn_notify(evtchn, ports[i]);
	}
}

static void take_up_all(void)
{
	unsigned *ids;
	size_t n = record_list(&ids);

	for (size_t i = 0; i < n; i++)
		add_guest(ids[i]);
	free(ids);
}

/* One round: wait for anything, then serve whoever spoke. */
static void serve(int ctl, struct ctl_lines *part)
{
	struct pollfd *fds = calloc(2 + nr_guests, sizeof(*fds));
	size_t n = 2;

	if (!fds) {
		sleep_ms(100); /* Dom0 is out of memory: try again when somebody has given some back */
		return;
	}
	fds[0] = (struct pollfd){.fd = evtchn, .events = POLLIN};
	fds[1] = (struct pollfd){.fd = ctl, .events = POLLIN};
	for (struct guest *g = guests; g; g = g->next)
		fds[n++] = (struct pollfd){.fd = console_room(g) ? g->in : -1, .events = POLLIN};
	if (poll(fds, n, -1) > 0) {
		n = 2;
		for (struct guest *g = guests; g; g = g->next)
			if (fds[n++].revents & POLLIN && console_feed(g))
				evtchn_notify(evtchn, g->port);
		if (fds[0].revents & POLLIN)
			serve_events();
		if (fds[1].revents & POLLIN)
			ctl_receive(ctl, part, command, NULL);
	}
	free(fds);
}

int main(void)
{
	struct ctl_lines part = {.len = 0};
	int ctl;

	fail_program("rl-consoled");
	signal(SIGPIPE, SIG_IGN);
	if (hv_open(&hv) || (evtchn = evtchn_open()) < 0 || (ctl = ctl_listen("consoled")) < 0)
		return 1;
	take_up_all();
	for (;;)
		serve(ctl, &part);
}
