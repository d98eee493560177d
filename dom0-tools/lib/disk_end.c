/* SPDX-License-Identifier: MIT */
/* Finding and ending disks: see disk_store.h. */
#include "disk_store.h"
#include "files.h"
#include "lock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Finding ---- */

static void see(struct xs *xs, uint32_t tx, struct disk_seen *seen)
{
	char *dev = device_node(xs, tx, seen->back, "dev"), *mode = device_node(xs, tx, seen->back, "mode");
	char *type = device_node(xs, tx, seen->back, "device-type");

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

static struct device device_of(const struct disk_seen *d)
{
	return (struct device){d->id, d->front, d->back};
}

/* Is there somebody who will close it? */
static bool is_served(const struct disk_seen *d)
{
	return !d->qdisk || lock_holder("rl-blkd") || lock_holder("rl-keeper");
}

int disk_detach(struct xs *xs, const struct disk_seen *d, bool force, char why[DISK_WHY])
{
	uint64_t until = now_ms() + (force ? device_limits.closed : device_limits.guest);
	struct device device = device_of(d);

	if (force ? device_take_front(xs, &device) : device_ask_to_close(xs, &device))
		return disk_refuse(why, "cannot write into the store: %s", strerror(errno));
	if (!device_await_closed(xs, &device, is_served(d) ? until : 0) && !force)
		return disk_refuse(
		    why,
		    "its guest has not let go of it in %u seconds; unmount it there and try again, or "
		    "take it away by `rl block-detach -f`",
		    device_limits.guest / 1000);
	if (device_remove(xs, &device))
		return disk_refuse(why, "cannot remove it from the store: %s", strerror(errno));
	return 0;
}

void disks_remove(struct xs *xs, unsigned id)
{
	struct disk_seen *list;
	size_t n = disks_of(xs, 0, id, &list);
	uint64_t until = now_ms() + device_limits.closed;
	struct device device;

	for (size_t i = 0; i < n; i++) {
		device = device_of(&list[i]);
		if (!device_is_of_xl(xs, id, "vbd", list[i].number))
			device_take_front(xs, &device);
	}
	for (size_t i = 0; i < n; i++) {
		device = device_of(&list[i]);
		if (device_is_of_xl(xs, id, "vbd", list[i].number))
			continue;
		device_await_closed(xs, &device, is_served(&list[i]) ? until : 0);
		device_remove(xs, &device);
	}
	free(list);
}
