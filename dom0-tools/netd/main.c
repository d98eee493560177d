/* SPDX-License-Identifier: MIT */
/*
 * rl-netd: the back end of virtual network cards, and the switches between them. It serves what a toolstack describes below
 * backend/vif of its own domain in the store, over /dev/xen/evtchn, /dev/xen/gntdev and /dev/xen/xenbus, so on any Dom0.
 * Where Linux's own back end is loaded (xen-netback), that serves them, and this one serves none.
 *
 * One process and one thread: a frame goes from one guest's ring through the switch into another's queue without a lock. It may be
 * killed at any moment; the next one goes on with the same rings, and what was on its way is lost, as frames may be.
 */
#include "control.h"
#include "err.h"
#include "files.h"
#include "grants.h"
#include "lock.h"
#include "record.h"
#include "settings.h"
#include "vif.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EVENTS_MAX   1024       /* taken from the store in one round */
#define LOOK_NS      2000000ull /* between two rounds of the store: a front end may write its state without end */
#define TEND_NS      500000000ull
#define FIRED_MAX    64
#define NETBACK      "/sys/bus/xen-backend/drivers/vif"
#define PATIENCE_MAX 60000 /* ms */

struct vif_world world;
static struct vif *vifs;
static uint64_t next_look, next_tend;
static int control;

/* ---- The store ---- */

static void note_vif(unsigned dom, unsigned dev)
{
	struct vif *v = vifs;

	while (v && (v->dom != dom || v->dev != dev))
		v = v->next;
	if (v) {
		v->changed = true;
		return;
	}
	v = vif_new(dom, dev);
	if (!v) {
		warn("out of memory for vif%u.%u", dom, dev);
		return;
	}
	v->next = vifs;
	vifs = v;
}

static void note_vifs_of(unsigned dom)
{
	char path[64], *list;
	size_t len;

	snprintf(path, sizeof(path), VIF_BACKEND "/%u", dom);
	list = xs_directory(world.xs, 0, path, &len);
	for (char *at = list; list && at < list + len; at += strlen(at) + 1)
		note_vif(dom, (unsigned)strtoul(at, NULL, 10));
	free(list);
}

static void note_all(void)
{
	size_t len;
	char *list = xs_directory(world.xs, 0, VIF_BACKEND, &len);

	for (char *at = list; list && at < list + len; at += strlen(at) + 1)
		note_vifs_of((unsigned)strtoul(at, NULL, 10));
	free(list);
	for (struct vif *v = vifs; v; v = v->next)
		v->changed = true;
}

static void note_front(const char *path)
{
	for (struct vif *v = vifs; v; v = v->next) {
		size_t n = v->frontend ? strlen(v->frontend) : 0;

		if (n && !strncmp(path, v->frontend, n) && (path[n] == '/' || !path[n]))
			v->changed = true;
	}
}

static void take_store_events(void)
{
	char *event;

	for (unsigned taken = 0; taken < EVENTS_MAX && (event = xs_event(world.xs, 0)); taken++) {
		const char *token = event + strlen(event) + 1;
		unsigned dom, dev;

		if (!strcmp(token, "front"))
			note_front(event);
		else if (sscanf(event, VIF_BACKEND "/%u/%u", &dom, &dev) == 2)
			note_vif(dom, dev);
		else
			note_all();
		free(event);
	}
}

static void look_at_changed(uint64_t now)
{
	struct vif **link = &vifs;
	bool kernel = !access(NETBACK, F_OK);

	if (world.changed)
		note_all();
	world.changed = false;
	while (*link) {
		struct vif *v = *link;

		if (!v->changed && v->retry_ms && v->retry_ms * 1000000 <= now)
			v->changed = true;
		if (kernel || !v->changed || vif_look(v)) {
			link = &v->next;
			continue;
		}
		*link = v->next;
		vif_free(v);
	}
}

/* ---- Rounds ---- */

static void take_fired(void)
{
	uint32_t fired[FIRED_MAX];
	size_t n = evtchn_fired(world.evtchn, fired, FIRED_MAX);

	for (size_t i = 0; i < n; i++) {
		struct vif *v = port_owner(&world.ports, fired[i]);

		if (v)
			vif_fired(v);
	}
}

