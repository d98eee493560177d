/* SPDX-License-Identifier: MIT */
/* Finding and ending disks: see disk_store.h. */
#include "disk_store.h"
#include "files.h"
#include "lock.h"
#include "writer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATE_CLOSING "5"
#define STATE_CLOSED  6

char *disk_node(struct xs *xs, uint32_t tx, const char *folder, const char *node)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/%s", folder, node);
	return xs_read(xs, tx, path, NULL);
}

long disk_node_number(struct xs *xs, uint32_t tx, const char *folder, const char *node)
{
	char *text = disk_node(xs, tx, folder, node), *end = NULL;
	long n = text && *text ? strtol(text, &end, 10) : -1;

	if (end && *end)
		n = -1;
	free(text);
	return n;
}

bool disk_await(struct xs *xs, const char *folder, uint64_t until_ms,
		bool (*done)(struct xs *xs, const char *folder, void *arg), void *arg)
{
	bool is = false, watched = !xs_watch(xs, folder, "disk");
	char *event;

	while (!(is = done(xs, folder, arg)) && now_ms() < until_ms) {
		if (!watched)
			sleep_ms(10);
		else
			free(xs_event(xs, (int)(until_ms - now_ms())));
	}
	if (watched)
		xs_unwatch(xs, folder, "disk");
	while (watched && (event = xs_event(xs, 0)))
		free(event);
	return is;
}

/* ---- Finding ---- */

static void see(struct xs *xs, uint32_t tx, struct disk_seen *seen)
{
	char *dev = disk_node(xs, tx, seen->back, "dev"), *mode = disk_node(xs, tx, seen->back, "mode");
	char *type = disk_node(xs, tx, seen->back, "device-type");

	if (dev)
		snprintf(seen->dev, sizeof(seen->dev), "%s", dev);
	else
		snprintf(seen->dev, sizeof(seen->dev), "%ld", seen->number);
	seen->writes = mode && strchr(mode, 'w');
	seen->cdrom = type && !strcmp(type, "cdrom");
	free(dev);
	free(mode);
	free(type);
}

static size_t see_kind(struct xs *xs, uint32_t tx, unsigned id, bool qdisk, struct disk_seen **out, size_t n)
{
	char folder[80], *numbers;
	size_t len = 0;

	snprintf(folder, sizeof(folder), "/local/domain/0/backend/%s/%u", qdisk ? "qdisk" : "vbd", id);
	numbers = xs_directory(xs, tx, folder, &len);
	for (char *at = numbers; numbers && at < numbers + len; at += strlen(at) + 1) {
		struct disk_seen *grown = realloc(*out, (n + 1) * sizeof(*grown)), *seen;

		if (!grown)
			break;
		*out = grown;
		seen = &grown[n++];
		*seen = (struct disk_seen){.id = id, .number = strtol(at, NULL, 10), .qdisk = qdisk};
		snprintf(seen->back, sizeof(seen->back), "%.60s/%ld", folder, seen->number);
		snprintf(seen->front, sizeof(seen->front), "/local/domain/%u/device/vbd/%ld", id,
			 seen->number);
		see(xs, tx, seen);
	}
	free(numbers);
	return n;
}

size_t disks_of(struct xs *xs, uint32_t tx, unsigned id, struct disk_seen **out)
{
	size_t n;

	*out = NULL;
	n = see_kind(xs, tx, id, true, out, 0);
	return see_kind(xs, tx, id, false, out, n);
}

bool disk_find(struct xs *xs, uint32_t tx, unsigned id, long number, struct disk_seen *out)
{
	struct disk_seen *list;
	size_t n = disks_of(xs, tx, id, &list);
	bool found = false;

	for (size_t i = 0; i < n && !found; i++) {
		found = list[i].number == number;
		if (found)
			*out = list[i];
	}
	free(list);
	return found;
}

/* ---- Ending ---- */

static bool has_state(struct xs *xs, const char *folder, long *state)
{
	*state = disk_node_number(xs, 0, folder, "state");
	return *state >= 0;
}

