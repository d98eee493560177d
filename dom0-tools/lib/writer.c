/* SPDX-License-Identifier: MIT */
/* See writer.h. */
#include "writer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void writer_stop(struct writer *w, int error)
{
	errno = error;
	w->failed = true;
}

void writer_put(struct writer *w, const char *path, const char *value)
{
	w->failed = w->failed || xs_write(w->xs, w->tx, path, value, strlen(value));
}

void writer_perms(struct writer *w, const char *path, const char *perms)
{
	char text[64];
	int len = snprintf(text, sizeof(text), perms, w->id);

	for (char *blank = text; (blank = strchr(blank, ' '));)
		*blank++ = '\0';
	w->failed = w->failed || xs_set_perms(w->xs, w->tx, path, text, len + 1);
}

int writer_run(struct writer *w, void (*step)(struct writer *w, const void *arg), const void *arg)
{
	for (;;) {
		w->failed = false;
		w->tx = xs_start(w->xs);
		if (!w->tx)
			return -1;
		step(w, arg);
		if (w->failed) {
			int why = errno;

			xs_end(w->xs, w->tx, false);
			errno = why;
			return -1;
		}
		if (!xs_end(w->xs, w->tx, true))
			return 0;
		if (errno != EAGAIN)
			return -1;
	}
}
