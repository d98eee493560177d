/* SPDX-License-Identifier: MIT */
/*
 * Changing the disc in a drive: see disk_store.h. The back end watches `params`; it opens the new image and says by
 * `hotplug-status` how that went, which is therefore taken away with the old one.
 */
#include "disk_store.h"
#include "files.h"
#include "writer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct insert {
	const struct disk_seen *drive;
	const struct disk *disk; /* NULL: what was there before */
	const char *params;
	char *why;
};

static void remove_node(struct writer *w, const char *folder, const char *node)
{
	char path[120];

	snprintf(path, sizeof(path), "%s/%s", folder, node);
	if (!w->failed && xs_rm(w->xs, w->tx, path) && errno != ENOENT)
		w->failed = true;
}

static void change(struct writer *w, const void *arg)
{
	const struct insert *c = arg;
	char path[120];

	if (device_number(w->xs, w->tx, c->drive->back, "state") < 0)
		writer_stop(w, ENOENT);
	else if (c->disk && disk_is_free(w->xs, w->tx, c->disk, c->drive->back, -1, c->why))
		writer_stop(w, EBUSY);
	remove_node(w, c->drive->back, "hotplug-status");
	remove_node(w, c->drive->back, "hotplug-error");
	snprintf(path, sizeof(path), "%s/params", c->drive->back);
	writer_put(w, path, c->params);
}

static bool is_told(struct xs *xs, const char *folder, void *arg)
{
	char *status = device_node(xs, 0, folder, "hotplug-status");

	(void)arg;
	free(status);
	return status;
}

/* -1 and @why. */
static int put_in(struct xs *xs, const struct insert *c)
{
	struct writer w = {.xs = xs, .id = c->drive->id};
	char *status, *error;

	*c->why = '\0';
	if (writer_run(&w, change, c))
		return *c->why ? -1 : disk_refuse(c->why, "cannot write into the store: %s", strerror(errno));
	if (!device_await(xs, c->drive->back, now_ms() + device_limits.ready, is_told, NULL))
		return disk_refuse(
		    c->why, "its back end has not answered in %u seconds; /var/log/rl-blkd.log may say why",
		    device_limits.ready / 1000);
	status = device_node(xs, 0, c->drive->back, "hotplug-status");
	error = device_node(xs, 0, c->drive->back, "hotplug-error");
	if (status && !strcmp(status, "error"))
		disk_refuse(c->why, "its back end says: %s", error ? error : "an error");
	else
		*c->why = '\0';
	free(status);
	free(error);
	return *c->why ? -1 : 0;
}

int disk_insert(struct xs *xs, const struct disk_seen *drive, const struct disk *disk, char why[DISK_WHY])
{
	char *before = device_node(xs, 0, drive->back, "params"), *params = NULL, ignored[DISK_WHY];
	struct insert c = {.drive = drive, .disk = disk, .why = why}, back = {drive, NULL, before, ignored};
	size_t size;
	FILE *out = open_memstream(&params, &size);
	int rc;

	if (out && disk->format != DISK_EMPTY)
		fprintf(out, "%s:%s", disk_format_name(disk->format), disk->target);
	if (!before || !out || fclose(out))
		rc = disk_refuse(why, "out of memory");
	else if (!drive->qdisk)
		rc = disk_refuse(why, "it is served by a driver of Dom0's kernel, which cannot change discs");
	else if (!strcmp(before, params))
		rc = 0;
	else {
		c.params = params;
		rc = put_in(xs, &c);
		/* What the store refused changed nothing; what the back end refused did. */
		if (rc && device_number(xs, 0, drive->back, "state") >= 0)
			put_in(xs, &back);
	}
	free(before);
	free(params);
	return rc;
}
