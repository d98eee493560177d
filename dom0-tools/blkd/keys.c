/* SPDX-License-Identifier: MIT */
/* See keys.h. */
#include "keys.h"
#include "err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A store that does not answer must not look like a node that is gone: who takes a disk for removed, lets it go. The next
 * process finds all as it is now. */
static char *read_node(struct xs *xs, const char *path)
{
	char *text = xs_read(xs, 0, path, NULL);

	if (text || errno == ENOENT || errno == EACCES || errno == EINVAL)
		return text;
	fail_errno(errno, "%s: cannot be read in the store; beginning anew", path);
	exit(1);
}

static long as_number(char *text)
{
	char *end;
	long value = text && *text ? strtol(text, &end, 10) : -1;

	if (text && *text && *end)
		value = -1;
	free(text);
	return value < 0 ? -1 : value;
}

static void key_path(char *out, size_t size, const struct disk *d, const char *key)
{
	snprintf(out, size, BACKEND "/%u/%u/%s", d->dom, d->dev, key);
}

char *disk_text(struct xs *xs, const struct disk *d, const char *key)
{
	char path[128];

	key_path(path, sizeof(path), d, key);
	return read_node(xs, path);
}

long disk_number(struct xs *xs, const struct disk *d, const char *key)
{
	return as_number(disk_text(xs, d, key));
}

char *front_text(struct xs *xs, const struct disk *d, const char *key)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", d->frontend, key);
	return read_node(xs, path);
}

long front_number(struct xs *xs, const struct disk *d, const char *key)
{
	return as_number(front_text(xs, d, key));
}

static int write_keys(struct xs *xs, uint32_t tx, const struct disk *d, const struct key *keys, size_t count)
{
	char path[128];
	int rc = 0;

	for (size_t i = 0; i < count && !rc; i++) {
		key_path(path, sizeof(path), d, keys[i].name);
		rc = xs_print(xs, tx, path, "%llu", (unsigned long long)keys[i].value);
	}
	return rc;
}

static int write_error(struct xs *xs, uint32_t tx, const struct disk *d, const char *error)
{
	char path[128];
	int rc;

	key_path(path, sizeof(path), d, "hotplug-status");
	rc = xs_print(xs, tx, path, "%s", error ? "error" : "connected");
	key_path(path, sizeof(path), d, "hotplug-error");
	if (!rc && error)
		rc = xs_print(xs, tx, path, "%s", error);
	else if (!rc)
		xs_rm(xs, tx, path); /* it is rarely there */
	return rc;
}

/* 0, or -1 and errno. */
static int publish_once(struct xs *xs, const struct disk *d, const struct key *keys, size_t count, long state,
			bool again, const char *error)
{
	uint32_t tx = xs_start(xs);
	char path[128], *now;
	int rc;

	if (!tx)
		return -1;
	key_path(path, sizeof(path), d, "state");
	now = xs_read(xs, tx, path, NULL);
	if (!now) { /* removed: nothing may come to be here again */
		xs_end(xs, tx, 0);
		return 0;
	}
	rc = write_keys(xs, tx, d, keys, count);
	if (!rc && (count || error))
		rc = write_error(xs, tx, d, error);
	if (!rc && (again || strtol(now, NULL, 10) != state))
		rc = xs_print(xs, tx, path, "%ld", state);
	free(now);
	if (!rc)
		return xs_end(xs, tx, 1);
	rc = errno;
	xs_end(xs, tx, 0);
	errno = rc;
	return -1;
}

void disk_publish(struct xs *xs, const struct disk *d, const struct key *keys, size_t count, long state,
		  bool again, const char *error)
{
	int rc;

	do {
		rc = publish_once(xs, d, keys, count, state, again, error);
	} while (rc && errno == EAGAIN);
	if (rc)
		warn("%s: cannot write its state %ld into the store: %s", d->name, state, strerror(errno));
}
