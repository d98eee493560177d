/* SPDX-License-Identifier: MIT */
/*
 * rl-consoled: keeps the consoles of all domains, and answers their kernels' small questions to the store.
 *
 * Commands come as lines through <run>/consoled.ctl: `add ID` (a domain was made: <run>/domains/ID/record
 *says where its pages are), `gone ID` (drain and let go), `shutdown ID poweroff|reboot`. What it shows:
 *	<run>/console/ID/log       the kept output (conlog.h)
 *	<run>/console/ID/in        FIFO: keys for the domain
 *	<run>/console/ID/attached  there while its pages are mapped here
 *	<run>/console/ID/control   the watch of its kernel on control/shutdown, if it has one
 *
 * One thread, one poll(): each wake-up moves at most a ring's worth per domain, so no domain and no client
 *can keep it from the others. After a restart of the daemon all living domains of <run>/domains are taken up
 * again; their logs begin anew.
 */
#include "guest.h"
#include "ctl.h"
#include "err.h"
#include "evtchn.h"
#include "files.h"

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
	if (g->console_port >= 0)
		evtchn_unbind(evtchn, g->console_port);
	if (g->store_port >= 0)
		evtchn_unbind(evtchn, g->store_port);
	if (g->ring)
		hv_unmap(&hv, g->ring, 1);
	if (g->store.ring)
		hv_unmap(&hv, g->store.ring, 1);
	store_free(g);
	conlog_close(&g->log);
	if (g->in >= 0)
		close(g->in);
	unlink(console_path(g->id, "in"));
	unlink(console_path(g->id, "control"));
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

static int open_rings(struct guest *g, const struct record *r)
{
	g->ring = hv_map_one(&hv, g->id, r->console_mfn);
	if (!g->ring)
		return fail_errno(errno, "domain %u: cannot map its console page", g->id);
	g->console_port = evtchn_bind_interdomain(evtchn, g->id, r->console_port);
	if (g->console_port < 0)
		return fail_errno(g->console_port, "domain %u: console event channel %u", g->id,
				  r->console_port);
	g->store.ring = hv_map_one(&hv, g->id, r->store_mfn);
	if (!g->store.ring)
		return fail_errno(errno, "domain %u: cannot map its store page", g->id);
	g->store_port = evtchn_bind_interdomain(evtchn, g->id, r->store_port);
	if (g->store_port < 0)
		return fail_errno(g->store_port, "domain %u: store event channel %u", g->id, r->store_port);
	return 0;
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
	g->in = g->log.fd = g->console_port = g->store_port = -1;
	if (open_files(g) || open_rings(g, &r)) {
		close_guest(g);
		return;
	}
	store_init(g, &r);
	g->next = guests;
	guests = g;
	nr_guests++;
	touch(console_path(id, "attached"));
	/* The first event may have come before we were bound. */
	if (console_drain(g))
		evtchn_notify(evtchn, g->console_port);
	if (store_serve(g))
		evtchn_notify(evtchn, g->store_port);
}

static void remove_guest(unsigned id)
{
	struct guest **link = &guests, *g;

	while (*link && (*link)->id != id)
		link = &(*link)->next;
	g = *link;
	if (!g)
		return;
	while (console_drain(g))
		;
	*link = g->next;
	nr_guests--;
	close_guest(g);
}

static void command(void *arg, char *line)
{
	char what[16];
	unsigned id;
	struct guest *g;

	if (sscanf(line, "add %u", &id) == 1) {
		add_guest(id);
	} else if (sscanf(line, "gone %u", &id) == 1) {
		remove_guest(id);
	} else if (sscanf(line, "shutdown %u %15s", &id, what) == 2) {
		g = find_guest(id);
		if (g && store_shutdown(g, what))
			evtchn_notify(evtchn, g->store_port);
	} else {
		warn("a command it does not know: %.60s", line);
	}
}

static void serve_events(void)
{
	uint32_t ports[64];
	size_t n = evtchn_fired(evtchn, ports, 64);

	for (size_t i = 0; i < n; i++) {
		struct guest *g = guests;

		/* Unmask first: what comes while we look raises a new event. */
		evtchn_unmask(evtchn, ports[i]);
		while (g && g->console_port != (int)ports[i] && g->store_port != (int)ports[i])
			g = g->next;
		if (!g)
			continue;
		if (g->console_port == (int)ports[i] ? console_drain(g) : store_serve(g))
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
				evtchn_notify(evtchn, g->console_port);
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
