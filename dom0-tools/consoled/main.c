/* SPDX-License-Identifier: MIT */
/*
 * rl-consoled: keeps the consoles of all domains.
 *
 * Commands come as lines through <run>/consoled.ctl: `add ID` (a domain was made: console/ring-ref and console/port in
 * the store say where its ring is), `gone ID` (drain and let go), `keys ID` (a client has opened its FIFO). Domains that xl
 * makes are found in the store, and have a terminal, too (terminal.h). What it shows:
 *	<run>/console/ID/log       the kept output (conlog.h)
 *	<run>/console/ID/in        FIFO: keys for the domain
 *	<run>/console/ID/attached  there while its page is mapped here
 *	<run>/console/ID/refused   a dangling link: why it cannot be attached
 *
 * One thread. Domains that are silent cost nothing. The event of a domain that writes stays masked as long as there is
 * something in its ring, and each round moves at most a ring's worth of it. Between rounds there is a rest, as long as
 * the round was, in which rings fill up. However many domains write, and whatever they do to their rings and ports,
 * half of Dom0's time is left for other work. After a restart the daemon attaches all living domains of <run>/domains
 * again.
 */
#include "guest.h"
#include "terminal.h"
#include "ctl.h"
#include "err.h"
#include "evtchn.h"
#include "files.h"
#include "home.h"
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct hv hv;
static int evtchn = -1;
static struct xs *xl; /* news of xl's domains; NULL: none will come */
static struct guest *guests;
static struct port_table by_port;
static struct queue ready; /* to be looked at, in this order */

#define REST_NS      1000000  /* between two rounds */
#define REST_FULL_NS 250000   /* where a guest waits for room */
#define REST_MAX_NS  50000000 /* typing, and the making of domains, wait no longer than that */

static struct guest *find_guest(unsigned id)
{
	struct guest *g = guests;

	while (g && g->id != id)
		g = g->next;
	return g;
}

static int touch(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0)
		return fail_errno(errno, "%s: cannot make it", path);
	close(fd);
	return 0;
}

