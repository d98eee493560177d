/* SPDX-License-Identifier: MIT */
/* See back.h. */
#include "back.h"
#include "err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *back_text(struct xs *xs, const char *dir, const char *key)
{
	char path[512], *text;

	snprintf(path, sizeof(path), "%s/%s", dir, key);
	text = xs_read(xs, 0, path, NULL);
	if (text || errno == ENOENT || errno == EACCES || errno == EINVAL)
		return text;
	fail_errno(errno, "%s: cannot be read in the store; beginning anew", path);
	exit(1);
}

long back_number(struct xs *xs, const char *dir, const char *key)
{
	char *text = back_text(xs, dir, key), *end;
	long value = text && *text ? strtol(text, &end, 10) : -1;

	if (text && *text && *end)
		value = -1;
	free(text);
	return value < 0 ? -1 : value;
}

static int write_keys(struct xs *xs, uint32_t tx, const char *dir, const struct publication *what)
{
	char path[512];
	int rc = 0;

	for (size_t i = 0; i < what->count && !rc; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, what->keys[i].name);
		rc = xs_print(xs, tx, path, "%llu", (unsigned long long)what->keys[i].value);
	}
	return rc;
}

static int write_error(struct xs *xs, uint32_t tx, const char *dir, const char *error)
{
	char path[512];
	int rc;

	snprintf(path, sizeof(path), "%s/hotplug-status", dir);
	rc = xs_print(xs, tx, path, "%s", error ? "error" : "connected");
	snprintf(path, sizeof(path), "%s/hotplug-error", dir);
	if (!rc && error)
		rc = xs_print(xs, tx, path, "%s", error);
	else if (!rc)
		xs_rm(xs, tx, path); /* it is rarely there */
	return rc;
}

/* 0, or -1 and errno. */
static int publish_once(struct xs *xs, const char *dir, const struct publication *what)
{
	uint32_t tx = xs_start(xs);
	char path[512], *now;
	int rc;

	if (!tx)
		return -1;
	snprintf(path, sizeof(path), "%s/state", dir);
	now = xs_read(xs, tx, path, NULL);
	if (!now) { /* removed: nothing may come to be here again */
		xs_end(xs, tx, 0);
		return 0;
	}
	rc = write_keys(xs, tx, dir, what);
	if (!rc && (what->count || what->error))
		rc = write_error(xs, tx, dir, what->error);
	if (!rc && (what->again || strtol(now, NULL, 10) != what->state))
		rc = xs_print(xs, tx, path, "%ld", what->state);
	free(now);
	if (!rc)
		return xs_end(xs, tx, 1);
	rc = errno;
	xs_end(xs, tx, 0);
	errno = rc;
	return -1;
}

void back_publish(struct xs *xs, const char *dir, const char *name, const struct publication *what)
{
	int rc;

	do {
		rc = publish_once(xs, dir, what);
	} while (rc && errno == EAGAIN);
	if (rc)
		warn("%s: cannot write its state %ld into the store: %s", name, what->state, strerror(errno));
}