/* It is closed, or its directory has gone. */
static bool is_closed(struct xs *xs, const char *folder, void *arg)
{
	long state;

	(void)arg;
	return !has_state(xs, folder, &state) || state == STATE_CLOSED;
}

static void remove_node(struct writer *w, const char *path)
{
	if (!w->failed && xs_rm(w->xs, w->tx, path) && errno != ENOENT)
		w->failed = true;
}

static void put(struct writer *w, const char *folder, const char *node, const char *value)
{
	char path[120];

	snprintf(path, sizeof(path), "%s/%s", folder, node);
	writer_put(w, path, value);
}

/* Ask the back end to close it; a front end that still runs is asked by that, too. */
static void ask_to_close(struct writer *w, const void *arg)
{
	const struct disk_seen *d = arg;
	long state = disk_node_number(w->xs, w->tx, d->back, "state");

	if (state < 0)
		return;
	put(w, d->back, "online", "0");
	if (state != STATE_CLOSED)
		put(w, d->back, "state", STATE_CLOSING);
}

/* The same without a front end. */
static void take_front(struct writer *w, const void *arg)
{
	const struct disk_seen *d = arg;

	remove_node(w, d->front);
	ask_to_close(w, arg);
}

/* The directory of the domain's back ends goes with the last of them. */
static void take_both(struct writer *w, const void *arg)
{
	const struct disk_seen *d = arg;
	char folder[80], *others;
	size_t len = 0;

	remove_node(w, d->front);
	remove_node(w, d->back);
	snprintf(folder, sizeof(folder), "/local/domain/0/backend/%s/%u", d->qdisk ? "qdisk" : "vbd", d->id);
	others = xs_directory(w->xs, w->tx, folder, &len);
	if (others && !len)
		remove_node(w, folder);
	free(others);
}

static int in_store(struct xs *xs, const struct disk_seen *d, void (*step)(struct writer *w, const void *arg))
{
	struct writer w = {.xs = xs, .id = d->id};

	return writer_run(&w, step, d);
}

/* Is there somebody who will close it? */
static bool is_served(const struct disk_seen *d)
{
	return !d->qdisk || lock_holder("rl-blkd") || lock_holder("rl-keeper");
}

int disk_detach(struct xs *xs, const struct disk_seen *d, bool force, char why[DISK_WHY])
{
	uint64_t until = now_ms() + (force ? disk_limits.closed : disk_limits.guest);

	if (in_store(xs, d, force ? take_front : ask_to_close))
		return disk_refuse(why, "cannot write into the store: %s", strerror(errno));
	if (!disk_await(xs, d->back, is_served(d) ? until : 0, is_closed, NULL) && !force)
		return disk_refuse(
		    why,
		    "its guest has not let go of it in %u seconds; unmount it there and try again, or "
		    "take it away by `rl block-detach -f`",
		    disk_limits.guest / 1000);
	if (in_store(xs, d, take_both))
		return disk_refuse(why, "cannot remove it from the store: %s", strerror(errno));
	return 0;
}

/* xl made it, and ends what it made itself. */
static bool is_of_xl(struct xs *xs, const struct disk_seen *d)
{
	char path[80], *backend;

	snprintf(path, sizeof(path), "/libxl/%u/device/vbd/%ld", d->id, d->number);
	backend = disk_node(xs, 0, path, "backend");
	free(backend);
	return backend;
}

void disks_remove(struct xs *xs, unsigned id)
{
	struct disk_seen *list;
	size_t n = disks_of(xs, 0, id, &list);
	uint64_t until = now_ms() + disk_limits.closed;

	for (size_t i = 0; i < n; i++)
		if (!is_of_xl(xs, &list[i]))
			in_store(xs, &list[i], take_front);
	for (size_t i = 0; i < n; i++) {
		if (is_of_xl(xs, &list[i]))
			continue;
		disk_await(xs, list[i].back, is_served(&list[i]) ? until : 0, is_closed, NULL);
		in_store(xs, &list[i], take_both);
	}
	free(list);
}
