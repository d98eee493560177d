/* SPDX-License-Identifier: MIT */
/* See device.h. */
#include "device.h"
#include "files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	STATE_INIT_WAIT = 2,
	STATE_CONNECTED = 4,
	STATE_CLOSED = 6
};
#define STATE_CLOSING "5"

const char *device_drivers = "/sys/bus/xen-backend";
struct device_limits device_limits = {.ready = 20000, .guest = 10000, .closed = 3000};

bool device_has_driver(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/drivers/%s", device_drivers, name);
	return !access(path, F_OK);
}

/* ---- Nodes ---- */

void device_put(struct writer *w, const char *folder, const char *node, const char *value)
{
	char path[120];

	snprintf(path, sizeof(path), "%s/%s", folder, node);
	writer_put(w, path, value);
}

void device_put_number(struct writer *w, const char *folder, const char *node, long number)
{
	char text[24];

	snprintf(text, sizeof(text), "%ld", number);
	device_put(w, folder, node, text);
}

void device_put_folder(struct writer *w, const char *path, const char *perms)
{
	w->failed = w->failed || xs_mkdir(w->xs, w->tx, path);
	writer_perms(w, path, perms);
}

char *device_node(struct xs *xs, uint32_t tx, const char *folder, const char *node)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/%s", folder, node);
	return xs_read(xs, tx, path, NULL);
}

long device_number(struct xs *xs, uint32_t tx, const char *folder, const char *node)
{
	char *text = device_node(xs, tx, folder, node), *end = NULL;
	long n = text && *text ? strtol(text, &end, 10) : -1;

	if (end && *end)
		n = -1;
	free(text);
	return n;
}

/* ---- Waiting ---- */

bool device_await(struct xs *xs, const char *folder, uint64_t until_ms,
		  bool (*done)(struct xs *xs, const char *folder, void *arg), void *arg)
{
	bool is = false, watched = !xs_watch(xs, folder, "device");
	char *event;

	while (!(is = done(xs, folder, arg)) && now_ms() < until_ms) {
		if (!watched)
			sleep_ms(10);
		else
			free(xs_event(xs, (int)(until_ms - now_ms())));
	}
	if (watched)
		xs_unwatch(xs, folder, "device");
	while (watched && (event = xs_event(xs, 0)))
		free(event);
	return is;
}

struct wait {
	char *why;
	bool failed, hotplug;
};

static void say(struct wait *w, const char *what, const char *text)
{
	snprintf(w->why, DEVICE_WHY, "its back end %s%s%s", what, text ? ": " : "", text ? text : "");
}

/* What the back end says that is wrong, malloc()ed: our daemons and libxl's scripts put it into the directory, a Linux kernel into
 * one of its own. */
static char *complaint(struct xs *xs, const char *folder, const char *status)
{
	char path[120];
	char *text = status && !strcmp(status, "error") ? device_node(xs, 0, folder, "hotplug-error") : NULL;

	if (text)
		return text;
	snprintf(path, sizeof(path), "/local/domain/0/error/%s", folder + strlen("/local/domain/0/"));
	return device_node(xs, 0, path, "error");
}

static bool is_ready(struct xs *xs, const char *folder, void *arg)
{
	struct wait *w = arg;
	long state = device_number(xs, 0, folder, "state");
	char *status = device_node(xs, 0, folder, "hotplug-status"), *text;
	bool ready = state >= STATE_INIT_WAIT && state <= STATE_CONNECTED &&
		     (!w->hotplug || (status && !strcmp(status, "connected")));

	text = ready ? NULL : complaint(xs, folder, status);
	free(status);
	if (ready)
		return true;
	if (state < 0 || state > STATE_CONNECTED)
		say(w, "has closed it", text);
	else if (text)
		say(w, "says", text);
	w->failed = text || state < 0 || state > STATE_CONNECTED;
	free(text);
	return w->failed;
}

int device_wait(struct xs *xs, const char *back, bool hotplug, const char *log, char why[DEVICE_WHY])
{
	struct wait w = {.why = why, .hotplug = hotplug};
	uint64_t until = now_ms() + device_limits.ready;
	bool ready = false;

	*why = '\0';
	/* In short waits: what a driver says is wrong is elsewhere, and no event here. */
	while (!ready && now_ms() < until)
		ready = device_await(xs, back, now_ms() + 200, is_ready, &w);
	if (ready && !w.failed)
		return 0;
	if (!*why)
		snprintf(why, DEVICE_WHY, "its back end is not ready after %u seconds; %s may say why",
			 device_limits.ready / 1000, log);
	return -1;
}

/* ---- Ending ---- */

static bool is_closed(struct xs *xs, const char *folder, void *arg)
{
	long state = device_number(xs, 0, folder, "state");

	(void)arg;
	return state < 0 || state == STATE_CLOSED;
}

bool device_await_closed(struct xs *xs, const struct device *d, uint64_t until_ms)
{
	return device_await(xs, d->back, until_ms, is_closed, NULL);
}

static void remove_node(struct writer *w, const char *path)
{
	if (!w->failed && xs_rm(w->xs, w->tx, path) && errno != ENOENT)
		w->failed = true;
}

static void ask_to_close(struct writer *w, const void *arg)
{
	const struct device *d = arg;
	long state = device_number(w->xs, w->tx, d->back, "state");

	if (state < 0)
		return;
	device_put(w, d->back, "online", "0");
	if (state != STATE_CLOSED)
		device_put(w, d->back, "state", STATE_CLOSING);
}

static void take_front(struct writer *w, const void *arg)
{
	const struct device *d = arg;

	remove_node(w, d->front);
	ask_to_close(w, arg);
}

static void take_both(struct writer *w, const void *arg)
{
	const struct device *d = arg;
	char folder[80], *others;
	size_t len = 0;

	remove_node(w, d->front);
	remove_node(w, d->back);
	snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(d->back, '/') - d->back), d->back);
	others = xs_directory(w->xs, w->tx, folder, &len);
	if (others && !len)
		remove_node(w, folder);
	free(others);
}

static int in_store(struct xs *xs, const struct device *d, void (*step)(struct writer *w, const void *arg))
{
	struct writer w = {.xs = xs, .id = d->id};

	return writer_run(&w, step, d);
}

int device_ask_to_close(struct xs *xs, const struct device *d)
{
	return in_store(xs, d, ask_to_close);
}

int device_take_front(struct xs *xs, const struct device *d)
{
	return in_store(xs, d, take_front);
}

int device_remove(struct xs *xs, const struct device *d)
{
	return in_store(xs, d, take_both);
}

bool device_is_of_xl(struct xs *xs, unsigned id, const char *kind, long number)
{
	char path[80], *backend;

	snprintf(path, sizeof(path), "/libxl/%u/device/%s/%ld", id, kind, number);
	backend = device_node(xs, 0, path, "backend");
	free(backend);
	return backend;
}