/* Let go of all that @g has; its log stays. */
static void close_guest(struct guest *g)
{
	queue_remove(&ready, &g->ready);
	if (g->port >= 0) {
		port_note(&by_port, g->port, NULL);
		evtchn_unbind(evtchn, g->port);
	}
	if (g->ring)
		hv_unmap(&hv, g->ring, 1);
	terminal_close(g);
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
	struct stat st;
	int rc = make_dirs(console_path(g->id, NULL));

	if (!rc)
		rc = conlog_create(&g->log, console_path(g->id, "log"));
	if (rc)
		return fail_errno(rc, "domain %u: cannot make its console log", g->id);
	/* A FIFO that is there has clients of an rl-consoled that was killed. */
	if (mkfifo(in, 0600) < 0 && errno != EEXIST)
		return fail_errno(errno, "%s: cannot make this FIFO", in);
	g->in = open(in, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (g->in < 0 || fstat(g->in, &st))
		return fail_errno(errno, "%s: cannot open", in);
	return S_ISFIFO(st.st_mode) ? 0 : fail("%s: this is not a FIFO; remove it", in);
}

/* @xls: made by xl. A terminal that the store names is then an earlier rl-consoled's, else xenconsoled's. */
static int open_ring(struct guest *g, bool xls)
{
	struct xs *xs = xs_shared();
	char *tty = xs && !xls ? home_read(xs, g->id, "console/tty") : NULL;
	long long mfn = xs ? home_number(xs, g->id, "console/ring-ref") : -1;
	long long port = xs ? home_number(xs, g->id, "console/port") : -1;

	free(tty);
	if (tty)
		return fail("domain %u: another daemon, xenconsoled, has its console", g->id);
	if (mfn < 0 || port < 0)
		return fail("domain %u: the store does not say where its console is", g->id);
	g->ring = hv_map_one(&hv, g->id, mfn);
	if (!g->ring && errno == ESRCH)
		return -1; /* it has ended meanwhile */
	if (!g->ring)
		return fail_errno(errno, "domain %u: cannot map its console page", g->id);
	g->port = evtchn_bind_interdomain(evtchn, g->id, port);
	if (g->port < 0)
		return fail_errno(g->port, "domain %u: console event channel %lld", g->id, port);
	return port_note(&by_port, g->port, g) ? fail("out of memory for domain %u", g->id) : 0;
}

static struct guest *new_guest(unsigned id, bool xls)
{
	struct guest *g = calloc(1, sizeof(*g));

	if (!g) {
		fail("out of memory for domain %u", id);
		return NULL;
	}
	g->id = id;
	g->in = g->log.fd = g->port = g->terminal = g->far_end = g->shown.fd = -1;
	if (!open_files(g) && !open_ring(g, xls) && !touch(console_path(id, "attached")) &&
	    (!xls || !terminal_open(g)))
		return g;
	close_guest(g);
	return NULL;
}

static void begin_to_serve(struct guest *g)
{
	console_resume(g);
	if (console_feed(
		g, g->in,
		&g->typing)) /* of a client of an rl-consoled that was killed; a new one says `keys ID` */
		evtchn_notify(evtchn, g->port);
	g->next = guests;
	guests = g;
	queue_add(&ready, &g->ready); /* the first event may have come before the port was bound */
}

/* @ending: even if its end has begun. The reason for a failure is left as the target of a link: that takes no
 * descriptor, and descriptors may be what is missing. */
static void add_guest(unsigned id, bool ending)
{
	struct guest *g = NULL;
	struct record r;

	if (find_guest(id))
		return;
	unlink(console_path(id, "refused"));
	if (record_load(id, &r))
		fail("domain %u: its record cannot be read", id);
	else if (r.end[0] || (r.ending && !ending))
		return;
	else
		g = new_guest(id, false);
	if (g)
		begin_to_serve(g);
	else
		symlink(fail_last(), console_path(id, "refused"));
}

/* A domain of an rl-consoled that was killed. The store does not know a domain that is still being made; a command
 * will come. */
static void take_up(unsigned id, bool ending)
{
	struct xs *xs = find_guest(id) ? NULL : xs_shared();

	if (!xs || home_number(xs, id, "console/port") < 0)
		return;
	add_guest(id, ending);
	if (find_guest(id)) /* it may have been made when there was no rl-consoled */
		home_write(xs, id, "console/type", "rl-consoled");
}

static void remove_guest(unsigned id)
{
	struct guest **link = &guests, *g;
	bool tell, xls;

	take_up(id, true); /* its last output can still be read */
	while (*link && (*link)->id != id)
		link = &(*link)->next;
	g = *link;
	if (!g) {
		unlink(console_path(id, "refused"));
		unlink(console_path(id, "attached"));
		return;
	}
	/* All that it wrote: it does not run. Once, since others may still write to that page, without end. */
	console_drain(g, &tell);
	*link = g->next;
	xls = g->terminal >= 0;
	close_guest(g);
	if (xls) { /* no record leads to its log any more */
		unlink(console_path(id, "log"));
		rmdir(console_path(id, NULL));
	}
}

/* Does xl want a console served, or no longer? */
static void look_at_xls(unsigned id)
{
	struct guest *g = find_guest(id);
	bool wanted = xl_has_console(id);

	if (g && g->terminal >= 0 && !wanted)
		remove_guest(id);
	else if (!g && wanted && (g = new_guest(id, true)))
		begin_to_serve(g);
}

static void look_at_all_xls(void)
{
	unsigned *ids;
	size_t n = xl_list(&ids);

	for (struct guest *g = guests, *next; g; g = next) {
		next = g->next;
		look_at_xls(g->id);
	}
	for (size_t i = 0; i < n; i++)
		look_at_xls(ids[i]);
	free(ids);
}

static void take_xl_event(void)
{
	long id = xl_event(xl);

	if (id > 0)
		look_at_xls(id);
	else if (!id)
		look_at_all_xls();
}

static void command(void *arg, char *line)
{
	struct guest *g;
	unsigned id;

	if (sscanf(line, "add %u", &id) == 1)
		add_guest(id, false);
	else if (sscanf(line, "gone %u", &id) == 1)
		remove_guest(id);
	else if (sscanf(line, "keys %u", &id) == 1 && (g = find_guest(id)))
		g->typing = true;
	else if (strncmp(line, "keys ", 5))
		warn("unknown command: %.60s", line);
}

/* Queue the guests whose ports have fired. The ports stay masked until the ring is empty. */
static void take_events(void)
{
	uint32_t ports[64];
	size_t n;

	do {
		n = evtchn_fired(evtchn, ports, 64);
		for (size_t i = 0; i < n; i++) {
			struct guest *g = port_owner(&by_port, ports[i]);

			if (g)
				queue_add(&ready, &g->ready);
			else
				evtchn_unmask(evtchn, &ports[i], 1);
		}
	} while (n == 64);
}

/* Move a ring's worth for each guest that is ready. A guest that had nothing may send events again: what came during
 * the look raises one. True: a ring was more than half full, and its guest may have waited for room. */
static bool look_at_ready(void)
{
	struct queue again = {NULL};
	bool full = false, tell;
	struct guest *g;

	while ((g = queue_entry(queue_take(&ready), struct guest, ready))) {
		size_t taken = console_drain(g, &tell);

		if (taken) {
			queue_add(&again, &g->ready);
			if (g->terminal >= 0)
				terminal_show(g);
		} else {
			evtchn_unmask(evtchn, &(uint32_t){g->port}, 1);
		}
		if (tell)
			evtchn_notify(evtchn, g->port);
		full |= taken > sizeof(g->ring->out) / 2;
	}
	ready = again;
	return full;
}

static void sleep_ns(uint64_t ns)
{
	struct timespec t = {.tv_nsec = (long)ns};

	nanosleep(&t, NULL);
}

static void round_and_rest(void)
{
	uint64_t begin = now_ns(), took;
	bool full = look_at_ready();

	took = now_ns() - begin;
	if (took < (full ? REST_FULL_NS : REST_NS))
		took = full ? REST_FULL_NS : REST_NS;
	sleep_ns(took < REST_MAX_NS ? took : REST_MAX_NS);
}

static void take_up_all(void)
{
	unsigned *ids;
	size_t n = record_list(&ids);

	for (size_t i = 0; i < n; i++) {
		take_up(ids[i], false);
		/* Its end has begun, and the last daemon may have been killed after it was told. */
		if (!find_guest(ids[i]) && !access(console_path(ids[i], "attached"), F_OK))
			remove_guest(ids[i]);
	}
	free(ids);
}

enum {
	EVENTS,
	COMMANDS,
	XL,
	CLIENTS
}; /* what is waited for; of the last there are many */

static size_t clients(void)
{
	size_t n = 0;

	for (struct guest *g = guests; g; g = g->next)
		n += g->typing + (g->terminal >= 0);
	return n;
}

static size_t wait_for_clients(struct pollfd *fds)
{
	size_t n = 0;

	for (struct guest *g = guests; g; g = g->next) {
		short keys = console_room(g) ? POLLIN : 0, show = terminal_behind(g) ? POLLOUT : 0;

		if (g->typing)
			fds[n++] = (struct pollfd){.fd = keys ? g->in : -1, .events = keys};
		if (g->terminal >= 0)
			fds[n++] = (struct pollfd){.fd = g->terminal, .events = keys | show};
	}
	return n;
}

/* In the order of wait_for_clients(). */
static void serve_clients(const struct pollfd *fds)
{
	for (struct guest *g = guests; g; g = g->next) {
		bool tell = false, more;

		if (g->typing && (fds++)->revents)
			tell = console_feed(g, g->in, &g->typing);
		if (g->terminal >= 0 && fds->revents & POLLOUT)
			terminal_show(g);
		if (g->terminal >= 0 && (fds++)->revents & POLLIN)
			tell |= console_feed(g, g->terminal, &more);
		if (tell)
			evtchn_notify(evtchn, g->port);
	}
}

/* Wait for anything, then serve those that spoke. */
static void serve(int ctl, struct ctl_lines *part)
{
	struct pollfd *fds = calloc(CLIENTS + clients(), sizeof(*fds));
	size_t n;

	if (!fds) {
		sleep_ms(100); /* Dom0 is out of memory: try again when some has been freed */
		return;
	}
	fds[EVENTS] = (struct pollfd){.fd = evtchn, .events = POLLIN};
	fds[COMMANDS] = (struct pollfd){.fd = ctl, .events = POLLIN};
	fds[XL] = (struct pollfd){.fd = xl ? xs_fd(xl) : -1, .events = POLLIN};
	n = CLIENTS + wait_for_clients(fds + CLIENTS);
	if (poll(fds, n, ready.first ? 0 : -1) > 0) {
		serve_clients(fds + CLIENTS);
		if (fds[EVENTS].revents & POLLIN)
			take_events();
		if (fds[COMMANDS].revents & POLLIN)
			ctl_receive(ctl, part, command, NULL);
		if (fds[XL].revents & POLLIN)
			take_xl_event();
	}
	free(fds);
	if (ready.first)
		round_and_rest();
}

int main(void)
{
	struct ctl_lines part = {.len = 0};
	int ctl;

	fail_program("rl-consoled");
	signal(SIGPIPE, SIG_IGN);
	if (lock_take("rl-consoled", false) || hv_open(&hv) || (evtchn = evtchn_open()) < 0 ||
	    (ctl = ctl_listen("consoled")) < 0)
		return 1;
	take_up_all();
	xl = xl_watch();
	look_at_all_xls(); /* those of an rl-consoled that was killed */
	for (;;)
		serve(ctl, &part);
}