/* True: there is more to do. */
static bool serve_vifs(void)
{
	uint64_t now = now_ns();
	bool more = false;

	for (struct vif *v = vifs; v; v = v->next)
		if (v->busy || (v->wake_ns && v->wake_ns <= now))
			vif_serve(v);
	for (struct vif *v = vifs; v; v = v->next)
		more |= v->busy;
	return more;
}

/* Milliseconds until something is due. */
static int patience(bool more, bool store_waits)
{
	uint64_t now = now_ns(), at = now + PATIENCE_MAX * 1000000ull;

	if (more)
		return 0;
	for (struct vif *v = vifs; v; v = v->next)
		if (vif_due(v) && vif_due(v) < at)
			at = vif_due(v);
	if (store_waits && next_look < at)
		at = next_look;
	if (next_tend && next_tend < at)
		at = next_tend;
	return at <= now ? 0 : (int)((at - now + 999999) / 1000000);
}

static struct pollfd *wait_for(size_t *count, int ms, bool hear_store)
{
	struct pollfd *fds, *fd;

	*count = 3;
	for (struct card *c = cards; c; c = c->next)
		++*count;
	fds = calloc(*count, sizeof(*fds));
	if (!fds) {
		sleep_ms(100); /* Dom0 is out of memory: try again when some has been freed */
		return NULL;
	}
	fds[0] = (struct pollfd){.fd = hear_store ? xs_fd(world.xs) : -1, .events = POLLIN};
	fds[1] = (struct pollfd){.fd = world.evtchn, .events = POLLIN};
	fds[2] = (struct pollfd){.fd = control, .events = POLLIN};
	fd = fds + 3;
	for (struct card *c = cards; c; c = c->next)
		*fd++ = (struct pollfd){.fd = c->fd, .events = POLLIN};
	if (poll(fds, *count, ms) <= 0)
		*count = 0;
	return fds;
}

static void round_once(bool *more, bool *unread)
{
	uint64_t now = now_ns();
	bool hear = now >= next_look;
	size_t count;
	struct pollfd *fds, *fd;

	*unread |= xs_pending(world.xs);
	fds = wait_for(&count, hear && *unread ? 0 : patience(*more, *unread || !hear), hear);
	if (!fds)
		return;
	if (count && fds[0].revents & ~POLLIN) {
		fail("the store has gone");
		exit(1);
	}
	if (count && fds[1].revents)
		take_fired();
	fd = fds + 3;
	for (struct card *c = cards; count && c; c = c->next)
		if ((fd++)->revents)
			card_receive(c, now_ms());
	if (count && fds[2].revents)
		next_tend = control_hear(control) ? now : next_tend;
	*unread |= count && fds[0].revents;
	free(fds);
	if (*unread && now_ns() >= next_look) {
		take_store_events();
		look_at_changed(now_ns());
		*unread = false;
		next_look = now_ns() + LOOK_NS;
	} else {
		look_at_changed(now_ns());
	}
	*more = serve_vifs();
	if (next_tend && now >= next_tend)
		next_tend = control_tend() ? now + TEND_NS : 0;
}

int main(void)
{
	bool more = false, unread = true;
	char dir[256];

	fail_program("rl-netd");
	signal(SIGPIPE, SIG_IGN);
	snprintf(dir, sizeof(dir), "%s/netd", run_dir);
	if (lock_take("rl-netd", false) || make_dirs(dir))
		return 1;
	world.lan_of = lan_of;
	world.xs = xs_shared();
	world.evtchn = world.xs ? evtchn_open() : -1;
	world.grants = world.evtchn < 0 ? -1 : grants_open();
	control = world.grants < 0 ? -1 : control_open();
	if (control < 0)
		return 1;
	settings_load();
	if (xs_watch(world.xs, VIF_BACKEND, "back")) {
		fail_errno(errno, "cannot watch the store");
		return 1;
	}
	for (;;)
		round_once(&more, &unread);
}
